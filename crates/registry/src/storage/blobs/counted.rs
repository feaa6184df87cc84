//! The place of the blobs, and how much is asked of it.

use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use oci::Digest;
use store::BlobBody;

use super::{BlobStorage, BlobWriter, Listed, StorageError};
use crate::observe::{Counter, Exposition, Histogram, family};
use crate::traces::{self, Described};

/// What is asked of the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Begin,
    Resume,
    Discard,
    Open,
    Remove,
    Put,
    Link,
    Size,
    List,
    Write,
    Read,
    Suspend,
    Commit,
}

const WORDS: [&str; 13] = [
    "begin", "resume", "discard", "open", "remove", "put", "link", "size", "list", "write", "read", "suspend", "commit",
];

#[derive(Debug, Default)]
struct Counts {
    took: [Histogram; WORDS.len()],
    failed: [Counter; WORDS.len()],
}

impl Counts {
    async fn count<T>(
        &self,
        what: Asked,
        asked: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        let began = Instant::now();
        // Pieces of a body would crowd out all else.
        let span = (what != Asked::Write).then(|| traces::begin(|| described(what)));
        let outcome = asked.await;
        self.add(what, began, outcome.is_err());
        if let Some(span) = span {
            span.end(outcome.is_err());
        }
        outcome
    }

    fn add(&self, what: Asked, began: Instant, has_failed: bool) {
        // There is a place for every kind.
        self.took[what as usize].observe(began.elapsed());
        if has_failed {
            self.failed[what as usize].one();
        }
    }
}

fn described(what: Asked) -> Described {
    // There is a word for every kind.
    let word = WORDS[what as usize];
    Described { name: format!("blob {word}").into(), ..Described::internal("") }
}

/// A place of blobs that counts. Cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Counted {
    blobs: Arc<dyn BlobStorage>,
    counts: Arc<Counts>,
}

impl Counted {
    pub(in crate::storage) fn new(blobs: Arc<dyn BlobStorage>) -> Self {
        Self { blobs, counts: Arc::default() }
    }

    /// Writes what was counted.
    pub(in crate::storage) fn write(&self, exposition: &mut Exposition) {
        for (word, took) in WORDS.iter().zip(&self.counts.took) {
            exposition.histogram(&family::BLOB_DURATION, &[word], took);
        }
        for (word, failed) in WORDS.iter().zip(&self.counts.failed) {
            exposition.labelled(&family::BLOB_FAILURES, &[word], failed.get());
        }
    }

    fn writer(&self, writer: Box<dyn BlobWriter>) -> Box<dyn BlobWriter> {
        Box::new(CountedWriter { writer, counts: Arc::clone(&self.counts) })
    }
}

#[async_trait]
impl BlobStorage for Counted {
    async fn begin(&self, name: &str) -> Result<Box<dyn BlobWriter>, StorageError> {
        self.counts.count(Asked::Begin, self.blobs.begin(name)).await.map(|writer| self.writer(writer))
    }

    async fn resume(
        &self,
        name: &str,
        written: u64,
        state: &[u8],
    ) -> Result<Option<Box<dyn BlobWriter>>, StorageError> {
        let resumed = self.counts.count(Asked::Resume, self.blobs.resume(name, written, state)).await?;
        Ok(resumed.map(|writer| self.writer(writer)))
    }

    async fn discard(&self, name: &str, state: &[u8]) -> Result<(), StorageError> {
        self.counts.count(Asked::Discard, self.blobs.discard(name, state)).await
    }

    async fn open(&self, place: &str, offset: u64, length: u64) -> Result<Option<BlobBody>, StorageError> {
        self.counts.count(Asked::Open, self.blobs.open(place, offset, length)).await
    }

    async fn open_anew(&self, place: &str, offset: u64, length: u64) -> Result<Option<BlobBody>, StorageError> {
        self.counts.count(Asked::Open, self.blobs.open_anew(place, offset, length)).await
    }

    async fn remove(&self, place: &str) -> Result<(), StorageError> {
        self.counts.count(Asked::Remove, self.blobs.remove(place)).await
    }

    async fn put(&self, place: &str, bytes: Bytes) -> Result<(), StorageError> {
        self.counts.count(Asked::Put, self.blobs.put(place, bytes)).await
    }

    async fn link(&self, file: File, place: &str) -> Result<bool, StorageError> {
        self.counts.count(Asked::Link, self.blobs.link(file, place)).await
    }

    async fn size(&self, place: &str) -> Result<Option<u64>, StorageError> {
        self.counts.count(Asked::Size, self.blobs.size(place)).await
    }

    async fn list(&self, directory: &str, after: &str, limit: usize) -> Result<Vec<Listed>, StorageError> {
        self.counts.count(Asked::List, self.blobs.list(directory, after, limit)).await
    }

    async fn probe(&self) -> Result<(), StorageError> {
        self.blobs.probe().await
    }
}

#[derive(Debug)]
struct CountedWriter {
    writer: Box<dyn BlobWriter>,
    counts: Arc<Counts>,
}

#[async_trait]
impl BlobWriter for CountedWriter {
    async fn write(&mut self, position: u64, piece: Bytes) -> Result<(), StorageError> {
        self.counts.count(Asked::Write, self.writer.write(position, piece)).await
    }

    fn write_at_once(&mut self, position: u64, piece: &[u8]) -> Option<Result<(), StorageError>> {
        let began = Instant::now();
        let written = self.writer.write_at_once(position, piece)?;
        self.counts.add(Asked::Write, began, written.is_err());
        Some(written)
    }

    async fn read(&mut self, length: u64) -> Result<Option<BlobBody>, StorageError> {
        self.counts.count(Asked::Read, self.writer.read(length)).await
    }

    async fn suspend(&mut self, length: u64) -> Result<Vec<u8>, StorageError> {
        self.counts.count(Asked::Suspend, self.writer.suspend(length)).await
    }

    fn place(&self, digest: &Digest) -> String {
        self.writer.place(digest)
    }

    async fn commit(self: Box<Self>, digest: &Digest, length: u64) -> Result<(), StorageError> {
        let Self { writer, counts } = *self;
        counts.count(Asked::Commit, writer.commit(digest, length)).await
    }
}
