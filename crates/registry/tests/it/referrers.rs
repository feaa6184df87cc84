//! Lists of referrers.

use oci::{Digest, Tag};
use registry::RegistryOptions;
use serde_json::{Value, json};

use crate::backends::{Backend, on_every_deployment};
use crate::server::{INDEX, MANIFEST, Reply, Server, digest, image, index};

async fn list(server: &Server, subject: &Digest, query: &str) -> Reply {
    let reply = server.get(&format!("/v2/app/referrers/{subject}{query}")).await.expect(200);
    assert_eq!(reply.header("content-type"), INDEX);
    let document = reply.json();
    assert_eq!((&document["schemaVersion"], &document["mediaType"]), (&json!(2), &json!(INDEX)));
    reply
}

fn digests(reply: &Reply) -> Vec<String> {
    let document = reply.json();
    let entries = document["manifests"].as_array().unwrap();
    entries.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
}

fn sorted(digests: &[Digest]) -> Vec<String> {
    let mut digests = digests.to_vec();
    digests.sort_unstable();
    digests.iter().map(Digest::to_string).collect()
}

async fn nothing_is_an_empty_list_and_never_an_absence(backend: Backend) {
    let server = backend.server().await;
    let subject = Digest::sha256(b"unknown");
    assert_eq!(list(&server, &subject, "").await.json()["manifests"], json!([]));
    server.put_image("app", "v1", "").await;
    assert_eq!(list(&server, &subject, "").await.json()["manifests"], json!([]));
}

async fn an_entry_describes_the_artifact(backend: Backend) {
    let server = backend.server().await;
    let subject = server.put_image("app", "v1", "").await;
    server.put_blob("app", b"{}").await;
    let mut document = image(&[], Some(&subject), "signature");
    document["artifactType"] = json!("application/vnd.example.signature");
    let artifact = digest(&document);
    let reply = server.put_manifest("app", &artifact.to_string(), MANIFEST, &document).await.expect(201);
    assert_eq!(reply.header("oci-subject"), subject.to_string());
    assert_eq!(
        list(&server, &subject, "").await.json()["manifests"],
        json!([{
            "mediaType": MANIFEST,
            "digest": artifact,
            "size": document.to_string().len(),
            "artifactType": "application/vnd.example.signature",
            "annotations": { "text": "signature" },
        }])
    );
}

async fn the_type_falls_back_to_that_of_the_config_and_an_index_has_none(backend: Backend) {
    let server = backend.server().await;
    let subject = server.put_image("app", "v1", "").await;
    let plain = image(&[], Some(&subject), "");
    server.put_manifest("app", &digest(&plain).to_string(), MANIFEST, &plain).await.expect(201);
    let mut list_document = index(&[]);
    list_document["subject"] = json!({ "mediaType": MANIFEST, "digest": subject, "size": 1 });
    let reply = server.put_manifest("app", &digest(&list_document).to_string(), INDEX, &list_document).await;
    assert_eq!(reply.expect(201).header("oci-subject"), subject.to_string());

    let entries = list(&server, &subject, "").await.json()["manifests"].clone();
    let entry = |digest: Digest| {
        let found = entries.as_array().unwrap().iter().find(|entry| entry["digest"] == json!(digest));
        found.unwrap().clone()
    };
    assert_eq!(entry(digest(&plain))["artifactType"], "application/vnd.oci.image.config.v1+json");
    assert_eq!(entry(digest(&list_document)).get("artifactType"), None);
}

async fn filter(backend: Backend) {
    let server = backend.server().await;
    let subject = server.put_image("app", "v1", "").await;
    let wanted = "application/vnd.example.sbom+json";
    let sbom = server.put_artifact("app", &subject, wanted, "").await;
    server.put_artifact("app", &subject, "application/vnd.example.signature", "").await;
    // Both ways to write a plus.
    for query in [wanted.to_owned(), wanted.replace('+', "%2B").replace('/', "%2F")] {
        let reply = list(&server, &subject, &format!("?artifactType={query}")).await;
        assert_eq!(digests(&reply), [sbom.to_string()]);
        assert_eq!(reply.header("oci-filters-applied"), "artifactType");
    }
    let all = list(&server, &subject, "").await;
    assert_eq!(digests(&all).len(), 2);
    assert!(!all.headers.contains_key("oci-filters-applied"));
    let none = list(&server, &subject, "?artifactType=application/vnd.example").await;
    assert_eq!((digests(&none).len(), none.header("oci-filters-applied")), (0, "artifactType"));
}

async fn any_digest_is_a_subject(backend: Backend) {
    let server = backend.server().await;
    let layer = server.put_blob("app", b"layer").await;
    let artifact = server.put_artifact("app", &layer, "application/vnd.example", "about a layer").await;
    assert_eq!(digests(&list(&server, &layer, "").await), [artifact.to_string()]);
    let early = server.put_artifact("app", &Digest::sha256(b"later"), "application/vnd.example", "").await;
    assert_eq!(digests(&list(&server, &Digest::sha256(b"later"), "").await), [early.to_string()]);
    server.put_image("other", "v1", "").await;
    let elsewhere = server.get(&format!("/v2/other/referrers/{layer}")).await.expect(200);
    assert_eq!(elsewhere.json()["manifests"], json!([]));
}

