//! An upload that is claimed, and the turns of the requests that write to it.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use oci::{Algorithm, Digest, RepositoryName};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::insistent::Insistent;
use super::{Inner, Progress, Session, UploadError};
use crate::error::ApiError;
use crate::quota::Quotas;
use crate::route::UploadId;
use crate::storage::{Headroom, Storage, StorageError, milliseconds};
use crate::traces;

/// How often a claim is renewed while bytes arrive.
const RENEWED_EVERY: Duration = Duration::from_mins(1);

/// One upload, claimed by this process.
pub(crate) struct Upload {
    id: UploadId,
    repository: RepositoryName,
    /// The number of the claim; an upload that ends with its request has none.
    turn: Option<i64>,
    /// Whether earlier requests left something with the blobs beside what becomes the blob.
    has_state: bool,
    storage: Storage,
    lifetime: Duration,
    pub(super) blob_max_bytes: u64,
    quotas: Quotas,
    renewed: Mutex<Instant>,
    /// Held while a piece is written, by a task of its own. None when the claim has been given back.
    progress: tokio::sync::Mutex<Option<Progress>>,
}

impl Upload {
    pub(super) fn new(
        uploads: &Inner,
        id: UploadId,
        repository: RepositoryName,
        turn: Option<i64>,
        has_state: bool,
        progress: Progress,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            repository,
            turn,
            has_state,
            storage: uploads.storage.clone(),
            lifetime: uploads.lifetime,
            blob_max_bytes: uploads.blob_max_bytes,
            quotas: uploads.quotas.clone(),
            renewed: Mutex::new(Instant::now()),
            progress: tokio::sync::Mutex::new(Some(progress)),
        })
    }

    pub(super) fn is_of(&self, repository: &RepositoryName) -> bool {
        self.repository == *repository
    }

    /// Returns how many bytes the repository may still get; `None` where there is no limit.
    pub(super) async fn room(&self) -> Result<Option<Headroom>, UploadError> {
        Ok(self.storage.room(&self.quotas, &self.repository).await?)
    }

    /// Returns the number of bytes received.
    pub(crate) async fn received(&self) -> Result<u64, UploadError> {
        self.progress.lock().await.as_ref().map(|progress| progress.received).ok_or(UploadError::Closed)
    }

    /// Ends the upload for every request that is still writing to it.
    pub(super) async fn close(&self) {
        drop(self.progress.lock().await.take());
    }

    /// Says by which algorithm the content will be named, when that is known before its first byte.
    pub(crate) async fn expect(&self, algorithm: Algorithm) {
        if let Some(progress) = self.progress.lock().await.as_mut().filter(|progress| progress.received == 0) {
            progress.hasher = algorithm.hasher();
        }
    }

    /// Writes a piece at `position`, which must be where the upload ends. The piece is written whether or not anybody waits for that.
    pub(super) fn append(self: Arc<Self>, position: u64, piece: Bytes) -> Insistent<Result<(), UploadError>> {
        Insistent::new(async move {
            let mut progress = self.progress.lock().await;
            let progress = progress.as_mut().ok_or(UploadError::Closed)?;
            self.check_room(progress.at(position)? + piece.len() as u64)?;
            if self.must_renew() {
                self.renew().await?;
            }
            progress.append(self.storage.blobs().as_ref(), self.id, piece).await
        })
    }

    /// Does the same as [`Upload::append`], here and now: nothing of it is left to do when this returns. Returns false, and has done nothing,
    /// where that might keep the thread waiting.
    pub(super) fn append_at_once(&self, position: u64, piece: &[u8]) -> Result<bool, UploadError> {
        let Ok(mut progress) = self.progress.try_lock() else { return Ok(false) };
        let progress = progress.as_mut().ok_or(UploadError::Closed)?;
        self.check_room(progress.at(position)? + piece.len() as u64)?;
        if self.must_renew() {
            return Ok(false);
        }
        progress.append_at_once(piece).transpose().map(|written| written.is_some()).map_err(UploadError::from)
    }

    fn check_room(&self, received: u64) -> Result<(), UploadError> {
        if received > self.blob_max_bytes {
            return Err(ApiError::too_large(self.blob_max_bytes).into());
        }
        Ok(())
    }

    fn must_renew(&self) -> bool {
        self.turn.is_some() && self.renewed.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > RENEWED_EVERY
    }

    /// Ends the upload, which must end at `position`, and gives what was received, which must be `digest`, to the repository.
    /// Afterwards the upload has gone, unless it was out of order.
    pub(crate) async fn finish(self: Arc<Self>, position: u64, digest: Digest) -> Result<(), UploadError> {
        // A client that goes away must not leave it half done.
        let finished = tokio::spawn(traces::carried(async move {
            let mut progress = self.progress.lock().await;
            let size = progress.as_ref().ok_or(UploadError::Closed)?.at(position)?;
            let mut progress = progress.take().ok_or(UploadError::Closed)?;
            let mut is_unclear = false;
            let finished = async {
                if progress.hasher.algorithm() != digest.algorithm() {
                    // All of it will be read again.
                    self.renew().await?;
                }
                let id = (self.id, self.turn);
                let (place, noted_at) = progress.finish(&self.storage, id, &self.repository, &digest).await?;
                // Whoever throws away what lay untouched for its whole lifetime must not find it in use.
                let until = noted_at.saturating_add(milliseconds(self.lifetime) / 2);
                let added = self.storage.add_blob(&self.repository, &digest, size, &place, until, &self.quotas).await;
                is_unclear = matches!(added, Err(StorageError::Unclear(_)));
                added?.map_err(|refused| UploadError::Other(refused.into()))
            };
            let finished: Result<(), UploadError> = finished.await;
            // What stays behind is thrown away when it has lain untouched for too long.
            let _ = match finished {
                // The blob may have been added. Its place is noted, so that it goes later if it was not.
                Err(_) if is_unclear => Ok(()),
                Ok(()) if !self.has_state => self.storage.complete_session(self.id).await,
                _ => self.throw_away(progress).await,
            };
            finished
        }));
        finished.await.map_err(|error| UploadError::Other(ApiError::internal(error)))?
    }

    /// Says that the claim is still needed. It is gone when the upload was cancelled elsewhere.
    async fn renew(&self) -> Result<(), UploadError> {
        let Some(turn) = self.turn else { return Ok(()) };
        if !self.storage.renew_session(self.id, turn).await? {
            return Err(UploadError::Closed);
        }
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(())
    }

    /// Gives the claim back, and notes how far the upload has come.
    async fn give_back(&self, uploads: &Inner) -> Result<(), UploadError> {
        let Some(mut progress) = self.progress.lock().await.take() else { return Ok(()) };
        let Some(turn) = self.turn else { return Ok(self.throw_away(progress).await?) };
        let state = match progress.suspend(progress.received).await {
            Ok(state) => state,
            Err(error) => {
                // Bytes of it were lost, so nobody can go on with it.
                self.throw_away(progress).await?;
                return Err(error.into());
            }
        };
        let session = Session {
            id: self.id,
            algorithm: progress.hasher.algorithm(),
            received: progress.received,
            hasher: Some(progress.hasher.clone()),
            state,
            turn,
        };
        if self.storage.save_session(session).await? {
            uploads.keep(self.id, turn, progress);
            Ok(())
        } else {
            // It was cancelled elsewhere, perhaps before the last bytes were written.
            self.throw_away(progress).await?;
            Err(UploadError::Closed)
        }
    }

    async fn throw_away(&self, mut progress: Progress) -> Result<(), StorageError> {
        let state = Some(progress.suspend(0).await?).filter(|state| !state.is_empty());
        self.storage.end_session(self.id, state).await
    }
}

