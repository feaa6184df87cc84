//! The audit: it finds what was spoiled, and nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use registry::{Audit, Clock, Fault, Keeping, RegistryOptions, Storage};
use serde_json::json;

use crate::backends::{closed, new_bucket, new_schema, node};
use crate::server::{INDEX, MANIFEST, Server, descriptor, digest, image, index};

const LEASE: Duration = Duration::from_mins(1);
const KEEPING: Keeping = Keeping { lease: LEASE, untagged: Some(LEASE) };

/// A clock that is set by hand. It begins long after anything was written.
#[derive(Clone)]
struct Hands(Arc<AtomicU64>);

impl Hands {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(4_000_000_000)))
    }

    fn clock(&self) -> Clock {
        let seconds = Arc::clone(&self.0);
        Clock::new(move || Duration::from_secs(seconds.load(Ordering::SeqCst)))
    }

    fn wait(&self, duration: Duration) {
        self.0.fetch_add(duration.as_secs(), Ordering::SeqCst);
    }
}

fn counts(audit: &Audit) -> BTreeMap<&'static str, u64> {
    audit.faults.iter().map(|(fault, found)| (fault.name(), found.count)).collect()
}

/// Puts an index of an image, with a referrer, and begins an upload.
async fn fill(server: &Server) {
    let document = image(&[b"layer"], None, "");
    server.put_blob("app", b"layer").await;
    server.put_blob("app", b"{}").await;
    let child = digest(&document).to_string();
    server.put_manifest("app", &child, MANIFEST, &document).await.expect(201);
    let list = index(&[descriptor(MANIFEST, document.to_string().as_bytes())]);
    server.put_manifest("app", "v1", INDEX, &list).await.expect(201);
    server.put_artifact("app", &digest(&list), "application/vnd.example", "").await;
    let upload = server.begin("app").await;
    server.call("PATCH", &upload).body("half").send().await.expect(202);
}

#[tokio::test]
async fn a_registry_that_is_whole_has_no_faults_on_any_backend() {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let files = Storage::open(directory.path(), Clock::system(), KEEPING).await.unwrap();
    let mut storages = vec![Storage::in_memory(), files];
    if let Some((_, blobs)) = new_bucket() {
        storages.push(Storage::in_memory_with(Arc::new(blobs), Clock::system(), KEEPING));
    }
    let shared = tempfile::tempdir().unwrap();
    if let Some((server, schema)) = new_schema() {
        storages.push(node(server, &schema, registry::BlobFiles::open(shared.path()).unwrap()).await);
    }
    for storage in storages {
        assert_eq!(storage.audit().await.unwrap(), Audit::default());
        let server = Server::over(storage.clone(), RegistryOptions::default());
        fill(&server).await;
        let audit = storage.audit().await.unwrap();
        assert_eq!(counts(&audit), BTreeMap::new(), "{audit:?}");
        assert_eq!((audit.blobs, audit.manifests, audit.tags, audit.uploads), (2, 3, 1, 1), "{audit:?}");
        assert!(audit.objects >= 2 && audit.bytes >= 7, "{audit:?}");
        assert_eq!((audit.due, audit.given_up, audit.incomplete.count), (0, 0, 0));
        assert!(audit.noted > 0 && audit.copies + audit.journal == 0, "{audit:?}");
        storage.keep_journal().await.unwrap();
        let audit = storage.audit().await.unwrap();
        assert_eq!(counts(&audit), BTreeMap::new(), "{audit:?}");
        assert!(audit.noted == 0 && audit.copies == 3 && audit.journal > 0, "{audit:?}");
    }
}

/// Returns the files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    found.sort();
    found
}

/// Fills a registry, ends it, spoils what lies in its directory, and returns what an audit finds then.
async fn spoiled(spoil: impl FnOnce(&Path)) -> Audit {
    let directory = tempfile::tempdir().unwrap();
    let hands = Hands::new();
    let storage = Storage::open(directory.path(), hands.clock(), KEEPING).await.unwrap();
    let server = Server::over(storage.clone(), RegistryOptions::default());
    fill(&server).await;
    storage.keep_journal().await.unwrap();
    spoil(directory.path());
    storage.audit().await.unwrap()
}

