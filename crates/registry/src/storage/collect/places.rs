//! Places that are given up.
//!
//! A row of a blob goes in the same transaction in which its place is noted as given up. The place is removed afterwards; if that
//! is done twice, or by two at once, nothing is lost, for no place is used again.

use async_trait::async_trait;

use crate::storage::Storage;
use crate::storage::database::{Connection, Operation, StorageError, Touched};

/// Most places that are removed before that is noted.
const TOGETHER: i64 = 256;

impl Storage {
    /// Removes what lies in places that were given up. Returns how many there were.
    pub(super) async fn remove_places(&self) -> Result<u64, StorageError> {
        let mut removed = 0;
        loop {
            let places = self.metadata().read(GivenUp).await?;
            if places.is_empty() {
                return Ok(removed);
            }
            for place in &places {
                self.blobs().remove(place).await?;
            }
            removed += places.len() as u64;
            let freed = self.metadata().write(Removed(places)).await?;
            self.counts().bytes_freed.add(freed);
        }
    }
}

/// Notes that a place is given up.
pub(in crate::storage) async fn give_up(connection: &mut Connection<'_>, place: &str) -> Result<(), StorageError> {
    let sql = "INSERT INTO given_up (place) VALUES ($1) ON CONFLICT DO NOTHING";
    connection.execute(sql, &[place.into()]).await?;
    Ok(())
}

/// Notes that the place of a blob of so many bytes is given up.
pub(in crate::storage) async fn give_up_bytes(
    connection: &mut Connection<'_>,
    place: &str,
    bytes: i64,
) -> Result<(), StorageError> {
    let sql = "INSERT INTO given_up (place, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    connection.execute(sql, &[place.into(), bytes.into()]).await?;
    Ok(())
}

struct GivenUp;

#[async_trait]
impl Operation for GivenUp {
    type Outcome = Vec<String>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let rows = connection.rows("SELECT place FROM given_up LIMIT $1", &[TOGETHER.into()]).await?;
        rows.iter().map(|row| row.text(0)).collect()
    }
}

struct Removed(Vec<String>);

#[async_trait]
impl Operation for Removed {
    /// How many bytes were in those that nobody else had removed, as far as that is known.
    type Outcome = u64;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let mut freed: u64 = 0;
        for place in &self.0 {
            let sql = "DELETE FROM given_up WHERE place = $1 RETURNING bytes";
            let row = connection.row(sql, &[place.as_str().into()]).await?;
            let bytes = row.map_or(Ok(None), |row| row.optional_integer(0))?;
            freed = freed.saturating_add(bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0));
        }
        Ok(freed)
    }

    /// Nothing is in places that were given up.
    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}
