//! A connection within a transaction.

use std::borrow::Cow;

use graph::Space;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Decode, Encode, PgConnection, Postgres, Row as _, SqlStr, Sqlite, SqliteConnection, Type};

use super::StorageError;
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
    Sqlite { connection: &'c mut SqliteConnection, clock: &'c Clock },
    Postgres { connection: &'c mut PgConnection },
}

impl<'c> Connection<'c> {
    /// Returns a connection to SQLite. The time is told by `clock`.
    pub(super) const fn sqlite(connection: &'c mut SqliteConnection, clock: &'c Clock) -> Self {
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
        self.change(sqlx::SqlSafeStr::into_sql_str(sql), values).await
    }

    /// Runs a statement that was put together from constants of this program.
    pub(crate) async fn execute_made(&mut self, sql: String, values: &[Value<'_>]) -> Result<u64, StorageError> {
        self.change(sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(sql)), values).await
    }

    /// Returns the rows that a query finds.
    pub(crate) async fn rows(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        self.ask(sqlx::SqlSafeStr::into_sql_str(sql), values).await
    }

    /// Returns the rows that a query finds which was put together from constants of this program.
    pub(crate) async fn rows_made(&mut self, sql: String, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        self.ask(sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(sql)), values).await
    }

    /// Returns the row that a query finds, if there is one.
    pub(crate) async fn row(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Option<Row>, StorageError> {
        let sql = sqlx::SqlSafeStr::into_sql_str(sql);
        Ok(match &mut self.engine {
            Engine::Sqlite { connection, .. } => {
                bound::<Sqlite>(sql, values).fetch_optional(&mut **connection).await?.map(Row::Sqlite)
            }
            Engine::Postgres { connection } => {
                bound::<Postgres>(sql, values).fetch_optional(&mut **connection).await?.map(Row::Postgres)
            }
        })
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
        Ok(match &mut self.engine {
            Engine::Sqlite { connection, .. } => {
                bound::<Sqlite>(sql, values).execute(&mut **connection).await?.rows_affected()
            }
            Engine::Postgres { connection } => {
                bound::<Postgres>(sql, values).execute(&mut **connection).await?.rows_affected()
            }
        })
    }

    async fn ask(&mut self, sql: SqlStr, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        Ok(match &mut self.engine {
            Engine::Sqlite { connection, .. } => {
                let rows = bound::<Sqlite>(sql, values).fetch_all(&mut **connection).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Engine::Postgres { connection } => {
                let rows = bound::<Postgres>(sql, values).fetch_all(&mut **connection).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }
}

type Query<D> = sqlx::query::Query<'static, D, <D as sqlx::Database>::Arguments>;

fn bound<D: sqlx::Database>(sql: SqlStr, values: &[Value<'_>]) -> Query<D>
where
    Option<i64>: Encode<'static, D> + Type<D>,
    Option<String>: Encode<'static, D> + Type<D>,
    Option<Vec<u8>>: Encode<'static, D> + Type<D>,
{
    values.iter().fold(sqlx::query(sql), |query, value| match value {
        Value::Integer(value) => query.bind(*value),
        Value::Text(value) => query.bind(value.map(str::to_owned)),
        Value::Bytes(value) => query.bind(value.as_deref().map(<[u8]>::to_vec)),
    })
}

/// What a query found. Columns are counted from zero.
#[derive(Debug)]
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    fn get<T>(&self, column: usize) -> Result<T, StorageError>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// Returns a whole number. The type of a literal is a smaller one in PostgreSQL than that of a column.
    pub(crate) fn integer(&self, column: usize) -> Result<i64, StorageError> {
        self.get::<i64>(column).or_else(|_| self.get::<i32>(column).map(i64::from))
    }

    pub(crate) fn optional_integer(&self, column: usize) -> Result<Option<i64>, StorageError> {
        self.get(column)
    }

    /// Returns a number that is never negative, such as a size.
    pub(crate) fn size(&self, column: usize) -> Result<u64, StorageError> {
        u64::try_from(self.integer(column)?).map_err(|_| StorageError::Damaged("a size"))
    }

    pub(crate) fn text(&self, column: usize) -> Result<String, StorageError> {
        self.get(column)
    }

    pub(crate) fn bytes(&self, column: usize) -> Result<Vec<u8>, StorageError> {
        self.get(column)
    }

    pub(crate) fn optional_bytes(&self, column: usize) -> Result<Option<Vec<u8>>, StorageError> {
        self.get(column)
    }

    pub(crate) fn optional_text(&self, column: usize) -> Result<Option<String>, StorageError> {
        self.get(column)
    }

    pub(crate) fn space(&self, column: usize) -> Result<Space, StorageError> {
        match self.integer(column)? {
            0 => Ok(Space::Blob),
            1 => Ok(Space::Manifest),
            _ => Err(StorageError::Damaged("a name space")),
        }
    }

    pub(crate) fn digest(&self, column: usize) -> Result<oci::Digest, StorageError> {
        oci::Digest::from_bytes(&self.bytes(column)?).ok_or(StorageError::Damaged("a digest"))
    }

    pub(crate) fn media_type(&self, column: usize) -> Result<oci::MediaType, StorageError> {
        oci::MediaType::from_content_type(&self.text(column)?).map_err(|_| StorageError::Damaged("a media type"))
    }
}