/// The turn of a request that writes to an upload. The claim is given back by the last one that ends, or is dropped.
pub(crate) struct Turn {
    upload: Arc<Upload>,
    uploads: Arc<Inner>,
    ended: bool,
}

impl Turn {
    pub(super) fn new(upload: Arc<Upload>, uploads: &Arc<Inner>) -> Self {
        Self { upload, uploads: Arc::clone(uploads), ended: false }
    }

    /// Returns the upload.
    pub(crate) const fn upload(&self) -> &Arc<Upload> {
        &self.upload
    }

    /// Ends the turn. What came of it is noted when this returns, unless other requests still write.
    pub(crate) async fn end(mut self) -> Result<(), UploadError> {
        if self.is_last() { self.upload.give_back(&self.uploads).await } else { Ok(()) }
    }

    /// Leaves the upload and tells whether nobody else writes to it.
    fn is_last(&mut self) -> bool {
        self.ended = true;
        let mut held = self.uploads.held();
        match held.get_mut(&self.upload.id).filter(|(upload, _)| Arc::ptr_eq(upload, &self.upload)) {
            Some((_, users)) if *users > 1 => {
                *users -= 1;
                false
            }
            Some(_) => {
                held.remove(&self.upload.id);
                true
            }
            None => true,
        }
    }
}

impl Deref for Turn {
    type Target = Upload;

    fn deref(&self) -> &Upload {
        &self.upload
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.ended || !self.is_last() {
            return;
        }
        // The request was abandoned. Without a runtime everything ends, and the claim with it.
        if let Ok(runtime) = Handle::try_current() {
            let (upload, uploads) = (Arc::clone(&self.upload), Arc::clone(&self.uploads));
            runtime.spawn(async move { upload.give_back(&uploads).await });
        }
    }
}
