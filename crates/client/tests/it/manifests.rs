//! Manifests, asked for and put.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use oci::{Algorithm, Digest, Manifest, MediaType};
use store::{Store as _, StoreError, SubjectIndexed};

use crate::server::{Head, Reply, Server};

const INDEX: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

fn index_reply() -> Reply {
    Reply::new(200)
        .with("content-type", "application/vnd.oci.image.index.v1+json; charset=utf-8")
        .with("docker-content-digest", Digest::sha256(INDEX.as_bytes()))
        .body(INDEX)
}

async fn answering(reply: impl Fn(&Head) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |head: &Head, _: &Bytes| match head.path.as_str() {
        "/v2/" => Reply::new(200),
        _ => reply(head),
    })
    .await
}

fn without(mut reply: Reply, name: &str) -> Reply {
    reply.headers.retain(|(header, _)| header != name);
    reply
}

#[tokio::test]
async fn a_tag_is_resolved_by_its_header() {
    let server = answering(|_| index_reply()).await;
    let descriptor = server.repository().resolve(&"v1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(descriptor.media_type, MediaType::OCI_INDEX);
    assert_eq!((descriptor.digest, descriptor.size), (Digest::sha256(INDEX.as_bytes()), INDEX.len() as u64));
    assert_eq!(server.lines(), ["HEAD /v2/app/manifests/v1"]);
    let accept = server.seen()[0].header("accept").unwrap().to_owned();
    assert!(MediaType::MANIFESTS.iter().all(|media_type| accept.contains(media_type.as_str())));
}

#[tokio::test]
async fn what_the_header_does_not_say_the_bytes_do() {
    let incomplete: [fn() -> Reply; 5] = [
        || without(index_reply(), "docker-content-digest"),
        || without(index_reply(), "content-type"),
        || index_reply().chunked(),
        || Reply::new(200).with("content-type", "text/html").with("docker-content-digest", "sha256:what"),
        || Reply::new(405),
    ];
    for head_reply in incomplete {
        let server = answering(move |head| if head.method == "HEAD" { head_reply() } else { index_reply() }).await;
        let repository = server.repository();
        let expected = Digest::sha256(INDEX.as_bytes());
        let descriptor = repository.resolve(&"v1".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((descriptor.digest, descriptor.size), (expected, INDEX.len() as u64));
        let descriptor = repository.stat_manifest(&expected).await.unwrap().unwrap();
        assert_eq!((descriptor.media_type, descriptor.size), (MediaType::OCI_INDEX, INDEX.len() as u64));
    }
}

#[tokio::test]
async fn absence_is_none() {
    let server = answering(|_| Reply::error(404, "MANIFEST_UNKNOWN")).await;
    let repository = server.repository();
    assert!(repository.resolve(&"v1".parse().unwrap()).await.unwrap().is_none());
    assert!(repository.stat_manifest(&Digest::sha256(b"x")).await.unwrap().is_none());
    assert!(repository.manifest(&Digest::sha256(b"x")).await.unwrap().is_none());
    // Every one of these left its connection usable.
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn other_content_than_the_digest_names_is_refused() {
    let server = answering(|_| index_reply()).await;
    let other = Digest::sha256(b"other");
    let repository = server.repository();
    assert!(matches!(repository.manifest(&other).await, Err(StoreError::Digest { .. })));
    assert!(matches!(repository.stat_manifest(&other).await, Err(StoreError::Digest { .. })));
    let sha512 = Algorithm::Sha512.digest(INDEX.as_bytes());
    // A registry that calls everything by its sha256 is not wrong about that.
    assert_eq!(repository.stat_manifest(&sha512).await.unwrap().unwrap().digest, sha512);
    assert_eq!(*repository.manifest(&sha512).await.unwrap().unwrap().digest(), sha512);
}

#[tokio::test]
async fn what_is_no_manifest_is_refused_with_a_reason() {
    let html = answering(|_| Reply::new(200).with("content-type", "text/html; charset=utf-8").body("<html>")).await;
    let error = html.repository().manifest(&Digest::sha256(b"<html>")).await.unwrap_err();
    assert!(matches!(error, StoreError::Protocol { .. }) && error.to_string().contains("web page"), "{error}");

    let bare = answering(|_| Reply::new(200).body("<html>")).await;
    let error = bare.repository().manifest(&Digest::sha256(b"<html>")).await.unwrap_err();
    assert!(matches!(error, StoreError::Manifest { .. }), "{error}");

    let mismatch = answering(|_| {
        without(index_reply(), "content-type").with("content-type", "application/vnd.oci.image.manifest.v1+json")
    })
    .await;
    let error = mismatch.repository().manifest(&Digest::sha256(INDEX.as_bytes())).await.unwrap_err();
    assert!(matches!(error, StoreError::Manifest { .. }), "{error}");

    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let digest = Digest::sha256(nested.as_bytes());
    let deep = answering(move |_| Reply::new(200).body(nested.clone())).await;
    assert!(matches!(deep.repository().manifest(&digest).await, Err(StoreError::Manifest { .. })));
}

#[tokio::test]
async fn no_more_is_read_than_a_manifest_may_have() {
    let large = Bytes::from(vec![b' '; 5 * 1024 * 1024]);
    let digest = Digest::sha256(&large);
    for chunked in [false, true] {
        let large = large.clone();
        let server = answering(move |_| {
            let reply = Reply::new(200).body(large.clone());
            if chunked { reply.chunked() } else { reply }
        })
        .await;
        let error = server.repository().manifest(&digest).await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(matches!(error, StoreError::Manifest { .. }) && cause.contains("limit"), "{error}: {cause}");
    }
}

#[tokio::test]
async fn a_body_that_is_cut_is_asked_for_again() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = answering(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => index_reply().cut(20),
        _ => index_reply(),
    })
    .await;
    let digest = Digest::sha256(INDEX.as_bytes());
    assert_eq!(server.repository().manifest(&digest).await.unwrap().unwrap().bytes(), INDEX);
    assert_eq!(server.seen().len(), 3);

    let server = answering(|_| index_reply().cut(20)).await;
    let error = server.repository().manifest(&digest).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_registry_says_whether_it_lists_for_a_subject() {
    let subject = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],
            "subject":{{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"{}","size":1}}}}"#,
        Digest::sha256(b"x")
    );
    let with = Manifest::from_new(subject.into(), &MediaType::OCI_INDEX, Algorithm::Sha256).unwrap();
    let plain = Manifest::from_new(INDEX.into(), &MediaType::OCI_INDEX, Algorithm::Sha256).unwrap();
    let lists = answering(|_| Reply::new(201).with("oci-subject", Digest::sha256(b"x"))).await;
    let silent = answering(|_| Reply::new(201)).await;
    assert_eq!(lists.repository().put_manifest(&with).await.unwrap(), SubjectIndexed::Yes);
    assert_eq!(silent.repository().put_manifest(&with).await.unwrap(), SubjectIndexed::No);
    assert_eq!(silent.repository().put_manifest(&plain).await.unwrap(), SubjectIndexed::Yes);
    let put = &silent.seen()[1];
    assert_eq!(put.line(), format!("PUT /v2/app/manifests/{}", plain.digest()));
    assert_eq!(put.header("content-type"), Some("application/vnd.oci.image.index.v1+json"));
}

