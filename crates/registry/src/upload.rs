//! Uploads under way.
//!
//! Bytes go to where blobs are kept and through the hash as they arrive, so that the closing PUT, for which clients wait a
//! bounded time, has little left to do. Each piece is written at a stated position and refused when the upload is no longer
//! there; so a request that lost its connection, and whose bytes may still be on their way, cannot spoil what the client's
//! next request writes.
//!
//! Which uploads there are, and how far they have come, is in the database of the sessions, so that an upload can go on after a
//! restart or on another node. A request that writes claims the upload there and gives it back with what came of it. Requests to
//! the same node share a claim, and their positions decide; a request to another node is told that the upload ends elsewhere
//! (416) while somebody writes. A claim is never taken from anybody: if its holder vanished, nobody knows what its last bytes
//! were or will be, and the upload is lost. So no two nodes ever write to the same upload.

mod claim;
mod insistent;
mod owners;
mod progress;
mod receive;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oci::{Algorithm, RepositoryName};
use tokio::time::Instant;

use crate::error::ApiError;
use crate::options::RegistryOptions;
use crate::quota::Quotas;
use crate::route::UploadId;
use crate::storage::{Claimed, Session, Storage, StorageError};

pub(crate) use claim::{Turn, Upload};
use owners::Owners;
pub(crate) use owners::Share;
use progress::Progress;
pub(crate) use receive::receive;

/// Seconds after which a client may try again when there are too many uploads.
const RETRY_AFTER_SECONDS: u32 = 5;

/// The uploads of a registry.
pub(crate) struct Uploads(Arc<Inner>);

struct Inner {
    /// Those that requests to this process write to, and by how many.
    held: Mutex<HashMap<UploadId, (Arc<Upload>, usize)>>,
    /// Those that a request to this process wrote to last, if no other has since.
    kept: Mutex<HashMap<UploadId, Kept>>,
    storage: Storage,
    most: usize,
    /// Uploads that end with their requests, by whose they are.
    owners: Owners,
    most_each: usize,
    lifetime: Duration,
    blob_max_bytes: u64,
    quotas: Quotas,
}

/// How far an upload came, as long as nobody else has had a turn.
struct Kept {
    turn: i64,
    progress: Progress,
    since: Instant,
}

