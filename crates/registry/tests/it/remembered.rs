//! Answers that are remembered are never old ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use oci::Digest;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;

use crate::backends::{Backend, on_every_backend};
use crate::server::{MANIFEST, Server, digest, image};

async fn a_tag_that_moves_is_seen_to_move(backend: Backend) {
    let server = backend.server().await;
    for number in 0..3 {
        let pushed = server.put_image("app", "latest", &number.to_string()).await;
        for method in ["GET", "HEAD", "GET"] {
            let reply = server.call(method, "/v2/app/manifests/latest").send().await.expect(200);
            assert_eq!(reply.header("docker-content-digest"), pushed.to_string());
        }
    }
    server.delete("/v2/app/manifests/latest").await.expect(202);
    server.get("/v2/app/manifests/latest").await.expect_error(404, "MANIFEST_UNKNOWN");
}

async fn what_was_deleted_is_gone_under_every_name(backend: Backend) {
    let server = backend.server().await;
    let pushed = server.put_image("app", "latest", "").await;
    let config = Digest::sha256(b"{}");
    let paths = [
        "/v2/app/manifests/latest".to_owned(),
        format!("/v2/app/manifests/{pushed}"),
        format!("/v2/app/blobs/{config}"),
    ];
    for path in paths.iter().chain(&paths) {
        server.get(path).await.expect(200);
    }
    server.delete(&paths[1]).await.expect(202);
    server.head(&paths[0]).await.expect(404);
    server.head(&paths[1]).await.expect(404);
    server.get(&paths[2]).await.expect(200);
    server.delete(&paths[2]).await.expect(202);
    server.head(&paths[2]).await.expect(404);
    server.put_blob("app", b"{}").await;
    server.get(&paths[2]).await.expect(200);
}

async fn the_type_is_the_one_that_came_last(backend: Backend) {
    const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
    let server = backend.server().await;
    server.put_blob("app", b"{}").await;
    let mut document = image(&[], None, "");
    document.as_object_mut().unwrap().remove("mediaType");
    for kind in [MANIFEST, DOCKER, MANIFEST] {
        server.put_manifest("app", "v1", kind, &document).await.expect(201);
        for name in ["v1".to_owned(), digest(&document).to_string()] {
            let reply = server.get(&format!("/v2/app/manifests/{name}")).await.expect(200);
            assert_eq!(reply.header("content-type"), kind);
        }
    }
}

/// Readers and writers of a few tags at once. Nobody reads what was replaced before he began, nor what somebody else had seen replaced.
async fn nobody_ever_sees_the_past(backend: Backend) {
    const TAGS: usize = 3;
    const PUSHES: u64 = 40;
    let seed = 20_261_121;
    let server = Arc::new(backend.server().await);
    server.put_blob("app", b"{}").await;
    let push = async |server: &Server, tag: usize, number: u64| {
        let mut manifest = image(&[], None, "");
        manifest["annotations"] = json!({ "number": number.to_string() });
        server.put_manifest("app", &format!("t{tag}"), MANIFEST, &manifest).await.expect(201);
    };
    let known: Arc<[AtomicU64; TAGS]> = Arc::default();
    for tag in 0..TAGS {
        push(&server, tag, 0).await;
    }
    let ended = Arc::new(AtomicBool::new(false));
    let mut readers = tokio::task::JoinSet::new();
    for reader in 0..3 {
        let (server, known, ended) = (Arc::clone(&server), Arc::clone(&known), Arc::clone(&ended));
        readers.spawn(async move {
            let mut random = StdRng::seed_from_u64(seed + reader);
            let mut reads = 0;
            while !ended.load(Ordering::SeqCst) {
                let tag = random.random_range(0..TAGS);
                let least = known[tag].load(Ordering::SeqCst);
                let manifest = server.get(&format!("/v2/app/manifests/t{tag}")).await.expect(200).json();
                let number: u64 = manifest["annotations"]["number"].as_str().unwrap().parse().unwrap();
                assert!(number >= least, "t{tag} is {number} after it was {least}, seed {seed}");
                known[tag].fetch_max(number, Ordering::SeqCst);
                reads += 1;
                tokio::task::yield_now().await;
            }
            reads
        });
    }
    let mut random = StdRng::seed_from_u64(seed);
    let mut numbers = [0; TAGS];
    for _ in 0..PUSHES {
        let tag = random.random_range(0..TAGS);
        numbers[tag] += 1;
        push(&server, tag, numbers[tag]).await;
        known[tag].fetch_max(numbers[tag], Ordering::SeqCst);
        for _ in 0..random.random_range(0..4) {
            tokio::task::yield_now().await;
        }
    }
    ended.store(true, Ordering::SeqCst);
    let reads: u64 = readers.join_all().await.into_iter().sum();
    assert!(reads > 0);
}

on_every_backend! {
    a_tag_that_moves_is_seen_to_move,
    what_was_deleted_is_gone_under_every_name,
    the_type_is_the_one_that_came_last,
    nobody_ever_sees_the_past,
}
