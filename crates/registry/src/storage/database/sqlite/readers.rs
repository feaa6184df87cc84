//! Connections that read beside the one that writes.

use std::sync::{Mutex, PoisonError};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::Semaphore;

use super::run;
use crate::storage::Clock;
use crate::storage::database::{Connection, Operation, StorageError};

/// Connections that read at once.
const READERS: usize = 4;

/// A few connections. A pool of sqlx asks each one, before it is lent and when it comes back, whether it is still there; a file is.
#[derive(Debug)]
pub(super) struct Readers {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
    turns: Semaphore,
}

impl Readers {
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        Self { options, idle: Mutex::default(), turns: Semaphore::new(READERS) }
    }

    /// Ends every connection.
    pub(super) async fn close(self) {
        let idle = self.idle.into_inner().unwrap_or_else(PoisonError::into_inner);
        for connection in idle {
            // Nothing that it has read can be lost.
            let _ = connection.close().await;
        }
    }

    pub(super) async fn read<O: Operation>(&self, operation: &O, clock: &Clock) -> Result<O::Outcome, StorageError> {
        let _turn = self.turns.acquire().await.map_err(|_| StorageError::Ended)?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => SqliteConnection::connect_with(&self.options).await?,
        };
        // A connection on which something failed, or that was left in the midst of something, does not come back.
        if !O::IS_ONE_STATEMENT {
            run(&mut connection, "BEGIN").await?;
        }
        let outcome = operation.run(&mut Connection::sqlite(&mut connection, clock)).await?;
        if !O::IS_ONE_STATEMENT {
            run(&mut connection, "COMMIT").await?;
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(outcome)
    }
}