#[tokio::test]
async fn what_was_spoiled_is_named() {
    let audit = spoiled(|root| std::fs::remove_file(&files(&root.join("blobs"))[0]).unwrap()).await;
    assert_eq!(counts(&audit), BTreeMap::from([("missing-bytes", 1)]), "{audit:?}");
    assert!(audit.faults[&Fault::MissingBytes].first[0].starts_with("blobs/sha256/"), "{audit:?}");

    let audit = spoiled(|root| {
        let file = std::fs::File::options().append(true).open(&files(&root.join("blobs"))[0]).unwrap();
        file.set_len(1).unwrap();
    });
    assert_eq!(counts(&audit.await), BTreeMap::from([("wrong-size", 1)]));

    let audit = spoiled(|root| {
        let file = &files(&root.join("blobs"))[0];
        std::fs::copy(file, file.with_file_name("stray")).unwrap();
        std::fs::copy(file, root.join("uploads/5d4ea3c4-96ec-4ff0-8bd1-2b8d1f2f4b2f")).unwrap();
    });
    let audit = audit.await;
    assert_eq!(counts(&audit), BTreeMap::from([("unnamed-bytes", 2)]));
    assert!(audit.faults[&Fault::UnnamedBytes].first[0].ends_with("/stray"), "{audit:?}");

    let audit = spoiled(|root| {
        std::fs::remove_file(&files(&root.join("manifests"))[0]).unwrap();
        std::fs::File::create(root.join("journal/0000000001/stray")).unwrap();
    });
    let audit = audit.await;
    assert_eq!(counts(&audit), BTreeMap::from([("missing-bytes", 1), ("unnamed-bytes", 1)]), "{audit:?}");
    assert!(audit.faults[&Fault::MissingBytes].first[0].starts_with("manifests/sha256/"), "{audit:?}");

    let audit = spoiled(|root| std::fs::remove_file(&files(&root.join("uploads"))[0]).unwrap()).await;
    assert_eq!(counts(&audit), BTreeMap::from([("missing-upload", 1)]));
}

#[tokio::test]
async fn rows_that_do_not_fit_each_other_are_named() {
    let Some((server, schema)) = new_schema() else { return };
    let directory = tempfile::tempdir().unwrap();
    let storage = node(server, &schema, registry::BlobFiles::open(directory.path()).unwrap()).await;
    let registry = Server::over(storage.clone(), RegistryOptions::default());
    fill(&registry).await;
    registry.put_blob("app", b"idle").await;
    let run = |statement: &str| server.run(&format!("SET search_path = {schema}; {statement}"));
    let expected = [
        ("DELETE FROM review", "forgotten"),
        ("DELETE FROM journal; UPDATE journal_state SET horizon = 1", "forgotten"),
        ("UPDATE blob SET bad_since = 1", "bad-bytes"),
        ("UPDATE content SET bad_since = 1", "bad-bytes"),
        ("INSERT INTO hold SELECT 9, digest, 'pin', '', NULL, 0, 1 FROM content LIMIT 1", "unused-hold"),
        ("DELETE FROM content", "missing-content"),
        ("INSERT INTO content SELECT digest, digest FROM blob LIMIT 1", "unused-content"),
        ("UPDATE tag SET digest = (SELECT digest FROM repository_blob LIMIT 1)", "missing-manifest"),
        ("INSERT INTO edge SELECT 9, parent, space, child FROM edge LIMIT 1", "unused-edge"),
        ("INSERT INTO repository_blob SELECT repository, parent, 0 FROM edge LIMIT 1", "missing-blob"),
        ("DELETE FROM repository_blob", "unused-blob"),
    ];
    for (statement, fault) in expected {
        let before = storage.audit().await.unwrap();
        run(statement);
        let after = storage.audit().await.unwrap();
        assert!(counts(&after).get(fault) > counts(&before).get(fault), "{statement}: {after:?}");
    }
    assert!(storage.audit().await.unwrap().incomplete.count > 0);
}

#[tokio::test]
async fn what_was_deleted_is_incomplete_and_no_fault() {
    let storage = Storage::in_memory();
    let server = Server::over(storage.clone(), RegistryOptions::default());
    fill(&server).await;
    let layer = oci::Digest::sha256(b"layer");
    server.delete(&format!("/v2/app/blobs/{layer}")).await.expect(202);
    let audit = storage.audit().await.unwrap();
    assert_eq!((audit.count(), audit.given_up), (0, 1), "{audit:?}");
    assert_eq!(audit.incomplete.first, [format!("app@{layer}")]);
    storage.collect().await.unwrap();
    assert_eq!(storage.audit().await.unwrap().given_up, 0);
}

