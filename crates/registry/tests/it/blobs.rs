//! Downloads.

use oci::{Algorithm, Digest};

use crate::backends::{Backend, on_every_deployment};

async fn get_and_head(backend: Backend) {
    let server = backend.server().await;
    let digest = server.put_blob("team/app", b"0123456789").await;
    let path = format!("/v2/team/app/blobs/{digest}");
    for method in ["GET", "HEAD"] {
        let reply = server.call(method, &path).send().await.expect(200);
        assert_eq!(reply.body, if method == "GET" { "0123456789" } else { "" });
        reply.assert_headers(&[
            ("content-length", "10"),
            ("content-type", "application/octet-stream"),
            ("docker-content-digest", &digest.to_string()),
            ("accept-ranges", "bytes"),
        ]);
    }
}

async fn ranges(backend: Backend) {
    let server = backend.server().await;
    let digest = server.put_blob("app", b"0123456789").await;
    let path = format!("/v2/app/blobs/{digest}");
    let cases = [
        ("bytes=2-5", "2345", "bytes 2-5/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=8-20", "89", "bytes 8-9/10"),
        ("bytes=-20", "0123456789", "bytes 0-9/10"),
        ("bytes=0-0", "0", "bytes 0-0/10"),
    ];
    for (range, content, answer) in cases {
        let reply = server.call("GET", &path).header("range", range).send().await.expect(206);
        assert_eq!(reply.body, content, "{range}");
        reply.assert_headers(&[
            ("content-range", answer),
            ("content-length", &content.len().to_string()),
            ("docker-content-digest", &digest.to_string()),
        ]);
    }
    for range in ["bytes=10-", "bytes=5-4", "bytes=-0"] {
        let reply = server.call("GET", &path).header("range", range).send().await.expect_error(416, "SIZE_INVALID");
        assert_eq!(reply.header("content-range"), "bytes */10", "{range}");
    }
    for (name, value) in [("range", "bytes=0-1,3-4"), ("range", "lines=1-2")] {
        assert_eq!(server.call("GET", &path).header(name, value).send().await.expect(200).body, "0123456789");
    }
    let conditional = server.call("GET", &path).header("range", "bytes=0-1").header("if-range", "\"etag\"");
    assert_eq!(conditional.send().await.expect(200).body, "0123456789");
    let head = server.call("HEAD", &path).header("range", "bytes=0-1").send().await.expect(200);
    assert_eq!(head.header("content-length"), "10");
}

async fn every_algorithm(backend: Backend) {
    let server = backend.server().await;
    for algorithm in Algorithm::ALL {
        let digest = algorithm.digest(b"content");
        let post = server.call("POST", &format!("/v2/app/blobs/uploads/?digest={digest}")).body("content");
        post.send().await.expect(201).assert_headers(&[
            ("location", &format!("/v2/app/blobs/{digest}")),
            ("docker-content-digest", &digest.to_string()),
        ]);
        let reply = server.get(&format!("/v2/app/blobs/{digest}")).await.expect(200);
        assert_eq!(
            (reply.body.as_ref(), reply.header("docker-content-digest")),
            (&b"content"[..], digest.to_string().as_str())
        );
    }
}

async fn an_empty_blob(backend: Backend) {
    let server = backend.server().await;
    let digest = server.put_blob("app", b"").await;
    let path = format!("/v2/app/blobs/{digest}");
    let reply = server.get(&path).await.expect(200);
    assert_eq!((reply.body.len(), reply.header("content-length")), (0, "0"));
    server.call("GET", &path).header("range", "bytes=0-").send().await.expect_error(416, "SIZE_INVALID");
}

async fn delete(backend: Backend) {
    let server = backend.server().await;
    let digest = server.put_blob("app", b"content").await;
    let path = format!("/v2/app/blobs/{digest}");
    server.delete(&path).await.expect(202);
    server.get(&path).await.expect_error(404, "BLOB_UNKNOWN");
    server.head(&path).await.expect(404);
    let reply = server.delete(&path).await.expect_error(404, "BLOB_UNKNOWN");
    assert_eq!(reply.json()["errors"][0]["detail"]["digest"], digest.to_string());
}

async fn a_digest_may_be_percent_encoded(backend: Backend) {
    let server = backend.server().await;
    let digest = server.put_blob("app", b"content").await;
    let encoded = digest.to_string().replace(':', "%3A");
    assert_eq!(server.get(&format!("/v2/app/blobs/{encoded}")).await.expect(200).body, "content");
}

async fn a_manifest_is_no_blob_and_a_blob_no_manifest(backend: Backend) {
    let server = backend.server().await;
    let manifest = server.put_image("app", "latest", "").await;
    server.get(&format!("/v2/app/blobs/{manifest}")).await.expect_error(404, "BLOB_UNKNOWN");
    let config = Digest::sha256(b"{}");
    server.get(&format!("/v2/app/manifests/{config}")).await.expect_error(404, "MANIFEST_UNKNOWN");
}

on_every_deployment! {
    get_and_head,
    ranges,
    every_algorithm,
    an_empty_blob,
    delete,
    a_digest_may_be_percent_encoded,
    a_manifest_is_no_blob_and_a_blob_no_manifest,
}
