//! PostgreSQL: any number of nodes, each with a bounded number of connections.
//!
//! Changes are serializable: an operation is written as if it were alone, and runs again when the database finds that it was not.
//! Reads see one snapshot, which holds what was acknowledged before. They need no serializability of their own: whatever builds
//! on a read looks again when it writes.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgPool, SqlSafeStr as _, Transaction};
use tokio::sync::Mutex;

use super::connection::Connection;
use super::counts::Counts;
use super::migrate::{Schema, check, migrate};
use super::{Durability, Operation, StorageError};
use crate::access::Secret;

/// Connections of one node, for all its databases on one server.
const CONNECTIONS_MAX: u32 = 16;
/// How long a request waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a statement may take. A node that is cut off must not hold up the others.
const STATEMENT_TIMEOUT: &str = "30s";
/// How long a transaction may wait for its node.
const IDLE_TIMEOUT: &str = "30s";
/// How often a change is tried that others get in the way of.
const TRIES_MAX: u32 = 32;
/// Longest pause before the second try, in milliseconds; it doubles with each try up to the second number.
const PAUSE_MILLISECONDS: (u64, u64) = (2, 250);
/// How PostgreSQL says that there is no such table.
const UNDEFINED_TABLE: &str = "42P01";
/// The lock under which a database is made what this program needs: "supercar" in ASCII.
const MIGRATION_LOCK: i64 = 0x7375_7065_7263_6172;

/// Where a PostgreSQL server is, and the name and password for it, as a URL says it: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
/// The password never shows.
#[derive(Clone)]
pub struct PostgresUrl(Box<PgConnectOptions>);

impl FromStr for PostgresUrl {
    type Err = StorageError;

    /// # Errors
    /// [`StorageError::Address`] when it is no such URL. The error does not repeat it.
    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let options = url.parse::<PgConnectOptions>().map_err(|_| StorageError::Address)?;
        Ok(Self(Box::new(options.application_name("supercargo"))))
    }
}

impl PostgresUrl {
    /// Returns the same place with this password.
    #[must_use]
    pub fn with_password(self, password: &Secret) -> Self {
        Self(Box::new(self.0.password(password.reveal())))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresUrl").field("host", &self.0.get_host()).finish_non_exhaustive()
    }
}

/// Connections to a server.
#[derive(Clone, Debug)]
pub(crate) struct PostgresPool(PgPool);

impl PostgresPool {
    /// Returns connections, none of which is made yet. Must be called within a runtime.
    pub(crate) fn new(url: &PostgresUrl) -> Self {
        let options = (*url.0).clone();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async move {
                    let settings = format!(
                        "SET statement_timeout = '{STATEMENT_TIMEOUT}'; \
                         SET idle_in_transaction_session_timeout = '{IDLE_TIMEOUT}'; \
                         SET enable_seqscan = off"
                    );
                    sqlx::raw_sql(AssertSqlSafe(settings)).execute(connection).await.map(|_| ())
                })
            });
        Self(pool.connect_lazy_with(options))
    }
}

#[derive(Debug)]
pub(super) struct Postgres(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    schema: Schema,
    /// What a change begins with.
    begin: String,
    counts: Counts,
    /// Held by whoever was in the way of others before: within a node they go one after the other.
    again: Mutex<()>,
}

impl Postgres {
    pub(super) async fn open(
        pool: &PostgresPool,
        schema: Schema,
        durability: Durability,
        counts: &Counts,
    ) -> Result<Self, StorageError> {
        let pool = pool.0.clone();
        let mut transaction = pool.begin().await.map_err(nothing_done)?;
        let mut connection = Connection::postgres(&mut transaction);
        let migrated = async {
            // Nodes that start together wait here for the one that takes the steps, however long.
            connection.without_time_limit().await?;
            connection.row("SELECT 1 FROM pg_advisory_xact_lock($1)", &[MIGRATION_LOCK.into()]).await?;
            migrate(&mut connection, schema).await
        };
        migrated.await.map_err(without_commit)?;
        // Should it have been committed after all, the next try finds it so.
        transaction.commit().await.map_err(nothing_done)?;
        Ok(Self(Arc::new(Inner::new(pool, schema, durability, counts))))
    }

    /// Opens a database that is not changed. It has to be as this program would make it.
    pub(super) async fn open_to_read(
        pool: &PostgresPool,
        schema: Schema,
        counts: &Counts,
    ) -> Result<Self, StorageError> {
        let pool = pool.0.clone();
        let mut connection = pool.acquire().await.map_err(nothing_done)?;
        check(&mut Connection::postgres(&mut connection), schema).await.map_err(without_commit)?;
        drop(connection);
        Ok(Self(Arc::new(Inner::new(pool, schema, Durability::Process, counts))))
    }

    pub(super) async fn read<O: Operation>(&self, operation: O) -> Result<O::Outcome, StorageError> {
        if O::IS_ONE_STATEMENT {
            let mut connection = self.0.pool.acquire().await.map_err(nothing_done)?;
            return operation.run(&mut Connection::postgres(&mut connection)).await.map_err(without_commit);
        }
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut transaction = self.0.pool.begin_with(begin).await.map_err(nothing_done)?;
        let outcome = operation.run(&mut Connection::postgres(&mut transaction)).await.map_err(without_commit)?;
        transaction.commit().await.map_err(nothing_done)?;
        Ok(outcome)
    }

