//! The database of a registry's metadata: one text for every query, whichever engine answers it.
//!
//! ```text
//!   Database ─ read, write ─▶ an Operation, with a Connection
//!       ├─ Sqlite: one writer, which commits what has gathered in one go; readers beside it
//!       └─ Postgres: serializable transactions of any number of nodes, which run again when they were in each other's way
//! ```

mod connection;
mod counts;
mod error;
mod migrate;
mod postgres;
mod row;
mod sqlite;
mod versions;

use std::any::type_name;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use tokio::sync::{OnceCell, watch};

pub(crate) use connection::{Connection, Value};
pub(crate) use counts::{Counts, write as write_counts};
pub use error::StorageError;
pub(crate) use migrate::Schema;
use postgres::Postgres;
pub(crate) use postgres::PostgresPool;
pub use postgres::PostgresUrl;
pub(crate) use row::Row;
use sqlite::Sqlite;
pub(crate) use versions::{Touched, Version, Versions};

use super::Clock;
use crate::traces::{self, Described};

/// Something that is asked of the database, or changed in it, as a whole. It waits for nothing else.
#[async_trait]
pub(crate) trait Operation: Send + Sync + 'static {
    /// What comes of it.
    type Outcome: Send + 'static;

    /// Whether it is one statement, beside asking for the time. What is needs no transaction.
    const IS_ONE_STATEMENT: bool = false;

    /// Runs within a transaction. On an error nothing of it stays. It may run again when the database could not commit.
    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError>;

    /// Returns what this gave other answers when it changed something, so that those are forgotten which are remembered. Who does not
    /// say gives everything another one.
    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Everything
    }
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
    place: Place,
    schema: Schema,
    durability: Durability,
    engine: OnceCell<Engine>,
    counts: Counts,
    /// Counts the changes, for everybody who waits for the next.
    changed: watch::Sender<u64>,
}

/// The file of a database that this process alone changes, with the lock that says so. It is held until the last connection is closed, which
/// may be after the last handle has gone: closing one changes what lies beside the file.
#[derive(Clone, Debug)]
pub(crate) struct OwnFile {
    path: PathBuf,
    lock: Arc<File>,
}

impl OwnFile {
    pub(crate) fn new(path: PathBuf, lock: &Arc<File>) -> Self {
        Self { path, lock: Arc::clone(lock) }
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self) -> &Arc<File> {
        &self.lock
    }
}

/// Where a database is.
#[derive(Debug)]
enum Place {
    /// In a file, or in memory. The time is told by the clock.
    Sqlite { file: Option<OwnFile>, clock: Clock, versions: Arc<Versions> },
    /// In a file that another process may be writing to.
    SqliteToRead { file: PathBuf, clock: Clock },
    /// On a server, which tells the time.
    Postgres(PostgresPool),
    /// On a server; nothing is changed there.
    PostgresToRead(PostgresPool),
}

#[derive(Debug)]
enum Engine {
    Sqlite(Box<Sqlite>),
    Postgres(Postgres),
}

impl Database {
    /// Returns the database in `file`, or one in memory.
    pub(crate) fn sqlite(file: Option<OwnFile>, schema: Schema, durability: Durability, clock: Clock) -> Self {
        let place = Place::Sqlite { file, clock, versions: Arc::default() };
        Self::new(place, schema, durability)
    }

    /// Returns the database in `file`, which is there, to be read alone: a change of it is an error. Others may change it meanwhile.
    pub(crate) fn sqlite_to_read(file: PathBuf, schema: Schema, clock: Clock) -> Self {
        Self::new(Place::SqliteToRead { file, clock }, schema, Durability::Process)
    }

    /// Returns the database to which the connections lead, to be read alone: a change of it is an error.
    pub(crate) fn postgres_to_read(pool: PostgresPool, schema: Schema) -> Self {
        Self::new(Place::PostgresToRead(pool), schema, Durability::Process)
    }

    fn new(place: Place, schema: Schema, durability: Durability) -> Self {
        Self {
            place,
            schema,
            durability,
            engine: OnceCell::new(),
            counts: Counts::default(),
            changed: watch::Sender::default(),
        }
    }

    /// Returns the database to which the connections lead. It may hold others beside this one.
    pub(crate) fn postgres(pool: PostgresPool, schema: Schema, durability: Durability) -> Self {
        Self::new(Place::Postgres(pool), schema, durability)
    }

