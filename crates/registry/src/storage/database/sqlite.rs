//! SQLite: one connection writes, others read beside it.
//!
//! What waits to be written while a commit is on its way to the disk is written together by the next one, each change under a
//! savepoint of its own; so a thousand clients do not wait for a thousand commits. One that has nobody beside it needs no savepoint, and one that is a
//! single statement no transaction.

mod readers;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::connection::Connection;
use super::counts::Counts;
use super::migrate::{Schema, check, migrate};
use super::versions::{Touched, Versions};
use super::{Durability, Operation, StorageError};
use crate::storage::Clock;
use readers::Readers;

/// Most changes that wait; whoever comes then waits to be let in.
const WAITING_MAX: usize = 1024;
/// Most changes of one commit.
const TOGETHER_MAX: usize = 256;

const BEGIN: &str = "BEGIN IMMEDIATE";

#[derive(Debug)]
pub(super) struct Sqlite {
    writer: mpsc::Sender<Box<dyn Job>>,
    /// None for a database in memory, which one connection alone can see.
    readers: Option<Readers>,
    clock: Clock,
    task: JoinHandle<()>,
}

impl Sqlite {
    pub(super) async fn open(
        file: Option<&Path>,
        schema: Schema,
        durability: Durability,
        clock: &Clock,
        versions: &Arc<Versions>,
        counts: &Counts,
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
        run(&mut connection, BEGIN).await?;
        migrate(&mut Connection::sqlite(&mut connection, clock), schema).await?;
        run(&mut connection, "COMMIT").await?;
        let readers = file.map(|_| Readers::new(options.create_if_missing(false).read_only(true)));
        let (writer, jobs) = mpsc::channel(WAITING_MAX);
        let task = tokio::spawn(write(connection, clock.clone(), Arc::clone(versions), counts.clone(), jobs));
        Ok(Self { writer, readers, clock: clock.clone(), task })
    }

    /// Ends every connection. The last one takes what is in the write-ahead log over into the file.
    pub(super) async fn close(self) {
        let Self { writer, readers, task, .. } = self;
        if let Some(readers) = readers {
            readers.close().await;
        }
        drop(writer);
        // An error means that the task has ended.
        let _ = task.await;
    }

    /// Opens a database that another process may be writing to. It has to be as this program would make it.
    pub(super) async fn open_to_read(file: &Path, schema: Schema, clock: &Clock) -> Result<Self, StorageError> {
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        check(&mut Connection::sqlite(&mut connection, clock), schema).await?;
        connection.close().await?;
        // Nobody takes what is sent there, so that every change is an error.
        let (writer, _) = mpsc::channel(1);
        let task = tokio::spawn(async {});
        Ok(Self { writer, readers: Some(Readers::new(options)), clock: clock.clone(), task })
    }

    pub(super) async fn read<O: Operation>(&self, operation: O) -> Result<O::Outcome, StorageError> {
        match &self.readers {
            Some(readers) => readers.read(&operation, &self.clock).await,
            None => self.run(operation, true).await,
        }
    }

    pub(super) async fn write<O: Operation>(&self, operation: O) -> Result<O::Outcome, StorageError> {
        self.run(operation, false).await
    }

    async fn run<O: Operation>(&self, operation: O, is_read: bool) -> Result<O::Outcome, StorageError> {
        let (reply, outcome) = oneshot::channel();
        let job = Box::new(Waiting { operation, is_read, outcome: None, reply });
        self.writer.send(job).await.map_err(|_| StorageError::Ended)?;
        outcome.await.map_err(|_| StorageError::Ended)?
    }
}

/// Something that waits to be done by the connection that writes.
#[async_trait]
trait Job: Send {
    /// Tells whether it is one statement.
    fn is_one_statement(&self) -> bool;

    /// Tells whether it only asks.
    fn is_read(&self) -> bool;

    /// Returns what it might change, before it runs.
    fn may_touch(&self) -> Touched;

    /// Does it, within a transaction unless it is one statement.
    async fn run(&mut self, connection: &mut SqliteConnection, clock: &Clock) -> Result<(), StorageError>;

    /// Returns what it changed, after it ran.
    fn touched(&self) -> Touched;

    /// Tells whoever waits what came of it.
    fn tell(self: Box<Self>, committed: Result<(), StorageError>);
}

