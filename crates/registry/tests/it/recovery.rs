//! The loss of the database: what lies beside it says the same.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use oci::Digest;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use registry::{
    BlobFiles, BlobMemory, BlobStorage, BlobWriter, Clock, Keeping, Listed, Lost, PostgresUrl, RegistryOptions,
    Reindex, Storage, StorageError,
};
use serde_json::{Value, json};
use store::BlobBody;
use tempfile::TempDir;

use crate::backends::{Backend, closed, new_bucket, new_schema, on_every_backend};
use crate::server::{INDEX, MANIFEST, Server, descriptor, digest, image, index};

/// What outlives the database.
struct Estate {
    backend: Backend,
    blobs: Arc<dyn BlobStorage>,
    directory: TempDir,
    url: Option<PostgresUrl>,
}

impl Estate {
    fn new(backend: Backend) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let blobs: Arc<dyn BlobStorage> = match backend {
            Backend::Memory => Arc::new(BlobMemory::default()),
            Backend::Bucket | Backend::Nodes => Arc::new(new_bucket().unwrap().1),
            Backend::Files | Backend::Postgres => Arc::new(BlobFiles::open(directory.path()).unwrap()),
        };
        let mut estate = Self { backend, blobs, directory, url: None };
        estate.url = estate.new_url();
        estate
    }

    fn new_url(&self) -> Option<PostgresUrl> {
        let (server, schema) = (self.backend == Backend::Postgres).then(new_schema).flatten()?;
        Some(server.url(&schema).parse().unwrap())
    }

    async fn open(&self) -> Storage {
        let keeping = Keeping::default();
        match &self.url {
            Some(url) => Storage::postgres(url, Arc::clone(&self.blobs), keeping).await.unwrap(),
            None if self.backend == Backend::Files => open(self.directory.path()).await,
            None => Storage::in_memory_with(Arc::clone(&self.blobs), Clock::system(), keeping),
        }
    }

    /// Loses the database, and makes another.
    async fn recover(&mut self, lost: Storage, reindex: &Reindex) -> (Storage, registry::Reindexed) {
        drop(lost);
        let keeping = Keeping::default();
        match self.backend {
            Backend::Memory | Backend::Bucket | Backend::Nodes => {
                let storage = self.open().await;
                let report = storage.reindex(reindex).await.unwrap();
                (storage, report)
            }
            Backend::Postgres => {
                self.url = self.new_url();
                let (url, blobs) = (self.url.clone().unwrap(), Arc::clone(&self.blobs));
                let report = Storage::reindex_postgres(&url, blobs, keeping, reindex).await.unwrap();
                (self.open().await, report)
            }
            Backend::Files => {
                let root = self.directory.path();
                closed(root).await;
                let reindex = Reindex { replace: true, ..reindex.clone() };
                let report = Storage::reindex_directory(root, Clock::system(), keeping, &reindex).await.unwrap();
                (self.open().await, report)
            }
        }
    }

    /// Returns everything that the database says, as a checkpoint says it.
    async fn state(&self, storage: &Storage) -> BTreeSet<String> {
        storage.keep_whole_journal().await.unwrap();
        let mut state = BTreeSet::new();
        for listed in self.blobs.list("journal", "", 10_000).await.unwrap() {
            assert!(listed.place.contains("checkpoint"), "{} is needless", listed.place);
            let mut body = self.blobs.open(&listed.place, 0, listed.size).await.unwrap().unwrap().into_stream();
            let mut text = Vec::new();
            while let Some(chunk) = body.next().await {
                text.extend_from_slice(&chunk.unwrap());
            }
            for line in String::from_utf8(text).unwrap().lines() {
                let mut entry: Value = serde_json::from_str(line).unwrap();
                if entry.as_object_mut().unwrap().remove("number").is_some() {
                    state.insert(entry.to_string());
                }
            }
        }
        state
    }
}

async fn open(root: &Path) -> Storage {
    closed(root).await;
    Storage::open(root, Clock::system(), Keeping::default()).await.unwrap()
}

const REPOSITORIES: [&str; 3] = ["one", "two/three", "four"];
const TAGS: [&str; 3] = ["x", "y", "z"];

fn layer(number: usize) -> Vec<u8> {
    format!("layer {}", number % 4).into_bytes()
}

