//! Removal. A store that cannot remove says so and keeps what it has.

use oci::{Descriptor, Digest, MediaType};
use store::{Referrers, StoreError};

use super::{Case, checks, tag};

checks![
    a_removed_manifest_is_gone_with_its_tags,
    removing_a_tag_leaves_the_manifest,
    a_removed_referrer_is_listed_no_more,
    removing_a_subject_leaves_its_referrers,
    a_removed_blob_is_gone,
    what_was_removed_can_be_put_again,
    removing_what_is_not_there_says_so,
    a_store_that_cannot_remove_says_so,
];

async fn a_removed_manifest_is_gone_with_its_tags(case: Case) {
    if !case.profile.deletes_manifests {
        return;
    }
    let (image, other) = (case.put_image(1).await, case.put_image(2).await);
    for name in ["1.0", "latest"] {
        case.store.tag(&tag(name), &image).await.unwrap();
    }
    case.store.tag(&tag("other"), &other).await.unwrap();
    assert!(case.store.delete_manifest(image.digest()).await.unwrap(), "it was there");
    assert!(case.store.manifest(image.digest()).await.unwrap().is_none());
    assert!(case.store.stat_manifest(image.digest()).await.unwrap().is_none());
    assert_eq!(case.resolve(&tag("1.0")).await, None);
    assert_eq!(case.store.tags().await.unwrap(), [tag("other")]);
    case.assert_manifest(&other).await;
}

async fn removing_a_tag_leaves_the_manifest(case: Case) {
    if !case.profile.deletes_tags {
        return;
    }
    let image = case.put_image(1).await;
    for name in ["1.0", "latest"] {
        case.store.tag(&tag(name), &image).await.unwrap();
    }
    assert!(case.store.delete_tag(&tag("1.0")).await.unwrap(), "it was there");
    assert_eq!(case.resolve(&tag("1.0")).await, None);
    assert_eq!(case.store.tags().await.unwrap(), [tag("latest")]);
    assert!(case.store.delete_tag(&tag("latest")).await.unwrap(), "it was there");
    case.assert_manifest(&image).await;
}

async fn a_removed_referrer_is_listed_no_more(case: Case) {
    if !case.profile.deletes_manifests || !case.profile.referrers {
        return;
    }
    let image = case.put_image(1).await;
    let kind = "application/vnd.example.one";
    let gone = case.put_artifact(kind, &image.descriptor(), "gone").await;
    let kept = case.put_artifact(kind, &image.descriptor(), "kept").await;
    assert!(case.store.delete_manifest(gone.digest()).await.unwrap(), "it was there");
    let listed = case.store.referrers(image.digest(), None).await.unwrap();
    assert_eq!(listed, Referrers::Listed(vec![kept.referrer_descriptor()]));
}

async fn removing_a_subject_leaves_its_referrers(case: Case) {
    if !case.profile.deletes_manifests || !case.profile.referrers {
        return;
    }
    let image = case.put_image(1).await;
    let artifact = case.put_artifact("application/vnd.example.one", &image.descriptor(), "one").await;
    assert!(case.store.delete_manifest(image.digest()).await.unwrap(), "it was there");
    case.assert_manifest(&artifact).await;
}

async fn a_removed_blob_is_gone(case: Case) {
    if !case.profile.deletes_blobs {
        return;
    }
    let bytes = bytes::Bytes::from_static(b"soon gone");
    let descriptor = Descriptor::of(MediaType::OCTET_STREAM, &bytes);
    case.put_blob(&descriptor, &bytes).await;
    assert!(case.store.delete_blob(&descriptor.digest).await.unwrap(), "it was there");
    case.assert_blob_absent(&descriptor).await;
    assert!(!case.store.delete_blob(&descriptor.digest).await.unwrap(), "it is gone");
}

async fn what_was_removed_can_be_put_again(case: Case) {
    if case.profile.deletes_manifests {
        let image = case.put_image(1).await;
        case.store.tag(&tag("1.0"), &image).await.unwrap();
        case.store.delete_manifest(image.digest()).await.unwrap();
        case.put_image(1).await;
        case.assert_manifest(&image).await;
        assert_eq!(case.store.tags().await.unwrap(), [], "a tag does not come back");
    }
}

async fn removing_what_is_not_there_says_so(case: Case) {
    // Something is there, so that a registry knows the repository.
    case.put_image(1).await;
    if case.profile.deletes_manifests {
        assert!(!case.store.delete_manifest(&Digest::sha256(b"absent")).await.unwrap());
    }
    if case.profile.deletes_tags {
        assert!(!case.store.delete_tag(&tag("absent")).await.unwrap());
    }
    if case.profile.deletes_blobs {
        assert!(!case.store.delete_blob(&Digest::sha256(b"absent")).await.unwrap());
    }
}

async fn a_store_that_cannot_remove_says_so(case: Case) {
    let image = case.put_image(1).await;
    case.store.tag(&tag("1.0"), &image).await.unwrap();
    let refused = |what: &str, outcome: Result<bool, StoreError>| {
        let honest = matches!(outcome, Err(StoreError::Unsupported { .. } | StoreError::Refused { .. }));
        assert!(honest, "removing {what} must be refused, not {outcome:?}");
    };
    if !case.profile.deletes_tags {
        refused("a tag", case.store.delete_tag(&tag("1.0")).await);
    }
    if !case.profile.deletes_manifests {
        refused("a manifest", case.store.delete_manifest(image.digest()).await);
    }
    let layer = &image.layers()[0];
    if !case.profile.deletes_blobs {
        refused("a blob", case.store.delete_blob(&layer.digest).await);
    }
    assert_eq!(case.resolve(&tag("1.0")).await, Some(*image.digest()));
    case.assert_manifest(&image).await;
    case.read_blob(layer).await;
}
