//! Large blobs that come in parts, over several connections.

use bytes::Bytes;
use client::ParallelDownloads;
use futures_util::TryStreamExt as _;
use store::{Content, Store as _, StoreError};

use crate::registry::{Effect, Registry};
use crate::server::{Head, Reply, Server};
use crate::stored::{content, describe};

const LENGTH: usize = 21 * 1024 * 1024 + 5;

/// Every connection is too slow.
const ALWAYS: ParallelDownloads = ParallelDownloads { connections: 4, min_bytes: 0, slower_than: u64::MAX };

fn repository(server: &Server, parallel: ParallelDownloads) -> client::Repository {
    server.repository_with(|options| options.parallel = parallel)
}

async fn read(repository: &client::Repository, content: &Bytes, offset: usize) -> Result<Vec<u8>, StoreError> {
    let body = repository.open_blob(&describe(content), offset as u64).await?.unwrap();
    assert_eq!(body.length, (content.len() - offset) as u64);
    body.into_stream()
        .try_fold(Vec::new(), async |mut all, chunk| {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await
}

/// Returns the ranges that were asked for, and how many requests there were.
fn ranges(server: &Server) -> Vec<(usize, usize)> {
    let seen = server.seen();
    let ranges = seen.iter().filter_map(|head| head.header("range")?.strip_prefix("bytes=")?.split_once('-'));
    let mut ranges: Vec<_> = ranges.map(|(first, last)| (first.parse().unwrap(), last.parse().unwrap())).collect();
    ranges.sort_unstable();
    ranges
}

#[tokio::test]
async fn every_part_is_asked_for_once_and_they_come_in_order() {
    let registry = Registry::default();
    let content = content(LENGTH);
    registry.add(&content);
    for offset in [0, 1, 5_000_000] {
        let server = registry.clone().start().await;
        let bytes = read(&repository(&server, ALWAYS), &content, offset).await.unwrap();
        assert!(bytes == content[offset..], "{offset}");
        // What follows the beginning that came whole.
        let mut asked = ranges(&server).into_iter().filter(|&(first, _)| first > offset).peekable();
        let mut next = asked.peek().unwrap().0;
        for (first, last) in asked {
            assert!(first == next && last - first < 1024 * 1024, "{offset}: {first}-{last}");
            next = last + 1;
        }
        assert_eq!(next, LENGTH);
        assert!(server.connections() <= 5, "{}", server.connections());
    }
}

#[tokio::test]
async fn a_connection_that_is_fast_is_left_alone() {
    let registry = Registry::default();
    let content = content(LENGTH);
    registry.add(&content);
    for parallel in [
        ParallelDownloads { slower_than: 0, ..ALWAYS },
        ParallelDownloads { connections: 1, ..ALWAYS },
        ParallelDownloads { min_bytes: LENGTH as u64 + 1, ..ALWAYS },
    ] {
        let server = registry.clone().start().await;
        let repository = repository(&server, parallel);
        let body = repository.open_blob(&describe(&content), 0).await.unwrap().unwrap();
        assert!(matches!(body.content, Content::Socket(_)), "its bytes can move in the kernel");
        assert!(body.into_bytes(&describe(&content), "here", LENGTH).await.unwrap() == content);
        assert_eq!((server.count("GET", "/blobs/"), server.connections()), (1, 1));
    }
}

#[tokio::test]
async fn parts_that_break_are_asked_for_again() {
    let registry = Registry::default();
    let content = content(LENGTH);
    registry.add(&content);
    for after in [0, 100_000, 900_000] {
        let server = registry.clone().start().await;
        for _ in 0..3 {
            registry.fault("GET", "/blobs/", Effect::CutAnswer(after));
        }
        assert!(read(&repository(&server, ALWAYS), &content, 0).await.unwrap() == content, "{after}");
    }
}

#[tokio::test]
async fn a_registry_that_gives_no_parts_gives_the_whole() {
    let content = content(LENGTH);
    let cases: [fn(&Bytes) -> Reply; 3] = [
        |content| Reply::new(200).body(content.clone()),
        |_| Reply::new(416),
        // Another part than was asked for.
        |content| Reply::new(206).with("content-range", format!("bytes 0-9/{LENGTH}")).body(content.slice(0..10)),
    ];
    for case in cases {
        let given = content.clone();
        let server = Server::start(move |head: &Head, _: &Bytes| match (head.path.as_str(), head.header("range")) {
            ("/v2/", _) => Reply::new(200),
            (_, None) => Reply::new(200).body(given.clone()),
            (_, Some(_)) => case(&given),
        })
        .await;
        assert!(read(&repository(&server, ALWAYS), &content, 0).await.unwrap() == content);
        assert_eq!(ranges(&server).len(), 1, "it is asked for a part once");
    }
}

#[tokio::test]
async fn a_registry_that_ends_giving_parts_is_an_error() {
    let content = content(LENGTH);
    let given = content.clone();
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |head: &Head, _: &Bytes| {
        let Some(range) = head.header("range") else {
            return Reply::new(200).body(if head.path == "/v2/" { Bytes::new() } else { given.clone() });
        };
        if asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 2 {
            return Reply::error(404, "BLOB_UNKNOWN");
        }
        let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let stated = format!("bytes {first}-{last}/{LENGTH}");
        Reply::new(206).with("content-range", stated).body(given.slice(first..=last))
    })
    .await;
    let error = read(&repository(&server, ALWAYS), &content, 0).await.unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
}

#[tokio::test]
async fn what_a_part_has_too_much_is_left_out() {
    let content = content(LENGTH);
    let shapes: [fn(Reply) -> Reply; 2] = [|reply| reply, Reply::chunked];
    for (shape, excess) in shapes.into_iter().flat_map(|shape| [(shape, 0), (shape, 1), (shape, 300_000)]) {
        let given = content.clone();
        let server = Server::start(move |head: &Head, _: &Bytes| {
            let Some(range) = head.header("range") else {
                return Reply::new(200).body(if head.path == "/v2/" { Bytes::new() } else { given.clone() });
            };
            let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            let stated = format!("bytes {first}-{last}/{LENGTH}");
            let end = (last + 1 + excess).min(LENGTH);
            shape(Reply::new(206).with("content-range", stated).body(given.slice(first..end)))
        })
        .await;
        assert!(read(&repository(&server, ALWAYS), &content, 0).await.unwrap() == content, "{excess}");
        assert!(ranges(&server).len() > 20, "it came in parts");
    }
}
