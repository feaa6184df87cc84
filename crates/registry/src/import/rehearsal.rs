//! An import that keeps nothing.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use oci::Digest;
use store::BlobBody;

use super::{Import, ImportError, ImportWay, Imported};
use crate::storage::{BlobStorage, BlobWriter, Clock, Keeping, Listed, Storage, StorageError};

impl Import {
    /// Reads and checks everything as for an import into a registry that has nothing yet, and tells what would come of it. Neither a
    /// registry nor the source is changed; the room for the metadata is taken in the system's directory for temporary files.
    ///
    /// # Errors
    /// As [`Storage::import`].
    pub async fn rehearse(&self) -> Result<Imported, ImportError> {
        let directory = tempfile::tempdir().map_err(StorageError::file("cannot make", &std::env::temp_dir()))?;
        let blobs = Arc::new(Nowhere);
        let storage = Storage::open_with(directory.path(), blobs, Clock::system(), Keeping::default()).await?;
        storage.import(&Self { way: ImportWay::Copy, ..self.clone() }).await
    }
}

/// A place from which nothing comes back.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl BlobStorage for Nowhere {
    async fn begin(&self, _name: &str) -> Result<Box<dyn BlobWriter>, StorageError> {
        Ok(Box::new(Self))
    }

    async fn resume(
        &self,
        _name: &str,
        _written: u64,
        _state: &[u8],
    ) -> Result<Option<Box<dyn BlobWriter>>, StorageError> {
        Ok(None)
    }

    async fn discard(&self, _name: &str, _state: &[u8]) -> Result<(), StorageError> {
        Ok(())
    }

    async fn open(&self, _place: &str, _offset: u64, _length: u64) -> Result<Option<BlobBody>, StorageError> {
        Ok(None)
    }

    async fn remove(&self, _place: &str) -> Result<(), StorageError> {
        Ok(())
    }

    async fn put(&self, _place: &str, _bytes: Bytes) -> Result<(), StorageError> {
        Ok(())
    }

    async fn size(&self, _place: &str) -> Result<Option<u64>, StorageError> {
        Ok(None)
    }

    async fn list(&self, _directory: &str, _after: &str, _limit: usize) -> Result<Vec<Listed>, StorageError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl BlobWriter for Nowhere {
    async fn write(&mut self, _position: u64, _piece: Bytes) -> Result<(), StorageError> {
        Ok(())
    }

    async fn read(&mut self, _length: u64) -> Result<Option<BlobBody>, StorageError> {
        Ok(None)
    }

    async fn suspend(&mut self, _length: u64) -> Result<Vec<u8>, StorageError> {
        Ok(Vec::new())
    }

    fn place(&self, digest: &Digest) -> String {
        format!("nowhere/{digest}")
    }

    async fn commit(self: Box<Self>, _digest: &Digest, _length: u64) -> Result<(), StorageError> {
        Ok(())
    }
}
