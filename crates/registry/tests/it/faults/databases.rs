//! PostgreSQL is cut off, and ends and begins again, in the midst of pushes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use registry::{BlobFiles, Keeping, RegistryOptions, Storage};
use testkit::peers::RunningPostgres;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::{pull, push, settled};
use crate::server::Server;

/// The name that the clients of PostgreSQL look for.
const SOCKET: &str = ".s.PGSQL.5432";

/// Stands between nodes and their database. While it is cut nothing goes through, and what went through has ended.
struct Wire {
    cut: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Wire {
    fn start(to: &Path, from: &Path) -> Self {
        let listener = UnixListener::bind(from.join(SOCKET)).unwrap();
        let to = to.join(SOCKET);
        let (cut, is_cut) = watch::channel(false);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let (to, mut is_cut) = (to.clone(), is_cut.clone());
                connections.spawn(async move {
                    if *is_cut.borrow_and_update() {
                        return;
                    }
                    let Ok(mut far) = UnixStream::connect(to).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = is_cut.changed() => {}
                    }
                });
            }
        });
        Self { cut, accepting }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_cut_off_and_restarted_loses_nothing_that_was_acknowledged() {
    let Some(postgres) = RunningPostgres::start() else { return };
    postgres.run("CREATE SCHEMA node");
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let url = postgres.url("node");
    let host = url.split_once("host=").and_then(|(_, rest)| rest.split_once('&')).unwrap().0;
    let wire = Wire::start(Path::new(&host.replace("%2F", "/")), directory.path());
    let url = url.replace(host, &directory.path().to_string_lossy().replace('/', "%2F")).parse().unwrap();
    let blobs = Arc::new(BlobFiles::open(directory.path()).unwrap());
    let keeping = Keeping { lease: Duration::from_mins(10), ..Keeping::default() };
    let storage = Storage::postgres(&url, blobs, keeping).await.unwrap();
    let server = Server::over(storage.clone(), RegistryOptions::default());
    let (end, ended) = watch::channel(false);
    let mut clients = JoinSet::new();
    for client in 0..4 {
        let (server, ended) = (Server::of(vec![server.0.clone()], None), ended.clone());
        clients.spawn(async move {
            let (mut acknowledged, mut refused, mut number) = (Vec::new(), 0, 0);
            while !*ended.borrow() {
                number += 1;
                let (layer, tag) = (format!("layer {client} {number}").into_bytes(), format!("v{client}-{number}"));
                if push(&server, &layer, &tag).await {
                    acknowledged.push((layer, tag));
                } else {
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            (acknowledged, refused)
        });
    }
    let a_while = || tokio::time::sleep(Duration::from_millis(400));
    for _ in 0..4 {
        a_while().await;
        wire.cut.send_replace(true);
        a_while().await;
        wire.cut.send_replace(false);
    }
    let postgres = tokio::task::spawn_blocking(move || {
        postgres.stop();
        std::thread::sleep(Duration::from_millis(300));
        postgres.resume();
        postgres
    });
    let postgres = postgres.await.unwrap();
    a_while().await;
    end.send_replace(true);
    let (mut acknowledged, mut refused) = (Vec::new(), 0);
    for (pushed, failed) in clients.join_all().await {
        acknowledged.extend(pushed);
        refused += failed;
    }
    println!("{} pushes were acknowledged, {refused} were not", acknowledged.len());
    assert!(!acknowledged.is_empty() && refused > 0);
    // A connection that broke is noticed when it is used next.
    while !push(&server, b"after", "after").await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (layer, tag) in &acknowledged {
        pull(&server, layer, tag).await;
    }
    settled(&storage).await;
    drop(postgres);
}