    /// Asks for something. What was acknowledged before the call is seen.
    pub(crate) async fn read<O: Operation>(&self, operation: O) -> Result<O::Outcome, StorageError> {
        let began = Instant::now();
        let span = traces::begin(|| self.described("read", type_name::<O>()));
        let outcome = match self.engine().await {
            Ok(Engine::Sqlite(engine)) => engine.read(operation).await,
            Ok(Engine::Postgres(engine)) => engine.read(operation).await,
            Err(error) => Err(error),
        };
        self.counts.read(began, outcome.is_ok());
        span.end(outcome.is_err());
        outcome
    }

    /// Changes something. When this returns the change is durable, and seen by every read that begins then. Dropping the
    /// future does not undo the change.
    pub(crate) async fn write<O: Operation>(&self, operation: O) -> Result<O::Outcome, StorageError> {
        if let Place::SqliteToRead { .. } | Place::PostgresToRead(_) = self.place {
            return Err(StorageError::Ended);
        }
        let began = Instant::now();
        let span = traces::begin(|| self.described("write", type_name::<O>()));
        let outcome = match self.engine().await {
            Ok(Engine::Sqlite(engine)) => engine.write(operation).await,
            Ok(Engine::Postgres(engine)) => engine.write(operation).await,
            Err(error) => Err(error),
        };
        self.counts.write(began, outcome.is_ok());
        span.end(outcome.is_err());
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
        outcome
    }

    /// Returns what counts the changes through this value.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Closes the database. What was written is in its file alone, without others beside it.
    pub(crate) async fn close(self) {
        if let Some(Engine::Sqlite(engine)) = self.engine.into_inner() {
            engine.close().await;
        }
    }

    /// Opens the database, which is otherwise done by the first read or write.
    pub(crate) async fn open(&self) -> Result<(), StorageError> {
        self.engine().await.map(|_| ())
    }

    /// Fails when the database does not answer, and when it is not any more as this program needs it: then changes would fail.
    pub(crate) async fn check_schema(&self) -> Result<(), StorageError> {
        self.read(migrate::Check(self.schema)).await?;
        match (&self.place, self.engine().await?) {
            (Place::Sqlite { .. }, Engine::Sqlite(engine)) => engine.check_writer(),
            _ => Ok(()),
        }
    }

    /// Returns the versions of what is in the database; `None` when not only this process changes it.
    pub(crate) const fn versions(&self) -> Option<&Arc<Versions>> {
        match &self.place {
            Place::Sqlite { versions, .. } => Some(versions),
            Place::SqliteToRead { .. } | Place::Postgres(_) | Place::PostgresToRead(_) => None,
        }
    }

    /// Returns what is counted.
    pub(crate) const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns the description of an operation by its type, as the semantic conventions for databases have it.
    fn described(&self, kind: &'static str, operation: &'static str) -> Described {
        let operation = operation.rsplit("::").next().unwrap_or(operation);
        let (system, kind_of_span) = match self.place {
            Place::Sqlite { .. } | Place::SqliteToRead { .. } => ("sqlite", traces::Kind::Internal),
            Place::Postgres(_) | Place::PostgresToRead(_) => ("postgresql", traces::Kind::Client),
        };
        let attributes = vec![("db.system.name", system.into()), ("db.operation.name", operation.into())];
        Described { name: format!("{kind} {operation}").into(), kind: kind_of_span, attributes }
    }

    async fn engine(&self) -> Result<&Engine, StorageError> {
        let open = async || match &self.place {
            Place::Sqlite { file, clock, versions } => {
                let opened = Sqlite::open(file.as_ref(), self.schema, self.durability, clock, versions, &self.counts);
                opened.await.map(|engine| Engine::Sqlite(Box::new(engine)))
            }
            Place::SqliteToRead { file, clock } => {
                let opened = Sqlite::open_to_read(file, self.schema, clock).await;
                opened.map(|engine| Engine::Sqlite(Box::new(engine)))
            }
            Place::PostgresToRead(pool) => {
                Postgres::open_to_read(pool, self.schema, &self.counts).await.map(Engine::Postgres)
            }
            Place::Postgres(pool) => {
                Postgres::open(pool, self.schema, self.durability, &self.counts).await.map(Engine::Postgres)
            }
        };
        self.engine.get_or_try_init(open).await
    }
}
