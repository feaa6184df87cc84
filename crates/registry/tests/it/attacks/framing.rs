//! Where a request ends, to whom it is addressed, and what its target is: everything on which two programs in a row may differ.

use std::time::Duration;

use oci::Digest;
use registry::RegistryOptions;

use super::wire::{assert_serves, send, serve, status, statuses};

fn impatient() -> RegistryOptions {
    RegistryOptions { idle_timeout: Duration::from_millis(300), ..RegistryOptions::default() }
}

/// A request that a server would answer with 200 if it took it out of the body of another.
const SMUGGLED: &str = "GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_length_that_is_not_one_number_is_refused() {
    let server = serve(impatient()).await;
    for lengths in [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5, 6\r\n",
        "content-length: -1\r\n",
        "content-length: +5\r\n",
        "content-length: 0x5\r\n",
        "content-length: 5 5\r\n",
        "content-length: 18446744073709551616\r\n",
        "content-length: 18446744073709551615\r\n",
        "content-length: \r\n",
        "content-length : 5\r\n",
        " content-length: 5\r\n",
        "content-length: 5\r\n folded: x\r\n",
        "content\0-length: 5\r\n",
        "content-length: 5\0\r\n",
    ] {
        let request = format!("PUT /v2/app/manifests/v1 HTTP/1.1\r\nhost: x\r\n{lengths}\r\nhello{SMUGGLED}");
        let answers = send(&server, request.as_bytes()).await;
        assert!(matches!(status(&answers), 400 | 431), "{lengths:?}: {answers}");
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn an_encoding_that_is_not_chunked_alone_is_refused() {
    let server = serve(impatient()).await;
    for encoding in
        ["gzip", "chunked, gzip", "identity", "xchunked", "chunked\r\ntransfer-encoding: identity", "\"chunked\""]
    {
        let head = format!("PUT /v2/app/manifests/v1 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: {encoding}\r\n\r\n");
        let answers = send(&server, format!("{head}0\r\n\r\n{SMUGGLED}").as_bytes()).await;
        assert_eq!(status(&answers), 400, "{encoding}: {answers}");
    }
    let old = format!("PUT /v2/app/manifests/v1 HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}");
    assert_eq!(status(&send(&server, old.as_bytes()).await), 400, "HTTP/1.0 knows no chunks");
    assert_serves(&server).await;
}

#[tokio::test]
async fn what_follows_a_request_with_a_length_and_chunks_is_not_taken_for_another() {
    let server = serve(impatient()).await;
    for framing in [
        "content-length: 6\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 6\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 6\r\nconnection: keep-alive\r\n",
    ] {
        let request = format!("PUT /v2/app/manifests/v1 HTTP/1.1\r\nhost: x\r\n{framing}\r\n0\r\n\r\n{SMUGGLED}");
        let answers = send(&server, request.as_bytes()).await;
        assert_eq!(status(&answers), 400, "{framing:?}: {answers}");
        assert!(answers.to_ascii_lowercase().contains("connection: close"), "{answers}");
    }
}

#[tokio::test]
async fn chunks_that_lie_end_the_connection_and_leave_no_blob() {
    let server = serve(impatient()).await;
    let digest = Digest::sha256(b"hello");
    for chunks in [
        "5\r\nhelloX\r\n0\r\n\r\n",
        "zz\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n",
        "6\r\nhello\r\n0\r\n\r\n",
    ] {
        let head = "HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        let request = format!("POST /v2/app/blobs/uploads/?digest={digest} {head}{chunks}{SMUGGLED}");
        let answers = send(&server, request.as_bytes()).await;
        let found = statuses(&answers);
        assert!(found.len() <= 1 && !found.contains(&200) && !found.contains(&201), "{chunks:?}: {answers}");
    }
    let absent = format!("HEAD /v2/app/blobs/{digest} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert_eq!(status(&send(&server, absent.as_bytes()).await), 404);
}

#[tokio::test]
async fn trailers_and_extensions_of_chunks_say_nothing() {
    let server = serve(impatient()).await;
    let digest = Digest::sha256(b"hello");
    let head = "HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let trailers = "content-length: 99\r\nauthorization: Basic eA==\r\nhost: other\r\n";
    let request = format!("POST /v2/app/blobs/uploads/?digest={digest} {head}5;x=y\r\nhello\r\n0\r\n{trailers}\r\n");
    assert_eq!(status(&send(&server, request.as_bytes()).await), 201);
    for endless in [format!("5;{}", "x".repeat(200_000)), format!("0\r\n{}", "a: b\r\n".repeat(100_000))] {
        let request = format!("POST /v2/app/blobs/uploads/?digest={digest} {head}{endless}");
        assert!(!matches!(status(&send(&server, request.as_bytes()).await), 200 | 201));
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_their_order() {
    let server = serve(impatient()).await;
    let digest = Digest::sha256(b"hello");
    let put =
        format!("POST /v2/app/blobs/uploads/?digest={digest} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello");
    let get = format!("GET /v2/app/blobs/{digest} HTTP/1.1\r\nhost: x\r\n\r\n");
    let head = get.replacen("GET", "HEAD", 1);
    let wrong = "GET /v2/app/blobs/md5:00 HTTP/1.1\r\nhost: x\r\n\r\n";
    let last = "GET /v2/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\nGET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n";
    let answers = send(&server, [&put, &head, &get, wrong, &head, last].concat().as_bytes()).await;
    assert_eq!(statuses(&answers), [201, 200, 200, 400, 200, 200], "{answers}");
    let many = [SMUGGLED.repeat(1000), last.to_owned()].concat();
    assert_eq!(statuses(&send(&server, many.as_bytes()).await).len(), 1001);
}

#[tokio::test]
async fn a_request_says_once_to_whom_it_is_addressed() {
    let server = serve(impatient()).await;
    for (hosts, expected) in [
        ("host: x\r\n", 200),
        ("host: [::1]:5000\r\n", 200),
        ("host: \r\n", 200),
        ("", 400),
        ("host: x\r\nhost: x\r\n", 400),
        ("host: x\r\nhost: y\r\n", 400),
        ("host: x/v2/\r\n", 400),
        ("host: x y\r\n", 400),
        ("host: x\"y\r\n", 400),
        ("host: user@x\r\n", 400),
        ("host: \u{fe}\r\n", 400),
    ] {
        for method in ["GET", "HEAD"] {
            let request = format!("{method} /v2/ HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
            let answer = send(&server, request.as_bytes()).await;
            assert_eq!(status(&answer), expected, "{hosts:?}: {answer}");
            let has_body = !answer.ends_with("\r\n\r\n");
            assert_eq!(has_body, method == "GET", "{answer}");
            let is_api = answer.contains("docker-distribution-api-version: registry/2.0");
            assert!(expected != 400 || !has_body || is_api && answer.contains(r#""code":"UNSUPPORTED""#), "{answer}");
        }
    }
    let old = send(&server, b"GET /v2/ HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200 "), "HTTP/1.0 knows no Host: {old}");
}

#[tokio::test]
async fn a_target_is_read_the_same_in_every_form() {
    let server = serve(impatient()).await;
    for (target, expected) in [
        ("http://other.example/v2/", 200),
        ("http://other.example/v2/a/tags/list", 404),
        ("http://user:word@other.example/v2/", 200),
        ("HTTP://other.example/v2/?n=1", 200),
        ("//v2/", 404),
        ("/v2//", 404),
        ("/./v2/", 404),
        ("/v2/../v2/", 404),
        ("/%76%32/", 404),
        ("/v2/%", 404),
        ("/v2/?%", 400),
        ("/v2/#fragment", 200),
        ("/V2/", 404),
        ("/v2/;a=b", 404),
        ("*", 404),
    ] {
        let answer =
            send(&server, format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await;
        assert_eq!(status(&answer), expected, "{target}: {answer}");
    }
    for request in ["CONNECT x:80 HTTP/1.1", "OPTIONS * HTTP/1.1", "BREW /v2/ HTTP/1.1", "TRACE /v2/ HTTP/1.1"] {
        let answer = send(&server, format!("{request}\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await;
        assert!(matches!(status(&answer), 404 | 405), "{request}: {answer}");
    }
    for request in [
        "GET v2 HTTP/1.1",
        "GET /v2/ HTTP/9.9",
        "GET  /v2/ HTTP/1.1",
        "G\0T /v2/ HTTP/1.1",
        "GET /v2/\0 HTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        let answer = send(&server, format!("{request}\r\nhost: x\r\n\r\n").as_bytes()).await;
        assert!(matches!(status(&answer), 0 | 400 | 404 | 505), "{request}: {answer}");
    }
    assert_serves(&server).await;
}
