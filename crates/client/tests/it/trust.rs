//! Content is passed on without being hashed only to registries that have been seen to refuse what is wrong.

use bytes::Bytes;
use client::Client;
use store::{Meter, Store as _, StoreError};
use testkit::source::{Kind, TestSource};
use tokio::sync::watch;

use crate::registry::{Effect, Registry};
use crate::server::{Before, Head, Reply, Server, Service, options};
use crate::stored::{Elsewhere, LARGE, content, describe};

fn damaged(content: &Bytes) -> Bytes {
    let mut bytes = content.to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    bytes.into()
}

#[tokio::test]
async fn a_registry_is_asked_once_and_only_for_large_blobs() {
    let registry = Registry::default();
    let server = registry.start().await;
    let repository = server.repository();
    let whole = content(LARGE);
    let put = async |content: Bytes| {
        let source = TestSource::memory(content.clone());
        repository.put_blob(&describe(&content), &source, &Meter::default()).await.unwrap();
    };
    put(whole.slice(..4 * 1024 * 1024 - 1)).await;
    assert_eq!((server.count("POST", "/uploads/"), registry.given_up()), (1, 0));
    futures_util::future::join_all((0..3).map(|cut| put(whole.slice(cut..)))).await;
    assert_eq!((server.count("POST", "/uploads/"), server.count("HEAD", "/blobs/")), (1 + 1 + 3, 1));
    assert_eq!((registry.blobs(), registry.open_uploads()), (4, 0));
}

#[tokio::test]
async fn wrong_content_is_found_by_whoever_verifies() {
    let right = content(LARGE);
    for verifies in [true, false] {
        for kind in Kind::ALL {
            let registry = Registry::new(|behaviour| behaviour.verifies = verifies);
            let server = registry.start().await;
            let meter = Meter::default();
            let source = TestSource::new(kind, damaged(&right));
            let outcome = server.repository().put_blob(&describe(&right), &source, &meter).await;
            let case = format!("{verifies} {kind:?}: {outcome:?}");
            let Err(StoreError::Digest { source, .. }) = outcome else { panic!("{case}") };
            assert_eq!(source, describe(&right).digest.verify(&damaged(&right)).unwrap_err(), "{case}");
            assert_eq!(registry.blob(&describe(&right).digest), None, "{case}");
            assert_eq!(meter.bytes(), 0, "{case}");
            // A registry that does not verify has kept the bytes of the trial, and nothing else.
            assert_eq!(registry.blobs(), usize::from(!verifies), "{case}");
        }
    }
}

/// Answers the trial upload only when almost all of the content has come.
struct LateVerdict {
    registry: Registry,
    digest: String,
    came: watch::Sender<usize>,
}

impl Service for LateVerdict {
    fn before(&self, head: &Head) -> Before {
        match head.query.get("digest") {
            Some(digest) if *digest != self.digest => Before::ReadWhen(self.came.subscribe(), LARGE - 8_000),
            _ => Before::Read,
        }
    }

    fn came(&self, head: &Head, bytes: usize) {
        if head.query.get("digest").is_some_and(|digest| *digest == self.digest) {
            self.came.send_replace(bytes);
        }
    }

    fn reply(&self, head: &Head, body: &Bytes) -> Reply {
        self.registry.reply(head, body)
    }
}

#[tokio::test]
async fn the_first_large_blob_moves_during_the_trial_but_for_its_end() {
    let right = content(LARGE);
    // Content in memory waits: it takes no time.
    for (verifies, kind) in
        [true, false].into_iter().flat_map(|v| [Kind::File, Kind::Stream, Kind::Socket].map(|k| (v, k)))
    {
        for content in [right.clone(), damaged(&right)] {
            let registry = Registry::new(|behaviour| behaviour.verifies = verifies);
            let digest = describe(&right).digest;
            let service =
                LateVerdict { registry: registry.clone(), digest: digest.to_string(), came: watch::Sender::default() };
            let server = Server::start(service).await;
            let source = TestSource::new(kind, content.clone());
            let outcome = server.repository().put_blob(&describe(&right), &source, &Meter::default()).await;
            let case = format!("{verifies} {kind:?}: {outcome:?}");
            let is_right = content == right;
            assert_eq!(outcome.is_ok(), is_right, "{case}");
            assert_eq!(registry.blob(&digest), is_right.then(|| right.clone()), "{case}");
        }
    }
}

#[tokio::test]
async fn wrong_content_from_another_registry_is_found() {
    for verifies in [true, false] {
        let (from, to) = (Registry::default(), Registry::new(|behaviour| behaviour.verifies = verifies));
        let (from_server, to_server) = (from.start().await, to.start().await);
        let right = content(LARGE);
        let reply = Reply::new(200).body(damaged(&right));
        for _ in 0..3 {
            from.fault("GET", "/blobs/", Effect::Reply(reply.clone()));
        }
        let client = Client::new(options());
        let name = "app".parse().unwrap();
        let source = Elsewhere(client.repository(&from_server.host(), &name), describe(&right));
        let target = client.repository(&to_server.host(), &name);
        let outcome = target.put_blob(&describe(&right), &source, &Meter::default()).await;
        assert!(matches!(outcome, Err(StoreError::Digest { .. })), "{verifies}: {outcome:?}");
        assert_eq!(to.blob(&describe(&right).digest), None);
    }
}

#[tokio::test]
async fn a_refusal_that_may_mean_something_else_is_not_enough() {
    for status in [401, 403, 404, 405, 413, 429, 500, 201] {
        let registry = Registry::new(|behaviour| behaviour.verifies = false);
        let server = registry.start().await;
        // The first: the blob's own waits until the trial has been answered.
        registry.fault("PUT", "/uploads/", Effect::Reply(Reply::new(status)));
        let right = content(LARGE);
        let source = TestSource::new(Kind::Stream, damaged(&right));
        let outcome = server.repository().put_blob(&describe(&right), &source, &Meter::default()).await;
        assert!(outcome.is_err(), "{status}");
        assert_eq!(registry.blob(&describe(&right).digest), None, "{status}");
    }
}

#[tokio::test]
async fn connections_are_used_again_after_bodies_have_moved_in_the_kernel() {
    let (from, to) = (Registry::default(), Registry::default());
    let (from_server, to_server) = (from.start().await, to.start().await);
    let whole = content(LARGE);
    let client = Client::new(options());
    let name = "app".parse().unwrap();
    let target = client.repository(&to_server.host(), &name);
    for cut in 0..3 {
        let content = whole.slice(cut..);
        from.add(&content);
        let source = Elsewhere(client.repository(&from_server.host(), &name), describe(&content));
        target.put_blob(&describe(&content), &source, &Meter::default()).await.unwrap();
        assert!(to.blob(&describe(&content).digest).unwrap() == content);
    }
    // One more at the destination, where the first blob's session is opened while the trial upload is under way.
    assert_eq!((from_server.connections(), to_server.connections()), (1, 2));
}