    pub(super) async fn write<O: Operation>(&self, operation: O) -> Result<O::Outcome, StorageError> {
        let inner = Arc::clone(&self.0);
        // Whoever waits may go; what was begun is ended.
        tokio::spawn(async move { inner.write(&operation).await }).await.map_err(|_| StorageError::Ended)?
    }
}

impl Inner {
    fn new(pool: PgPool, schema: Schema, durability: Durability, counts: &Counts) -> Self {
        let marker = schema.marker(schema.known());
        // In one message. A lock takes no snapshot: what was done while it was waited for is seen.
        let mut begin = format!("BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE {marker} IN ACCESS SHARE MODE");
        if durability == Durability::Process {
            begin.push_str("; SET LOCAL synchronous_commit = off");
        }
        Self { pool, schema, begin, counts: counts.clone(), again: Mutex::default() }
    }

    async fn write<O: Operation>(&self, operation: &O) -> Result<O::Outcome, StorageError> {
        let mut outcome = self.write_once(operation).await;
        if !matches!(outcome, Err(Failed::Again(_))) {
            return outcome.map_err(Failed::into);
        }
        let _turn = self.again.lock().await;
        for tried in 1..TRIES_MAX {
            pause(tried).await;
            self.counts.again();
            outcome = self.write_once(operation).await;
            if !matches!(outcome, Err(Failed::Again(_))) {
                break;
            }
        }
        outcome.map_err(Failed::into)
    }

    async fn write_once<O: Operation>(&self, operation: &O) -> Result<O::Outcome, Failed> {
        let mut connection = self.pool.acquire().await.map_err(nothing_done)?;
        let error = match connection.begin_with(AssertSqlSafe(self.begin.clone()).into_sql_str()).await {
            Ok(transaction) => return self.change(transaction, operation).await,
            Err(error) => error,
        };
        // It may be in a transaction that has failed.
        connection.close_on_drop();
        Err(self.not_begun(error).await.into())
    }

    async fn change<O: Operation>(
        &self,
        mut transaction: Transaction<'_, sqlx::Postgres>,
        operation: &O,
    ) -> Result<O::Outcome, Failed> {
        let outcome = operation.run(&mut Connection::postgres(&mut transaction)).await;
        let outcome = outcome
            .map_err(|error| if is_conflict(&error) { Failed::Again(error) } else { without_commit(error).into() })?;
        match transaction.commit().await.map_err(StorageError::from) {
            Ok(()) => {
                self.counts.committed(1);
                Ok(outcome)
            }
            Err(error) if is_conflict(&error) => Err(Failed::Again(error)),
            // Whether it was committed is not known, so nobody is told that nothing was done.
            Err(StorageError::Database(error)) => Err(Failed::For(StorageError::Unclear(error))),
            Err(error) => Err(Failed::For(error)),
        }
    }
}

impl Inner {
    /// Returns why no change could begin: a newer program may have changed the database under this one.
    async fn not_begun(&self, error: sqlx::Error) -> StorageError {
        if code(&error).as_deref() != Some(UNDEFINED_TABLE) {
            return nothing_done(error);
        }
        let Ok(mut connection) = self.pool.acquire().await else { return nothing_done(error) };
        match check(&mut Connection::postgres(&mut connection), self.schema).await {
            Err(differs @ (StorageError::Newer { .. } | StorageError::Older { .. })) => differs,
            _ => nothing_done(error),
        }
    }
}

/// Why a change was not made.
enum Failed {
    /// Others were in the way.
    Again(StorageError),
    For(StorageError),
}

impl From<StorageError> for Failed {
    fn from(error: StorageError) -> Self {
        Self::For(error)
    }
}

impl From<Failed> for StorageError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Again(Self::Database(error)) => Self::Unavailable(error),
            Failed::Again(error) | Failed::For(error) => error,
        }
    }
}

/// Pauses for a random time.
async fn pause(tried: u32) {
    let (first, longest) = PAUSE_MILLISECONDS;
    let most = (first << tried.min(16)).min(longest);
    let milliseconds = rand::rng().random_range(0..=most);
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Returns an error of something that leaves nothing done.
fn nothing_done(error: sqlx::Error) -> StorageError {
    without_commit(error.into())
}

/// Returns the error of a transaction that is certain not to be committed.
fn without_commit(error: StorageError) -> StorageError {
    match error {
        StorageError::Database(error) if is_away(&error) => StorageError::Unavailable(error),
        error => error,
    }
}

/// Tells whether the operation may succeed when it runs again at once. A key that is there twice counts: every operation looks
/// before it inserts, so it means that another one came between.
fn is_conflict(error: &StorageError) -> bool {
    let StorageError::Database(error) = error else { return false };
    matches!(code(error).as_deref(), Some("40001" | "40P01" | "23505"))
}

/// Tells whether the server was away, or had no time: it may have both later.
fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        // Connection exceptions, too few resources, ended or timed out by the operator; read only as a standby is.
        error => code(error).is_some_and(|code| {
            ["08", "53", "57"].iter().any(|class| code.starts_with(class)) || code == "25006" || code == "25P03"
        }),
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(Cow::into_owned)
}
