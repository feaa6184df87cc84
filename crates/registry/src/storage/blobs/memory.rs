//! Blobs in memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use oci::Digest;
use store::BlobBody;

use super::{BlobStorage, BlobWriter, Listed, StorageError};

/// Blobs in memory, for tests and tours: they end with this value.
#[derive(Debug, Default)]
pub struct BlobMemory(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    under_way: HashMap<String, BytesMut>,
    whole: BTreeMap<String, Bytes>,
}

impl BlobMemory {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self, name: &str) -> Box<dyn BlobWriter> {
        Box::new(MemoryWriter { name: name.to_owned(), memory: Self(Arc::clone(&self.0)) })
    }
}

#[async_trait]
impl BlobStorage for BlobMemory {
    async fn begin(&self, name: &str) -> Result<Box<dyn BlobWriter>, StorageError> {
        self.lock().under_way.insert(name.to_owned(), BytesMut::new());
        Ok(self.writer(name))
    }

    async fn resume(
        &self,
        name: &str,
        written: u64,
        _state: &[u8],
    ) -> Result<Option<Box<dyn BlobWriter>>, StorageError> {
        let there = self.lock().under_way.get(name).map(|bytes| bytes.len() as u64);
        Ok(there.filter(|there| *there >= written).map(|_| self.writer(name)))
    }

    async fn discard(&self, name: &str, _state: &[u8]) -> Result<(), StorageError> {
        self.lock().under_way.remove(name);
        Ok(())
    }

    async fn open(&self, place: &str, offset: u64, length: u64) -> Result<Option<BlobBody>, StorageError> {
        let Some(bytes) = self.lock().whole.get(place).cloned() else { return Ok(None) };
        let size = bytes.len() as u64;
        let range = index(offset.min(size))..index(offset.saturating_add(length).min(size));
        Ok(Some(BlobBody::from_bytes(bytes.slice(range))))
    }

    async fn remove(&self, place: &str) -> Result<(), StorageError> {
        self.lock().whole.remove(place);
        Ok(())
    }

    async fn put(&self, place: &str, bytes: Bytes) -> Result<(), StorageError> {
        self.lock().whole.insert(place.to_owned(), bytes);
        Ok(())
    }

    async fn size(&self, place: &str) -> Result<Option<u64>, StorageError> {
        Ok(self.lock().whole.get(place).map(|bytes| bytes.len() as u64))
    }

    async fn list(&self, directory: &str, after: &str, limit: usize) -> Result<Vec<Listed>, StorageError> {
        let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let from = if after < prefix.as_str() { &prefix } else { after };
        let contents = self.lock();
        let behind = contents.whole.range::<str, _>((Bound::Excluded(from), Bound::Unbounded));
        let below = behind.take_while(|(place, _)| place.starts_with(&prefix)).take(limit);
        let listed = |place: &String, size| Listed { place: place.clone(), size, changed: Duration::ZERO };
        Ok(below.map(|(place, bytes)| listed(place, bytes.len() as u64)).collect())
    }
}

#[derive(Debug)]
struct MemoryWriter {
    name: String,
    memory: BlobMemory,
}

impl MemoryWriter {
    fn append(&self, position: u64, piece: &[u8]) {
        if let Some(bytes) = self.memory.lock().under_way.get_mut(&self.name) {
            bytes.truncate(index(position));
            bytes.extend_from_slice(piece);
        }
    }
}

#[async_trait]
impl BlobWriter for MemoryWriter {
    async fn write(&mut self, position: u64, piece: Bytes) -> Result<(), StorageError> {
        self.append(position, &piece);
        Ok(())
    }

    fn write_at_once(&mut self, position: u64, piece: &[u8]) -> Option<Result<(), StorageError>> {
        self.append(position, piece);
        Some(Ok(()))
    }

    async fn read(&mut self, length: u64) -> Result<Option<BlobBody>, StorageError> {
        let contents = self.memory.lock();
        let bytes = contents.under_way.get(&self.name).map_or(&[] as &[u8], |bytes| bytes);
        Ok(Some(BlobBody::from_bytes(Bytes::copy_from_slice(&bytes[..index(length).min(bytes.len())]))))
    }

    async fn suspend(&mut self, _length: u64) -> Result<Vec<u8>, StorageError> {
        Ok(Vec::new())
    }

    fn place(&self, _digest: &Digest) -> String {
        format!("blobs/{}", self.name)
    }

    async fn commit(self: Box<Self>, _digest: &Digest, length: u64) -> Result<(), StorageError> {
        let mut contents = self.memory.lock();
        let mut bytes = contents.under_way.remove(&self.name).unwrap_or_default();
        bytes.truncate(index(length));
        contents.whole.insert(format!("blobs/{}", self.name), bytes.freeze());
        Ok(())
    }
}

/// What is in memory has no more bytes than can be counted there.
fn index(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