fn document(number: usize) -> Value {
    image(&[&layer(number)], None, &number.to_string())
}

/// Does something that the seed decides, as clients do it.
async fn work(server: &Server, random: &mut StdRng, steps: usize) {
    for _ in 0..steps {
        let repository = REPOSITORIES[random.random_range(0..REPOSITORIES.len())];
        let number = random.random_range(0..6);
        let tag = TAGS[random.random_range(0..TAGS.len())];
        let manifest = digest(&document(number));
        match random.random_range(0..11) {
            0..3 => {
                server.put_blob(repository, &layer(number)).await;
                server.put_blob(repository, b"{}").await;
                server.put_manifest(repository, tag, MANIFEST, &document(number)).await.expect(201);
            }
            3 => {
                let blob = Digest::sha256(&layer(number));
                server.post(&format!("/v2/{repository}/blobs/uploads/?mount={blob}&from=one")).await;
            }
            4 => {
                server.put_artifact(repository, &manifest, "application/vnd.about", &number.to_string()).await;
            }
            5 => {
                let list = index(&[descriptor(MANIFEST, document(number).to_string().as_bytes())]);
                server.put_manifest(repository, tag, INDEX, &list).await;
            }
            6 => {
                server.delete(&format!("/v2/{repository}/manifests/{tag}")).await;
            }
            7 | 8 => {
                let kind = if number == 0 { "legal" } else { "pin" };
                let wanted = json!({ "kind": kind, "reason": format!("case {number}") });
                let put = server.call("PUT", &format!("/v2/{repository}/_supercargo/holds/{manifest}"));
                put.body(wanted.to_string()).send().await;
            }
            9 => {
                let kind = if number == 0 { "legal" } else { "pin" };
                server.delete(&format!("/v2/{repository}/_supercargo/holds/{manifest}?kind={kind}")).await;
            }
            _ => {
                server.delete(&format!("/v2/{repository}/manifests/{manifest}")).await;
            }
        }
    }
}

/// Returns what clients are answered.
async fn answers(server: &Server) -> Vec<(String, u16, Vec<u8>)> {
    let mut paths = Vec::new();
    for repository in REPOSITORIES {
        let at = format!("/v2/{repository}");
        paths.push(format!("{at}/tags/list"));
        paths.push(format!("{at}/_supercargo/holds"));
        paths.extend(TAGS.map(|tag| format!("{at}/manifests/{tag}")));
        for number in 0..6 {
            let manifest = digest(&document(number));
            paths.push(format!("{at}/manifests/{manifest}"));
            paths.push(format!("{at}/referrers/{manifest}"));
            paths.push(format!("{at}/blobs/{}", Digest::sha256(&layer(number))));
        }
        paths.push(format!("{at}/blobs/{}", Digest::sha256(b"{}")));
    }
    let mut answers = Vec::new();
    for path in paths {
        let reply = server.get(&path).await;
        answers.push((path, reply.status.as_u16(), reply.body.to_vec()));
    }
    answers
}

async fn the_loss_of_the_database_changes_no_answer(backend: Backend) {
    for seed in [1, 2] {
        let mut estate = Estate::new(backend);
        let mut random = StdRng::seed_from_u64(seed);
        let mut storage = estate.open().await;
        for round in 0..2 {
            let server = Server::over(storage.clone(), RegistryOptions::default());
            work(&server, &mut random, 25).await;
            storage.keep_journal().await.unwrap();
            work(&server, &mut random, 5).await;
            let before = answers(&server).await;
            let state = estate.state(&storage).await;
            work(&server, &mut random, 5).await;
            storage.keep_journal().await.unwrap();
            let (after, whole) = (answers(&server).await, estate.state(&storage).await);
            // What is about to be removed nothing names: it would be an orphan.
            storage.collect().await.unwrap();
            drop(server);
            let (recovered, report) = estate.recover(storage, &Reindex { verify: true, ..Reindex::default() }).await;
            assert!(report.has_journal && report.lost.is_empty() && report.unreadable.is_empty(), "{report:?}");
            assert!(report.orphans.is_empty(), "seed {seed}, round {round}: {report:?}");
            let server = Server::over(recovered.clone(), RegistryOptions::default());
            assert_eq!(answers(&server).await, after, "seed {seed}, round {round}");
            assert_eq!(estate.state(&recovered).await, whole, "seed {seed}, round {round}");
            assert!(before != after || state == whole);
            storage = recovered;
        }
    }
}

