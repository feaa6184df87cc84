//! What is repeated, how often, and what is not.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use client::Client;
use oci::Digest;
use store::{Store as _, StoreError};

use crate::server::{Head, Reply, Server, options};

/// A server that answers the first `failures` requests with `reply` and the others as it should.
async fn recovering(failures: usize, reply: Reply) -> Server {
    let count = AtomicUsize::new(0);
    Server::start(move |head: &Head, _: &Bytes| {
        if head.path == "/v2/" || count.fetch_add(1, Ordering::SeqCst) >= failures {
            return Reply::new(200).body(r#"{"tags":["a"]}"#);
        }
        reply.clone()
    })
    .await
}

#[tokio::test]
async fn passing_failures_are_repeated() {
    for status in [408, 429, 500, 502, 503, 504] {
        // The wish is bounded by the policy, which for tests allows no wait at all.
        let server = recovering(3, Reply::new(status).with("retry-after", 3600)).await;
        assert_eq!(server.repository().tags().await.unwrap().len(), 1, "{status}");
        assert_eq!(server.seen().len(), 4);
    }
}

#[tokio::test]
async fn there_is_an_end_to_it() {
    for status in [429, 503] {
        let server = recovering(usize::MAX, Reply::error(status, "TOOMANYREQUESTS")).await;
        let error = server.repository().tags().await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("TOOMANYREQUESTS"), "{error}");
        assert_eq!(server.seen().len(), 4, "{status}");
    }
}

#[tokio::test]
async fn refusals_are_not_repeated() {
    // Those that may be about the number of tags are asked without one.
    for (status, requests) in [(400, 2), (403, 1), (405, 2), (413, 1), (416, 2), (422, 2), (451, 1)] {
        let server = recovering(usize::MAX, Reply::new(status)).await;
        assert!(server.repository().tags().await.is_err(), "{status}");
        assert_eq!(server.seen().len(), requests, "{status}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again() {
    let server = recovering(2, Reply::new(200).body("x".repeat(50)).cut(7)).await;
    assert_eq!(server.repository().tags().await.unwrap().len(), 1);
    assert_eq!(server.seen().len(), 3);

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host: oci::Host = listener.local_addr().unwrap().to_string().parse().unwrap();
    let serving = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        // Two connections are closed without an answer, the third is serving.
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
        }
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    });
    Client::new(options()).ping(&host).await.unwrap();
    serving.await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string().parse().unwrap();
    drop(listener);
    for plain_http in [true, false] {
        let client = Client::new(client::ClientOptions { plain_http, ..options() });
        let error = client.ping(&host).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    }
}

#[tokio::test]
async fn silence_is_a_failure() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string().parse().unwrap();
    let mut options = options();
    options.timeout = std::time::Duration::from_millis(50);
    options.retry.attempts = 2;
    let error = Client::new(options).ping(&host).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("nothing moved"), "{error}");
    drop(listener);
}

#[tokio::test]
async fn a_connection_closed_while_it_lay_idle_costs_nothing() {
    // One answer on each connection, which is then closed without a word about it.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string().parse().unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 2048]).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc").await.unwrap();
        }
    });
    let mut options = options();
    options.retry.attempts = 1;
    let repository = Client::new(options).repository(&host, &"app".parse().unwrap());
    for _ in 0..20 {
        assert_eq!(repository.stat_blob(&Digest::sha256(b"abc")).await.unwrap(), Some(3));
    }
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_allowed() {
    let under_way = AtomicUsize::new(0);
    let most = std::sync::Arc::new(AtomicUsize::new(0));
    let seen = std::sync::Arc::clone(&most);
    let server = Server::start(move |_: &Head, _: &Bytes| {
        let now = under_way.fetch_add(1, Ordering::SeqCst) + 1;
        seen.fetch_max(now, Ordering::SeqCst);
        under_way.fetch_sub(1, Ordering::SeqCst);
        Reply::new(200).body(r#"{"tags":[]}"#)
    })
    .await;
    let repository = server.repository_with(|options| options.concurrency_per_host = 3);
    futures_util::future::join_all((0..50).map(|_| repository.tags())).await;
    assert!(server.connections() <= 3, "{}", server.connections());
    assert_eq!(server.seen().len(), 50);
}
