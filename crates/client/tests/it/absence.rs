//! Whether a denial means that something is not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use oci::{Digest, MediaType};
use store::{Store as _, StoreError};

use crate::server::{Head, Reply, Server};
use crate::stored::{content, describe};

const INDEX: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// A registry in which one tag and one blob are there, and everything else is answered as `absent` says.
async fn holding(absent: impl Fn(&Head) -> Reply + Send + Sync + 'static) -> Server {
    let blob = content(10);
    let place = format!("/v2/app/blobs/{}", describe(&blob).digest);
    Server::start(move |head: &Head, _: &Bytes| match head.path.as_str() {
        "/v2/" => Reply::new(200),
        _ if absent(head).status == 0 => denied(),
        "/v2/app/manifests/v1" => Reply::new(200)
            .with("content-type", MediaType::OCI_INDEX.as_str())
            .with("docker-content-digest", Digest::sha256(INDEX.as_bytes()))
            .body(INDEX),
        path if path == place => Reply::new(200).body(blob.clone()),
        _ => absent(head),
    })
    .await
}

/// What says that this is denied though it is there.
fn also() -> Reply {
    Reply::new(0)
}

fn denied() -> Reply {
    Reply::error(403, "DENIED")
}

#[tokio::test]
async fn what_is_absent_may_be_denied_where_the_repository_can_be_read() {
    // By its list of tags, or by what it has given.
    for lists in [true, false] {
        let server = holding(move |head| match head.path.as_str() {
            "/v2/app/tags/list" if lists => Reply::new(200).body(r#"{"name":"app","tags":["v1"]}"#),
            _ => denied(),
        })
        .await;
        let (repository, nothing) = (server.repository(), "nothing".parse().unwrap());
        if !lists {
            let unknown = repository.resolve(&nothing).await.unwrap_err();
            assert!(matches!(unknown, StoreError::Denied { .. }), "{unknown}");
        }
        assert!(repository.resolve(&"v1".parse().unwrap()).await.unwrap().is_some());
        assert_eq!(repository.resolve(&nothing).await.unwrap(), None, "{lists}");
        assert_eq!(repository.stat_blob(&Digest::sha256(b"nothing")).await.unwrap(), None, "{lists}");
    }
}

#[tokio::test]
async fn a_right_that_was_lost_makes_nothing_absent() {
    let lost = Arc::new(AtomicBool::new(false));
    let server = holding({
        let lost = Arc::clone(&lost);
        move |head| match head.path.as_str() {
            _ if lost.load(Ordering::SeqCst) => also(),
            "/v2/app/tags/list" => Reply::new(200).body(r#"{"name":"app","tags":["v1"]}"#),
            _ => denied(),
        }
    })
    .await;
    let (repository, tag) = (server.repository(), "v1".parse().unwrap());
    for is_known in [false, true] {
        assert!(repository.resolve(&tag).await.unwrap().is_some());
        lost.store(true, Ordering::SeqCst);
        let failed = repository.resolve(&tag).await.unwrap_err();
        assert!(matches!(failed, StoreError::Denied { .. }), "{failed}");
        let failed = repository.stat_blob(&describe(&content(10)).digest).await.unwrap_err();
        assert!(matches!(failed, StoreError::Denied { .. }), "{failed}");
        lost.store(false, Ordering::SeqCst);
        if !is_known {
            assert_eq!(repository.resolve(&"nothing".parse().unwrap()).await.unwrap(), None);
            assert_eq!(repository.stat_blob(&Digest::sha256(b"nothing")).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn where_head_is_denied_get_tells() {
    let server = holding(|head| match (head.method.as_str(), head.path.as_str()) {
        ("HEAD", _) => also(),
        (_, "/v2/app/tags/list") => Reply::new(200).body(r#"{"name":"app","tags":["v1"]}"#),
        _ => Reply::error(404, "MANIFEST_UNKNOWN"),
    })
    .await;
    let repository = server.repository();
    assert!(repository.resolve(&"v1".parse().unwrap()).await.unwrap().is_some());
    assert_eq!(repository.resolve(&"nothing".parse().unwrap()).await.unwrap(), None);
    assert_eq!(repository.stat_blob(&describe(&content(10)).digest).await.unwrap(), Some(10));
    assert_eq!(repository.stat_blob(&Digest::sha256(b"nothing")).await.unwrap(), None);
}
