//! Several nodes over one database and the same blobs.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use oci::Digest;
use registry::{BlobFiles, Keeping, Registry, RegistryOptions, Storage};
use serde_json::json;
use tempfile::TempDir;
use testkit::peers::RunningPostgres;
use tokio::sync::mpsc;

use crate::backends::{new_schema, node};
use crate::server::{MANIFEST, Server, image};

/// Two nodes of one registry.
struct Cluster {
    nodes: [Server; 2],
    server: &'static RunningPostgres,
    schema: String,
}

impl Cluster {
    /// Returns a cluster that has nothing yet; `None` when there is no server here.
    async fn new() -> Option<Self> {
        let (server, schema) = new_schema()?;
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let one = async |directory: Arc<TempDir>| {
            let blobs = BlobFiles::open(directory.path()).unwrap();
            let registry = Registry::new(node(server, &schema, blobs).await, RegistryOptions::default());
            Server::of(vec![registry], Some(directory))
        };
        // Both make the tables, at the same time.
        let (first, second) = tokio::join!(one(Arc::clone(&directory)), one(directory));
        Some(Self { nodes: [first, second], server, schema })
    }

    fn run(&self, statement: &str) -> String {
        self.server.run(&format!("SET search_path = {}; {statement}", self.schema))
    }

    /// Waits until a request writes to an upload.
    async fn wait_for_claim(&self) {
        for _ in 0..500 {
            if self.run("SELECT count(taken_at) FROM upload") == "1" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("no upload is claimed");
    }
}

/// Returns a body and what sends pieces of it.
fn slow_body() -> (mpsc::UnboundedSender<Bytes>, Body) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let stream = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
    let body = futures_util::StreamExt::map(stream, Ok::<_, std::io::Error>);
    (sender, Body::from_stream(body))
}

#[tokio::test]
async fn an_upload_goes_on_at_another_node() {
    let Some(Cluster { nodes: [first, second], .. }) = Cluster::new().await else { return };
    for algorithm in ["sha256", "blake3"] {
        let begun = first.post(&format!("/v2/app/blobs/uploads/?digest-algorithm={algorithm}")).await.expect(202);
        let upload = begun.header("location").to_owned();
        let mut content = Vec::new();
        for number in 0..6_u8 {
            let (node, other) = if number % 3 == 1 { (&first, &second) } else { (&second, &first) };
            let piece = vec![number; 100_000];
            let range = format!("{}-{}", content.len(), content.len() + piece.len() - 1);
            let patch = node.call("PATCH", &upload).header("content-range", &range).body(piece.clone());
            patch.send().await.expect(202);
            content.extend(piece);
            let status = other.get(&upload).await.expect(204);
            assert_eq!(status.header("range"), format!("0-{}", content.len() - 1));
        }
        let digest = algorithm.parse::<oci::Algorithm>().unwrap().digest(&content);
        first.call("PUT", &format!("{upload}?digest={digest}")).send().await.expect(201);
        assert_eq!(second.get(&format!("/v2/app/blobs/{digest}")).await.expect(200).body, content);
        for node in [&first, &second] {
            node.get(&upload).await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
            node.call("PATCH", &upload).body("more").send().await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
        }
    }
}

#[tokio::test]
async fn two_nodes_do_not_write_to_one_upload() {
    let Some(cluster) = Cluster::new().await else { return };
    let [first, second] = &cluster.nodes;
    let upload = first.begin("app").await;
    first.call("PATCH", &upload).body("head").send().await.expect(202);
    let (pieces, body) = slow_body();
    let writing = tokio::spawn(first.call("PATCH", &upload).body(body).send());
    pieces.send(Bytes::from(vec![b'1'; 700_000])).unwrap();
    cluster.wait_for_claim().await;
    for range in [None, Some("4-7"), Some("0-3")] {
        let call = second.call("PATCH", &upload).body("2222");
        let call = if let Some(range) = range { call.header("content-range", range) } else { call };
        let reply = call.send().await.expect_error(416, "BLOB_UPLOAD_INVALID");
        assert_eq!(reply.header("range"), "0-3");
    }
    let put = second.call("PUT", &format!("{upload}?digest={}", Digest::sha256(b"head"))).send().await;
    put.expect_error(416, "BLOB_UPLOAD_INVALID");
    drop(pieces);
    writing.await.unwrap().expect(202);
    let whole = [b"head".to_vec(), vec![b'1'; 700_000]].concat();
    let digest = Digest::sha256(&whole);
    second.call("PUT", &format!("{upload}?digest={digest}")).send().await.expect(201);
    assert_eq!(first.get(&format!("/v2/app/blobs/{digest}")).await.expect(200).body, whole);
}

