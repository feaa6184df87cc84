//! Connections that read beside the one that writes.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::OpenFlags;
use tokio::sync::Semaphore;

use super::open::{immediately, open, run};
use crate::storage::Clock;
use crate::storage::blocking::blocking;
use crate::storage::database::{Connection, Operation, StorageError};

/// Connections that read at once.
const READERS: u32 = 4;

/// A few connections, each opened when it is first needed.
#[derive(Debug)]
pub(super) struct Readers {
    place: Arc<Place>,
    turns: Arc<Semaphore>,
}

#[derive(Debug)]
struct Place {
    file: PathBuf,
    clock: Clock,
    idle: Mutex<Vec<rusqlite::Connection>>,
    /// Given up after the connections.
    _lock: Option<Arc<File>>,
}

impl Readers {
    pub(super) fn new(file: PathBuf, lock: Option<&Arc<File>>, clock: Clock) -> Self {
        let place = Place { file, clock, idle: Mutex::default(), _lock: lock.cloned() };
        Self { place: Arc::new(place), turns: Arc::new(Semaphore::new(READERS as usize)) }
    }

    /// Ends every connection, when nobody reads any more.
    pub(super) async fn close(self) {
        // Never closed, so there is no error.
        let _all = self.turns.acquire_many(READERS).await;
        let idle = std::mem::take(&mut *self.place.idle());
        // Nothing that they have read can be lost.
        let closed = blocking(move || {
            drop(idle);
            Ok(())
        });
        let _ = closed.await;
    }

    pub(super) async fn read<O: Operation>(&self, operation: O) -> Result<O::Outcome, StorageError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| StorageError::Ended)?;
        let place = Arc::clone(&self.place);
        blocking(move || {
            let outcome = place.read(&operation);
            drop(turn);
            outcome
        })
        .await
    }
}

impl Place {
    fn read<O: Operation>(&self, operation: &O) -> Result<O::Outcome, StorageError> {
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => open(&self.file, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        // A connection on which something failed does not come back.
        if !O::IS_ONE_STATEMENT {
            run(&connection, "BEGIN")?;
        }
        let outcome = immediately(operation.run(&mut Connection::sqlite(&mut connection, &self.clock)))?;
        if !O::IS_ONE_STATEMENT {
            run(&connection, "COMMIT")?;
        }
        self.idle().push(connection);
        Ok(outcome)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<rusqlite::Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