async fn keepers_at_the_same_time_lose_nothing(backend: Backend) {
    let mut estate = Estate::new(backend);
    let storage = estate.open().await;
    let other = if backend == Backend::Postgres { estate.open().await } else { storage.clone() };
    let server = Server::over(storage.clone(), RegistryOptions::default());
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..4 {
        let (one, two, ()) = tokio::join!(storage.keep_journal(), other.keep_journal(), work(&server, &mut random, 8));
        one.unwrap();
        two.unwrap();
        let (one, two) = tokio::join!(storage.keep_whole_journal(), other.keep_journal());
        one.unwrap();
        two.unwrap();
    }
    storage.keep_journal().await.unwrap();
    let before = answers(&server).await;
    drop((server, other));
    let (recovered, report) = estate.recover(storage, &Reindex::default()).await;
    assert!(report.lost.is_empty() && report.unreadable.is_empty(), "{report:?}");
    let server = Server::over(recovered, RegistryOptions::default());
    assert_eq!(answers(&server).await, before);
}

async fn without_a_journal_bytes_are_found_and_repositories_are_not(backend: Backend) {
    let mut estate = Estate::new(backend);
    let storage = estate.open().await;
    let server = Server::over(storage.clone(), RegistryOptions::default());
    let manifest = server.put_image("app", "v1", "text").await;
    storage.keep_journal().await.unwrap();
    for listed in estate.blobs.list("journal", "", 1000).await.unwrap() {
        estate.blobs.remove(&listed.place).await.unwrap();
    }
    drop(server);
    let (storage, report) = estate.recover(storage, &Reindex::default()).await;
    assert!(!report.has_journal && report.repositories == 0, "{report:?}");
    assert_eq!(report.orphans.count, 2, "a manifest and its config: {report:?}");

    let into = Some("found".parse().unwrap());
    let (storage, report) = estate.recover(storage, &Reindex { into, ..Reindex::default() }).await;
    assert_eq!((report.repositories, report.manifests, report.blobs, report.tags), (1, 1, 1, 0), "{report:?}");
    let server = Server::over(storage, RegistryOptions::default());
    server.get(&format!("/v2/found/manifests/{manifest}")).await.expect(200);
    server.get(&format!("/v2/found/blobs/{}", Digest::sha256(b"{}"))).await.expect(200);
}

async fn what_is_lost_with_the_bytes_is_named(backend: Backend) {
    let mut estate = Estate::new(backend);
    let storage = estate.open().await;
    let server = Server::over(storage.clone(), RegistryOptions::default());
    let manifest = server.put_image("app", "v1", "text").await;
    let other = server.put_image("app", "v2", "other").await;
    storage.keep_journal().await.unwrap();
    for listed in estate.blobs.list("manifests", "", 10).await.unwrap() {
        if listed.place.contains(&manifest.encoded()) {
            estate.blobs.put(&listed.place, Bytes::from_static(b"{}")).await.unwrap();
        }
    }
    for listed in estate.blobs.list("blobs", "", 10).await.unwrap() {
        estate.blobs.remove(&listed.place).await.unwrap();
    }
    drop(server);
    let (storage, report) = estate.recover(storage, &Reindex::default()).await;
    let config = Digest::sha256(b"{}");
    let is = |wanted: &dyn Fn(&Lost) -> bool| report.lost.first.iter().filter(|lost| wanted(lost)).count();
    assert_eq!(is(&|lost| matches!(lost, Lost::Manifest { digest, .. } if *digest == manifest)), 1, "{report:?}");
    assert_eq!(is(&|lost| matches!(lost, Lost::Tag { tag, .. } if tag == "v1")), 1, "{report:?}");
    assert_eq!(is(&|lost| matches!(lost, Lost::Blob { digest, .. } if *digest == config)), 1, "{report:?}");
    assert_eq!(is(&|lost| matches!(lost, Lost::Part { manifest, .. } if *manifest == other)), 1, "{report:?}");
    assert_eq!(report.lost.count, 4);
    let server = Server::over(storage, RegistryOptions::default());
    server.get("/v2/app/manifests/v1").await.expect(404);
    server.head(&format!("/v2/app/blobs/{config}")).await.expect(404);
    server.put_blob("app", b"{}").await;
    server.get("/v2/app/manifests/v2").await.expect(200);
}

