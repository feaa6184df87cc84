//! Whether a blob is there.

use bytes::Bytes;
use oci::Digest;
use store::{Store as _, StoreError};

use crate::server::{Head, Reply, Server};

fn digest() -> Digest {
    Digest::sha256(b"content")
}

#[tokio::test]
async fn the_size_may_have_to_be_asked_for_twice() {
    // A chunked answer states no length, and some registries do not take HEAD.
    for head_status in [200, 405] {
        let server = Server::start(move |head: &Head, _: &Bytes| match head.method.as_str() {
            "HEAD" => Reply::new(head_status).chunked(),
            _ => Reply::new(200).body("content"),
        })
        .await;
        assert_eq!(server.repository().stat_blob(&digest()).await.unwrap(), Some(7));
    }
}

#[tokio::test]
async fn absence_and_failure_are_different() {
    for (status, absent) in [(404, true), (403, false), (500, false), (418, false)] {
        let server = Server::start(move |_: &Head, _: &Bytes| Reply::new(status)).await;
        let server = match status {
            // The ping is let through.
            500 => {
                drop(server);
                Server::start(move |head: &Head, _: &Bytes| Reply::new(if head.path == "/v2/" { 200 } else { 500 }))
                    .await
            }
            _ => server,
        };
        let outcome = server.repository().stat_blob(&digest()).await;
        match status {
            404 => assert!(absent && outcome.unwrap().is_none()),
            403 => assert!(matches!(outcome, Err(StoreError::Denied { .. })), "{outcome:?}"),
            500 => assert!(matches!(outcome, Err(StoreError::Unreachable { .. })), "{outcome:?}"),
            _ => assert!(matches!(outcome, Err(StoreError::Refused { status: Some(418), .. })), "{outcome:?}"),
        }
    }
}

#[tokio::test]
async fn redirects_that_lead_nowhere_end() {
    let circle = Server::start(|head: &Head, _: &Bytes| match head.path.as_str() {
        "/v2/" => Reply::new(200),
        "/b" => Reply::new(302).with("location", "/a"),
        _ => Reply::new(302).with("location", "/b"),
    })
    .await;
    let error = circle.repository().stat_blob(&digest()).await.unwrap_err();
    assert!(matches!(error, StoreError::Protocol { .. }), "{error}");
    assert!(error.to_string().contains("circle"), "{error}");

    let endless = Server::start(|head: &Head, _: &Bytes| match head.path.as_str() {
        "/v2/" => Reply::new(200),
        path => Reply::new(307).with("location", format!("{path}x")),
    })
    .await;
    let error = endless.repository().stat_blob(&digest()).await.unwrap_err();
    assert!(error.to_string().contains("redirects more than 8 times"), "{error}");
    assert_eq!(endless.seen().len(), 9);

    for target in ["file:///etc/passwd", "http://user:pass@127.0.0.1/", "http://[", "gopher://x/"] {
        let server = Server::start(move |head: &Head, _: &Bytes| match head.path.as_str() {
            "/v2/" => Reply::new(200),
            _ => Reply::new(307).with("location", target),
        })
        .await;
        let error = server.repository().stat_blob(&digest()).await.unwrap_err();
        assert!(matches!(error, StoreError::Protocol { .. }), "{target}: {error}");
    }
}

#[tokio::test]
async fn answers_that_are_no_http_are_refused() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for answer in [
        &b"SSH-2.0-OpenSSH_9.9\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\nhello",
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string().parse().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                stream.write_all(answer).await.unwrap();
            }
        });
        let error = client::Client::new(crate::server::options()).ping(&host).await.unwrap_err();
        assert!(matches!(error, StoreError::Protocol { .. }), "{error}");
    }
}
