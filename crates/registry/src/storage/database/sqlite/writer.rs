//! The one connection that writes, and who waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::BEGIN;
use super::open::{immediately, run};
use crate::storage::Clock;
use crate::storage::database::counts::Counts;
use crate::storage::database::versions::{Touched, Versions};
use crate::storage::database::{Connection, Operation, OwnFile, StorageError};

/// Most changes that wait; whoever comes then waits to be let in.
const WAITING_MAX: usize = 1024;
/// Most changes of one commit.
const TOGETHER_MAX: usize = 256;

/// The way to the connection that writes. When it is dropped, what waits is done and the connection closed.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    /// Told when the connection is closed, by being dropped at the other end.
    closed: oneshot::Receiver<()>,
}

impl Writer {
    /// Gives a connection a thread of its own.
    pub(super) fn start(
        connection: rusqlite::Connection,
        file: Option<OwnFile>,
        clock: Clock,
        versions: Arc<Versions>,
        counts: Counts,
    ) -> Result<Self, StorageError> {
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        let (closing, closed) = oneshot::channel();
        let mut work = Work { connection, clock, versions, counts, _file: file };
        let thread = thread::Builder::new().name("sqlite".to_owned()).spawn(move || {
            work.run(waiting);
            // What was committed is on the disk, as far as was promised.
            drop(work);
            drop(closing);
        });
        thread.map_err(|error| StorageError::Thread(Arc::new(error)))?;
        Ok(Self { jobs, closed })
    }

    /// Returns the way to nothing.
    pub(super) fn ended() -> Self {
        Self { jobs: mpsc::channel(1).0, closed: oneshot::channel().1 }
    }

    /// Tells whether nothing can be done any more.
    pub(super) fn has_ended(&self) -> bool {
        self.jobs.is_closed()
    }

    /// Ends the connection, when all that waits is done.
    pub(super) async fn close(self) {
        drop(self.jobs);
        // An error means that it has ended.
        let _ = self.closed.await;
    }

    pub(super) async fn run<O: Operation>(&self, operation: O, is_read: bool) -> Result<O::Outcome, StorageError> {
        let (reply, outcome) = oneshot::channel();
        let job = Box::new(Waiting { operation, is_read, outcome: None, reply });
        self.jobs.send(job).await.map_err(|_| StorageError::Ended)?;
        outcome.await.map_err(|_| StorageError::Ended)?
    }
}

/// Something that waits to be done.
trait Job: Send {
    /// Tells whether it is one statement.
    fn is_one_statement(&self) -> bool;

    /// Tells whether it only asks.
    fn is_read(&self) -> bool;

    /// Returns what it might change, before it runs.
    fn may_touch(&self) -> Touched;

    /// Does it, within a transaction unless it is one statement.
    fn run(&mut self, connection: &mut rusqlite::Connection, clock: &Clock) -> Result<(), StorageError>;

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

