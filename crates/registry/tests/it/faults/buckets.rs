//! A service of buckets that answers 500 and 503, breaks off, cuts what it says, and is slow.

use std::sync::Arc;
use std::time::Duration;

use registry::{BlobObjects, Clock, Keeping, RegistryOptions, Storage};
use testkit::proxy::{Answer, DelayProxy, Fault, HttpProxy, Matcher, Rule};

use super::{pull, push, read, settled};
use crate::backends::{new_bucket_of, objects};
use crate::server::Server;

/// More than one part of an upload, so that parts are put, and completed.
const LARGE: usize = (8 << 20) + 100_000;

/// A time when everything that was written is old.
fn late() -> Clock {
    Clock::new(|| Duration::from_secs(4_000_000_000))
}

struct House {
    bucket: String,
    upstream: std::net::SocketAddr,
    proxy: HttpProxy,
    storage: Storage,
    server: Server,
}

impl House {
    async fn new() -> Option<Self> {
        let mut bucket = new_bucket_of()?;
        let upstream = bucket.endpoint.take().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
        let proxy = HttpProxy::start(upstream).await;
        bucket.endpoint = Some(format!("http://{}", proxy.address()));
        let blobs = Arc::new(BlobObjects::new(&bucket).unwrap());
        let storage = Storage::in_memory_with(blobs, late(), Keeping::default());
        let server = Server::over(storage.clone(), RegistryOptions::default());
        Some(Self { bucket: bucket.name, upstream, proxy, storage, server })
    }

    /// Checks that nothing is there but what is needed.
    async fn settle(&self) {
        let audit = settled(&self.storage).await;
        let objects = objects(&self.bucket);
        let blobs = objects.iter().filter(|name| name.starts_with("blobs/")).count() as u64;
        let known = ["blobs/", "manifests/", "journal/"];
        assert!(objects.iter().all(|name| known.iter().any(|start| name.starts_with(start))), "{objects:?}");
        assert_eq!((audit.objects, blobs), (audit.blobs, audit.blobs), "{objects:?}");
    }
}

fn refusals() -> [(&'static str, Fault); 4] {
    [
        ("500", Fault::Answer(Answer::new(500).body("<Error><Code>InternalError</Code></Error>"))),
        ("503", Fault::Answer(Answer::new(503).body("<Error><Code>SlowDown</Code></Error>"))),
        ("no answer", Fault::Disconnect),
        ("no words", Fault::CutBody(0)),
    ]
}

#[tokio::test]
async fn a_service_that_refuses_once_is_asked_again() {
    let Some(house) = House::new().await else { return };
    let large = vec![b'x'; LARGE];
    push(&house.server, &large, "before").await;
    for (name, fault) in refusals() {
        for method in ["PUT", "POST", "GET", "DELETE"] {
            let once = Rule::new(Matcher::any().method(method), fault.clone()).times(1);
            house.proxy.set_rules([once]);
            let tag = format!("{}-{method}", name.replace(' ', "-"));
            let layer = [large.as_slice(), tag.as_bytes()].concat();
            // What the service did, and did not say so, is not known; then the client is told to come again.
            if !push(&house.server, &layer, &tag).await {
                house.proxy.set_rules([]);
                assert!(push(&house.server, &layer, &tag).await, "{tag}");
            }
            if let Some(bytes) = read(&house.server.0, &layer).await {
                assert!(bytes == layer, "{tag}: other bytes were served");
            }
            house.proxy.set_rules([]);
            pull(&house.server, &layer, &tag).await;
        }
    }
    house.settle().await;
}

#[tokio::test]
async fn a_service_that_refuses_for_long_fails_pushes_and_loses_nothing() {
    let Some(house) = House::new().await else { return };
    let large = vec![b'x'; LARGE];
    assert!(push(&house.server, &large, "before").await);
    let [_, busy, _, _] = refusals();
    for (number, method) in ["PUT", "POST"].into_iter().enumerate() {
        house.proxy.set_rules([Rule::new(Matcher::any().method(method), busy.1.clone())]);
        let layer = [large.as_slice(), method.as_bytes()].concat();
        assert!(!push(&house.server, &layer, method).await, "{method}");
        pull(&house.server, &large, "before").await;
        house.proxy.set_rules([]);
        assert!(push(&house.server, &layer, method).await, "{method} {number}");
        pull(&house.server, &layer, method).await;
    }
    house.settle().await;
}

#[tokio::test]
async fn what_is_cut_off_is_never_taken_for_whole() {
    let Some(house) = House::new().await else { return };
    let layer = vec![b'x'; 300_000];
    assert!(push(&house.server, &layer, "v1").await);
    for cut in [0, 1, 100_000, 299_999] {
        house.proxy.set_rules([Rule::new(Matcher::any().method("GET").path_contains("/blobs/"), Fault::CutBody(cut))]);
        let bytes = read(&house.server.0, &layer).await;
        assert!(bytes.is_none_or(|bytes| bytes == layer), "cut at {cut}");
    }
    house.proxy.set_rules([]);
    pull(&house.server, &layer, "v1").await;
    house.settle().await;
}

#[tokio::test]
async fn a_slow_service_serves() {
    let Some(house) = House::new().await else { return };
    let slow = DelayProxy::start(house.upstream, Duration::from_millis(150)).await.unwrap();
    let mut bucket = new_bucket_of().unwrap();
    bucket.endpoint = Some(format!("http://{}", slow.address()));
    let storage = Storage::in_memory_with(Arc::new(BlobObjects::new(&bucket).unwrap()), late(), Keeping::default());
    let server = Server::over(storage.clone(), RegistryOptions::default());
    let layer = vec![b'x'; LARGE];
    assert!(push(&server, &layer, "v1").await);
    pull(&server, &layer, "v1").await;
    settled(&storage).await;
}
