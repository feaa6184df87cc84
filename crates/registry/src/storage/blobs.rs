//! Where the bytes of blobs are.

mod counted;
mod files;
mod memory;
mod objects;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use oci::Digest;
use store::BlobBody;

pub(super) use counted::Counted;
pub use files::BlobFiles;
pub use memory::BlobMemory;
pub use objects::{BlobObjects, Bucket};

use super::StorageError;

/// A place in which nothing ever is.
const PROBED: &str = "probe";

/// The bytes of blobs, each in a place of its own. A place is given out once and never again, so that whoever comes late to
/// remove one cannot remove what another has put since.
#[async_trait]
pub trait BlobStorage: Send + Sync + std::fmt::Debug {
    /// Begins to write bytes that nobody can read before they are committed. `name` is unique, and has letters and digits.
    async fn begin(&self, name: &str) -> Result<Box<dyn BlobWriter>, StorageError>;

    /// Goes on with what was begun as `name`, by this process or another, and of which `written` bytes are wanted. `state` is
    /// what [`BlobWriter::suspend`] returned last, and empty when that was never called. Returns `None` when there is less.
    async fn resume(&self, name: &str, written: u64, state: &[u8])
    -> Result<Option<Box<dyn BlobWriter>>, StorageError>;

    /// Removes what was begun as `name` and suspended with `state`; what is not there is no error.
    async fn discard(&self, name: &str, state: &[u8]) -> Result<(), StorageError>;

    /// Returns `length` bytes from `offset` on of what is in a place, or `None` when nothing is.
    async fn open(&self, place: &str, offset: u64, length: u64) -> Result<Option<BlobBody>, StorageError>;

    /// Returns the same as [`BlobStorage::open`], of what is in the place now, as it lies there: nothing that was kept of an earlier look
    /// answers, as far as this can be had.
    async fn open_anew(&self, place: &str, offset: u64, length: u64) -> Result<Option<BlobBody>, StorageError> {
        self.open(place, offset, length).await
    }

    /// Gives up a place; one in which nothing is is no error.
    async fn remove(&self, place: &str) -> Result<(), StorageError>;

    /// Makes a few bytes durable in a place that the caller names: `directory/…/name`. What was there is replaced as a whole.
    async fn put(&self, place: &str, bytes: Bytes) -> Result<(), StorageError>;

    /// Makes a file of somebody else's, which must not change any more, durable in a place that was given out for it, without copying its
    /// bytes. Returns false where that cannot be done, and nothing has been.
    async fn link(&self, _file: std::fs::File, _place: &str) -> Result<bool, StorageError> {
        Ok(false)
    }

    /// Returns the size of what is in a place, in bytes, or `None` when nothing is.
    async fn size(&self, place: &str) -> Result<Option<u64>, StorageError>;

    /// Returns what there is below the directory `directory`, or everywhere when that is empty: bytes in places, and bytes under way
    /// as far as they have names of their own. Of the names those behind `after`, which may be empty, in the order of their bytes,
    /// at most `limit`; fewer only at the end. What is put or removed meanwhile may be missing or there.
    async fn list(&self, directory: &str, after: &str, limit: usize) -> Result<Vec<Listed>, StorageError>;

    /// Asks for next to nothing, to see whether the place answers.
    async fn probe(&self) -> Result<(), StorageError> {
        self.size(PROBED).await.map(|_| ())
    }
}

/// Bytes that a listing has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The place, or the name of what is under way.
    pub place: String,
    /// How many bytes are in it.
    pub size: u64,
    /// When they were last written, since 1970; zero where that is not known.
    pub changed: Duration,
}

/// Bytes on their way in.
#[async_trait]
pub trait BlobWriter: Send + Sync + std::fmt::Debug {
    /// Writes bytes behind those that have been written. When it fails, or is dropped, nothing is certain about the bytes
    /// behind.
    async fn write(&mut self, position: u64, piece: Bytes) -> Result<(), StorageError>;

    /// Does the same as [`BlobWriter::write`], here and now. Returns `None`, and has written nothing, where that might keep the thread
    /// waiting.
    fn write_at_once(&mut self, _position: u64, _piece: &[u8]) -> Option<Result<(), StorageError>> {
        None
    }

    /// Returns the first `length` bytes, which have been written; `None` where they can be read only when they are a blob.
    async fn read(&mut self, length: u64) -> Result<Option<BlobBody>, StorageError>;

    /// Makes ready for another process to go on behind the first `length` bytes, and returns what it needs for that. This writer
    /// can go on too.
    async fn suspend(&mut self, length: u64) -> Result<Vec<u8>, StorageError>;

    /// Returns the place that the blob of this digest will have.
    fn place(&self, digest: &Digest) -> String;

    /// Makes the first `length` bytes durable in the place of the blob of this digest.
    async fn commit(self: Box<Self>, digest: &Digest, length: u64) -> Result<(), StorageError>;
}
