//! Mounts.

use registry::RegistryOptions;

use crate::server::Server;

#[tokio::test]
async fn from_a_repository() {
    let server = Server::default();
    let digest = server.put_blob("base", b"content").await;
    let reply = server.post(&format!("/v2/app/blobs/uploads/?mount={digest}&from=base")).await.expect(201);
    reply.assert_headers(&[
        ("location", &format!("/v2/app/blobs/{digest}")),
        ("docker-content-digest", &digest.to_string()),
    ]);
    assert_eq!(server.get(&format!("/v2/app/blobs/{digest}")).await.expect(200).body, "content");
    // Each repository has its own from now on.
    server.delete(&format!("/v2/base/blobs/{digest}")).await.expect(202);
    server.get(&format!("/v2/app/blobs/{digest}")).await.expect(200);
}

#[tokio::test]
async fn from_wherever_it_is() {
    let server = Server::default();
    server.put_blob("aaa", b"other").await;
    let digest = server.put_blob("base", b"content").await;
    server.post(&format!("/v2/app/blobs/uploads/?mount={digest}")).await.expect(201);
    server.post(&format!("/v2/app/blobs/uploads/?mount={digest}&from=app")).await.expect(201);
    server.get(&format!("/v2/app/blobs/{digest}")).await.expect(200);
}

#[tokio::test]
async fn what_cannot_be_mounted_is_uploaded() {
    let server = Server::default();
    let digest = server.put_blob("base", b"content").await;
    server.put_blob("empty", b"other").await;
    for from in ["&from=empty", "&from=nowhere"] {
        let reply = server.post(&format!("/v2/app/blobs/uploads/?mount={digest}{from}")).await.expect(202);
        let upload = reply.header("location").to_owned();
        server.get(&format!("/v2/app/blobs/{digest}")).await.expect(404);
        server.delete(&upload).await.expect(204);
    }
    let absent = oci::Digest::sha256(b"absent");
    server.post(&format!("/v2/app/blobs/uploads/?mount={absent}")).await.expect(202);
    server.post("/v2/app/blobs/uploads/?mount=sha256:1&from=base").await.expect_error(400, "DIGEST_INVALID");
    server.post(&format!("/v2/app/blobs/uploads/?mount={digest}&from=Base")).await.expect_error(400, "NAME_INVALID");
}

#[tokio::test]
async fn mounts_can_be_switched_off() {
    let server = Server::with(RegistryOptions { mounts: false, ..RegistryOptions::default() });
    let digest = server.put_blob("base", b"content").await;
    server.post(&format!("/v2/app/blobs/uploads/?mount={digest}&from=base")).await.expect(202);
    server.head(&format!("/v2/app/blobs/{digest}")).await.expect(404);
}
