//! A connection within a transaction.

use std::borrow::Cow;

use graph::Space;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, SqlSafeStr as _, SqlStr};

use super::StorageError;
use super::row::Row;
use super::sqlite::statement;
use crate::storage::Clock;

/// A value of a query: what stands for `$1`, `$2` and so on.
#[derive(Clone, Debug)]
pub(crate) enum Value<'v> {
    Integer(Option<i64>),
    Text(Option<&'v str>),
    Bytes(Option<Cow<'v, [u8]>>),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(Some(value))
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(value: &'v str) -> Self {
        Self::Text(Some(value))
    }
}

impl<'v> From<Option<&'v str>> for Value<'v> {
    fn from(value: Option<&'v str>) -> Self {
        Self::Text(value)
    }
}

impl<'v> From<&'v [u8]> for Value<'v> {
    fn from(value: &'v [u8]) -> Self {
        Self::Bytes(Some(Cow::Borrowed(value)))
    }
}

impl<'v> From<Option<&'v [u8]>> for Value<'v> {
    fn from(value: Option<&'v [u8]>) -> Self {
        Self::Bytes(value.map(Cow::Borrowed))
    }
}

impl From<Space> for Value<'_> {
    fn from(value: Space) -> Self {
        Self::Integer(Some(match value {
            Space::Blob => 0,
            Space::Manifest => 1,
        }))
    }
}

impl From<&oci::Digest> for Value<'_> {
    fn from(value: &oci::Digest) -> Self {
        Self::Bytes(Some(Cow::Owned(value.to_bytes())))
    }
}

impl From<Option<&oci::Digest>> for Value<'_> {
    fn from(value: Option<&oci::Digest>) -> Self {
        Self::Bytes(value.map(|digest| Cow::Owned(digest.to_bytes())))
    }
}

/// A connection to the database, within a transaction.
#[derive(Debug)]
pub(crate) struct Connection<'c> {
    engine: Engine<'c>,
    /// The time as far as it has been asked for.
    now: Option<i64>,
}

#[derive(Debug)]
enum Engine<'c> {
    Sqlite { connection: &'c mut rusqlite::Connection, clock: &'c Clock },
    Postgres { connection: &'c mut PgConnection },
}

impl<'c> Connection<'c> {
    /// Returns a connection to SQLite. The time is told by `clock`. What is asked of it is answered before it returns: nothing waits.
    pub(super) const fn sqlite(connection: &'c mut rusqlite::Connection, clock: &'c Clock) -> Self {
        Self { engine: Engine::Sqlite { connection, clock }, now: None }
    }

    /// Returns a connection to PostgreSQL. The time is told by the server, which all nodes share.
    pub(super) const fn postgres(connection: &'c mut PgConnection) -> Self {
        Self { engine: Engine::Postgres { connection }, now: None }
    }
}

impl Connection<'_> {
    /// Returns the time in milliseconds since 1970, the same within a transaction.
    pub(crate) async fn now(&mut self) -> Result<i64, StorageError> {
        if let Some(now) = self.now {
            return Ok(now);
        }
        let now = match &self.engine {
            Engine::Sqlite { clock, .. } => clock.now(),
            Engine::Postgres { .. } => {
                let sql = "SELECT CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT)";
                self.row(sql, &[]).await?.ok_or(StorageError::Damaged("the time"))?.integer(0)?
            }
        };
        Ok(*self.now.insert(now))
    }

    /// Waits until every other transaction has ended that wrote to a table, and keeps new ones from it until this one ends. To be
    /// called before anything else. SQLite has one writer, so there is no other.
    pub(crate) async fn wait_for_writers(&mut self, table: &'static str) -> Result<(), StorageError> {
        if self.is_postgres() {
            self.execute_made(format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"), &[]).await?;
        }
        Ok(())
    }

    /// Lets the statements of this transaction take as long as they need. Only for what is done once, on everything there is, while nothing
    /// else waits for it that could go on without.
    pub(crate) async fn without_time_limit(&mut self) -> Result<(), StorageError> {
        if self.is_postgres() {
            self.execute("SET LOCAL statement_timeout = 0", &[]).await?;
        }
        Ok(())
    }

    /// Runs a statement and returns how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StorageError> {
        self.change(sql.into_sql_str(), values).await
    }

    /// Runs a statement that was put together from constants of this program.
    pub(crate) async fn execute_made(&mut self, sql: String, values: &[Value<'_>]) -> Result<u64, StorageError> {
        self.change(AssertSqlSafe(sql).into_sql_str(), values).await
    }

    /// Returns the rows that a query finds.
    pub(crate) async fn rows(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        self.ask(sql.into_sql_str(), values).await
    }

    /// Returns the rows that a query finds which was put together from constants of this program.
    pub(crate) async fn rows_made(&mut self, sql: String, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        self.ask(AssertSqlSafe(sql).into_sql_str(), values).await
    }

    /// Returns the row that a query finds, if there is one.
    pub(crate) async fn row(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Option<Row>, StorageError> {
        match &mut self.engine {
            Engine::Sqlite { connection, .. } => Ok(statement::row(connection, sql, values)?.map(Row::Sqlite)),
            Engine::Postgres { connection } => {
                let found = bound(sql.into_sql_str(), values).fetch_optional(&mut **connection).await?;
                Ok(found.map(Row::Postgres))
            }
        }
    }

    /// Tells whether the engine is PostgreSQL, for the few words that differ.
    pub(super) const fn is_postgres(&self) -> bool {
        matches!(self.engine, Engine::Postgres { .. })
    }

    /// Tells whether no other process can have the database open.
    pub(crate) const fn is_alone(&self) -> bool {
        !self.is_postgres()
    }

    async fn change(&mut self, sql: SqlStr, values: &[Value<'_>]) -> Result<u64, StorageError> {
        match &mut self.engine {
            Engine::Sqlite { connection, .. } => statement::execute(connection, sql.as_str(), values),
            Engine::Postgres { connection } => Ok(bound(sql, values).execute(&mut **connection).await?.rows_affected()),
        }
    }

    async fn ask(&mut self, sql: SqlStr, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        match &mut self.engine {
            Engine::Sqlite { connection, .. } => {
                Ok(statement::rows(connection, sql.as_str(), values)?.into_iter().map(Row::Sqlite).collect())
            }
            Engine::Postgres { connection } => {
                let rows = bound(sql, values).fetch_all(&mut **connection).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }
}

/// Returns a query of PostgreSQL with its values.
fn bound(sql: SqlStr, values: &[Value<'_>]) -> sqlx::query::Query<'static, Postgres, sqlx::postgres::PgArguments> {
    values.iter().fold(sqlx::query(sql), |query, value| match value {
        Value::Integer(value) => query.bind(*value),
        Value::Text(value) => query.bind(value.map(str::to_owned)),
        Value::Bytes(value) => query.bind(value.as_deref().map(<[u8]>::to_vec)),
    })
}
