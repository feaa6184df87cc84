//! What a registry keeps: metadata in a database, which alone says what is there, and blobs beside it.
//!
//! ```text
//!   routes ─▶ Storage ─▶ Database (repositories, manifests, tags and their moves, which repository has which blob)
//!                 ├────▶ Remembered (its answers, as long as they are right)
//!                 └────▶ BlobStorage (bytes, each in a place that is never used again)
//! ```

mod audit;
mod blobs;
mod blocking;
mod clock;
mod collect;
mod database;
mod events;
mod history;
mod holds;
mod import;
mod journal;
mod leftovers;
mod manifests;
mod mounts;
mod observe;
mod pulls;
mod quotas;
mod reading;
mod referrers;
mod reindex;
mod remembered;
mod repositories;
mod repository_blobs;
mod retention;
mod scrub;
mod sessions;
mod tags;
mod usage;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use oci::{Digest, RepositoryName};
use store::BlobBody;

pub use audit::{Audit, Fault, Found};
use blobs::Counted;
pub use blobs::{BlobFiles, BlobMemory, BlobObjects, BlobStorage, BlobWriter, Bucket, Listed};
pub use clock::Clock;
pub(crate) use clock::milliseconds;
pub use collect::{Collected, Keeping};
use database::{Database, Durability, OwnFile, PostgresPool, Schema};
pub use database::{PostgresUrl, StorageError};
pub(crate) use events::Settled;
pub(crate) use history::{Move, MovePage, Reversion, Revert, Reverted, TagThen, Then};
pub(crate) use holds::{Hold, HoldKind, PutHold};
pub(crate) use import::{ImportedTag, TagImport};
pub use journal::Kept;
#[cfg(feature = "fuzzing")]
pub(crate) use journal::fuzzing;
pub(crate) use manifests::{Condition, PutManifest, Refused, RemoveManifest, StoredManifest};
pub(crate) use quotas::Headroom;
pub use reading::Flaw;
pub(crate) use referrers::Room;
pub use reindex::{Findings, Lost, Reindex, Reindexed};
use remembered::Remembered;
pub(crate) use repository_blobs::StoredBlob;
use retention::Retaining;
pub use retention::{RetentionReason, TagVerdict};
pub use scrub::{Bad, Scrub, Scrubbed};
pub(crate) use sessions::{Claimed, Session};

/// The steps of the schema of the metadata.
const METADATA: Schema = Schema {
    table: "metadata_step",
    steps: &[
        include_str!("storage/schema/metadata-1.sql"),
        include_str!("storage/schema/metadata-2-journal.sql"),
        include_str!("storage/schema/metadata-3-scrub.sql"),
        include_str!("storage/schema/metadata-4-history.sql"),
        include_str!("storage/schema/metadata-5-holds.sql"),
        include_str!("storage/schema/metadata-6-held.sql"),
        include_str!("storage/schema/metadata-7-observe.sql"),
        include_str!("storage/schema/metadata-8-events.sql"),
        include_str!("storage/schema/metadata-9-quota.sql"),
        include_str!("storage/schema/metadata-10-patterns.sql"),
        include_str!("storage/schema/metadata-11-retention.sql"),
    ],
};
/// The steps of the schema of what is under way.
const SESSIONS: Schema = Schema {
    table: "sessions_step",
    steps: &[include_str!("storage/schema/sessions-1.sql"), include_str!("storage/schema/sessions-2-owner.sql")],
};

/// What a registry keeps. Cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub struct Storage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metadata: Database,
    /// Answers of the metadata. None where other processes change it too.
    remembered: Option<Remembered>,
    /// What is under way: it survives the end of the process, and may be worth nothing after a loss of power.
    sessions: Database,
    blobs: Arc<dyn BlobStorage>,
    /// The same, for what it counts.
    counted_blobs: Counted,
    counts: observe::Counts,
    /// What tells the time where the database does not.
    clock: Clock,
    keeping: Keeping,
    /// What is said of tags that go and of what is untagged, once it is said.
    retaining: OnceLock<Retaining>,
    /// Held while the directory is served.
    lock: Option<Arc<File>>,
}

