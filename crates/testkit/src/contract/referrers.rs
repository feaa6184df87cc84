//! Lists of what refers to what.

use std::collections::BTreeSet;

use oci::{Descriptor, Digest, Manifest, MediaType};
use store::{Referrers, SubjectIndexed};

use super::{Case, artifact, checks};
use crate::application::ApplicationBuilder;

checks![
    a_store_without_lists_says_so,
    nothing_refers_to_what_is_not_there,
    a_referrer_is_listed_for_its_subject,
    a_listed_referrer_carries_type_and_annotations,
    referrers_are_filtered_by_type,
    an_artifact_type_may_come_from_the_config,
    an_index_may_refer,
    an_artifact_about_a_layer_is_listed,
    an_artifact_about_an_artifact_is_listed,
    a_referrer_may_come_before_its_subject,
    a_referrer_that_is_put_twice_is_listed_once,
    all_of_many_referrers_are_listed,
];

const KIND: &str = "application/vnd.example.one";

impl Case {
    async fn referrers(&self, subject: &Digest, kind: Option<&str>) -> Vec<Descriptor> {
        match self.store.referrers(subject, kind).await.unwrap() {
            Referrers::Listed(list) => list,
            Referrers::Unsupported => panic!("the store keeps lists of referrers, its profile says"),
        }
    }

    async fn assert_referrers<'a>(
        &self,
        subject: &Digest,
        kind: Option<&str>,
        expected: impl IntoIterator<Item = &'a Manifest>,
    ) {
        let listed = self.referrers(subject, kind).await;
        let digests: BTreeSet<Digest> = listed.iter().map(|descriptor| descriptor.digest).collect();
        assert_eq!(digests.len(), listed.len(), "each referrer is listed once");
        assert_eq!(digests, expected.into_iter().map(|manifest| *manifest.digest()).collect());
    }
}

async fn a_store_without_lists_says_so(case: Case) {
    if case.profile.referrers {
        return;
    }
    let image = case.put_image(1).await;
    let listed = case.store.referrers(image.digest(), None).await.unwrap();
    assert_eq!(listed, Referrers::Unsupported);
    let artifact = artifact(KIND, &image.descriptor(), "text");
    for (descriptor, bytes) in artifact.blobs() {
        case.put_blob(descriptor, bytes).await;
    }
    let put = case.store.put_manifest(&artifact.manifests()[0]).await.unwrap();
    assert_eq!(put, SubjectIndexed::No, "what is not listed is not claimed to be");
}

async fn nothing_refers_to_what_is_not_there(case: Case) {
    if case.profile.referrers {
        assert_eq!(case.referrers(&Digest::sha256(b"absent"), None).await, []);
        assert_eq!(case.referrers(&Digest::sha256(b"absent"), Some(KIND)).await, []);
    }
}

async fn a_referrer_is_listed_for_its_subject(case: Case) {
    if !case.profile.referrers {
        return;
    }
    let (image, other) = (case.put_image(1).await, case.put_image(2).await);
    let one = case.put_artifact(KIND, &image.descriptor(), "one").await;
    let two = case.put_artifact(KIND, &image.descriptor(), "two").await;
    case.assert_referrers(image.digest(), None, [&one, &two]).await;
    case.assert_referrers(other.digest(), None, []).await;
    assert_eq!(case.store.put_manifest(&one).await.unwrap(), SubjectIndexed::Yes);
    assert_eq!(case.store.tags().await.unwrap(), [], "a referrer is no tag");
}

async fn a_listed_referrer_carries_type_and_annotations(case: Case) {
    if !case.profile.referrers {
        return;
    }
    let image = case.put_image(1).await;
    let artifact = case.put_artifact(KIND, &image.descriptor(), "one").await;
    let listed = case.referrers(image.digest(), None).await;
    assert_eq!(listed, [artifact.referrer_descriptor()], "as distribution-spec says under Listing Referrers");
}

