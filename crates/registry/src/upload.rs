//! Uploads under way.
//!
//! Bytes go to a temporary file and through the hash as they arrive, so that the closing PUT, for which clients wait a
//! bounded time, has little left to do. Each piece is written at a stated position and refused when the upload is no longer
//! there; so a request that lost its connection, and whose bytes may still be on their way, cannot spoil what the client's
//! next request writes.

mod receive;

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use oci::{Algorithm, Digest, Hasher, RepositoryName};
use store::body::CHUNK_BYTES;
use store::{BlobBody, BlobSource, StoreError};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::error::ApiError;
use crate::options::RegistryOptions;
use crate::route::UploadId;

pub(crate) use receive::receive;

/// Seconds after which a client may try again when there are too many uploads.
const RETRY_AFTER_SECONDS: u32 = 5;

/// The uploads of a registry.
pub(crate) struct Uploads {
    under_way: Mutex<HashMap<UploadId, Arc<Upload>>>,
    directory: Option<PathBuf>,
    most: usize,
    lifetime: Duration,
    blob_max_bytes: u64,
}

/// One upload.
pub(crate) struct Upload {
    pub(crate) id: UploadId,
    repository: RepositoryName,
    directory: Option<PathBuf>,
    blob_max_bytes: u64,
    touched: Mutex<Instant>,
    /// Held while a piece is written, on a thread that may block.
    progress: tokio::sync::Mutex<Progress>,
}

struct Progress {
    /// Made with the first byte.
    file: Option<File>,
    hasher: Hasher,
    received: u64,
    closed: bool,
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

impl From<std::io::Error> for UploadError {
    fn from(error: std::io::Error) -> Self {
        Self::Other(ApiError::internal(error))
    }
}

impl Uploads {
    pub(crate) fn new(options: &RegistryOptions, directory: Option<PathBuf>) -> Self {
        Self {
            under_way: Mutex::default(),
            directory,
            most: options.uploads_max,
            lifetime: options.upload_lifetime,
            blob_max_bytes: options.blob_max_bytes,
        }
    }

    /// Begins an upload to a repository.
    pub(crate) fn begin(&self, repository: RepositoryName, algorithm: Algorithm) -> Result<Arc<Upload>, ApiError> {
        self.expire();
        let mut under_way = self.lock();
        if under_way.len() >= self.most {
            return Err(ApiError::too_many("too many uploads are under way", RETRY_AFTER_SECONDS));
        }
        let progress = Progress { file: None, hasher: algorithm.hasher(), received: 0, closed: false };
        let upload = Arc::new(Upload {
            id: UploadId::random(),
            repository,
            directory: self.directory.clone(),
            blob_max_bytes: self.blob_max_bytes,
            touched: Mutex::new(Instant::now()),
            progress: tokio::sync::Mutex::new(progress),
        });
        under_way.insert(upload.id, Arc::clone(&upload));
        Ok(upload)
    }

    /// Returns an upload to a repository.
    pub(crate) fn get(&self, repository: &RepositoryName, id: UploadId) -> Result<Arc<Upload>, ApiError> {
        let found = self.lock().get(&id).filter(|upload| upload.repository == *repository).cloned();
        found.inspect(|upload| upload.touch()).ok_or_else(ApiError::upload_unknown)
    }

    /// Forgets an upload. Its file goes with the last request that uses it.
    pub(crate) fn remove(&self, id: UploadId) {
        self.lock().remove(&id);
    }

    /// Returns a guard that forgets an upload when it is dropped.
    pub(crate) const fn remove_on_drop(&self, id: UploadId) -> RemoveOnDrop<'_> {
        RemoveOnDrop { uploads: self, id }
    }

    /// Forgets the uploads that lay untouched for too long.
    pub(crate) fn expire(&self) {
        let now = Instant::now();
        self.lock().retain(|_, upload| now.duration_since(upload.last_touched()) < self.lifetime);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadId, Arc<Upload>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets an upload when it is dropped: one that no other request can take further.
pub(crate) struct RemoveOnDrop<'u> {
    uploads: &'u Uploads,
    id: UploadId,
}

impl Drop for RemoveOnDrop<'_> {
    fn drop(&mut self) {
        self.uploads.remove(self.id);
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

    /// Begins to write a piece at `position`, which must be where the upload ends. The piece is written whether or not
    /// anybody waits for that.
    fn append(self: Arc<Self>, position: u64, piece: Bytes) -> JoinHandle<Result<(), UploadError>> {
        tokio::task::spawn_blocking(move || {
            let mut progress = self.progress.blocking_lock();
            self.touch();
            let received = progress.at(position)? + piece.len() as u64;
            if received > self.blob_max_bytes {
                return Err(ApiError::too_large(self.blob_max_bytes).into());
            }
            let file = match &progress.file {
                Some(file) => file,
                None => progress.file.insert(match &self.directory {
                    Some(directory) => tempfile::tempfile_in(directory)?,
                    None => tempfile::tempfile()?,
                }),
            };
            file.write_all_at(&piece, position)?;
            progress.hasher.update(&piece);
            progress.received = received;
            Ok(())
        })
    }

    /// Ends the upload, which must end at `position`, and checks that what was received is `digest`. Afterwards the upload
    /// is closed, unless it was out of order.
    pub(crate) async fn finish(self: Arc<Self>, position: u64, digest: Digest) -> Result<Received, UploadError> {
        let finish = move || {
            let mut progress = self.progress.blocking_lock();
            let size = progress.at(position)?;
            progress.closed = true;
            let file = progress.file.take();
            let hasher = std::mem::replace(&mut progress.hasher, Algorithm::Sha256.hasher());
            let mut found = hasher.finish();
            if found.algorithm() != digest.algorithm() {
                found = hash(file.as_ref(), size, digest.algorithm())?;
            }
            if found != digest {
                return Err(ApiError::wrong_digest(&digest, &found).into());
            }
            Ok(Received { file, size })
        };
        tokio::task::spawn_blocking(finish).await.map_err(std::io::Error::other)?
    }

    fn touch(&self) {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last_touched(&self) -> Instant {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Returns `position` if that is where the upload ends.
    const fn at(&self, position: u64) -> Result<u64, UploadError> {
        if self.closed {
            Err(UploadError::Closed)
        } else if self.received == position {
            Ok(position)
        } else {
            Err(UploadError::OutOfOrder { received: self.received })
        }
    }
}

/// Hashes what was received once more, by an algorithm that was not known before.
fn hash(file: Option<&File>, size: u64, algorithm: Algorithm) -> Result<Digest, std::io::Error> {
    let mut hasher = algorithm.hasher();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut position = 0;
    while let Some(file) = file.filter(|_| position < size) {
        let wanted = usize::try_from(size - position).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        file.read_exact_at(&mut chunk[..wanted], position)?;
        hasher.update(&chunk[..wanted]);
        position += wanted as u64;
    }
    Ok(hasher.finish())
}

/// Content that has been received whole and checked.
pub(crate) struct Received {
    /// There is none when there were no bytes.
    file: Option<File>,
    pub(crate) size: u64,
}

#[async_trait]
impl BlobSource for Received {
    async fn open(&self, offset: u64) -> Result<BlobBody, StoreError> {
        let Some(file) = &self.file else { return Ok(BlobBody::from_bytes(Bytes::new())) };
        let file = file.try_clone().map_err(|source| StoreError::File {
            action: "cannot open",
            path: "the file of an upload".into(),
            source,
        })?;
        Ok(BlobBody::from_file(file, offset, self.size.saturating_sub(offset)))
    }
}