on_every_backend!(
    the_loss_of_the_database_changes_no_answer,
    keepers_at_the_same_time_lose_nothing,
    without_a_journal_bytes_are_found_and_repositories_are_not,
    what_is_lost_with_the_bytes_is_named,
);

/// Blobs of which one thing that is put fails, before or after it is there.
#[derive(Debug)]
struct Failing {
    inner: BlobMemory,
    left: AtomicUsize,
    is_there: bool,
}

#[async_trait]
impl BlobStorage for Failing {
    async fn begin(&self, name: &str) -> Result<Box<dyn BlobWriter>, StorageError> {
        self.inner.begin(name).await
    }

    async fn resume(
        &self,
        name: &str,
        written: u64,
        state: &[u8],
    ) -> Result<Option<Box<dyn BlobWriter>>, StorageError> {
        self.inner.resume(name, written, state).await
    }

    async fn discard(&self, name: &str, state: &[u8]) -> Result<(), StorageError> {
        self.inner.discard(name, state).await
    }

    async fn open(&self, place: &str, offset: u64, length: u64) -> Result<Option<BlobBody>, StorageError> {
        self.inner.open(place, offset, length).await
    }

    async fn remove(&self, place: &str) -> Result<(), StorageError> {
        self.inner.remove(place).await
    }

    async fn put(&self, place: &str, bytes: Bytes) -> Result<(), StorageError> {
        let is_it = self.left.fetch_sub(1, Ordering::SeqCst) == 0;
        if !is_it || self.is_there {
            self.inner.put(place, bytes).await?;
        }
        if is_it { Err(StorageError::Ended) } else { Ok(()) }
    }

    async fn size(&self, place: &str) -> Result<Option<u64>, StorageError> {
        self.inner.size(place).await
    }

    async fn list(&self, directory: &str, after: &str, limit: usize) -> Result<Vec<Listed>, StorageError> {
        self.inner.list(directory, after, limit).await
    }
}

#[tokio::test]
async fn a_keeper_that_ends_anywhere_loses_nothing() {
    let mut failed = 0;
    for (is_there, at) in [false, true].into_iter().flat_map(|is_there| (0..14).map(move |at| (is_there, at))) {
        let blobs = Arc::new(Failing { inner: BlobMemory::default(), left: AtomicUsize::new(at), is_there });
        let storage = Storage::in_memory_with(blobs.clone(), Clock::system(), Keeping::default());
        let server = Server::over(storage.clone(), RegistryOptions::default());
        work(&server, &mut StdRng::seed_from_u64(11), 20).await;
        failed += usize::from(storage.keep_whole_journal().await.is_err());
        work(&server, &mut StdRng::seed_from_u64(12), 5).await;
        while storage.keep_journal().await.is_err() {
            failed += 1;
        }
        storage.collect().await.unwrap();
        let before = answers(&server).await;
        let again = Storage::in_memory_with(blobs, Clock::system(), Keeping::default());
        let report = again.reindex(&Reindex { verify: true, ..Reindex::default() }).await.unwrap();
        assert!(report.lost.is_empty() && report.orphans.is_empty(), "{at}: {report:?}");
        assert_eq!(answers(&Server::over(again, RegistryOptions::default())).await, before, "{at}");
    }
    assert!(failed > 10, "{failed} keepers failed");
}

