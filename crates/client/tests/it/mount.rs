//! Taking blobs from another repository of the same registry.

use store::{Identity, Meter, Store as _};
use testkit::source::TestSource;

use crate::registry::Registry;
use crate::stored::{content, describe};

#[tokio::test]
async fn mounts_what_the_registry_has() {
    let registry = Registry::default();
    let server = registry.start().await;
    let content = content(1000);
    registry.add(&content);
    let from = Identity::Repository { host: server.host(), name: "other/place".parse().unwrap() };
    assert!(server.repository().adopt_blob(&describe(&content), &from).await.unwrap());
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].query["from"], "other/place");
    assert_eq!(seen[0].query["mount"], describe(&content).digest.to_string());
}

#[tokio::test]
async fn the_session_of_a_failed_mount_is_used() {
    let registry = Registry::new(|behaviour| behaviour.mounts = false);
    let server = registry.start().await;
    let content = content(1000);
    let repository = server.repository();
    let from = Identity::Repository { host: server.host(), name: "other".parse().unwrap() };
    assert!(!repository.adopt_blob(&describe(&content), &from).await.unwrap());
    repository.put_blob(&describe(&content), &TestSource::memory(content.clone()), &Meter::default()).await.unwrap();
    assert_eq!(server.lines(), ["POST /v2/app/blobs/uploads/", "PUT /v2/app/blobs/uploads/session-1"]);
    assert_eq!((registry.blobs(), registry.open_uploads()), (1, 0));
}

#[tokio::test]
async fn nothing_is_asked_where_nothing_can_be_mounted() {
    let server = Registry::default().start().await;
    let blob = describe(&content(10));
    let repository = server.repository();
    let same = Identity::Repository { host: server.host(), name: "app".parse().unwrap() };
    let elsewhere = Identity::Repository { host: "r.example".parse().unwrap(), name: "other".parse().unwrap() };
    for identity in [same, elsewhere, Identity::Opaque, Identity::Directory("/x".into())] {
        assert!(!repository.adopt_blob(&blob, &identity).await.unwrap());
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_mount_that_is_not_allowed_is_no_failure() {
    use crate::registry::Effect;
    use crate::server::Reply;
    for status in [400, 401, 403, 404, 405] {
        let registry = Registry::default();
        registry.fault("POST", "/uploads/", Effect::Reply(Reply::new(status)));
        let server = registry.start().await;
        let from = Identity::Repository { host: server.host(), name: "other".parse().unwrap() };
        assert!(!server.repository().adopt_blob(&describe(&content(10)), &from).await.unwrap(), "{status}");
    }
}
