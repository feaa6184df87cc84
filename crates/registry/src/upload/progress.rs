//! How far an upload has come.

use bytes::Bytes;
use futures_util::StreamExt as _;
use oci::{Algorithm, Digest, Hasher};
use store::BlobBody;

use super::UploadError;
use crate::error::ApiError;
use crate::route::UploadId;
use crate::storage::{BlobStorage, BlobWriter, Session, Storage, StorageError};

/// How far an upload has come.
pub(super) struct Progress {
    /// Made with the first byte.
    writer: Option<Box<dyn BlobWriter>>,
    pub(super) hasher: Hasher,
    pub(super) received: u64,
    pub(super) closed: bool,
}

impl Progress {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        Self { writer: None, hasher: algorithm.hasher(), received: 0, closed: false }
    }

    /// Returns where a session ended; `None` when what was received is no longer there.
    pub(super) async fn resume(storage: &Storage, session: Session) -> Result<Option<Self>, ApiError> {
        let received = session.received;
        let Some(mut writer) = storage.blobs().resume(&session.id.to_string(), received).await? else {
            return Ok(None);
        };
        let hasher = match session.hasher {
            Some(hasher) => hasher,
            None => hash(writer.read(received).await?, session.algorithm).await?,
        };
        Ok(Some(Self { writer: Some(writer), hasher, received, closed: false }))
    }

    /// Returns `position` if that is where the upload ends.
    pub(super) const fn at(&self, position: u64) -> Result<u64, UploadError> {
        if self.closed {
            Err(UploadError::Closed)
        } else if self.received == position {
            Ok(position)
        } else {
            Err(UploadError::OutOfOrder { received: self.received })
        }
    }

    /// Writes a piece where the upload ends, and hashes it meanwhile.
    pub(super) async fn append(
        &mut self,
        blobs: &dyn BlobStorage,
        id: UploadId,
        piece: Bytes,
    ) -> Result<(), UploadError> {
        let mut hasher = self.hasher.clone();
        let hashing = tokio::task::spawn_blocking({
            let piece = piece.clone();
            move || {
                hasher.update(&piece);
                hasher
            }
        });
        let length = piece.len() as u64;
        let position = self.received;
        self.writer(blobs, id).await?.write(position, piece).await?;
        self.hasher = hashing.await.map_err(|error| UploadError::Other(ApiError::internal(error)))?;
        self.received += length;
        Ok(())
    }

    /// Ends the upload, checks that what was received is `digest`, and returns what makes a blob of it.
    pub(super) async fn finish(
        &mut self,
        blobs: &dyn BlobStorage,
        id: UploadId,
        digest: &Digest,
    ) -> Result<Box<dyn BlobWriter>, UploadError> {
        self.closed = true;
        let mut found = self.hasher.clone().finish();
        let length = self.received;
        if found.algorithm() != digest.algorithm() {
            let body = self.writer(blobs, id).await?.read(length).await?;
            found = hash(body, digest.algorithm()).await?.finish();
        }
        if found != *digest {
            return Err(ApiError::wrong_digest(digest, &found).into());
        }
        self.writer(blobs, id).await?;
        self.writer.take().ok_or(UploadError::Closed)
    }

    async fn writer(
        &mut self,
        blobs: &dyn BlobStorage,
        id: UploadId,
    ) -> Result<&mut Box<dyn BlobWriter>, StorageError> {
        match &mut self.writer {
            Some(_) => {}
            empty => *empty = Some(blobs.begin(&id.to_string()).await?),
        }
        self.writer.as_mut().ok_or(StorageError::Ended)
    }
}

/// Hashes what was received once more, by an algorithm that was not known before.
async fn hash(body: BlobBody, algorithm: Algorithm) -> Result<Hasher, ApiError> {
    let mut hasher = algorithm.hasher();
    let mut stream = body.into_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        let hashing = tokio::task::spawn_blocking(move || {
            hasher.update(&chunk);
            hasher
        });
        hasher = hashing.await.map_err(ApiError::internal)?;
    }
    Ok(hasher)
}