/// Why an upload did not go on.
#[derive(Debug)]
pub(crate) enum UploadError {
    /// It was completed or cancelled.
    Closed,
    /// The piece does not begin where the upload ends, or another node writes to it.
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
        Self(Arc::new(Inner {
            held: Mutex::default(),
            kept: Mutex::default(),
            storage,
            most: options.uploads_max,
            owners: Owners::default(),
            most_each: options.uploads_max_each,
            lifetime: options.upload_lifetime,
            blob_max_bytes: options.blob_max_bytes,
            quotas: options.quotas.clone(),
        }))
    }

    /// Begins an upload to a repository that further requests take on.
    pub(crate) async fn begin(
        &self,
        repository: RepositoryName,
        algorithm: Algorithm,
        owner: Option<String>,
    ) -> Result<UploadId, ApiError> {
        if let Some(room) = self.0.storage.room(&self.0.quotas, &repository).await?.filter(|room| room.bytes == 0) {
            return Err(ApiError::quota(&room.limit));
        }
        let (mut all, mut of_owner) = self.0.storage.count_sessions_of(owner.as_deref()).await?;
        // One owner alone must not have the server look for what others have left.
        if all >= self.0.most as u64 {
            self.expire().await?;
            (all, of_owner) = self.0.storage.count_sessions_of(owner.as_deref()).await?;
        }
        if all >= self.0.most as u64 {
            return Err(too_many());
        }
        if of_owner >= self.0.most_each as u64 {
            return Err(too_many_of_one());
        }
        let id = UploadId::random();
        self.0.storage.begin_session(id, repository, algorithm, owner).await?;
        Ok(id)
    }

    /// Begins an upload that ends with the request.
    pub(crate) fn begin_whole(&self, repository: RepositoryName, algorithm: Algorithm) -> Result<Turn, ApiError> {
        let id = UploadId::random();
        let upload = Upload::new(&self.0, id, repository, None, false, Progress::new(algorithm));
        let mut held = self.0.held();
        if held.len() >= self.0.most {
            return Err(too_many());
        }
        held.insert(id, (Arc::clone(&upload), 1));
        Ok(Turn::new(upload, &self.0))
    }

    /// Claims an upload to a repository, to write to it.
    pub(crate) async fn claim(&self, repository: &RepositoryName, id: UploadId) -> Result<Turn, UploadError> {
        if let Some((upload, users)) = self.0.held().get_mut(&id).filter(|(upload, _)| upload.is_of(repository)) {
            *users += 1;
            return Ok(Turn::new(Arc::clone(upload), &self.0));
        }
        let session = match self.0.storage.claim_session(repository, id).await? {
            Claimed::Yes(session) => *session,
            Claimed::Busy(received) => return Err(UploadError::OutOfOrder { received }),
            Claimed::Lost => {
                self.0.throw_away(repository, id).await?;
                return Err(UploadError::Closed);
            }
            Claimed::Unknown => return Err(UploadError::Closed),
        };
        let kept = self.0.kept().remove(&id).filter(|kept| kept.turn + 1 == session.turn);
        let (turn, has_state) = (session.turn, !session.state.is_empty());
        let progress = match kept {
            Some(kept) => Some(kept.progress),
            None => match Progress::resume(&self.0.storage, session.clone()).await {
                Ok(progress) => progress,
                Err(error) => {
                    // The next request may have more luck.
                    self.0.storage.save_session(session).await?;
                    return Err(error.into());
                }
            },
        };
        let Some(progress) = progress else {
            self.0.throw_away(repository, id).await?;
            return Err(UploadError::Closed);
        };
        let upload = Upload::new(&self.0, id, repository.clone(), Some(turn), has_state, progress);
        self.0.held().insert(id, (Arc::clone(&upload), 1));
        Ok(Turn::new(upload, &self.0))
    }

    /// Returns how many bytes of an upload have been received.
    pub(crate) async fn received(&self, repository: &RepositoryName, id: UploadId) -> Result<u64, UploadError> {
        let held = self.0.held().get(&id).map(|(upload, _)| Arc::clone(upload));
        if let Some(upload) = held.filter(|upload| upload.is_of(repository)) {
            return upload.received().await;
        }
        self.0.storage.touch_session(repository, id).await?.ok_or(UploadError::Closed)
    }

    /// Throws an upload away, whoever writes to it.
    pub(crate) async fn cancel(&self, repository: &RepositoryName, id: UploadId) -> Result<(), UploadError> {
        let held = self.0.held().get(&id).map(|(upload, _)| Arc::clone(upload));
        if let Some(upload) = held.filter(|upload| upload.is_of(repository)) {
            upload.close().await;
        }
        if self.0.throw_away(repository, id).await? { Ok(()) } else { Err(UploadError::Closed) }
    }

    /// Throws away the uploads that lay untouched for too long, whichever node they were begun on.
    pub(crate) async fn expire(&self) -> Result<(), ApiError> {
        let (now, lifetime) = (Instant::now(), self.0.lifetime);
        self.0.kept().retain(|_, kept| now.duration_since(kept.since) < lifetime);
        loop {
            let expired = self.0.storage.expired_sessions(lifetime).await?;
            if expired.is_empty() {
                break;
            }
            for id in expired {
                self.0.storage.remove_received(id).await?;
                self.0.storage.end_session(id, None).await?;
                self.0.kept().remove(&id);
            }
        }
        Ok(self.0.storage.remove_strays(lifetime).await?)
    }

    /// Counts an upload that ends with its request among those of somebody, as long as the share lives.
    pub(crate) fn share(&self, owner: Option<String>) -> Result<Option<Share>, ApiError> {
        let Some(owner) = owner else { return Ok(None) };
        self.0.owners.share(owner, self.0.most_each).map(Some).ok_or_else(too_many_of_one)
    }
}

/// The answer where the server has as many uploads as it may.
fn too_many() -> ApiError {
    ApiError::too_many("too many uploads are under way", RETRY_AFTER_SECONDS)
}

/// The answer where one caller has as many uploads as one may.
fn too_many_of_one() -> ApiError {
    ApiError::too_many("too many of your uploads are under way; end them, or let them expire", RETRY_AFTER_SECONDS)
}

impl Inner {
    /// Forgets an upload and what was received of it. Returns false when there was none.
    async fn throw_away(&self, repository: &RepositoryName, id: UploadId) -> Result<bool, StorageError> {
        let Some(state) = self.storage.forget_session(repository, id).await? else { return Ok(false) };
        self.kept().remove(&id);
        self.storage.blobs().discard(&id.to_string(), &state).await?;
        self.storage.remove_received(id).await?;
        Ok(true)
    }

    /// Keeps what the next request to an upload can go on with at once.
    fn keep(&self, id: UploadId, turn: i64, progress: Progress) {
        let mut kept = self.kept();
        if kept.len() < self.most {
            kept.insert(id, Kept { turn, progress, since: Instant::now() });
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<UploadId, (Arc<Upload>, usize)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<UploadId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
