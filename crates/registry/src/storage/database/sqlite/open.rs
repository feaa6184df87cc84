//! Connections, which are used on threads that may wait for the disk.

use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt as _;
use rusqlite::{Connection, OpenFlags};

use crate::storage::database::StorageError;

/// Statements that a connection keeps prepared. This program has fewer.
const PREPARED_MAX: usize = 512;
/// How long a connection waits for another process that is in its way.
const BUSY: Duration = Duration::from_secs(5);

/// Returns a connection to the database in a file.
pub(super) fn open(file: &Path, flags: OpenFlags) -> Result<Connection, StorageError> {
    // A connection is used by one thread at a time.
    with_settings(Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?)
}

/// Returns a connection as it is used here.
pub(super) fn with_settings(connection: Connection) -> Result<Connection, StorageError> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.set_prepared_statement_cache_capacity(PREPARED_MAX);
    Ok(connection)
}

/// Runs a statement that has no values.
pub(super) fn run(connection: &Connection, sql: &str) -> Result<(), StorageError> {
    connection.prepare_cached(sql)?.raw_execute()?;
    Ok(())
}

/// Returns what comes of a future that waits for nothing but SQLite, which answers before it returns.
///
/// # Errors
/// Its own, and [`StorageError::Ended`] when it waits for something else, which is a mistake in it.
pub(super) fn immediately<T>(future: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
    future.now_or_never().ok_or(StorageError::Ended)?
}