#[tokio::test]
async fn an_upload_that_is_cancelled_elsewhere_ends() {
    let Some(cluster) = Cluster::new().await else { return };
    let [first, second] = &cluster.nodes;
    let upload = first.begin("app").await;
    let (pieces, body) = slow_body();
    let writing = tokio::spawn(first.call("PATCH", &upload).body(body).send());
    pieces.send(Bytes::from_static(b"content")).unwrap();
    cluster.wait_for_claim().await;
    second.delete(&upload).await.expect(204);
    drop(pieces);
    writing.await.unwrap().expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(cluster.run("SELECT count(*) FROM upload"), "0");
    let files = std::fs::read_dir(first.directory().join("uploads")).unwrap();
    assert_eq!(files.count(), 0);
}

#[tokio::test]
async fn an_upload_whose_node_vanished_is_lost() {
    let Some(cluster) = Cluster::new().await else { return };
    let [first, second] = &cluster.nodes;
    let upload = first.begin("app").await;
    first.call("PATCH", &upload).body("content").send().await.expect(202);
    cluster.run("UPDATE upload SET taken_at = touched_at");
    second.call("PATCH", &upload).body("more").send().await.expect_error(416, "BLOB_UPLOAD_INVALID");
    cluster.run("UPDATE upload SET taken_at = touched_at - 600000");
    second.call("PATCH", &upload).body("more").send().await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
    first.get(&upload).await.expect_error(404, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_push_at_once_is_all_there() {
    let Some(cluster) = Cluster::new().await else { return };
    let mut pushes = tokio::task::JoinSet::new();
    for number in 0..32 {
        let node = Server::of(vec![cluster.nodes[number % 2].0.clone()], None);
        pushes.spawn(async move {
            // The same blob, and manifests of their own, in repositories that begin with this.
            let repository = format!("app{}", number % 4);
            node.put_image(&repository, &format!("v{number}"), &number.to_string()).await;
            node.put_image(&repository, "latest", &number.to_string()).await;
        });
    }
    while let Some(pushed) = pushes.join_next().await {
        pushed.unwrap();
    }
    for number in 0..4 {
        let list = cluster.nodes[0].get(&format!("/v2/app{number}/tags/list")).await.expect(200);
        assert_eq!(list.json()["tags"].as_array().unwrap().len(), 9, "{list:?}");
    }
    // Each tag that moved was counted without a gap.
    assert_eq!(cluster.run("SELECT count(*) FROM tag_move WHERE name = 'latest'"), "32");
    let gaps = "SELECT count(*) FROM (SELECT max(number) - count(*) AS gap FROM tag_move GROUP BY repository, name) \
                AS gaps WHERE gap <> 0";
    assert_eq!(cluster.run(gaps), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_create_one_is_refused() {
    let Some(cluster) = Cluster::new().await else { return };
    let [first, second] = &cluster.nodes;
    for round in 0..10 {
        first.put_blob("app", b"{}").await;
        let put = |node: &Server, text: &str| {
            let call = node.call("PUT", &format!("/v2/app/manifests/v{round}")).header("content-type", MANIFEST);
            call.header("if-none-match", "*").body(image(&[], None, text).to_string()).send()
        };
        let (one, two) = tokio::join!(put(first, "one"), put(second, "two"));
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 412]);
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_503_and_comes_back() {
    // A server of its own: the others are in use.
    let Some(server) = RunningPostgres::start() else { return };
    let directory = tempfile::tempdir().unwrap();
    let url = server.url("public").parse().unwrap();
    let blobs = BlobFiles::open(directory.path()).unwrap();
    let storage = Storage::postgres(&url, Arc::new(blobs), Keeping::default()).await.unwrap();
    let registry = Server::over(storage, RegistryOptions::default());
    let manifest = registry.put_image("app", "v1", "").await;
    server.stop();
    let reply = registry.get("/v2/app/manifests/v1").await.expect_error(503, "UNKNOWN");
    assert_eq!(reply.header("retry-after"), "5");
    let message = "the server cannot do that at the moment";
    assert_eq!(reply.json(), json!({ "errors": [{ "code": "UNKNOWN", "message": message }] }));
    let refused = registry.put_manifest("app", "v2", MANIFEST, &image(&[], None, "")).await;
    refused.expect_error(503, "UNKNOWN");
    registry.post("/v2/app/blobs/uploads/").await.expect_error(503, "UNKNOWN");
    server.resume();
    let reply = registry.get("/v2/app/manifests/v1").await.expect(200);
    assert_eq!(reply.header("docker-content-digest"), manifest.to_string());
    assert_eq!(registry.get("/v2/app/tags/list").await.json()["tags"], json!(["v1"]));
    // Connections that the operator has ended are replaced too.
    let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'supercargo'";
    assert_ne!(server.run(ended), "0");
    registry.put_image("app", "v2", "").await;
}

#[test]
fn the_password_does_not_show() {
    let url: registry::PostgresUrl = "postgres://ada:s3cret@db.example/registry".parse().unwrap();
    let shown = format!("{url:?}");
    assert!(shown.contains("db.example") && !shown.contains("s3cret"), "{shown}");
    let error = "postgres://ada:s3cret@db.example:port/registry".parse::<registry::PostgresUrl>().unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
}