async fn inspect(directory: &Path) -> Result<Storage, registry::StorageError> {
    let blobs = Arc::new(registry::BlobFiles::inspect(directory));
    Storage::inspect(directory, blobs, Clock::system(), KEEPING).await
}

#[tokio::test]
async fn an_audit_beside_a_server_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let absent = inspect(directory.path()).await;
    assert!(absent.is_err() && files(directory.path()).is_empty());
    let serving = Storage::open(directory.path(), Clock::system(), KEEPING).await.unwrap();
    let server = Server::over(serving.clone(), RegistryOptions::default());
    fill(&server).await;
    let beside = inspect(directory.path()).await.unwrap();
    assert_eq!(beside.audit().await.unwrap(), serving.audit().await.unwrap());
    let refused = Server::over(beside, RegistryOptions::default());
    refused.put_manifest("app", "v2", MANIFEST, &json!({ "schemaVersion": 2 })).await.expect(400);
    let document = image(&[], None, "other");
    refused.put_manifest("app", "v2", MANIFEST, &document).await.expect_error(500, "UNKNOWN");
}

#[tokio::test]
async fn what_a_killed_process_left_of_a_single_post_goes_when_it_starts() {
    let directory = tempfile::tempdir().unwrap();
    let upload = {
        let storage = Storage::open(directory.path(), Clock::system(), KEEPING).await.unwrap();
        let server = Server::over(storage, RegistryOptions::default());
        let upload = server.begin("app").await;
        server.call("PATCH", &upload).body("half").send().await.expect(202);
        upload
    };
    let stray = directory.path().join("uploads/5d4ea3c4-96ec-4ff0-8bd1-2b8d1f2f4b2f");
    std::fs::File::create(&stray).unwrap();
    closed(directory.path()).await;
    let again = Storage::open(directory.path(), Clock::system(), KEEPING).await.unwrap();
    assert!(!stray.exists());
    let server = Server::over(again, RegistryOptions::default());
    assert_eq!(server.get(&upload).await.expect(204).header("range"), "0-3");
}

#[tokio::test]
async fn what_a_killed_node_left_goes_while_others_serve() {
    let Some((server, schema)) = new_schema() else { return };
    let directory = tempfile::tempdir().unwrap();
    let storage = node(server, &schema, registry::BlobFiles::open(directory.path()).unwrap()).await;
    let server = Server::over(storage, RegistryOptions::default());
    let upload = server.begin("app").await;
    server.call("PATCH", &upload).body("half").send().await.expect(202);
    let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_hours(24);
    let known = directory.path().join("uploads").join(upload.rsplit('/').next().unwrap());
    std::fs::File::options().append(true).open(&known).unwrap().set_modified(old).unwrap();
    let stray = |name: &str| std::fs::File::create(directory.path().join("uploads").join(name)).unwrap();
    stray("5d4ea3c4-96ec-4ff0-8bd1-2b8d1f2f4b2f").set_modified(old).unwrap();
    stray("check-1").set_modified(old).unwrap();
    stray("6d4ea3c4-96ec-4ff0-8bd1-2b8d1f2f4b2f");
    server.0.expire_uploads().await;
    let mut left = files(&directory.path().join("uploads"));
    left.retain(|file| *file != known);
    assert_eq!(left, [directory.path().join("uploads/6d4ea3c4-96ec-4ff0-8bd1-2b8d1f2f4b2f")]);
    assert_eq!(server.get(&upload).await.expect(204).header("range"), "0-3");
}

#[tokio::test]
async fn a_listing_comes_in_pages_in_the_order_of_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let files: Arc<dyn registry::BlobStorage> = Arc::new(registry::BlobFiles::open(directory.path()).unwrap());
    let mut storages = vec![files, Arc::new(registry::BlobMemory::default())];
    storages.extend(new_bucket().map(|(_, blobs)| Arc::new(blobs) as Arc<dyn registry::BlobStorage>));
    for blobs in storages {
        let mut expected = Vec::new();
        for number in 0..25_u8 {
            let content = vec![b'x'; usize::from(number)];
            let algorithm = oci::Algorithm::ALL[usize::from(number) % oci::Algorithm::ALL.len()];
            let mut writer = blobs.begin(&format!("upload{number}")).await.unwrap();
            writer.write(0, content.clone().into()).await.unwrap();
            let digest = algorithm.digest(&content);
            expected.push((writer.place(&digest), u64::from(number)));
            writer.commit(&digest, u64::from(number)).await.unwrap();
        }
        expected.sort();
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = blobs.list("", &after, 7).await.unwrap();
            found.extend(page.iter().map(|listed| (listed.place.clone(), listed.size)));
            let Some(last) = page.last().filter(|_| page.len() == 7) else { break };
            after.clone_from(&last.place);
        }
        assert_eq!(found, expected, "{blobs:?}");
        for directory in ["blobs", "blobs/sha256", "journal"] {
            let below = format!("{directory}/");
            let those: Vec<_> = expected.iter().filter(|(place, _)| place.starts_with(&below)).cloned().collect();
            let listed = blobs.list(directory, "", 100).await.unwrap();
            assert_eq!(listed.iter().map(|listed| (listed.place.clone(), listed.size)).collect::<Vec<_>>(), those);
        }
    }
}