async fn referrers_are_filtered_by_type(case: Case) {
    if !case.profile.referrers {
        return;
    }
    let image = case.put_image(1).await;
    let one = case.put_artifact(KIND, &image.descriptor(), "one").await;
    let odd = case.put_artifact("application/vnd.example.a+b;c=d&e", &image.descriptor(), "odd").await;
    case.assert_referrers(image.digest(), Some(KIND), [&one]).await;
    case.assert_referrers(image.digest(), Some("application/vnd.example.a+b;c=d&e"), [&odd]).await;
    case.assert_referrers(image.digest(), Some("application/vnd.example"), []).await;
    case.assert_referrers(image.digest(), None, [&one, &odd]).await;
}

async fn an_artifact_type_may_come_from_the_config(case: Case) {
    if !case.profile.referrers {
        return;
    }
    let image = case.put_image(1).await;
    let mut builder = ApplicationBuilder::new(5);
    let config = builder.blob("application/vnd.example.config", "{\"a\":1}");
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config, "layers": [],
        "subject": image.descriptor(),
    });
    builder.put_manifest(&manifest, &MediaType::OCI_MANIFEST);
    let application = builder.build();
    application.write_to_store(&*case.store).await.unwrap();
    let expected = &application.manifests()[0];
    case.assert_referrers(image.digest(), Some("application/vnd.example.config"), [expected]).await;
}

async fn an_index_may_refer(case: Case) {
    if !case.profile.referrers {
        return;
    }
    let image = case.put_image(1).await;
    let mut builder = ApplicationBuilder::new(5);
    let index = serde_json::json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": [], "artifactType": KIND,
        "subject": image.descriptor(),
    });
    builder.put_manifest(&index, &MediaType::OCI_INDEX);
    let application = builder.build();
    application.write_to_store(&*case.store).await.unwrap();
    case.assert_referrers(image.digest(), Some(KIND), application.manifests()).await;
}

async fn an_artifact_about_a_layer_is_listed(case: Case) {
    if !case.profile.referrers {
        return;
    }
    let image = case.put_image(1).await;
    let layer = &image.layers()[0];
    let artifact = case.put_artifact(KIND, layer, "about a layer").await;
    case.assert_referrers(&layer.digest, None, [&artifact]).await;
    case.assert_referrers(image.digest(), None, []).await;
}

async fn an_artifact_about_an_artifact_is_listed(case: Case) {
    if !case.profile.referrers {
        return;
    }
    let image = case.put_image(1).await;
    let sbom = case.put_artifact(KIND, &image.descriptor(), "bill").await;
    let signature = case.put_artifact(KIND, &sbom.descriptor(), "signature").await;
    case.assert_referrers(image.digest(), None, [&sbom]).await;
    case.assert_referrers(sbom.digest(), None, [&signature]).await;
}

async fn a_referrer_may_come_before_its_subject(case: Case) {
    if !case.profile.referrers {
        return;
    }
    let later = super::small_image(9).build();
    let subject = later.manifests()[0].descriptor();
    let artifact = case.put_artifact(KIND, &subject, "early").await;
    case.assert_referrers(&subject.digest, None, [&artifact]).await;
    later.write_to_store(&*case.store).await.unwrap();
    case.assert_referrers(&subject.digest, None, [&artifact]).await;
}

async fn a_referrer_that_is_put_twice_is_listed_once(case: Case) {
    if !case.profile.referrers {
        return;
    }
    let image = case.put_image(1).await;
    let artifact = case.put_artifact(KIND, &image.descriptor(), "one").await;
    case.store.put_manifest(&artifact).await.unwrap();
    case.store.tag(&super::tag("tagged-too"), &artifact).await.unwrap();
    case.assert_referrers(image.digest(), None, [&artifact]).await;
}

async fn all_of_many_referrers_are_listed(case: Case) {
    if !case.profile.referrers {
        return;
    }
    let image = case.put_image(1).await;
    let mut artifacts = Vec::new();
    for number in 0..case.profile.many {
        artifacts.push(case.put_artifact(KIND, &image.descriptor(), &number.to_string()).await);
    }
    case.assert_referrers(image.digest(), None, &artifacts).await;
}
