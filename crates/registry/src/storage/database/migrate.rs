//! The steps by which a database becomes what this program needs.

use std::cmp::Ordering;

use super::connection::Connection;
use super::error::StorageError;

/// What a database holds. Two of them may share one database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema {
    /// The table that says which steps have been taken.
    pub(crate) table: &'static str,
    /// The steps, in the words of SQLite and PostgreSQL alike.
    pub(crate) steps: &'static [&'static str],
}

/// Takes the steps that were not taken yet, within the caller's transaction.
///
/// # Errors
/// [`StorageError::Newer`] when more steps were taken than this program knows.
pub(super) async fn migrate(connection: &mut Connection<'_>, schema: Schema) -> Result<(), StorageError> {
    let Schema { table, steps } = schema;
    let sql = format!("CREATE TABLE IF NOT EXISTS {table} (number BIGINT PRIMARY KEY)");
    connection.execute_made(sql, &[]).await?;
    let last = last(connection, schema).await?;
    for (number, step) in (1..).zip(steps.iter()) {
        if number <= last {
            continue;
        }
        for statement in step.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
            connection.execute_made(in_the_words_of(connection, statement), &[]).await?;
        }
        connection.execute_made(format!("INSERT INTO {table} (number) VALUES ($1)"), &[i64::into(number)]).await?;
    }
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if last > known { Err(StorageError::Newer { found: last, known }) } else { Ok(()) }
}

/// The key that the database gives out itself, each greater than all before, as PostgreSQL and SQLite say it.
const NUMBERED: (&str, &str) = ("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT");
/// Checks that every step has been taken and no other.
///
/// # Errors
/// [`StorageError::Newer`] and [`StorageError::Older`] when it is not so.
pub(super) async fn check(connection: &mut Connection<'_>, schema: Schema) -> Result<(), StorageError> {
    let found = last(connection, schema).await?;
    let known = i64::try_from(schema.steps.len()).unwrap_or(i64::MAX);
    match found.cmp(&known) {
        Ordering::Less => Err(StorageError::Older { found, known }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(StorageError::Newer { found, known }),
    }
}

/// Returns the number of the last step that was taken.
async fn last(connection: &mut Connection<'_>, schema: Schema) -> Result<i64, StorageError> {
    let rows = connection.rows_made(format!("SELECT COALESCE(MAX(number), 0) FROM {}", schema.table), &[]).await?;
    rows.first().map_or(Ok(0), |row| row.integer(0))
}

/// Returns a statement in the engine's own words. Text compares by its bytes, as it does in SQLite and as the order of tags
/// demands; PostgreSQL would otherwise follow the language of its host.
fn in_the_words_of(connection: &Connection<'_>, statement: &str) -> String {
    if connection.is_postgres() {
        statement.replace(" TEXT", " TEXT COLLATE \"C\"")
    } else {
        statement.replace(NUMBERED.0, NUMBERED.1)
    }
}
