//! A database in a directory, and one of a cluster.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use super::{Reindex, Reindexed};
use crate::storage::blobs::{BlobFiles, BlobStorage};
use crate::storage::collect::Keeping;
use crate::storage::database::{Database, Durability, OwnFile, PostgresPool, PostgresUrl, StorageError};
use crate::storage::{Clock, METADATA, SESSIONS, Storage, lock};

/// The file of the database.
const DATABASE: &str = "metadata.db";
/// The file in which a new one is made.
const UNFINISHED: &str = "metadata.db.unfinished";
/// What belongs to a database: its log, the index of that, and its file, which is set aside last.
const BESIDE: [&str; 3] = ["-wal", "-shm", ""];
/// Most databases that are kept aside.
const ASIDE_MAX: u32 = 1000;

impl Storage {
    /// Makes the database of a directory anew. The one that is there is set aside when that is asked for, and is not touched before the
    /// new one is whole.
    ///
    /// # Errors
    /// [`StorageError::NotEmpty`] when there is a database and nothing says that it may be set aside, [`StorageError::InUse`]
    /// while the directory is served, otherwise what the file system or the database brings.
    pub async fn reindex_directory(
        directory: &Path,
        clock: Clock,
        keeping: Keeping,
        reindex: &Reindex,
    ) -> Result<Reindexed, StorageError> {
        if !directory.is_dir() {
            let absent = std::io::ErrorKind::NotFound.into();
            return Err(StorageError::file("cannot read", directory)(absent));
        }
        let blobs = BlobFiles::open(directory)?;
        Self::reindex_directory_with(directory, Arc::new(blobs), clock, keeping, reindex).await
    }

    /// Makes the database of a directory anew whose blobs are in another place.
    ///
    /// # Errors
    /// As [`Storage::reindex_directory`].
    pub async fn reindex_directory_with(
        directory: &Path,
        blobs: Arc<dyn BlobStorage>,
        clock: Clock,
        keeping: Keeping,
        reindex: &Reindex,
    ) -> Result<Reindexed, StorageError> {
        fs::create_dir_all(directory).map_err(StorageError::file("cannot make", directory))?;
        let lock = Arc::new(lock(directory)?);
        let file = directory.join(DATABASE);
        if file.exists() && !reindex.replace {
            return Err(StorageError::NotEmpty);
        }
        let unfinished = directory.join(UNFINISHED);
        for beside in BESIDE {
            remove(&directory.join(format!("{UNFINISHED}{beside}")))?;
        }
        let own = OwnFile::new(unfinished.clone(), &lock);
        let metadata = Database::sqlite(Some(own), METADATA, Durability::Process, clock.clone());
        let sessions = Database::sqlite(None, SESSIONS, Durability::Process, clock.clone());
        let storage = Self::new(metadata, sessions, blobs, clock, keeping, None);
        let reindexed = storage.reindex(reindex).await;
        if let Some(inner) = Arc::into_inner(storage.0) {
            inner.metadata.close().await;
        }
        let mut reindexed = reindexed?;
        let synced = File::open(&unfinished).and_then(|file| file.sync_all());
        synced.map_err(StorageError::file("cannot write", &unfinished))?;
        reindexed.set_aside = set_aside(directory)?;
        rename(&unfinished, &file)?;
        sync(directory)?;
        Ok(reindexed)
    }

    /// Makes the database of a cluster anew, in which there must be nothing yet.
    ///
    /// # Errors
    /// [`StorageError::NotEmpty`] when there is something, [`StorageError::Unavailable`] when the database cannot be reached,
    /// otherwise what the database or the place of the blobs brings.
    pub async fn reindex_postgres(
        url: &PostgresUrl,
        blobs: Arc<dyn BlobStorage>,
        keeping: Keeping,
        reindex: &Reindex,
    ) -> Result<Reindexed, StorageError> {
        let pool = PostgresPool::new(url);
        let metadata = Database::postgres(pool.clone(), METADATA, Durability::Power);
        let sessions = Database::postgres(pool, SESSIONS, Durability::Process);
        let clock = Clock::system();
        let storage = Self::new(metadata, sessions, blobs, clock, keeping, None);
        storage.reindex(reindex).await
    }
}

/// Gives the database that is there another name, with what belongs to it. Returns the name; nothing when nothing was there. A log
/// without its database is set aside too: beside a new database it would be taken for its own.
fn set_aside(directory: &Path) -> Result<Option<String>, StorageError> {
    let is_there = |name: &str| BESIDE.iter().any(|beside| directory.join(format!("{name}{beside}")).exists());
    if !is_there(DATABASE) {
        return Ok(None);
    }
    let free = (1..=ASIDE_MAX).map(|number| format!("{DATABASE}.{number}.old")).find(|name| !is_there(name));
    let full = || StorageError::file("cannot set aside", directory)(std::io::ErrorKind::AlreadyExists.into());
    let name = free.ok_or_else(full)?;
    for beside in BESIDE {
        let from = directory.join(format!("{DATABASE}{beside}"));
        if from.exists() {
            rename(&from, &directory.join(format!("{name}{beside}")))?;
        }
    }
    sync(directory)?;
    Ok(Some(name))
}

#[expect(clippy::disallowed_methods, reason = "what is renamed has been synced, and the directory is")]
fn rename(from: &Path, to: &Path) -> Result<(), StorageError> {
    fs::rename(from, to).map_err(StorageError::file("cannot name", to))
}

fn sync(directory: &Path) -> Result<(), StorageError> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(StorageError::file("cannot write", directory))
}

fn remove(path: &Path) -> Result<(), StorageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StorageError::file("cannot remove", path)(error))
        }
        _ => Ok(()),
    }
}