/// A place of blobs in which a blob takes two hours to be put.
#[derive(Debug)]
struct Slow(registry::BlobMemory, Arc<AtomicU64>);

#[derive(Debug)]
struct SlowWriter(Box<dyn registry::BlobWriter>, Arc<AtomicU64>);

#[tokio::test]
async fn a_blob_that_took_too_long_is_not_acknowledged() {
    let hands = Hands::new();
    let blobs = Arc::new(Slow(registry::BlobMemory::default(), Arc::clone(&hands.0)));
    let storage = Storage::in_memory_with(blobs, hands.clock(), Keeping::default());
    let server = Server::over(storage.clone(), RegistryOptions::default());
    let blob = oci::Digest::sha256(b"content");
    let post = server.call("POST", &format!("/v2/app/blobs/uploads/?digest={blob}")).body("content").send().await;
    assert_eq!(post.expect_error(503, "UNKNOWN").header("retry-after"), "5");
    server.head(&format!("/v2/app/blobs/{blob}")).await.expect(404);
    hands.wait(Duration::from_hours(2));
    server.0.expire_uploads().await;
    assert_eq!(storage.audit().await.unwrap(), Audit::default());
}

#[async_trait::async_trait]
impl registry::BlobStorage for Slow {
    async fn begin(&self, name: &str) -> Result<Box<dyn registry::BlobWriter>, registry::StorageError> {
        Ok(Box::new(SlowWriter(self.0.begin(name).await?, Arc::clone(&self.1))))
    }

    async fn resume(
        &self,
        name: &str,
        written: u64,
        state: &[u8],
    ) -> Result<Option<Box<dyn registry::BlobWriter>>, registry::StorageError> {
        self.0.resume(name, written, state).await
    }

    async fn discard(&self, name: &str, state: &[u8]) -> Result<(), registry::StorageError> {
        self.0.discard(name, state).await
    }

    async fn open(
        &self,
        place: &str,
        offset: u64,
        length: u64,
    ) -> Result<Option<store::BlobBody>, registry::StorageError> {
        self.0.open(place, offset, length).await
    }

    async fn remove(&self, place: &str) -> Result<(), registry::StorageError> {
        self.0.remove(place).await
    }

    async fn put(&self, place: &str, bytes: bytes::Bytes) -> Result<(), registry::StorageError> {
        self.0.put(place, bytes).await
    }

    async fn size(&self, place: &str) -> Result<Option<u64>, registry::StorageError> {
        self.0.size(place).await
    }

    async fn list(
        &self,
        directory: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<registry::Listed>, registry::StorageError> {
        self.0.list(directory, after, limit).await
    }
}

#[async_trait::async_trait]
impl registry::BlobWriter for SlowWriter {
    async fn write(&mut self, position: u64, piece: bytes::Bytes) -> Result<(), registry::StorageError> {
        self.0.write(position, piece).await
    }

    async fn read(&mut self, length: u64) -> Result<Option<store::BlobBody>, registry::StorageError> {
        self.0.read(length).await
    }

    async fn suspend(&mut self, length: u64) -> Result<Vec<u8>, registry::StorageError> {
        self.0.suspend(length).await
    }

    fn place(&self, digest: &oci::Digest) -> String {
        self.0.place(digest)
    }

    async fn commit(self: Box<Self>, digest: &oci::Digest, length: u64) -> Result<(), registry::StorageError> {
        let Self(writer, hands) = *self;
        writer.commit(digest, length).await?;
        hands.fetch_add(7200, Ordering::SeqCst);
        Ok(())
    }
}
