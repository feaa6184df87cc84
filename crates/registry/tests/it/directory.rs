//! What is kept in a directory.

use std::path::Path;

use oci::Digest;
use registry::{Clock, Keeping, RegistryOptions, Storage};
use serde_json::json;

use crate::backends::closed;
use crate::server::{MANIFEST, Server, digest, image};

async fn server(root: &Path) -> Server {
    closed(root).await;
    let storage = Storage::open(root, Clock::system(), Keeping::default()).await.unwrap();
    Server::over(storage, RegistryOptions::default())
}

/// Returns the names of the files below a directory.
fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.file_name().into_string().unwrap());
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn what_was_pushed_is_there_after_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let first = server(root.path()).await;
    let layer = vec![b'x'; 600_000];
    first.put_blob("team/app", b"{}").await;
    first.put_blob("team/app", &layer).await;
    let document = image(&[&layer], None, "");
    first.put_manifest("team/app", "v1", MANIFEST, &document).await.expect(201);
    let subject = digest(&document);
    let artifact = first.put_artifact("team/app", &subject, "application/vnd.example", "").await;
    drop(first);

    let second = server(root.path()).await;
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
    assert_eq!(files(&root.path().join("uploads")), [""; 0]);
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart() {
    for algorithm in ["sha256", "sha512", "blake3"] {
        let root = tempfile::tempdir().unwrap();
        let first = server(root.path()).await;
        let begun = first.post(&format!("/v2/app/blobs/uploads/?digest-algorithm={algorithm}")).await.expect(202);
        let location = begun.header("location").to_owned();
        let untouched = first.begin("app").await;
        first.call("PATCH", &location).body(vec![b'a'; 300_000]).send().await.expect(202);
        drop(first);

        let second = server(root.path()).await;
        assert_eq!(second.get(&location).await.expect(204).header("range"), "0-299999");
        assert_eq!(second.get(&untouched).await.expect(204).header("range"), "0-0");
        second.get(&location.replace("/app/", "/other/")).await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        let chunk = second.call("PATCH", &location).header("content-range", "300000-300003");
        chunk.body("tail").send().await.expect(202);
        let whole = [vec![b'a'; 300_000], b"tail".to_vec()].concat();
        let digest = algorithm.parse::<oci::Algorithm>().unwrap().digest(&whole);
        second.call("PUT", &format!("{location}?digest={digest}")).send().await.expect(201);
        assert_eq!(second.get(&format!("/v2/app/blobs/{digest}")).await.expect(200).body, whole);
        second.get(&location).await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        second.delete(&untouched).await.expect(204);
        assert_eq!(files(&root.path().join("uploads")), [""; 0]);
    }
}

#[tokio::test]
async fn one_process_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let _first = server(root.path()).await;
    let refused = Storage::open(root.path(), Clock::system(), Keeping::default()).await.unwrap_err();
    assert_eq!(refused.to_string(), format!("{} is served by another process", root.path().display()));
}

#[tokio::test]
async fn what_a_newer_program_made_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    drop(server(root.path()).await);
    closed(root.path()).await;
    let database = rusqlite::Connection::open(root.path().join("metadata.db")).unwrap();
    assert_eq!(database.execute("INSERT INTO metadata_step (number) VALUES (1000)", []).unwrap(), 1);
    drop(database);
    let refused = Storage::open(root.path(), Clock::system(), Keeping::default()).await.unwrap_err();
    assert!(refused.to_string().contains("schema 1000"), "{refused}");
}

#[tokio::test]
async fn a_blob_that_is_there_is_kept_once() {
    let root = tempfile::tempdir().unwrap();
    let server = server(root.path()).await;
    for name in ["one", "two", "one"] {
        server.put_blob(name, b"the same").await;
    }
    let encoded = Digest::sha256(b"the same").encoded();
    let kept = files(&root.path().join("blobs"));
    assert!(kept.len() == 1 && kept[0].starts_with(&encoded), "{kept:?}");
}

#[tokio::test]
async fn a_look_makes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let server = server(root.path()).await;
    server.get("/v2/app/tags/list").await.expect_error(404, "NAME_UNKNOWN");
    server.begin("app").await;
    let refused = server.put_manifest("app", "v1", MANIFEST, &image(&[], None, "")).await;
    refused.expect_error(400, "MANIFEST_BLOB_UNKNOWN");
    server.get("/v2/app/tags/list").await.expect_error(404, "NAME_UNKNOWN");
    assert!(!root.path().join("blobs").exists());
}

#[tokio::test]
async fn mounts_and_deletes() {
    let root = tempfile::tempdir().unwrap();
    let server = server(root.path()).await;
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
