//! Statements of SQLite. Whoever calls waits for the disk.

use rusqlite::types::{FromSql, ToSql, ToSqlOutput, Value as Cell, ValueRef};
use rusqlite::{CachedStatement, Connection};

use crate::storage::database::{StorageError, Value};

/// What a query found in one row.
#[derive(Debug)]
pub(crate) struct Columns(Box<[Cell]>);

/// What a column can be read as.
pub(crate) trait Column: FromSql {}

impl<T: FromSql> Column for T {}

impl Columns {
    /// Returns what is in a column; they are counted from zero.
    pub(crate) fn get<T: Column>(&self, column: usize) -> Result<T, StorageError> {
        let cell = self.0.get(column).ok_or(StorageError::Damaged("a row"))?;
        T::column_result(cell.into()).map_err(|_| StorageError::Damaged("a column"))
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(Some(value)) => ValueRef::Integer(*value),
            Self::Text(Some(value)) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(Some(value)) => ValueRef::Blob(value),
            Self::Integer(None) | Self::Text(None) | Self::Bytes(None) => ValueRef::Null,
        }))
    }
}

/// Runs a statement and returns how many rows it changed.
pub(in crate::storage::database) fn execute(
    connection: &Connection,
    sql: &str,
    values: &[Value<'_>],
) -> Result<u64, StorageError> {
    Ok(bound(connection, sql, values)?.raw_execute()? as u64)
}

/// Returns the rows that a query finds.
pub(in crate::storage::database) fn rows(
    connection: &Connection,
    sql: &str,
    values: &[Value<'_>],
) -> Result<Vec<Columns>, StorageError> {
    take(connection, sql, values, usize::MAX)
}

/// Returns the first row that a query finds, if there is one.
pub(in crate::storage::database) fn row(
    connection: &Connection,
    sql: &str,
    values: &[Value<'_>],
) -> Result<Option<Columns>, StorageError> {
    Ok(take(connection, sql, values, 1)?.pop())
}

fn take(connection: &Connection, sql: &str, values: &[Value<'_>], most: usize) -> Result<Vec<Columns>, StorageError> {
    let mut statement = bound(connection, sql, values)?;
    let (columns, only_asks) = (statement.column_count(), statement.readonly());
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    // A change is over, and its commit known to be done, when nothing follows.
    while (found.len() < most || !only_asks)
        && let Some(row) = rows.next()?
    {
        if found.len() >= most {
            continue;
        }
        let cells = (0..columns).map(|column| row.get(column));
        found.push(Columns(cells.collect::<rusqlite::Result<_>>()?));
    }
    Ok(found)
}

/// Returns a statement with its values. `$1` is a name to SQLite, not a number: whichever comes first in the text is its first
/// parameter.
fn bound<'c>(connection: &'c Connection, sql: &str, values: &[Value<'_>]) -> Result<CachedStatement<'c>, StorageError> {
    let mut statement = connection.prepare_cached(sql)?;
    for parameter in 1..=statement.parameter_count() {
        let name = statement.parameter_name(parameter).and_then(|name| name.strip_prefix('$'));
        let number = name.and_then(|number| number.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let Some(value) = value else {
            return Err(rusqlite::Error::InvalidParameterCount(parameter, values.len()).into());
        };
        statement.raw_bind_parameter(parameter, value)?;
    }
    Ok(statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_whose_commit_fails_has_failed() {
        let connection = Connection::open_in_memory().unwrap();
        let tables = "PRAGMA foreign_keys = ON; CREATE TABLE one (id BIGINT PRIMARY KEY); \
                      CREATE TABLE other (one BIGINT REFERENCES one (id) DEFERRABLE INITIALLY DEFERRED)";
        connection.execute_batch(tables).unwrap();
        let sql = "INSERT INTO other (one) VALUES ($1) RETURNING one";
        row(&connection, sql, &[1_i64.into()]).unwrap_err();
        assert_eq!(row(&connection, "SELECT one FROM other", &[]).unwrap().map(|_| ()), None);
        connection.execute_batch("INSERT INTO one (id) VALUES (1)").unwrap();
        assert_eq!(row(&connection, sql, &[1_i64.into()]).unwrap().unwrap().get::<i64>(0).unwrap(), 1);
    }
}
