//! The steps by which a database becomes what this program needs.

use std::cmp::Ordering;

use async_trait::async_trait;

use super::Operation;
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

impl Schema {
    /// Returns the number of the last step that this program knows.
    pub(super) fn known(&self) -> i64 {
        i64::try_from(self.steps.len()).unwrap_or(i64::MAX)
    }

    /// Returns the name of the empty table that is there as long as a database shared by nodes is as a step left it. Whoever changes
    /// something locks it first, in a mode that keeps no other writer away; whoever takes the next step removes it, which waits for those.
    /// So a node of an older program has either ended its change before a newer one begins, or makes none any more.
    pub(super) fn marker(&self, step: i64) -> String {
        format!("{}_at_{step}", self.table)
    }
}

/// Takes the steps that were not taken yet, within the caller's transaction.
///
/// # Errors
/// [`StorageError::Newer`] when more steps were taken than this program knows.
pub(super) async fn migrate(connection: &mut Connection<'_>, schema: Schema) -> Result<(), StorageError> {
    let Schema { table, steps } = schema;
    let sql = format!("CREATE TABLE IF NOT EXISTS {table} (number BIGINT PRIMARY KEY)");
    connection.execute_made(sql, &[]).await?;
    let (last, known) = (last(connection, schema).await?, schema.known());
    if last > known {
        return Err(StorageError::Newer { found: last, known });
    }
    if connection.is_postgres() && last < known {
        connection.execute_made(format!("DROP TABLE IF EXISTS {}", schema.marker(last)), &[]).await?;
    }
    let now = connection.now().await?.to_string();
    for (number, step) in (1..).zip(steps.iter()) {
        if number <= last {
            continue;
        }
        for statement in step.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
            connection.execute_made(in_the_words_of(connection, statement).replace(NOW, &now), &[]).await?;
        }
        connection.execute_made(format!("INSERT INTO {table} (number) VALUES ($1)"), &[i64::into(number)]).await?;
    }
    if connection.is_postgres() {
        let marker = schema.marker(known);
        connection.execute_made(format!("CREATE TABLE IF NOT EXISTS {marker} (number BIGINT)"), &[]).await?;
    }
    Ok(())
}

/// The key that the database gives out itself, each greater than all before, as PostgreSQL and SQLite say it.
const NUMBERED: (&str, &str) = ("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT");
/// What stands in a step for the time at which it is taken, in milliseconds since 1970.
const NOW: &str = "$NOW";

/// Checks that every step has been taken and no other.
///
/// # Errors
/// [`StorageError::Newer`] and [`StorageError::Older`] when it is not so.
pub(super) async fn check(connection: &mut Connection<'_>, schema: Schema) -> Result<(), StorageError> {
    let (found, known) = (last(connection, schema).await?, schema.known());
    match found.cmp(&known) {
        Ordering::Less => Err(StorageError::Older { found, known }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(StorageError::Newer { found, known }),
    }
}

/// Checks that every step has been taken and no other.
pub(super) struct Check(pub(super) Schema);

#[async_trait]
impl Operation for Check {
    type Outcome = ();

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        check(connection, self.0).await
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
