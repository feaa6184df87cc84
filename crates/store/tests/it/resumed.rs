//! Large blobs of which an earlier run has left a beginning.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use oci::{Descriptor, Digest, MediaType};
use store::{BlobBody, BlobSource, LayoutStore, Meter, Store, StoreError};

const SIZE: usize = 6 * 1024 * 1024;
const HALF: usize = SIZE / 2;

/// Puts something into the place of a file, with what it may lead to.
type Plant = fn(&Path, &Path);

/// A source whose connection breaks after so many bytes, and does not come back; it notes from where it was asked.
struct Breaking {
    content: Bytes,
    after: usize,
    asked: Mutex<Vec<u64>>,
}

impl Breaking {
    fn new(content: &Bytes, after: usize) -> Self {
        Self { content: content.clone(), after, asked: Mutex::default() }
    }

    fn asked(&self) -> Vec<u64> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl BlobSource for Breaking {
    async fn open(&self, offset: u64) -> Result<BlobBody, StoreError> {
        self.asked.lock().unwrap().push(offset);
        let lost = || StoreError::Unreachable { location: "there".into(), reason: "broken".into(), source: None };
        let start = usize::try_from(offset).unwrap();
        if start >= self.after && self.after < self.content.len() {
            return Err(lost());
        }
        let chunks: Vec<_> =
            self.content[start..self.after].chunks(100_000).map(Bytes::copy_from_slice).map(Ok).collect();
        let end = (self.after < self.content.len()).then(|| Err(lost()));
        let stream = futures_util::stream::iter(chunks.into_iter().chain(end));
        Ok(BlobBody::from_stream((self.content.len() - start) as u64, Box::pin(stream)))
    }
}

struct Place {
    directory: tempfile::TempDir,
    content: Bytes,
    descriptor: Descriptor,
}

impl Place {
    fn new() -> Self {
        Self::of(SIZE)
    }

    fn of(size: usize) -> Self {
        let content: Bytes = (0..=250_u8).cycle().take(size).collect();
        let descriptor = Descriptor::of(MediaType::OCTET_STREAM, &content);
        Self { directory: tempfile::tempdir().unwrap(), content, descriptor }
    }

    async fn put(&self, source: &Breaking) -> Result<(), StoreError> {
        let meter = Meter::default();
        let store = LayoutStore::open_or_create(self.directory.path()).unwrap();
        let outcome = store.put_blob(&self.descriptor, source, &meter).await;
        assert_eq!(meter.bytes(), if outcome.is_ok() { self.descriptor.size } else { 0 });
        outcome.map(|_| ())
    }

    /// Breaks after a half.
    async fn break_off(&self) {
        let error = self.put(&Breaking::new(&self.content, HALF)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
        assert_eq!(fs::metadata(self.partial()).unwrap().len(), HALF as u64);
    }

    fn partial(&self) -> PathBuf {
        self.directory.path().join(".supercargo").join(format!("part-sha256-{}", self.descriptor.digest.encoded()))
    }

    fn assert_whole(&self) {
        let path = self.directory.path().join("blobs/sha256").join(self.descriptor.digest.encoded());
        assert_eq!(Digest::sha256(&fs::read(path).unwrap()), self.descriptor.digest);
        assert!(!self.partial().exists());
    }
}

#[tokio::test]
async fn the_rest_is_asked_for_and_nothing_else() {
    let place = Place::new();
    place.break_off().await;
    let rest = Breaking::new(&place.content, SIZE);
    place.put(&rest).await.unwrap();
    assert_eq!(rest.asked(), [HALF as u64]);
    place.assert_whole();
}

#[tokio::test]
async fn of_what_a_thread_of_its_own_writes_nothing_that_came_is_lost() {
    let size = 64 * 1024 * 1024 + 777;
    let (place, came) = (Place::of(size), [5_000_001, 40_000_000]);
    for after in came {
        place.put(&Breaking::new(&place.content, after)).await.unwrap_err();
        assert_eq!(fs::metadata(place.partial()).unwrap().len(), after as u64);
    }
    let rest = Breaking::new(&place.content, size);
    place.put(&rest).await.unwrap();
    assert_eq!(rest.asked(), [40_000_000]);
    place.assert_whole();
}

#[tokio::test]
async fn a_beginning_of_something_else_is_found_out_and_all_of_it_comes() {
    for wrong in [vec![1_u8; HALF], vec![0; SIZE], vec![0; SIZE + 5], Vec::new()] {
        let place = Place::new();
        place.break_off().await;
        fs::write(place.partial(), &wrong).unwrap();
        let source = Breaking::new(&place.content, SIZE);
        place.put(&source).await.unwrap();
        let from_the_beginning = source.asked().last() == Some(&0);
        assert!(from_the_beginning && source.asked().len() <= 2, "{:?}", source.asked());
        place.assert_whole();
    }
}

#[tokio::test]
async fn what_is_not_what_it_should_be_is_not_kept() {
    let place = Place::new();
    let mut other = place.content.to_vec();
    other[10] ^= 1;
    let error = place.put(&Breaking::new(&other.into(), SIZE)).await.unwrap_err();
    assert!(matches!(error, StoreError::Digest { .. }), "{error}");
    assert!(!place.partial().exists());
    // Too little is not worth it.
    place.put(&Breaking::new(&place.content, 500_000)).await.unwrap_err();
    assert!(!place.partial().exists());
}

#[tokio::test]
async fn what_is_none_of_ours_or_in_use_is_left_alone() {
    let place = Place::new();
    place.break_off().await;
    let victim = place.directory.path().join("victim");
    let make: [(&str, Plant); 3] = [
        ("link", |partial, victim| std::os::unix::fs::symlink(victim, partial).unwrap()),
        ("hard link", |partial, victim| fs::hard_link(victim, partial).unwrap()),
        ("directory", |partial, _| fs::create_dir(partial).unwrap()),
    ];
    for (name, make) in make {
        let partial = place.partial();
        let _ = fs::remove_file(&partial);
        fs::write(&victim, "mine").unwrap();
        make(&partial, &victim);
        place.put(&Breaking::new(&place.content, SIZE)).await.unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"mine", "{name}");
        fs::remove_file(place.directory.path().join("blobs/sha256").join(place.descriptor.digest.encoded())).unwrap();
        let _ = fs::remove_file(&partial);
        let _ = fs::remove_dir(&partial);
    }
    // Somebody is at it.
    place.break_off().await;
    let held = File::open(place.partial()).unwrap();
    held.lock().unwrap();
    let source = Breaking::new(&place.content, SIZE);
    place.put(&source).await.unwrap();
    assert_eq!(source.asked(), [0]);
    assert_eq!(held.metadata().unwrap().len(), HALF as u64);
}

#[tokio::test]
async fn what_nobody_has_gone_on_with_is_removed_some_day() {
    for (days, stays) in [(1, true), (8, false)] {
        let place = Place::new();
        place.break_off().await;
        let age = Duration::from_hours(24 * days);
        File::options().write(true).open(place.partial()).unwrap().set_modified(SystemTime::now() - age).unwrap();
        let store = LayoutStore::open_or_create(place.directory.path()).unwrap();
        let other = Descriptor::of(MediaType::OCTET_STREAM, b"other");
        store.put_blob(&other, &Breaking::new(&Bytes::from_static(b"other"), 5), &Meter::default()).await.unwrap();
        assert_eq!(place.partial().exists(), stays, "{days}");
    }
}
