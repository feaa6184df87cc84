//! Quotas: what repositories may have, to the byte.

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use oci::Digest;
use registry::{Counted, Quota, QuotaScope, Quotas, RegistryOptions};
use resolve::retention::Pattern;
use serde_json::json;

use crate::backends::{Backend, on_every_backend};
use crate::server::{MANIFEST, Reply, Server, image};

fn each(pattern: &str, limits: &[(Counted, u64)]) -> Quota {
    Quota { scope: QuotaScope::Each(vec![Pattern::parse(pattern).unwrap()]), limits: limits.to_vec() }
}

fn together(name: &str, limits: &[(Counted, u64)]) -> Quota {
    Quota { scope: QuotaScope::Namespace(name.parse().unwrap()), limits: limits.to_vec() }
}

fn options(quotas: Vec<Quota>) -> RegistryOptions {
    RegistryOptions { quotas: Quotas::new(quotas), ..RegistryOptions::default() }
}

async fn push(server: &Server, repository: &str, content: &[u8]) -> Reply {
    let digest = Digest::sha256(content);
    let call = server.call("POST", &format!("/v2/{repository}/blobs/uploads/?digest={digest}"));
    call.body(content.to_vec()).send().await
}

async fn bytes_are_counted_to_the_last_and_once_for_each_blob(backend: Backend) {
    let server = backend.server_with(options(vec![each("app*", &[(Counted::Bytes, 10)])])).await;
    push(&server, "app", b"12345").await.expect(201);
    push(&server, "app", b"12345").await.expect(201);
    push(&server, "app", b"6789x").await.expect(201);
    let refused = push(&server, "app", b"y").await.expect_error(403, "DENIED");
    assert_eq!(refused.json()["errors"][0]["detail"], json!({ "quota": { "of": "bytes", "limit": 10 } }));
    push(&server, "app2", b"0123456789").await.expect(201);
    push(&server, "free", &[7; 100]).await.expect(201);
    let mount = format!("/v2/app/blobs/uploads/?mount={}&from=free", Digest::sha256(&[7; 100]));
    server.post(&mount).await.expect_error(403, "DENIED");
    server.get(&format!("/v2/app/blobs/{}", Digest::sha256(&[7; 100]))).await.expect(404);
    // What it has already it may have again.
    server.post(&format!("/v2/app/blobs/uploads/?mount={}&from=app", Digest::sha256(b"12345"))).await.expect(201);
    server.delete(&format!("/v2/app/blobs/{}", Digest::sha256(b"12345"))).await.expect(202);
    push(&server, "app", b"y").await.expect(201);
}

async fn what_is_too_much_is_not_read(backend: Backend) {
    let server = backend.server_with(options(vec![each("app", &[(Counted::Bytes, 10)])])).await;
    let session = server.begin("app").await;
    // The body never comes.
    let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let call = server.call("PATCH", &session).header("content-length", "11").body(never);
    call.send().await.expect_error(403, "DENIED");
    // Of a body of unknown length as much is read as there is room.
    let pieces = stream::iter([b"1234"; 3].map(|piece| Ok(Bytes::from_static(piece))));
    let endless = pieces.chain(stream::pending::<Result<Bytes, std::io::Error>>());
    let call = server.call("PATCH", &session).body(Body::from_stream(endless));
    call.send().await.expect_error(403, "DENIED");
    push(&server, "app", b"0123456789").await.expect(201);
    server.post("/v2/app/blobs/uploads/").await.expect_error(403, "DENIED");
}

async fn manifests_and_tags_are_counted(backend: Backend) {
    let limits = [(Counted::Manifests, 2), (Counted::Tags, 2)];
    let server = backend.server_with(options(vec![each("app", &limits)])).await;
    let one = server.put_image("app", "1", "one").await;
    server.put_image("app", "1", "two").await;
    let third = server.put_manifest("app", "1", MANIFEST, &image(&[], None, "three")).await;
    third.expect_error(403, "DENIED");
    server.put_image("app", "2", "one").await;
    let fourth = server.put_manifest("app", "4", MANIFEST, &image(&[], None, "one")).await;
    let detail = fourth.expect_error(403, "DENIED").json();
    assert_eq!(detail["errors"][0]["detail"]["quota"], json!({ "of": "tags", "limit": 2 }));
    server.delete("/v2/app/manifests/1").await.expect(202);
    server.put_image("app", "4", "one").await;
    server.delete(&format!("/v2/app/manifests/{one}")).await.expect(202);
    server.put_image("app", "1", "three").await;
}

async fn a_namespace_is_counted_together(backend: Backend) {
    let server = backend.server_with(options(vec![together("team", &[(Counted::Bytes, 10)])])).await;
    push(&server, "team/a", b"1234").await.expect(201);
    push(&server, "team/b/c", b"1234").await.expect(201);
    push(&server, "teams", b"0123456789").await.expect(201);
    let refused = push(&server, "team", b"567").await.expect_error(403, "DENIED");
    let quota = json!({ "of": "bytes", "limit": 10, "namespace": "team" });
    assert_eq!(refused.json()["errors"][0]["detail"]["quota"], quota);
    push(&server, "team", b"56").await.expect(201);
    push(&server, "team/d", b"7").await.expect_error(403, "DENIED");
}

async fn many_at_once_get_no_more_than_one_after_the_other(backend: Backend) {
    let server = backend.server_with(options(vec![each("app", &[(Counted::Bytes, 100)])])).await;
    let pushes = (0..32).map(|number| {
        let server = &server;
        async move { push(server, "app", format!("{number:010}").as_bytes()).await.status.as_u16() }
    });
    let statuses = futures_util::future::join_all(pushes).await;
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(201), count(403)), (10, 22), "{statuses:?}");
}

on_every_backend!(
    bytes_are_counted_to_the_last_and_once_for_each_blob,
    what_is_too_much_is_not_read,
    manifests_and_tags_are_counted,
    a_namespace_is_counted_together,
    many_at_once_get_no_more_than_one_after_the_other,
);
