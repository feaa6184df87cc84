//! Removing.

use bytes::Bytes;
use oci::Digest;
use store::{Store as _, StoreError, Untagged};

use crate::server::{Head, Reply, Server};

#[tokio::test]
async fn removes_and_says_what_was_there() {
    let digest = Digest::sha256(b"x");
    for (status, expected) in [(202, true), (200, true), (204, true), (404, false)] {
        let server =
            Server::start(move |head: &Head, _: &Bytes| Reply::new(if head.path == "/v2/" { 200 } else { status }))
                .await;
        let repository = server.repository();
        assert_eq!(repository.delete_manifest(&digest).await.unwrap(), expected);
        assert_eq!(repository.delete_tag(&"v1".parse().unwrap()).await.unwrap(), expected);
        assert_eq!(repository.delete_blob(&digest).await.unwrap(), expected);
        assert_eq!(
            server.lines(),
            [
                format!("DELETE /v2/app/manifests/{digest}"),
                "DELETE /v2/app/manifests/v1".to_owned(),
                format!("DELETE /v2/app/blobs/{digest}")
            ]
        );
    }
}

#[tokio::test]
async fn a_registry_that_does_not_remove_says_so() {
    for (status, code) in [(405, "X"), (400, "UNSUPPORTED")] {
        let server = Server::start(move |head: &Head, _: &Bytes| match head.path.as_str() {
            "/v2/" => Reply::new(200),
            _ => Reply::error(status, code),
        })
        .await;
        let error = server.repository().delete_tag(&"v1".parse().unwrap()).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("does not allow"), "{error}");
    }
}

#[tokio::test]
async fn a_tag_that_is_to_name_something_is_asked_for_first_and_the_condition_goes_along() {
    let (expected, other) = (Digest::sha256(b"{}"), Digest::sha256(b"other"));
    for (named, status, outcome) in [
        (expected, 202, Untagged::Removed),
        (expected, 404, Untagged::Absent),
        (expected, 412, Untagged::Moved),
        (other, 202, Untagged::Moved),
    ] {
        let server = Server::start(move |head: &Head, _: &Bytes| match head.method.as_str() {
            "DELETE" if head.header("if-match") != Some(format!("\"{expected}\"").as_str()) => Reply::new(400),
            "DELETE" => Reply::new(status),
            "HEAD" => Reply::new(200)
                .with("content-type", "application/vnd.oci.image.manifest.v1+json")
                .with("docker-content-digest", named)
                .with("content-length", "2"),
            _ => Reply::new(200),
        })
        .await;
        assert_eq!(server.repository().delete_tag_of(&"v1".parse().unwrap(), &expected).await.unwrap(), outcome);
        let deletes = server.lines().iter().filter(|line| line.starts_with("DELETE")).count();
        assert_eq!(deletes, usize::from(named == expected));
    }
}
