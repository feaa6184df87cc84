//! Repositories in a directory.

use std::path::Path;
use std::sync::Arc;

use oci::Digest;
use registry::{DirectoryRepositories, RegistryOptions, Repositories};
use serde_json::json;
use store::{LayoutStore, Store as _};

use crate::server::{MANIFEST, Server, digest, image};

fn server(root: &Path) -> Server {
    Server::over(Arc::new(DirectoryRepositories::new(root).unwrap()), RegistryOptions::default())
}

#[tokio::test]
async fn what_was_pushed_is_there_after_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let first = server(root.path());
    let layer = vec![b'x'; 600_000];
    first.put_blob("team/app", b"{}").await;
    first.put_blob("team/app", &layer).await;
    let document = image(&[&layer], None, "");
    first.put_manifest("team/app", "v1", MANIFEST, &document).await.expect(201);
    let subject = digest(&document);
    let artifact = first.put_artifact("team/app", &subject, "application/vnd.example", "").await;

    // The first is still there, as it would be after a crash.
    let second = server(root.path());
    let reply = second.get("/v2/team/app/manifests/v1").await.expect(200);
    assert_eq!(reply.header("docker-content-digest"), subject.to_string());
    assert_eq!(reply.body, document.to_string());
    let path = format!("/v2/team/app/blobs/{}", Digest::sha256(&layer));
    assert_eq!(second.get(&path).await.expect(200).body, layer);
    let part = second.call("GET", &path).header("range", "bytes=599990-").send().await.expect(206);
    assert_eq!(part.body, layer[..10]);
    assert_eq!(second.get("/v2/team/app/tags/list").await.json()["tags"], json!(["v1"]));
    let listed = second.get(&format!("/v2/team/app/referrers/{subject}")).await.json();
    assert_eq!(listed["manifests"][0]["digest"], json!(artifact));
    second.get("/v2/team/tags/list").await.expect_error(404, "NAME_UNKNOWN");

    // A layout like any other, with the artifact listed.
    let layout = LayoutStore::open(root.path().join("team+app")).unwrap();
    assert_eq!(layout.resolve(&"v1".parse().unwrap()).await.unwrap().unwrap().digest, subject);
    let index = std::fs::read_to_string(root.path().join("team+app/index.json")).unwrap();
    assert!(index.contains(&artifact.encoded()), "{index}");
    assert_eq!(std::fs::read_dir(root.path().join(".uploads")).unwrap().count(), 0);
}

#[tokio::test]
async fn names_do_not_get_into_each_others_way() {
    let root = tempfile::tempdir().unwrap();
    let repositories = Arc::new(DirectoryRepositories::new(root.path()).unwrap());
    let server = Server::over(repositories.clone(), RegistryOptions::default());
    let longest = "a".repeat(255);
    for name in ["a", "a/blobs", "a/blobs/sha256", "a-b", "a_b", &longest] {
        server.put_image(name, "v1", name).await;
    }
    std::fs::create_dir(root.path().join("no-layout")).unwrap();
    let names: Vec<String> = repositories.names().await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a", "a-b", "a/blobs", "a/blobs/sha256", "a_b", &longest]);
    for name in names {
        assert_eq!(
            server.get(&format!("/v2/{name}/manifests/v1")).await.expect(200).json()["annotations"]["text"],
            name
        );
    }
}

#[tokio::test]
async fn more_repositories_than_are_kept_open() {
    let root = tempfile::tempdir().unwrap();
    let server = server(root.path());
    let name = |i: usize| format!("repository{i}");
    for i in 0..70 {
        server.put_blob(&name(i), i.to_string().as_bytes()).await;
    }
    for i in (0..70).rev() {
        let path = format!("/v2/{}/blobs/{}", name(i), Digest::sha256(i.to_string().as_bytes()));
        assert_eq!(server.get(&path).await.expect(200).body, i.to_string());
    }
    let somewhere = Digest::sha256(b"69");
    server.post(&format!("/v2/app/blobs/uploads/?mount={somewhere}")).await.expect(201);
}

#[tokio::test]
async fn a_look_makes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let server = server(root.path());
    server.get("/v2/app/tags/list").await.expect_error(404, "NAME_UNKNOWN");
    server.begin("app").await;
    let refused = server.put_manifest("app", "v1", MANIFEST, &image(&[], None, "")).await;
    refused.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    server.get("/v2/app/tags/list").await.expect_error(404, "NAME_UNKNOWN");
    let entries: Vec<_> = std::fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(entries, [".uploads"]);
}

#[tokio::test]
async fn mounts_and_deletes() {
    let root = tempfile::tempdir().unwrap();
    let server = server(root.path());
    let blob = server.put_blob("base", b"content").await;
    server.post(&format!("/v2/app/blobs/uploads/?mount={blob}&from=base")).await.expect(201);
    server.delete(&format!("/v2/base/blobs/{blob}")).await.expect(202);
    server.head(&format!("/v2/base/blobs/{blob}")).await.expect(404);
    assert_eq!(server.get(&format!("/v2/app/blobs/{blob}")).await.expect(200).body, "content");
    let manifest = server.put_image("app", "v1", "").await;
    server.delete(&format!("/v2/app/manifests/{manifest}")).await.expect(202);
    server.get("/v2/app/manifests/v1").await.expect(404);
    assert_eq!(server.get("/v2/app/tags/list").await.expect(200).json()["tags"], json!([]));
}
