//! Bad bytes: they are found, named, not served, and healed by a push.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use oci::Digest;
use registry::{BlobMemory, BlobStorage, Clock, Flaw, Keeping, RegistryOptions, Scrub, Scrubbed, Storage};

use crate::server::{MANIFEST, Server, digest, image};

/// A registry, the files of its blobs, and its clock.
struct House {
    server: Server,
    storage: Storage,
    seconds: Arc<AtomicU64>,
    blobs: Arc<BlobMemory>,
}

impl House {
    fn new() -> Self {
        let seconds = Arc::new(AtomicU64::new(1_000_000));
        let clock = Clock::new({
            let seconds = Arc::clone(&seconds);
            move || Duration::from_secs(seconds.load(Ordering::SeqCst))
        });
        let blobs = Arc::new(BlobMemory::default());
        let storage = Storage::in_memory_with(blobs.clone(), clock, Keeping::default());
        let server = Server::over(storage.clone(), RegistryOptions::default());
        Self { server, storage, seconds, blobs }
    }

    async fn scrub(&self) -> Scrubbed {
        self.storage.scrub(&Scrub::default(), |_| {}).await.unwrap().unwrap()
    }

    async fn place(&self, directory: &str, size: usize) -> String {
        let listed = self.blobs.list(directory, "", 100).await.unwrap();
        listed.into_iter().find(|listed| listed.size == size as u64).unwrap().place
    }
}

#[tokio::test]
async fn bad_bytes_are_named_and_not_served_until_they_are_pushed_again() {
    let content = b"some content";
    for (bytes, flaw) in [
        (Some(&b"sOme content"[..]), Flaw::Digest { found: Digest::sha256(b"sOme content") }),
        (Some(b"some"), Flaw::Size { expected: 12, found: 4 }),
        (None, Flaw::Missing),
    ] {
        let house = House::new();
        let server = &house.server;
        let blob = server.put_blob("app", content).await;
        server.put_blob("app", b"{}").await;
        let document = image(&[content], None, "");
        server.put_manifest("app", "v1", MANIFEST, &document).await.expect(201);
        assert!(house.scrub().await.bad.is_empty());

        let place = house.place("blobs", content.len()).await;
        match bytes {
            Some(bytes) => house.blobs.put(&place, Bytes::from_static(bytes)).await.unwrap(),
            None => house.blobs.remove(&place).await.unwrap(),
        }
        let heard = std::sync::Mutex::new(Vec::new());
        let on_bad = |bad: &registry::Bad| heard.lock().unwrap().push(bad.to_string());
        let scrubbed = house.storage.scrub(&Scrub::default(), on_bad).await.unwrap().unwrap();
        assert_eq!((scrubbed.blobs, scrubbed.manifests, scrubbed.bad.count), (2, 1, 1));
        let bad = &scrubbed.bad.first[0];
        assert_eq!((bad.digest, &bad.place, &bad.flaw), (blob, &place, &flaw));
        assert_eq!(bad.needed_by, [("app".parse().unwrap(), digest(&document))]);
        let heard = heard.into_inner().unwrap();
        assert!(heard.len() == 1 && heard[0].contains(&place) && heard[0].contains(&blob.to_string()), "{heard:?}");

        let path = format!("/v2/app/blobs/{blob}");
        server.get(&path).await.expect_error(404, "BLOB_UNKNOWN");
        server.head(&path).await.expect(404);
        server.post(&format!("/v2/other/blobs/uploads/?mount={blob}&from=app")).await.expect(202);
        server.put_manifest("app", "v2", MANIFEST, &image(&[content], None, "new")).await.expect(400);

        server.put_blob("other", content).await;
        assert_eq!(server.get(&path).await.expect(200).body, &content[..]);
        house.storage.collect().await.unwrap();
        assert_eq!(house.blobs.size(&place).await.unwrap(), None, "the bad bytes have gone");
        assert!(house.scrub().await.bad.is_empty());
    }
}

#[tokio::test]
async fn a_file_that_was_put_back_counts_again() {
    let house = House::new();
    let blob = house.server.put_blob("app", b"content").await;
    let place = house.place("blobs", 7).await;
    house.blobs.remove(&place).await.unwrap();
    assert_eq!(house.scrub().await.bad.count, 1);
    assert_eq!(house.scrub().await.bad.count, 1, "it is still bad");
    house.blobs.put(&place, Bytes::from_static(b"content")).await.unwrap();
    assert!(house.scrub().await.bad.is_empty());
    house.server.head(&format!("/v2/app/blobs/{blob}")).await.expect(200);
}