impl Storage {
    /// Returns a storage in memory, for tests and tours: what is in it ends with its last handle.
    pub fn in_memory() -> Self {
        Self::in_memory_with(Arc::new(BlobMemory::default()), Clock::system(), Keeping::default())
    }

    /// Returns a storage whose metadata is in memory, with blobs and a clock of the caller's.
    pub fn in_memory_with(blobs: Arc<dyn BlobStorage>, clock: Clock, keeping: Keeping) -> Self {
        let metadata = Database::sqlite(None, METADATA, Durability::Process, clock.clone());
        let sessions = Database::sqlite(None, SESSIONS, Durability::Process, clock.clone());
        Self::new(metadata, sessions, blobs, clock, keeping, None)
    }

    /// Opens the storage in a directory, which is made if it is not there: `metadata.db`, `sessions.db` and `blobs/`.
    ///
    /// # Errors
    /// [`StorageError::InUse`] when another process has it open, [`StorageError::Newer`] when a newer program has been at
    /// work there, otherwise what the file system or the database brings.
    pub async fn open(directory: &Path, clock: Clock, keeping: Keeping) -> Result<Self, StorageError> {
        let blobs = BlobFiles::open(directory)?;
        Self::open_with(directory, Arc::new(blobs), clock, keeping).await
    }

    /// Opens the storage whose metadata is in a directory, which is made if it is not there, with blobs in another place.
    ///
    /// # Errors
    /// As [`Storage::open`].
    pub async fn open_with(
        directory: &Path,
        blobs: Arc<dyn BlobStorage>,
        clock: Clock,
        keeping: Keeping,
    ) -> Result<Self, StorageError> {
        std::fs::create_dir_all(directory).map_err(StorageError::file("cannot make", directory))?;
        let lock = Arc::new(lock(directory)?);
        let file = OwnFile::new(directory.join("metadata.db"), &lock);
        let metadata = Database::sqlite(Some(file), METADATA, Durability::Power, clock.clone());
        metadata.open().await?;
        let sessions = sessions::open(directory, &lock, clock.clone()).await?;
        let storage = Self::new(metadata, sessions, blobs, clock, keeping, Some(lock));
        storage.check_journal().await?;
        storage.remove_leftovers().await?;
        Ok(storage)
    }

    /// Opens the storage in a directory to look at it. Nothing there is changed and no lock is taken, so another process may be
    /// serving it; every change is an error.
    ///
    /// # Errors
    /// [`StorageError::Older`] and [`StorageError::Newer`] when the databases were made by another program, otherwise what the file
    /// system or the database brings, also when there is none.
    pub async fn inspect(
        directory: &Path,
        blobs: Arc<dyn BlobStorage>,
        clock: Clock,
        keeping: Keeping,
    ) -> Result<Self, StorageError> {
        let database = |name, schema| Database::sqlite_to_read(directory.join(name), schema, clock.clone());
        let (metadata, sessions) = (database("metadata.db", METADATA), database("sessions.db", SESSIONS));
        metadata.open().await?;
        sessions.open().await?;
        Ok(Self::new(metadata, sessions, blobs, clock, keeping, None))
    }

    /// Opens the storage of a cluster: metadata and sessions in a PostgreSQL database, which any number of nodes share, and
    /// blobs that all of them reach. The time is the database's.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the database cannot be reached, [`StorageError::Newer`] when a newer program has been
    /// at work there, otherwise what the database brings.
    pub async fn postgres(
        url: &PostgresUrl,
        blobs: Arc<dyn BlobStorage>,
        keeping: Keeping,
    ) -> Result<Self, StorageError> {
        let pool = PostgresPool::new(url);
        let metadata = Database::postgres(pool.clone(), METADATA, Durability::Power);
        metadata.open().await?;
        let sessions = Database::postgres(pool, SESSIONS, Durability::Process);
        sessions.open().await?;
        let storage = Self::new(metadata, sessions, blobs, Clock::system(), keeping, None);
        storage.check_journal().await?;
        Ok(storage)
    }