    fn run(&mut self, connection: &mut rusqlite::Connection, clock: &Clock) -> Result<(), StorageError> {
        let work = || immediately(self.operation.run(&mut Connection::sqlite(connection, clock)));
        // What it had begun is undone as after any failure, so that a mistake in one operation does not end all others.
        let outcome = catch_unwind(AssertUnwindSafe(work)).map_err(|_| StorageError::Ended)??;
        self.outcome = Some(outcome);
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

/// What the thread works with.
struct Work {
    connection: rusqlite::Connection,
    clock: Clock,
    versions: Arc<Versions>,
    counts: Counts,
    /// Given up after the connection; none when it is in memory.
    _file: Option<OwnFile>,
}

impl Work {
    fn run(&mut self, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
        let mut together = Vec::with_capacity(TOGETHER_MAX);
        while waiting.blocking_recv_many(&mut together, TOGETHER_MAX) > 0 {
            let results = match together.as_mut_slice() {
                [job] if job.is_one_statement() => vec![self.at_once(job.as_mut())],
                jobs => self.in_one_commit(jobs),
            };
            let done = together.iter().zip(&results).filter(|(job, result)| result.is_ok() && !job.is_read()).count();
            if done > 0 {
                self.counts.committed(done);
            }
            for (job, result) in together.drain(..).zip(results) {
                job.tell(result);
            }
        }
    }

    /// Does something that is one statement, and so a transaction.
    fn at_once(&mut self, job: &mut dyn Job) -> Result<(), StorageError> {
        // What it changes is known only when others may see it.
        let _changing = self.versions.begin([job.may_touch()]);
        let result = job.run(&mut self.connection, &self.clock);
        if !self.connection.is_autocommit() {
            // It was more than one statement, which is a mistake in it. Whoever comes next is to begin anew.
            let _ = run(&self.connection, "ROLLBACK");
        }
        result
    }

    /// Does everything in one transaction. What fails leaves nothing, and does not harm the rest.
    fn in_one_commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Vec<Result<(), StorageError>> {
        let is_alone = jobs.len() == 1;
        let mut results = Vec::with_capacity(jobs.len());
        if let Err(error) = run(&self.connection, BEGIN) {
            return jobs.iter().map(|_| Err(error.clone())).collect();
        }
        for job in jobs.iter_mut() {
            // What is alone is undone with the transaction.
            let result =
                if is_alone { job.run(&mut self.connection, &self.clock) } else { self.beside_others(job.as_mut()) };
            results.push(result);
        }
        let touched = jobs.iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(job, _)| job.touched());
        let _changing = self.versions.begin(touched.collect::<Vec<_>>());
        let committed = match results.as_slice() {
            [Err(error)] => Err(error.clone()),
            _ => run(&self.connection, "COMMIT"),
        };
        if committed.is_err() {
            // An error here means that there is no transaction any more.
            let _ = run(&self.connection, "ROLLBACK");
        }
        results.into_iter().map(|result| result.and_then(|()| committed.clone())).collect()
    }

    /// Does something of which nothing stays if it fails, while what was done before does.
    fn beside_others(&mut self, job: &mut dyn Job) -> Result<(), StorageError> {
        run(&self.connection, "SAVEPOINT job")?;
        let result = job.run(&mut self.connection, &self.clock);
        if result.is_err() {
            run(&self.connection, "ROLLBACK TO job")?;
        }
        run(&self.connection, "RELEASE job")?;
        result
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;

    /// Adds a row, and makes a mistake then.
    struct Panics;
    /// Counts the rows.
    struct Count;

    #[async_trait]
    impl Operation for Panics {
        type Outcome = ();

        async fn run(&self, connection: &mut Connection<'_>) -> Result<(), StorageError> {
            connection.execute("INSERT INTO it (value) VALUES (1)", &[]).await?;
            panic!("a mistake");
        }
    }

    #[async_trait]
    impl Operation for Count {
        type Outcome = i64;

        async fn run(&self, connection: &mut Connection<'_>) -> Result<i64, StorageError> {
            let row = connection.row("SELECT COUNT(*) FROM it", &[]).await?;
            row.map_or(Ok(-1), |row| row.integer(0))
        }
    }

    #[tokio::test]
    async fn a_mistake_in_one_operation_does_not_harm_the_others() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE it (value BIGINT)").unwrap();
        let versions = Arc::new(Versions::default());
        let writer = Writer::start(connection, None, Clock::system(), versions, Counts::default()).unwrap();
        assert!(matches!(writer.run(Panics, false).await, Err(StorageError::Ended)));
        // Beside others too: what is sent together may be done together.
        let (one, two, three) =
            tokio::join!(writer.run(Panics, false), writer.run(Count, false), writer.run(Panics, false));
        assert!(matches!((one, two, three), (Err(StorageError::Ended), Ok(0), Err(StorageError::Ended))));
        assert!(!writer.has_ended());
        writer.close().await;
    }
}