async fn a_deleted_artifact_is_gone_from_the_list_and_a_deleted_subject_is_not(backend: Backend) {
    let server = backend.server().await;
    let subject = server.put_image("app", "v1", "").await;
    let one = server.put_artifact("app", &subject, "application/vnd.example", "one").await;
    let two = server.put_artifact("app", &subject, "application/vnd.example", "two").await;
    server.delete(&format!("/v2/app/manifests/{one}")).await.expect(202);
    assert_eq!(digests(&list(&server, &subject, "").await), [two.to_string()]);
    server.delete(&format!("/v2/app/manifests/{subject}")).await.expect(202);
    assert_eq!(digests(&list(&server, &subject, "").await), [two.to_string()]);
}

async fn pages(backend: Backend) {
    let server = backend.server_with(RegistryOptions { referrers_page: 2, ..RegistryOptions::default() }).await;
    let subject = server.put_image("app", "v1", "").await;
    let mut artifacts = Vec::new();
    for i in 0..5 {
        artifacts.push(server.put_artifact("app", &subject, "application/vnd.a+json", &i.to_string()).await);
        server.put_artifact("app", &subject, "application/vnd.b", &i.to_string()).await;
    }
    let mut seen = Vec::new();
    let mut next = Some(format!("/v2/app/referrers/{subject}?artifactType=application/vnd.a%2Bjson"));
    let mut pages = 0;
    while let Some(path) = next {
        let reply = server.get(&path).await.expect(200);
        assert_eq!(reply.header("oci-filters-applied"), "artifactType");
        assert!(digests(&reply).len() <= 2);
        seen.extend(digests(&reply));
        let link = reply.headers.get("link").map(|link| link.to_str().unwrap().to_owned());
        next = link.map(|link| link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned());
        pages += 1;
    }
    assert_eq!((seen, pages), (sorted(&artifacts), 3));
    server.get(&format!("/v2/app/referrers/{subject}?last=x")).await.expect_error(400, "DIGEST_INVALID");
}

async fn a_page_is_no_larger_than_a_manifest(backend: Backend) {
    let server = backend.server().await;
    let subject = server.put_image("app", "v1", "").await;
    let mut artifacts = Vec::new();
    for i in 0..3 {
        let text = format!("{i}{}", "x".repeat(1_500_000));
        artifacts.push(server.put_artifact("app", &subject, "application/vnd.example", &text).await);
    }
    let first = list(&server, &subject, "").await;
    assert!(first.body.len() <= oci::limits::MANIFEST_MAX_BYTES);
    assert_eq!(digests(&first), sorted(&artifacts)[..2]);
    let last = &sorted(&artifacts)[1];
    assert_eq!(first.header("link"), format!("</v2/app/referrers/{subject}?last={last}>; rel=\"next\""));
    assert_eq!(digests(&list(&server, &subject, &format!("?last={last}")).await), sorted(&artifacts)[2..]);
}

async fn can_be_switched_off(backend: Backend) {
    let server = backend.server_with(RegistryOptions { referrers: false, ..RegistryOptions::default() }).await;
    let subject = server.put_image("app", "v1", "").await;
    let document = image(&[], Some(&subject), "");
    let reply = server.put_manifest("app", "artifact", MANIFEST, &document).await.expect(201);
    assert!(!reply.headers.contains_key("oci-subject"));
    server.get(&format!("/v2/app/referrers/{subject}")).await.expect_error(404, "UNSUPPORTED");
}

async fn a_fallback_tag_from_before_is_folded_in(backend: Backend) {
    let server = backend.server_with(RegistryOptions { sparse: true, ..RegistryOptions::default() }).await;
    let subject = server.put_image("app", "v1", "").await;
    let artifact = server.put_artifact("app", &subject, "application/vnd.example", "listed in both").await;
    let stranger = server.put_image("app", "v2", "says nothing of the subject").await;
    let size = async |digest: &Digest| server.get(&format!("/v2/app/manifests/{digest}")).await.expect(200).body.len();
    let listed = [(artifact, size(&artifact).await), (stranger, size(&stranger).await), (Digest::sha256(b"absent"), 1)];
    let entry = |(digest, size): &(Digest, usize)| json!({ "mediaType": MANIFEST, "digest": digest, "size": size, "artifactType": "application/vnd.lie" });
    let entries: Vec<Value> = listed.iter().map(entry).collect();
    let tag = Tag::referrers_fallback(&subject);
    server.put_manifest("app", tag.as_str(), INDEX, &index(&entries)).await.expect(201);
    let reply = list(&server, &subject, "").await;
    assert_eq!(digests(&reply), [artifact.to_string()]);
    assert_eq!(reply.json()["manifests"][0]["artifactType"], "application/vnd.example");
    // One that is no index says nothing.
    server.put_blob("app", b"{}").await;
    server.put_manifest("app", tag.as_str(), MANIFEST, &image(&[], None, "")).await.expect(201);
    assert_eq!(digests(&list(&server, &subject, "").await), [artifact.to_string()]);
}

on_every_deployment! {
    nothing_is_an_empty_list_and_never_an_absence,
    an_entry_describes_the_artifact,
    the_type_falls_back_to_that_of_the_config_and_an_index_has_none,
    filter,
    any_digest_is_a_subject,
    a_deleted_artifact_is_gone_from_the_list_and_a_deleted_subject_is_not,
    pages,
    a_page_is_no_larger_than_a_manifest,
    can_be_switched_off,
    a_fallback_tag_from_before_is_folded_in,
}
