//! Reading blobs: offsets, broken connections, wrong lengths.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use oci::Descriptor;
use store::{Content, Meter, Store as _, StoreError};

use crate::registry::{Effect, Registry};
use crate::server::{Head, Reply, Server, options};
use crate::stored::{Elsewhere, LARGE, content, describe};

async fn read(repository: &client::Repository, descriptor: &Descriptor, offset: u64) -> Result<Vec<u8>, StoreError> {
    let body = repository.open_blob(descriptor, offset).await?.unwrap();
    assert_eq!(body.length, descriptor.size - offset);
    let chunks = body.into_stream();
    chunks
        .try_fold(Vec::new(), async |mut all, chunk| {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await
}

/// A server that gives one blob as `reply` says.
async fn giving(reply: impl Fn(&Head) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |head: &Head, _: &Bytes| match head.path.as_str() {
        "/v2/" => Reply::new(200),
        _ => reply(head),
    })
    .await
}

#[tokio::test]
async fn reads_from_any_offset() {
    for length in [0, 1, 1000, 65_536, 65_537, LARGE] {
        let registry = Registry::default();
        let server = registry.start().await;
        let repository = server.repository();
        let content = content(length);
        registry.add(&content);
        let descriptor = describe(&content);
        for offset in [0, 1, length / 2, length.saturating_sub(1), length] {
            let offset = offset.min(length);
            let bytes = read(&repository, &descriptor, offset as u64).await.unwrap();
            assert!(bytes == content[offset..], "{length} from {offset}");
        }
        // Each body left its connection usable.
        assert_eq!(server.connections(), 1, "{length}");
    }
}

#[tokio::test]
async fn small_blobs_come_from_memory_and_large_ones_from_their_socket() {
    let registry = Registry::default();
    let server = registry.start().await;
    let repository = server.repository();
    for (length, from_socket) in [(65_536, false), (65_537, true)] {
        let content = content(length);
        registry.add(&content);
        let body = repository.open_blob(&describe(&content), 0).await.unwrap().unwrap();
        assert_eq!(matches!(body.content, Content::Socket(_)), from_socket);
    }
}

#[tokio::test]
async fn absence_is_none() {
    let server = Registry::default().start().await;
    assert!(server.repository().open_blob(&describe(&content(10)), 0).await.unwrap().is_none());
}

#[tokio::test]
async fn ranges_may_be_ignored() {
    for (length, chunked) in [(1000, false), (1000, true), (LARGE, false), (LARGE, true)] {
        let content = content(length);
        let given = content.clone();
        let server = giving(move |_| {
            let reply = Reply::new(200).body(given.clone());
            if chunked { reply.chunked() } else { reply }
        })
        .await;
        let bytes = read(&server.repository(), &describe(&content), 700).await.unwrap();
        assert!(bytes == content[700..], "{length} {chunked}");
    }
}

#[tokio::test]
async fn a_range_that_is_not_the_one_asked_for_is_refused() {
    let content = content(1000);
    for stated in ["bytes 0-999/1000", "bytes 500-998/1000", "bytes 500-999/2000", "bytes 501-999/1000", "nonsense"] {
        let given = content.clone();
        let server = giving(move |_| Reply::new(206).with("content-range", stated).body(given.slice(500..))).await;
        let error = read(&server.repository(), &describe(&content), 500).await.unwrap_err();
        assert!(matches!(error, StoreError::Protocol { .. } | StoreError::Size { .. }), "{stated}: {error}");
    }
}

#[tokio::test]
async fn a_length_that_is_not_the_blobs_is_refused() {
    for length in [1000, 200_000] {
        let right = content(length);
        for given in [length - 1, length + 1] {
            let bytes = content(given);
            let chunked = bytes.clone();
            let server = giving(move |_| Reply::new(200).body(bytes.clone())).await;
            let error = read(&server.repository(), &describe(&right), 0).await.unwrap_err();
            let found = matches!(error, StoreError::Size { found, .. } if found == given as u64);
            assert!(found, "{length} {given}: {error}");
            // Where the header does not tell, the bytes do. What is missing is asked for again first.
            let server = giving(move |_| Reply::new(200).body(chunked.clone()).chunked()).await;
            assert!(read(&server.repository(), &describe(&right), 0).await.is_err(), "{length} {given} chunked");
        }
    }
}

#[tokio::test]
async fn a_small_blob_that_is_cut_is_asked_for_again() {
    let registry = Registry::default();
    let server = registry.start().await;
    let content = content(1000);
    registry.add(&content);
    for after in [0, 1, 999] {
        registry.fault("GET", "/blobs/", Effect::CutAnswer(after));
        let bytes = read(&server.repository(), &describe(&content), 0).await.unwrap();
        assert!(bytes == content, "{after}");
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_goes_on_where_it_was() {
    let content = content(LARGE);
    let given = content.clone();
    // Chunked, so that the bytes do not come from the socket itself.
    let server = giving(move |head| match head.header("range") {
        None => Reply::new(200).body(given.clone()).chunked().cut(3_000_000),
        Some(range) => {
            let (first, _) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            let first: usize = first.parse().unwrap();
            let stated = format!("bytes {first}-{}/{}", given.len() - 1, given.len());
            let reply = Reply::new(206).with("content-range", stated).body(given.slice(first..)).chunked();
            if first == 3_000_000 { reply.cut(2_000_000) } else { reply }
        }
    })
    .await;
    let bytes = read(&server.repository(), &describe(&content), 0).await.unwrap();
    assert!(bytes == content);
    let ranges: Vec<_> = server.seen().iter().map(|head| head.header("range").map(str::to_owned)).collect();
    let expected = [3_000_000, 5_000_000].map(|first| Some(format!("bytes={first}-{}", LARGE - 1)));
    assert_eq!(ranges, [&[None][..], &expected].concat());
}

#[tokio::test]
async fn a_download_that_never_gets_on_ends() {
    let content = content(LARGE);
    let server = giving(move |_| Reply::new(200).body(content.clone()).chunked().cut(0)).await;
    let error = read(&server.repository(), &describe(&crate::stored::content(LARGE)), 0).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_socket_that_ends_early_is_gone_on_with_by_who_reads_it() {
    let registry = Registry::default();
    let server = registry.start().await;
    let content = content(LARGE);
    registry.add(&content);
    registry.fault("GET", "/blobs/", Effect::CutAnswer(1_000_000));
    let body = server.repository().open_blob(&describe(&content), 0).await.unwrap().unwrap();
    assert!(matches!(body.content, Content::Socket(_)));
    let stream = body.into_verified_stream(&describe(&content), "here");
    stream.try_for_each(async |_| Ok(())).await.unwrap();
    let rest = format!("bytes=1000000-{}", LARGE - 1);
    assert!(server.seen().iter().any(|head| head.header("range") == Some(&rest)));
}

#[tokio::test]
async fn an_upload_whose_source_breaks_does_not_wait_for_itself() {
    let content = content(200_000);
    let place = format!("/v2/source/blobs/{}", describe(&content).digest);
    let (at, whole) = (place.clone(), content.clone());
    let server = Server::start(move |head: &Head, body: &Bytes| match (head.method.as_str(), head.path.as_str()) {
        (_, "/v2/") => Reply::new(200),
        ("GET", path) if path == at => match head.header("range") {
            Some(_) => Reply::new(206)
                .with("content-range", "bytes 150000-199999/200000")
                .body(whole.slice(150_000..))
                .chunked(),
            None => Reply::new(200).body(whole.clone()).chunked().cut(150_000),
        },
        ("POST", _) => Reply::new(202).with("location", "/v2/app/blobs/uploads/1"),
        ("PUT", _) if *body == whole => Reply::new(201).with("location", "/v2/app/blobs/it"),
        _ => Reply::new(400),
    })
    .await;
    let client = client::Client::new(client::ClientOptions { concurrency_per_host: 1, ..options() });
    let repository = |name: &str| client.repository(&server.host(), &name.parse().unwrap());
    let source = Elsewhere(repository("source"), describe(&content));
    repository("app").put_blob(&describe(&content), &source, &Meter::default()).await.unwrap();
    let asked = server.seen().into_iter().filter(|head| head.method == "GET" && head.path == place);
    let ranges: Vec<_> = asked.map(|head| head.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, [None, Some("bytes=150000-199999".to_owned())]);
}

#[tokio::test]
async fn what_breaks_while_it_is_read_again_is_asked_for_again() {
    let content = content(200_000);
    let descriptor = describe(&content);
    let (asked, whole) = (AtomicUsize::new(0), content.clone());
    // It gives no parts, and breaks where it is read for the second time.
    let server = Server::start(move |head: &Head, _: &Bytes| match head.path.as_str() {
        "/v2/" => Reply::new(200),
        _ => match asked.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::new(200).body(whole.clone()).chunked().cut(150_000),
            1 => Reply::new(200).body(whole.clone()).chunked().cut(100_000),
            _ => Reply::new(200).body(whole.clone()).chunked(),
        },
    })
    .await;
    let body = server.repository().open_blob(&descriptor, 0).await.unwrap().unwrap();
    let chunks: Vec<Bytes> = body.into_stream().try_collect().await.unwrap();
    assert!(chunks.concat() == content);
}