struct Waiting<O: Operation> {
    operation: O,
    is_read: bool,
    outcome: Option<O::Outcome>,
    reply: oneshot::Sender<Result<O::Outcome, StorageError>>,
}

#[async_trait]
impl<O: Operation> Job for Waiting<O> {
    fn is_one_statement(&self) -> bool {
        O::IS_ONE_STATEMENT
    }

    fn is_read(&self) -> bool {
        self.is_read
    }

    fn may_touch(&self) -> Touched {
        if self.is_read { Touched::Nothing } else { Touched::Everything }
    }

    async fn run(&mut self, connection: &mut SqliteConnection, clock: &Clock) -> Result<(), StorageError> {
        self.outcome = Some(self.operation.run(&mut Connection::sqlite(connection, clock)).await?);
        Ok(())
    }

    fn touched(&self) -> Touched {
        match &self.outcome {
            Some(outcome) if !self.is_read => self.operation.touched(outcome),
            _ => Touched::Nothing,
        }
    }

    fn tell(self: Box<Self>, committed: Result<(), StorageError>) {
        // Whoever waited may have gone; what was done is done.
        let Self { outcome, reply, .. } = *self;
        let _ = reply.send(committed.and_then(|()| outcome.ok_or(StorageError::Ended)));
    }
}

async fn write(
    mut connection: SqliteConnection,
    clock: Clock,
    versions: Arc<Versions>,
    counts: Counts,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
) {
    let mut together = Vec::with_capacity(TOGETHER_MAX);
    while jobs.recv_many(&mut together, TOGETHER_MAX).await > 0 {
        let results = match together.as_mut_slice() {
            [job] if job.is_one_statement() => vec![at_once(&mut connection, &clock, &versions, job.as_mut()).await],
            jobs => in_one_commit(&mut connection, &clock, &versions, jobs).await,
        };
        let done = together.iter().zip(&results).filter(|(job, result)| result.is_ok() && !job.is_read()).count();
        if done > 0 {
            counts.committed(done);
        }
        for (job, result) in together.drain(..).zip(results) {
            job.tell(result);
        }
    }
    // What was committed is on the disk, as far as was promised.
    let _ = connection.close().await;
}

/// Does something that is one statement, and so a transaction.
async fn at_once(
    connection: &mut SqliteConnection,
    clock: &Clock,
    versions: &Versions,
    job: &mut dyn Job,
) -> Result<(), StorageError> {
    // What it changes is known only when others may see it.
    let _changing = versions.begin([job.may_touch()]);
    job.run(connection, clock).await
}

/// Does everything in one transaction. What fails leaves nothing, and does not harm the rest.
async fn in_one_commit(
    connection: &mut SqliteConnection,
    clock: &Clock,
    versions: &Versions,
    jobs: &mut [Box<dyn Job>],
) -> Vec<Result<(), StorageError>> {
    let is_alone = jobs.len() == 1;
    let mut results = Vec::with_capacity(jobs.len());
    if let Err(error) = run(connection, BEGIN).await {
        return jobs.iter().map(|_| Err(error.clone())).collect();
    }
    for job in jobs.iter_mut() {
        // What is alone is undone with the transaction.
        let result = if is_alone {
            job.run(connection, clock).await
        } else {
            beside_others(connection, clock, job.as_mut()).await
        };
        results.push(result);
    }
    let touched = jobs.iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(job, _)| job.touched());
    let _changing = versions.begin(touched.collect::<Vec<_>>());
    let committed = match results.as_slice() {
        [Err(error)] => Err(error.clone()),
        _ => run(connection, "COMMIT").await,
    };
    if committed.is_err() {
        // An error here means that there is no transaction any more.
        let _ = run(connection, "ROLLBACK").await;
    }
    results.into_iter().map(|result| result.and_then(|()| committed.clone())).collect()
}

/// Does something of which nothing stays if it fails, while what was done before does.
async fn beside_others(
    connection: &mut SqliteConnection,
    clock: &Clock,
    job: &mut dyn Job,
) -> Result<(), StorageError> {
    run(connection, "SAVEPOINT job").await?;
    let result = job.run(connection, clock).await;
    if result.is_err() {
        run(connection, "ROLLBACK TO job").await?;
    }
    run(connection, "RELEASE job").await?;
    result
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), StorageError> {
    sqlx::query(sql).execute(connection).await?;
    Ok(())
}
