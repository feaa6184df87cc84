//! SQLite: one connection writes, others read beside it.
//!
//! What waits to be written while a commit is on its way to the disk is written together by the next one, each change under a
//! savepoint of its own; so a thousand clients do not wait for a thousand commits.

use std::path::Path;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use super::connection::Connection;
use super::migrate::{Schema, migrate};
use super::{Durability, Operation, StorageError};
use crate::storage::Clock;

/// Most changes that wait; whoever comes then waits to be let in.
const WAITING_MAX: usize = 1024;
/// Most changes of one commit.
const TOGETHER_MAX: usize = 256;
/// Connections that read.
const READERS: u32 = 4;

#[derive(Debug)]
pub(super) struct Sqlite {
    writer: mpsc::Sender<Box<dyn Job>>,
    /// None for a database in memory, which one connection alone can see.
    readers: Option<SqlitePool>,
    clock: Clock,
}

impl Sqlite {
    pub(super) async fn open(
        file: Option<&Path>,
        schema: Schema,
        durability: Durability,
        clock: &Clock,
    ) -> Result<Self, StorageError> {
        let synchronous = match durability {
            Durability::Power => SqliteSynchronous::Full,
            Durability::Process => SqliteSynchronous::Off,
        };
        let options = match file {
            Some(file) => SqliteConnectOptions::new().filename(file).journal_mode(SqliteJournalMode::Wal),
            None => SqliteConnectOptions::new().in_memory(true),
        };
        let options = options.create_if_missing(true).synchronous(synchronous);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        begin(&mut connection).await?;
        migrate(&mut Connection::sqlite(&mut connection, clock), schema).await?;
        run(&mut connection, "COMMIT").await?;
        let readers = file.map(|_| {
            let options = options.create_if_missing(false).read_only(true);
            SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(options)
        });
        let (writer, jobs) = mpsc::channel(WAITING_MAX);
        tokio::spawn(write(connection, clock.clone(), jobs));
        Ok(Self { writer, readers, clock: clock.clone() })
    }

    pub(super) async fn read<O: Operation>(&self, operation: O) -> Result<O::Outcome, StorageError> {
        let Some(readers) = &self.readers else { return self.write(operation).await };
        let mut transaction = readers.begin().await?;
        let outcome = operation.run(&mut Connection::sqlite(&mut transaction, &self.clock)).await?;
        transaction.commit().await?;
        Ok(outcome)
    }

    pub(super) async fn write<O: Operation>(&self, operation: O) -> Result<O::Outcome, StorageError> {
        let (reply, outcome) = oneshot::channel();
        let job = Box::new(Waiting { operation, outcome: None, reply });
        self.writer.send(job).await.map_err(|_| StorageError::Ended)?;
        outcome.await.map_err(|_| StorageError::Ended)?
    }
}

/// A change that waits to be written.
#[async_trait]
trait Job: Send {
    /// Makes the change within a transaction.
    async fn run(&mut self, connection: &mut SqliteConnection, clock: &Clock) -> Result<(), StorageError>;

    /// Tells whoever waits what came of it.
    fn tell(self: Box<Self>, committed: Result<(), StorageError>);
}

struct Waiting<O: Operation> {
    operation: O,
    outcome: Option<O::Outcome>,
    reply: oneshot::Sender<Result<O::Outcome, StorageError>>,
}

#[async_trait]
impl<O: Operation> Job for Waiting<O> {
    async fn run(&mut self, connection: &mut SqliteConnection, clock: &Clock) -> Result<(), StorageError> {
        run(connection, "SAVEPOINT job").await?;
        match self.operation.run(&mut Connection::sqlite(connection, clock)).await {
            Ok(outcome) => {
                self.outcome = Some(outcome);
                run(connection, "RELEASE job").await
            }
            Err(error) => {
                run(connection, "ROLLBACK TO job").await?;
                run(connection, "RELEASE job").await?;
                Err(error)
            }
        }
    }

    fn tell(self: Box<Self>, committed: Result<(), StorageError>) {
        // Whoever waited may have gone; what was done is done.
        let Self { outcome, reply, .. } = *self;
        let _ = reply.send(committed.and_then(|()| outcome.ok_or(StorageError::Ended)));
    }
}

async fn write(mut connection: SqliteConnection, clock: Clock, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    let mut together = Vec::with_capacity(TOGETHER_MAX);
    while jobs.recv_many(&mut together, TOGETHER_MAX).await > 0 {
        let mut done: Vec<(Box<dyn Job>, Result<(), StorageError>)> = Vec::with_capacity(together.len());
        let begun = begin(&mut connection).await;
        for mut job in together.drain(..) {
            let result = match &begun {
                Ok(()) => job.run(&mut connection, &clock).await,
                Err(error) => Err(error.clone()),
            };
            done.push((job, result));
        }
        let committed = match begun {
            Ok(()) => run(&mut connection, "COMMIT").await,
            Err(error) => Err(error),
        };
        if committed.is_err() {
            // An error here means that there is no transaction any more.
            let _ = run(&mut connection, "ROLLBACK").await;
        }
        for (job, result) in done {
            job.tell(result.and_then(|()| committed.clone()));
        }
    }
    // What was committed is on the disk, as far as was promised.
    let _ = connection.close().await;
}

async fn begin(connection: &mut SqliteConnection) -> Result<(), StorageError> {
    run(connection, "BEGIN IMMEDIATE").await
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), StorageError> {
    sqlx::query(sql).execute(connection).await?;
    Ok(())
}
