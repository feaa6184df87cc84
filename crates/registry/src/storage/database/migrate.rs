//! The steps by which a database becomes what this program needs.

use super::connection::Connection;
use super::error::StorageError;

/// Takes the steps that were not taken yet, within the caller's transaction.
///
/// # Errors
/// [`StorageError::Newer`] when more steps were taken than this program knows.
pub(super) async fn migrate(
    connection: &mut Connection<'_>,
    schema: &'static [&'static str],
) -> Result<(), StorageError> {
    connection.execute("CREATE TABLE IF NOT EXISTS schema_step (number BIGINT PRIMARY KEY)", &[]).await?;
    let last = connection.row("SELECT COALESCE(MAX(number), 0) FROM schema_step", &[]).await?;
    let last = last.map_or(Ok(0), |row| row.integer(0))?;
    for (number, step) in (1..).zip(schema.iter()) {
        if number <= last {
            continue;
        }
        for statement in step.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
            connection.execute(statement, &[]).await?;
        }
        connection.execute("INSERT INTO schema_step (number) VALUES ($1)", &[i64::into(number)]).await?;
    }
    let known = i64::try_from(schema.len()).unwrap_or(i64::MAX);
    if last > known { Err(StorageError::Newer { found: last, known }) } else { Ok(()) }
}