#[tokio::test]
async fn a_registry_that_takes_other_content_is_not_believed() {
    let server = answering(|_| Reply::new(201).with("docker-content-digest", Digest::sha256(b"other"))).await;
    let manifest = Manifest::from_new(INDEX.into(), &MediaType::OCI_INDEX, Algorithm::Sha256).unwrap();
    assert!(matches!(server.repository().put_manifest(&manifest).await, Err(StoreError::Digest { .. })));
}

#[tokio::test]
async fn tags_of_other_algorithms_are_set_along_with_the_digest_where_that_works() {
    let manifest = Manifest::from_new(INDEX.into(), &MediaType::OCI_INDEX, Algorithm::Sha512).unwrap();
    let newer = answering(|head| match head.query.get("tag") {
        Some(tag) => Reply::new(201).with("oci-tag", tag),
        None => Reply::new(201),
    })
    .await;
    newer.repository().tag(&"v1".parse().unwrap(), &manifest).await.unwrap();
    assert_eq!(newer.lines(), [format!("PUT /v2/app/manifests/{}", manifest.digest())]);
    let older = answering(|_| Reply::new(201)).await;
    older.repository().tag(&"v1".parse().unwrap(), &manifest).await.unwrap();
    assert_eq!(older.lines()[1], "PUT /v2/app/manifests/v1");
}

#[tokio::test]
async fn a_condition_that_fails_because_the_tag_was_set_is_no_failure() {
    for (now, is_set) in [(INDEX, true), ("{}", false)] {
        let put = AtomicBool::new(false);
        let server = answering(move |head| match head.method.as_str() {
            "PUT" => {
                put.store(true, Ordering::SeqCst);
                Reply::new(412)
            }
            _ if put.load(Ordering::SeqCst) => {
                let digest = Digest::sha256(now.as_bytes());
                without(index_reply(), "docker-content-digest").with("docker-content-digest", digest)
            }
            _ => Reply::error(404, "MANIFEST_UNKNOWN"),
        })
        .await;
        let manifest = Manifest::parse(INDEX.into(), Some(&MediaType::OCI_INDEX), None).unwrap();
        let outcome = server.repository().tag_in_place_of(&"v1".parse().unwrap(), &manifest, None).await;
        assert_eq!(outcome.unwrap(), is_set);
    }
}
