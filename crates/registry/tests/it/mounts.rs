//! Mounts.

use registry::RegistryOptions;

use crate::backends::{Backend, on_every_deployment};

async fn from_a_repository(backend: Backend) {
    let server = backend.server().await;
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

async fn from_wherever_it_is(backend: Backend) {
    let server = backend.server().await;
    server.put_blob("aaa", b"other").await;
    let digest = server.put_blob("base", b"content").await;
    server.post(&format!("/v2/app/blobs/uploads/?mount={digest}")).await.expect(201);
    server.post(&format!("/v2/app/blobs/uploads/?mount={digest}&from=app")).await.expect(201);
    server.get(&format!("/v2/app/blobs/{digest}")).await.expect(200);
}

async fn what_cannot_be_mounted_is_uploaded(backend: Backend) {
    let server = backend.server().await;
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

async fn mounts_can_be_switched_off(backend: Backend) {
    let server = backend.server_with(RegistryOptions { mounts: false, ..RegistryOptions::default() }).await;
    let digest = server.put_blob("base", b"content").await;
    server.post(&format!("/v2/app/blobs/uploads/?mount={digest}&from=base")).await.expect(202);
    server.head(&format!("/v2/app/blobs/{digest}")).await.expect(404);
}

on_every_deployment! {
    from_a_repository,
    from_wherever_it_is,
    what_cannot_be_mounted_is_uploaded,
    mounts_can_be_switched_off,
}
