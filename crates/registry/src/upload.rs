//! Uploads under way.
//!
//! Bytes go to where blobs are kept and through the hash as they arrive, so that the closing PUT, for which clients wait a
//! bounded time, has little left to do. Each piece is written at a stated position and refused when the upload is no longer
//! there; so a request that lost its connection, and whose bytes may still be on their way, cannot spoil what the client's
//! next request writes. How far an upload has come is noted after every request, so that it can go on after a restart.

mod progress;
mod receive;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use oci::{Algorithm, Digest, RepositoryName};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::error::ApiError;
use crate::options::RegistryOptions;
use crate::route::UploadId;
use crate::storage::{Session, Storage, StorageError, StoredBlob};

use progress::Progress;
pub(crate) use receive::receive;

/// Seconds after which a client may try again when there are too many uploads.
const RETRY_AFTER_SECONDS: u32 = 5;

/// The uploads of a registry.
pub(crate) struct Uploads {
    /// Those that this process has seen.
    under_way: Mutex<HashMap<UploadId, Arc<Upload>>>,
    storage: Storage,
    most: usize,
    lifetime: Duration,
    blob_max_bytes: u64,
}

/// One upload.
pub(crate) struct Upload {
    pub(crate) id: UploadId,
    repository: RepositoryName,
    storage: Storage,
    blob_max_bytes: u64,
    touched: Mutex<Instant>,
    /// Held while a piece is written, by a task of its own.
    progress: tokio::sync::Mutex<Progress>,
}

/// Why an upload did not go on.
#[derive(Debug)]
pub(crate) enum UploadError {
    /// It was completed or cancelled.
    Closed,
    /// The piece does not begin where the upload ends.
    OutOfOrder {
        /// Bytes received so far.
        received: u64,
    },
    /// The request was at fault in another way, or the server failed.
    Other(ApiError),
}

impl From<ApiError> for UploadError {
    fn from(error: ApiError) -> Self {
        Self::Other(error)
    }
}

impl From<StorageError> for UploadError {
    fn from(error: StorageError) -> Self {
        Self::Other(error.into())
    }
}

impl Uploads {
    pub(crate) fn new(options: &RegistryOptions, storage: Storage) -> Self {
        Self {
            under_way: Mutex::default(),
            storage,
            most: options.uploads_max,
            lifetime: options.upload_lifetime,
            blob_max_bytes: options.blob_max_bytes,
        }
    }

    /// Begins an upload to a repository that ends with the request, as a rule.
    pub(crate) async fn begin(
        &self,
        repository: RepositoryName,
        algorithm: Algorithm,
    ) -> Result<Arc<Upload>, ApiError> {
        self.expire().await?;
        let upload = self.upload(UploadId::random(), repository, Progress::new(algorithm));
        let mut under_way = self.lock();
        if under_way.len() >= self.most {
            return Err(ApiError::too_many("too many uploads are under way", RETRY_AFTER_SECONDS));
        }
        under_way.insert(upload.id, Arc::clone(&upload));
        Ok(upload)
    }

    /// Returns an upload to a repository.
    pub(crate) async fn get(&self, repository: &RepositoryName, id: UploadId) -> Result<Arc<Upload>, ApiError> {
        let found = self.lock().get(&id).filter(|upload| upload.repository == *repository).cloned();
        if let Some(upload) = found {
            upload.touch();
            return Ok(upload);
        }
        // It was begun by another process, perhaps by this one's predecessor.
        let session = self.storage.session(repository, id).await?.ok_or_else(ApiError::upload_unknown)?;
        let progress = Progress::resume(&self.storage, session).await?.ok_or_else(ApiError::upload_unknown)?;
        let upload = self.upload(id, repository.clone(), progress);
        // Two requests may have come here at once: one of the two it is.
        Ok(Arc::clone(self.lock().entry(id).or_insert(upload)))
    }

    /// Forgets an upload and what was received of it.
    pub(crate) async fn remove(&self, id: UploadId) -> Result<(), ApiError> {
        let upload = self.lock().remove(&id);
        if let Some(upload) = upload {
            // Whatever is still at work on it comes to its end first.
            upload.close().await;
        }
        Ok(self.storage.end_session(id).await?)
    }

