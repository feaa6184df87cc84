//! How far an upload has come.

use bytes::Bytes;
use futures_util::StreamExt as _;
use oci::{Algorithm, Digest, Hasher, RepositoryName};
use store::BlobBody;

use super::UploadError;
use crate::error::ApiError;
use crate::route::UploadId;
use crate::storage::{BlobStorage, BlobWriter, Session, Storage, StorageError};

/// Bytes that are hashed, or written, without a pause: a few tens of microseconds.
pub(super) const AT_ONCE_BYTES: usize = 64 * 1024;

/// How far an upload has come.
pub(super) struct Progress {
    /// Made with the first byte.
    writer: Option<Box<dyn BlobWriter>>,
    pub(super) hasher: Hasher,
    pub(super) received: u64,
}

impl Progress {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        Self { writer: None, hasher: algorithm.hasher(), received: 0 }
    }

    /// Returns where a session ended; `None` when what was received is no longer there.
    pub(super) async fn resume(storage: &Storage, session: Session) -> Result<Option<Self>, ApiError> {
        let received = session.received;
        if received == 0 && session.state.is_empty() {
            return Ok(Some(Self::new(session.algorithm)));
        }
        let Some(mut writer) = storage.blobs().resume(&session.id.to_string(), received, &session.state).await? else {
            return Ok(None);
        };
        let hasher = match session.hasher {
            Some(hasher) => hasher,
            None => match writer.read(received).await? {
                Some(body) => hash(body, session.algorithm).await?,
                None => return Ok(None),
            },
        };
        Ok(Some(Self { writer: Some(writer), hasher, received }))
    }

    /// Returns `position` if that is where the upload ends.
    pub(super) const fn at(&self, position: u64) -> Result<u64, UploadError> {
        if self.received == position { Ok(position) } else { Err(UploadError::OutOfOrder { received: self.received }) }
    }

    /// Writes a piece where the upload ends, and hashes it meanwhile.
    pub(super) async fn append(
        &mut self,
        blobs: &dyn BlobStorage,
        id: UploadId,
        piece: Bytes,
    ) -> Result<(), UploadError> {
        let mut hasher = self.hasher.clone();
        let position = self.received;
        let writing = self.writer(blobs, id).await?.write(position, piece.clone());
        // What is polled first writes, on another thread.
        let (written, ()) = tokio::join!(writing, update(&mut hasher, &piece));
        written?;
        self.hasher = hasher;
        self.received += piece.len() as u64;
        Ok(())
    }

    /// Does the same as [`Progress::append`], here and now; returns `None`, and has done nothing, where that might keep the thread waiting.
    pub(super) fn append_at_once(&mut self, piece: &[u8]) -> Option<Result<(), StorageError>> {
        let written = self.writer.as_mut()?.write_at_once(self.received, piece)?;
        if written.is_ok() {
            self.hasher.update(piece);
            self.received += piece.len() as u64;
        }
        Some(written)
    }

    /// Returns what the place of the blobs needs to go on behind the first `length` bytes.
    pub(super) async fn suspend(&mut self, length: u64) -> Result<Vec<u8>, StorageError> {
        match &mut self.writer {
            Some(writer) => writer.suspend(length).await,
            None => Ok(Vec::new()),
        }
    }

    /// Checks that what was received is `digest`, and returns the place where it is kept now, and when that was noted: before, in the
    /// turn of whoever claimed the upload.
    pub(super) async fn finish(
        &mut self,
        storage: &Storage,
        (id, turn): (UploadId, Option<i64>),
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<(String, i64), UploadError> {
        let blobs = storage.blobs().as_ref();
        let found = self.hasher.clone().finish();
        let length = self.received;
        let mut is_known = found.algorithm() == digest.algorithm();
        if is_known && found != *digest {
            return Err(ApiError::wrong_digest(digest, &found).into());
        }
        self.writer(blobs, id).await?;
        let mut writer = self.writer.take().ok_or(UploadError::Closed)?;
        if !is_known && let Some(body) = writer.read(length).await? {
            check(body, digest).await?;
            is_known = true;
        }
        let place = writer.place(digest);
        let noted = storage.note_place(id, turn, repository, &place).await?;
        let noted_at = noted.ok_or(UploadError::Closed)?;
        writer.commit(digest, length).await?;
        if !is_known {
            // Nobody knows the place yet; where the digest is another, it goes with the upload.
            let body = blobs.open(&place, 0, length).await?.ok_or(StorageError::Ended)?;
            check(body, digest).await?;
        }
        Ok((place, noted_at))
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

/// Checks that what was received is `digest`, by an algorithm that was not known before.
async fn check(body: BlobBody, digest: &Digest) -> Result<(), ApiError> {
    let found = hash(body, digest.algorithm()).await?.finish();
    if found == *digest { Ok(()) } else { Err(ApiError::wrong_digest(digest, &found)) }
}

/// Hashes what was received once more, by an algorithm that was not known before.
async fn hash(body: BlobBody, algorithm: Algorithm) -> Result<Hasher, ApiError> {
    let mut hasher = algorithm.hasher();
    let mut stream = body.into_stream();
    while let Some(chunk) = stream.next().await {
        update(&mut hasher, &chunk?).await;
    }
    Ok(hasher)
}

/// Hashes a piece where it is, for to give it to another thread costs more than to hash some tens of kilobytes; others have their turns
/// in between.
async fn update(hasher: &mut Hasher, piece: &[u8]) {
    let mut parts = piece.chunks(AT_ONCE_BYTES).peekable();
    while let Some(part) = parts.next() {
        hasher.update(part);
        if parts.peek().is_some() {
            tokio::task::yield_now().await;
        }
    }
}