#[tokio::test]
async fn a_bad_copy_of_a_manifest_is_made_again() {
    let house = House::new();
    house.server.put_image("app", "v1", "text").await;
    house.storage.keep_journal().await.unwrap();
    let place = house.blobs.list("manifests", "", 10).await.unwrap().remove(0).place;
    house.blobs.put(&place, Bytes::from_static(b"{}")).await.unwrap();
    let scrubbed = house.scrub().await;
    assert!(scrubbed.bad.count == 1 && scrubbed.bad.first[0].is_healed, "{scrubbed:?}");
    house.server.get("/v2/app/manifests/v1").await.expect(200);
    house.storage.keep_journal().await.unwrap();
    house.storage.collect().await.unwrap();
    let listed = house.blobs.list("manifests", "", 10).await.unwrap();
    assert!(listed.len() == 1 && listed[0].place != place, "{listed:?}");
    assert!(house.scrub().await.bad.is_empty());
}

#[tokio::test]
async fn a_pass_is_due_once_in_a_period() {
    let house = House::new();
    house.server.put_blob("app", b"content").await;
    let scrub = Scrub { period: Some(Duration::from_secs(1000)), bytes_per_second: None };
    assert_eq!(house.storage.scrub(&scrub, |_| {}).await.unwrap().unwrap().blobs, 1);
    assert_eq!(house.storage.scrub(&scrub, |_| {}).await.unwrap(), None);
    house.seconds.fetch_add(999, Ordering::SeqCst);
    assert_eq!(house.storage.scrub(&scrub, |_| {}).await.unwrap(), None);
    house.seconds.fetch_add(1, Ordering::SeqCst);
    assert_eq!(house.storage.scrub(&scrub, |_| {}).await.unwrap().unwrap().blobs, 1);
}

/// Returns the files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn a_file_that_another_took_the_place_of_is_found_though_the_first_is_open() {
    let root = tempfile::tempdir().unwrap();
    let storage = Storage::open(root.path(), Clock::system(), Keeping::default()).await.unwrap();
    let server = Server::over(storage.clone(), RegistryOptions::default());
    let content = vec![b'x'; 600_000];
    let path = format!("/v2/app/blobs/{}", server.put_blob("app", &content).await);
    assert_eq!(server.get(&path).await.expect(200).body, content, "it is open from now on");
    let file = files(&root.path().join("blobs")).remove(0);
    let other = root.path().join("other");
    std::fs::write(&other, vec![b'y'; 600_000]).unwrap();
    std::fs::rename(&other, &file).unwrap();
    let scrubbed = storage.scrub(&Scrub::default(), |_| {}).await.unwrap().unwrap();
    assert!(matches!(scrubbed.bad.first[0].flaw, Flaw::Digest { .. }), "{scrubbed:?}");
    server.get(&path).await.expect_error(404, "BLOB_UNKNOWN");
}

#[tokio::test]
async fn a_flipped_bit_on_the_disk_is_found() {
    let root = tempfile::tempdir().unwrap();
    let storage = Storage::open(root.path(), Clock::system(), Keeping::default()).await.unwrap();
    let server = Server::over(storage.clone(), RegistryOptions::default());
    let content = vec![b'x'; 600_000];
    let blob = server.put_blob("app", &content).await;
    let file = files(&root.path().join("blobs")).remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[432_100] ^= 0x10;
    std::fs::write(&file, bytes).unwrap();
    server.get(&format!("/v2/app/blobs/{blob}")).await.expect(200);
    let scrubbed = storage.scrub(&Scrub::default(), |_| {}).await.unwrap().unwrap();
    assert!(matches!(scrubbed.bad.first[0].flaw, Flaw::Digest { .. }), "{scrubbed:?}");
    server.get(&format!("/v2/app/blobs/{blob}")).await.expect_error(404, "BLOB_UNKNOWN");
    server.put_blob("app", &content).await;
    assert_eq!(server.get(&format!("/v2/app/blobs/{blob}")).await.expect(200).body, content);
}
