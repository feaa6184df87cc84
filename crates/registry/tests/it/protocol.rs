//! What holds for every request.

use registry::RegistryOptions;

use crate::backends::{Backend, on_every_deployment};

const ABSENT: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

async fn ping(backend: Backend) {
    let server = backend.server().await;
    for path in ["/v2/", "/v2"] {
        let reply = server.get(path).await.expect(200);
        assert_eq!(reply.body, "{}");
        reply.assert_headers(&[("content-type", "application/json"), ("content-length", "2")]);
        assert_eq!(server.head(path).await.expect(200).body, "");
    }
    assert_eq!(server.post("/v2/").await.expect_error(405, "UNSUPPORTED").header("allow"), "GET, HEAD");
}

async fn what_is_no_endpoint_is_not_found(backend: Backend) {
    let server = backend.server().await;
    for path in ["/", "/v1/", "/v2/app", "/v2/app/tags", "/v2/_catalog", "/token", "/v2/app/other/x"] {
        server.get(path).await.expect_error(404, "UNSUPPORTED");
    }
}

async fn names_are_checked_before_anything_is_looked_up(backend: Backend) {
    let server = backend.server().await;
    server.get("/v2/App/tags/list").await.expect_error(400, "NAME_INVALID");
    server.get("/v2/a%2fb/tags/list").await.expect_error(400, "NAME_INVALID");
    server.get("/v2/../etc/tags/list").await.expect_error(400, "NAME_INVALID");
    server.get(&format!("/v2/{}/tags/list", "a".repeat(256))).await.expect_error(400, "NAME_INVALID");
    server.get("/v2/app/blobs/sha256:12").await.expect_error(400, "DIGEST_INVALID");
    server.get("/v2/app/blobs/md5:d41d8cd98f00b204e9800998ecf8427e").await.expect_error(400, "DIGEST_INVALID");
    server.get("/v2/app/manifests/sha256:zz").await.expect_error(400, "DIGEST_INVALID");
    server.get("/v2/app/referrers/latest").await.expect_error(400, "DIGEST_INVALID");
    server.get("/v2/app/manifests/.hidden").await.expect_error(404, "MANIFEST_UNKNOWN");
    server.call("PUT", "/v2/app/manifests/.hidden").send().await.expect_error(400, "MANIFEST_INVALID");
    server.get("/v2/app/tags/list?n=%zz").await.expect_error(400, "UNSUPPORTED");
    let many = "tag=a&".repeat(300);
    server.get(&format!("/v2/app/tags/list?{many}")).await.expect_error(414, "UNSUPPORTED");
}

async fn what_is_in_no_repository_is_not_found(backend: Backend) {
    let server = backend.server().await;
    server.get("/v2/app/tags/list").await.expect_error(404, "NAME_UNKNOWN");
    server.get("/v2/app/manifests/latest").await.expect_error(404, "NAME_UNKNOWN");
    server.get(&format!("/v2/app/blobs/{ABSENT}")).await.expect_error(404, "NAME_UNKNOWN");
    server.delete("/v2/app/manifests/latest").await.expect_error(404, "NAME_UNKNOWN");
    // A look must not make one.
    server.head("/v2/app/manifests/latest").await.expect(404);
    server.get("/v2/app/tags/list").await.expect_error(404, "NAME_UNKNOWN");
}

async fn an_error_answers_head_without_a_body(backend: Backend) {
    let server = backend.server().await;
    let reply = server.head(&format!("/v2/app/blobs/{ABSENT}")).await.expect(404);
    assert_eq!(reply.body, "");
    assert_eq!(reply.header("content-type"), "application/json");
}

async fn methods_that_are_not_for_a_resource(backend: Backend) {
    let server = backend.server().await;
    let upload = server.begin("app").await;
    let cases = [
        (format!("/v2/app/blobs/{ABSENT}"), "PUT", "GET, HEAD, DELETE"),
        ("/v2/app/blobs/uploads/".to_owned(), "GET", "POST"),
        (upload, "POST", "GET, PATCH, PUT, DELETE"),
        ("/v2/app/manifests/latest".to_owned(), "POST", "GET, HEAD, PUT, DELETE"),
        ("/v2/app/tags/list".to_owned(), "DELETE", "GET, HEAD"),
        (format!("/v2/app/referrers/{ABSENT}"), "PUT", "GET, HEAD"),
    ];
    for (path, method, allowed) in cases {
        let reply = server.call(method, &path).send().await.expect_error(405, "UNSUPPORTED");
        assert_eq!(reply.header("allow"), allowed, "{method} {path}");
    }
}

async fn deletes_can_be_switched_off(backend: Backend) {
    let server = backend.server_with(RegistryOptions { deletes: false, ..RegistryOptions::default() }).await;
    let blob = server.put_blob("app", b"content").await;
    let manifest = server.put_image("app", "latest", "").await;
    for path in [format!("blobs/{blob}"), format!("manifests/{manifest}"), "manifests/latest".to_owned()] {
        let path = format!("/v2/app/{path}");
        let reply = server.delete(&path).await.expect_error(405, "UNSUPPORTED");
        assert!(!reply.header("allow").contains("DELETE"));
        server.get(&path).await.expect(200);
    }
    let upload = server.begin("app").await;
    server.delete(&upload).await.expect(204);
}

on_every_deployment! {
    ping,
    what_is_no_endpoint_is_not_found,
    names_are_checked_before_anything_is_looked_up,
    what_is_in_no_repository_is_not_found,
    an_error_answers_head_without_a_body,
    methods_that_are_not_for_a_resource,
    deletes_can_be_switched_off,
}