    /// Opens the storage of a cluster to look at it. Nothing there is changed, and any number of nodes may be serving it.
    ///
    /// # Errors
    /// [`StorageError::Older`] and [`StorageError::Newer`] when the database was made by another program, otherwise what the database
    /// brings.
    pub async fn inspect_postgres(
        url: &PostgresUrl,
        blobs: Arc<dyn BlobStorage>,
        keeping: Keeping,
    ) -> Result<Self, StorageError> {
        let pool = PostgresPool::new(url);
        let metadata = Database::postgres_to_read(pool.clone(), METADATA);
        metadata.open().await?;
        let sessions = Database::postgres_to_read(pool, SESSIONS);
        sessions.open().await?;
        Ok(Self::new(metadata, sessions, blobs, Clock::system(), keeping, None))
    }

    /// Ends the use of the database, if this is the last handle: what is written afterwards by others meets no connection of this one.
    pub async fn close(self) {
        if let Some(Inner { metadata, sessions, .. }) = Arc::into_inner(self.0) {
            metadata.close().await;
            sessions.close().await;
        }
    }

    fn new(
        metadata: Database,
        sessions: Database,
        blobs: Arc<dyn BlobStorage>,
        clock: Clock,
        keeping: Keeping,
        lock: Option<Arc<File>>,
    ) -> Self {
        let counted_blobs = Counted::new(blobs);
        Self(Arc::new(Inner {
            remembered: metadata.versions().map(Remembered::new),
            metadata,
            sessions,
            blobs: Arc::new(counted_blobs.clone()),
            counted_blobs,
            counts: observe::Counts::default(),
            clock,
            keeping,
            retaining: OnceLock::new(),
            lock,
        }))
    }

    pub(crate) fn blobs(&self) -> &Arc<dyn BlobStorage> {
        &self.0.blobs
    }

    /// Returns the bytes of a blob from `offset` on; `None` when they are gone.
    pub(crate) async fn open_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        blob: &StoredBlob,
        offset: u64,
    ) -> Result<Option<BlobBody>, StorageError> {
        let open =
            async |blob: &StoredBlob| self.0.blobs.open(&blob.place, offset, blob.size.saturating_sub(offset)).await;
        if let Some(body) = open(blob).await? {
            return Ok(Some(body));
        }
        // It may have gone since it was looked up, and come again in another place.
        match self.blob(repository, digest).await? {
            Some(again) if again.place != blob.place => open(&again).await,
            _ => Ok(None),
        }
    }

    /// Returns how long things are kept that nothing needs.
    fn keeping(&self) -> Keeping {
        self.0.keeping
    }

    /// Returns the same for a repository of which something else may be said.
    fn keeping_of(&self, repository: &RepositoryName) -> Keeping {
        let untagged = self.0.retaining.get().and_then(|retaining| retaining.rules.untagged(repository));
        self.0.keeping.with(untagged)
    }

    /// Returns what tells the time.
    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Returns the answers that are remembered.
    fn remembered(&self) -> Option<&Remembered> {
        self.0.remembered.as_ref()
    }

    /// Tells whether somebody may be told of something that nothing holds and that is kept until a time.
    fn is_promised(&self, kept_until: i64) -> bool {
        self.keeping().is_promised(self.clock().now(), kept_until)
    }

    fn counts(&self) -> &observe::Counts {
        &self.0.counts
    }

    fn counted_blobs(&self) -> &Counted {
        &self.0.counted_blobs
    }

    fn metadata(&self) -> &Database {
        &self.0.metadata
    }

    fn sessions(&self) -> &Database {
        &self.0.sessions
    }
}

/// Takes the directory for this process.
fn lock(directory: &Path) -> Result<File, StorageError> {
    let path = directory.join("lock");
    let open = || File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let file = open().map_err(StorageError::file("cannot open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StorageError::InUse(directory.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(StorageError::file("cannot lock", &path)(error)),
    }
}
