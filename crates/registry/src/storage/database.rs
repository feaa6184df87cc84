//! The database of a registry's metadata: one text for every query, whichever engine answers it.
//!
//! ```text
//!   Database ─ read, write ─▶ an Operation, with a Connection
//!       └─ Sqlite: one writer, which commits what has gathered in one go; readers beside it
//! ```

mod connection;
mod error;
mod migrate;
mod sqlite;

use std::path::PathBuf;

use async_trait::async_trait;
use tokio::sync::OnceCell;

pub(crate) use connection::{Connection, Value};
pub use error::StorageError;
use sqlite::Sqlite;

/// Something that is asked of the database, or changed in it, as a whole.
#[async_trait]
pub(crate) trait Operation: Send + Sync + 'static {
    /// What comes of it.
    type Outcome: Send + 'static;

    /// Runs within a transaction. On an error nothing of it stays. It may run again when the database could not commit.
    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError>;
}

/// How much an acknowledged change survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// A loss of power.
    Power,
    /// The end of the process.
    Process,
}

/// A database. It is opened by what is first asked of it.
#[derive(Debug)]
pub(crate) struct Database {
    file: Option<PathBuf>,
    schema: &'static [&'static str],
    durability: Durability,
    engine: OnceCell<Sqlite>,
}

impl Database {
    /// Returns the database in `file`, or one in memory. `schema` has the steps by which it becomes what this program needs.
    pub(crate) fn sqlite(file: Option<PathBuf>, schema: &'static [&'static str], durability: Durability) -> Self {
        Self { file, schema, durability, engine: OnceCell::new() }
    }

    /// Asks for something. What was acknowledged before the call is seen.
    pub(crate) async fn read<O: Operation>(&self, operation: O) -> Result<O::Outcome, StorageError> {
        self.engine().await?.read(operation).await
    }

    /// Changes something. When this returns the change is durable, and seen by every read that begins then. Dropping the
    /// future does not undo the change.
    pub(crate) async fn write<O: Operation>(&self, operation: O) -> Result<O::Outcome, StorageError> {
        self.engine().await?.write(operation).await
    }

    /// Opens the database, which is otherwise done by the first read or write.
    pub(crate) async fn open(&self) -> Result<(), StorageError> {
        self.engine().await.map(|_| ())
    }

    async fn engine(&self) -> Result<&Sqlite, StorageError> {
        self.engine.get_or_try_init(|| Sqlite::open(self.file.as_deref(), self.schema, self.durability)).await
    }
}
