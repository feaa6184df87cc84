//! A connection within a transaction.

use std::borrow::Cow;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, SqlStr, SqliteConnection};

use super::StorageError;

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
pub(crate) struct Connection<'c>(pub(super) &'c mut SqliteConnection);

impl Connection<'_> {
    /// Runs a statement and returns how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, StorageError> {
        Ok(bound(sqlx::SqlSafeStr::into_sql_str(sql), values).execute(&mut *self.0).await?.rows_affected())
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
        Ok(bound(sqlx::SqlSafeStr::into_sql_str(sql), values).fetch_optional(&mut *self.0).await?.map(Row))
    }

    async fn ask(&mut self, sql: SqlStr, values: &[Value<'_>]) -> Result<Vec<Row>, StorageError> {
        Ok(bound(sql, values).fetch_all(&mut *self.0).await?.into_iter().map(Row).collect())
    }
}

type Query = sqlx::query::Query<'static, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

fn bound(sql: SqlStr, values: &[Value<'_>]) -> Query {
    values.iter().fold(sqlx::query(sql), |query, value| match value {
        Value::Integer(value) => query.bind(*value),
        Value::Text(value) => query.bind(value.map(str::to_owned)),
        Value::Bytes(value) => query.bind(value.as_deref().map(<[u8]>::to_vec)),
    })
}

/// What a query found. Columns are counted from zero.
#[derive(Debug)]
pub(crate) struct Row(SqliteRow);

impl Row {
    pub(crate) fn integer(&self, column: usize) -> Result<i64, StorageError> {
        Ok(self.0.try_get(column)?)
    }

    /// Returns a number that is never negative, such as a size.
    pub(crate) fn size(&self, column: usize) -> Result<u64, StorageError> {
        u64::try_from(self.integer(column)?).map_err(|_| StorageError::Damaged("a size"))
    }

    pub(crate) fn text(&self, column: usize) -> Result<String, StorageError> {
        Ok(self.0.try_get(column)?)
    }

    pub(crate) fn bytes(&self, column: usize) -> Result<Vec<u8>, StorageError> {
        Ok(self.0.try_get(column)?)
    }

    pub(crate) fn optional_bytes(&self, column: usize) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.0.try_get(column)?)
    }

    pub(crate) fn digest(&self, column: usize) -> Result<oci::Digest, StorageError> {
        oci::Digest::from_bytes(&self.bytes(column)?).ok_or(StorageError::Damaged("a digest"))
    }

    pub(crate) fn media_type(&self, column: usize) -> Result<oci::MediaType, StorageError> {
        oci::MediaType::from_content_type(&self.text(column)?).map_err(|_| StorageError::Damaged("a media type"))
    }
}
