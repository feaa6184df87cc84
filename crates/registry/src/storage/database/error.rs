//! Why what a registry keeps could not be read or written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why what a registry keeps could not be read or written. None of these is the caller's fault.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The server of the database refused.
    #[error("the database refused")]
    Database(#[source] Arc<sqlx::Error>),
    /// SQLite refused, or the disk below it.
    #[error("the database refused")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    /// There was no thread for the database.
    #[error("no thread can be started")]
    Thread(#[source] Arc<io::Error>),
    /// The database, or the place of the blobs, is away or has no time. Nothing was changed, and the same may be tried again.
    #[error("the database or the place of the blobs is not available")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The database went away while it was told to keep what was done. Whether it does nobody knows.
    #[error("the database went away, and may have done what was asked or not")]
    Unclear(#[source] Arc<sqlx::Error>),
    /// What was to be done took so long that what it builds on may have been thrown away. Nothing was changed.
    #[error("a blob took too long to be put in its place, or the clock was set")]
    Late,
    /// The database, or the place of the blobs, did not answer a probe in time.
    #[error("no answer came in time")]
    Silent,
    /// The place of the blobs refused.
    #[error("the place of the blobs refused")]
    Objects(#[source] Arc<object_store::Error>),
    /// The address of the database cannot be understood.
    #[error("the address of the database is not of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Address,
    /// The database was made by a newer program.
    #[error("the database has schema {found}, this program knows {known}: a newer supercargo has been at work here")]
    Newer {
        /// The schema of the database.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// The database was made by an older program, and nobody may change it now.
    #[error("the database has schema {found}, this program has {known}: serve it once, and it is brought up to date")]
    Older {
        /// The schema of the database.
        found: i64,
        /// The schema this program works with.
        known: i64,
    },
    /// The database ended while it was needed.
    #[error("the database has ended")]
    Ended,
    /// Something in the database cannot be what was put there.
    #[error("{0} in the database cannot be read")]
    Damaged(&'static str),
    /// A file could not be read or written.
    #[error("{action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: Arc<io::Error>,
    },
    /// The journal beside the database says what the database never knew.
    #[error("the database is new or an old copy: the journal beside it says what it does not know")]
    Foreign,
    /// The database was being made anew from what lies beside it, and that has not come to its end, or goes on just now.
    #[error(
        "the database is made anew, and that was broken off or still goes on: empty the database, and run `supercargo serve reindex` again"
    )]
    Unfinished,
    /// A database that is to be made anew has something in it.
    #[error("the database is not empty")]
    NotEmpty,
    /// The bytes of a blob could not be read to their end.
    #[error("the bytes of a blob cannot be read")]
    Reading(#[source] Arc<store::StoreError>),
    /// Another process serves the same directory.
    #[error("{} is served by another process", .0.display())]
    InUse(PathBuf),
}

impl StorageError {
    /// Returns what makes an error of `action` on `path` out of the system's.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source: Arc::new(source) }
    }

    /// Returns the error of bytes that broke off.
    pub(crate) fn reading(source: store::StoreError) -> Self {
        Self::Reading(Arc::new(source))
    }
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}