    /// Forgets the uploads that lay untouched for too long.
    pub(crate) async fn expire(&self) -> Result<(), ApiError> {
        let now = Instant::now();
        let mut expired = Vec::new();
        self.lock().retain(|id, upload| {
            let stays = now.duration_since(upload.last_touched()) < self.lifetime;
            expired.extend((!stays).then_some(*id));
            stays
        });
        for id in expired {
            self.remove(id).await?;
        }
        Ok(())
    }

    /// Forgets the uploads of earlier processes that lay untouched for too long.
    pub(crate) async fn expire_noted(&self) -> Result<(), ApiError> {
        self.expire().await?;
        for id in self.storage.expired_sessions(self.lifetime).await? {
            if !self.lock().contains_key(&id) {
                self.remove(id).await?;
            }
        }
        Ok(())
    }

    fn upload(&self, id: UploadId, repository: RepositoryName, progress: Progress) -> Arc<Upload> {
        Arc::new(Upload {
            id,
            repository,
            storage: self.storage.clone(),
            blob_max_bytes: self.blob_max_bytes,
            touched: Mutex::new(Instant::now()),
            progress: tokio::sync::Mutex::new(progress),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadId, Arc<Upload>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upload {
    /// Returns the number of bytes received.
    pub(crate) async fn received(&self) -> Result<u64, UploadError> {
        let progress = self.progress.lock().await;
        if progress.closed { Err(UploadError::Closed) } else { Ok(progress.received) }
    }

    /// Ends the upload for every request that is still writing to it.
    pub(crate) async fn close(&self) {
        self.progress.lock().await.closed = true;
    }

    /// Says by which algorithm the content will be named, when that is known before its first byte.
    pub(crate) async fn expect(&self, algorithm: Algorithm) {
        let mut progress = self.progress.lock().await;
        if progress.received == 0 {
            progress.hasher = algorithm.hasher();
        }
    }

    /// Notes how far the upload has come, for the time after a restart.
    pub(crate) async fn save(&self) -> Result<(), UploadError> {
        let progress = self.progress.lock().await;
        if progress.closed {
            return Err(UploadError::Closed);
        }
        Ok(self.storage.save_session(self.session(&progress, None)).await?)
    }

    fn session(&self, progress: &Progress, place: Option<String>) -> Session {
        Session {
            id: self.id,
            repository: self.repository.clone(),
            algorithm: progress.hasher.algorithm(),
            received: progress.received,
            hasher: Some(progress.hasher.clone()),
            place,
        }
    }

    /// Begins to write a piece at `position`, which must be where the upload ends. The piece is written whether or not
    /// anybody waits for that.
    fn append(self: Arc<Self>, position: u64, piece: Bytes) -> JoinHandle<Result<(), UploadError>> {
        tokio::spawn(async move {
            let mut progress = self.progress.lock().await;
            self.touch();
            let received = progress.at(position)? + piece.len() as u64;
            if received > self.blob_max_bytes {
                return Err(ApiError::too_large(self.blob_max_bytes).into());
            }
            progress.append(self.storage.blobs().as_ref(), self.id, piece).await
        })
    }

    /// Ends the upload, which must end at `position`, and gives what was received, which must be `digest`, to the repository.
    /// Afterwards the upload is closed, unless it was out of order.
    pub(crate) async fn finish(self: Arc<Self>, position: u64, digest: Digest) -> Result<(), UploadError> {
        // A client that goes away must not leave it half done.
        let finished = tokio::spawn(async move {
            let mut progress = self.progress.lock().await;
            let size = progress.at(position)?;
            let writer = progress.finish(self.storage.blobs().as_ref(), self.id, &digest).await?;
            let place = writer.place(&digest);
            // Should the process end before the blob is known, this says what to remove.
            self.storage.save_session(self.session(&progress, Some(place.clone()))).await?;
            writer.commit(&digest, size).await?;
            self.storage.add_blob(&self.repository, &digest, StoredBlob { size, place }).await?;
            Ok(())
        });
        finished.await.map_err(|error| UploadError::Other(ApiError::internal(error)))?
    }

    fn touch(&self) {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last_touched(&self) -> Instant {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