#[tokio::test]
async fn a_copy_of_the_database_that_is_a_moment_too_old_is_not_served() {
    let (root, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let storage = open(root.path()).await;
    let server = Server::over(storage.clone(), RegistryOptions::default());
    server.put_image("app", "v1", "text").await;
    storage.keep_journal().await.unwrap();
    // What the copy has in its outbox the next segment says too, and more.
    server.put_image("app", "v2", "more").await;
    for beside in ["", "-wal"] {
        let name = format!("metadata.db{beside}");
        std::fs::copy(root.path().join(&name), copies.path().join(&name)).unwrap();
    }
    server.put_image("app", "v3", "even more").await;
    assert_eq!(storage.keep_journal().await.unwrap().segments, 1);
    drop((server, storage));
    closed(root.path()).await;
    let _ = std::fs::remove_file(root.path().join("metadata.db-shm"));
    for beside in ["", "-wal"] {
        let name = format!("metadata.db{beside}");
        std::fs::copy(copies.path().join(&name), root.path().join(&name)).unwrap();
    }
    let refused = Storage::open(root.path(), Clock::system(), Keeping::default()).await.unwrap_err();
    assert!(matches!(refused, StorageError::Foreign), "{refused}");
}

#[tokio::test]
async fn a_new_database_beside_an_old_journal_is_not_served() {
    let root = tempfile::tempdir().unwrap();
    let storage = open(root.path()).await;
    let server = Server::over(storage.clone(), RegistryOptions::default());
    let manifest = server.put_image("app", "v1", "text").await;
    storage.keep_journal().await.unwrap();
    drop((server, storage));
    closed(root.path()).await;
    let reindex =
        async |reindex| Storage::reindex_directory(root.path(), Clock::system(), Keeping::default(), &reindex).await;
    let failed = reindex(Reindex::default()).await.unwrap_err();
    assert!(matches!(failed, StorageError::NotEmpty), "{failed}");
    for beside in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(root.path().join(format!("metadata.db{beside}")));
    }
    let refused = Storage::open(root.path(), Clock::system(), Keeping::default()).await.unwrap_err();
    assert!(matches!(refused, StorageError::Foreign), "{refused}");
    closed(root.path()).await;
    let report = reindex(Reindex { replace: true, ..Reindex::default() }).await.unwrap();
    assert_eq!((report.tags, report.manifests, report.blobs), (1, 1, 1), "{report:?}");
    assert_eq!(report.set_aside.as_deref(), Some("metadata.db.1.old"));
    let server = Server::over(open(root.path()).await, RegistryOptions::default());
    let found = server.get("/v2/app/manifests/v1").await.expect(200);
    assert_eq!(found.header("docker-content-digest"), manifest.to_string());
    assert_eq!(server.get("/v2/app/tags/list").await.json()["tags"], json!(["v1"]));
}

#[tokio::test]
async fn the_end_of_a_server_empties_the_outbox() {
    let blobs = Arc::new(BlobMemory::default());
    let storage = Storage::in_memory_with(blobs.clone(), Clock::system(), Keeping::default());
    let server = Server::over(storage, RegistryOptions::default());
    let running = registry::RunningRegistry::start(([127, 0, 0, 1], 0).into(), server.0.clone()).await.unwrap();
    let manifest = server.put_image("app", "v1", "text").await;
    running.shutdown().await;
    let again = Storage::in_memory_with(blobs, Clock::system(), Keeping::default());
    let report = again.reindex(&Reindex::default()).await.unwrap();
    assert_eq!((report.tags, report.manifests), (1, 1), "{report:?}");
    let server = Server::over(again, RegistryOptions::default());
    let found = server.get("/v2/app/manifests/v1").await.expect(200);
    assert_eq!(found.header("docker-content-digest"), manifest.to_string());
}

#[tokio::test]
async fn a_changed_byte_of_the_journal_is_named() {
    let blobs = Arc::new(BlobMemory::default());
    let storage = Storage::in_memory_with(blobs.clone(), Clock::system(), Keeping::default());
    let server = Server::over(storage.clone(), RegistryOptions::default());
    storage.keep_journal().await.unwrap();
    server.put_image("app", "v1", "text").await;
    storage.keep_journal().await.unwrap();
    let segment = blobs.list("journal", "", 10).await.unwrap().into_iter().max_by_key(|listed| listed.size).unwrap();
    let mut body = blobs.open(&segment.place, 0, segment.size).await.unwrap().unwrap().into_stream();
    let mut bytes = body.next().await.unwrap().unwrap().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    blobs.put(&segment.place, bytes.into()).await.unwrap();
    let again = Storage::in_memory_with(blobs, Clock::system(), Keeping::default());
    let report = again.reindex(&Reindex::default()).await.unwrap();
    assert!(report.has_journal && report.tags == 0, "{report:?}");
    assert_eq!(report.unreadable.count, 1);
    assert!(report.unreadable.first[0].starts_with(&segment.place), "{report:?}");
}
