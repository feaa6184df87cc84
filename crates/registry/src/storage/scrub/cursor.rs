//! How far a pass has come.

use std::time::Duration;

use async_trait::async_trait;
use graph::Space;

use crate::storage::clock::milliseconds;
use crate::storage::database::{Connection, Operation, StorageError, Touched};

/// For how long nobody else goes on with a pass, in milliseconds, behind its last page.
const CLAIM: i64 = 10 * 60 * 1000;

/// Where a pass is: behind a digest of blobs or of manifests, by its bytes.
#[derive(Clone, Debug)]
pub(super) enum Cursor {
    Blobs(Vec<u8>),
    Manifests(Vec<u8>),
}

/// Begins a pass, or goes on with one.
pub(super) struct Begin {
    pub(super) period: Option<Duration>,
}

#[async_trait]
impl Operation for Begin {
    /// Nothing when none is due.
    type Outcome = Option<Cursor>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let now = connection.now().await?;
        let sql = "SELECT began_at, ended_at, space, behind, claimed_until FROM scrub WHERE id = 1";
        let row = connection.row(sql, &[]).await?.ok_or(StorageError::Damaged("the state of the scrub"))?;
        let (began_at, ended_at) = (row.optional_integer(0)?, row.optional_integer(1)?);
        if let Some(period) = self.period {
            if row.integer(4)? > now {
                return Ok(None);
            }
            if let (Some(_), None) = (began_at, ended_at) {
                let behind = row.optional_bytes(3)?.unwrap_or_default();
                claim(connection, now).await?;
                return Ok(Some(match row.space(2)? {
                    Space::Blob => Cursor::Blobs(behind),
                    Space::Manifest => Cursor::Manifests(behind),
                }));
            }
            if began_at.is_some_and(|began_at| began_at.saturating_add(milliseconds(period)) > now) {
                return Ok(None);
            }
        }
        let sql = "UPDATE scrub SET began_at = $1, ended_at = NULL, space = 0, behind = NULL WHERE id = 1";
        connection.execute(sql, &[now.into()]).await?;
        claim(connection, now).await?;
        Ok(Some(Cursor::Blobs(Vec::new())))
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

async fn claim(connection: &mut Connection<'_>, now: i64) -> Result<(), StorageError> {
    connection.execute("UPDATE scrub SET claimed_until = $1 WHERE id = 1", &[(now + CLAIM).into()]).await?;
    Ok(())
}

/// Notes how far a pass has come.
pub(super) struct Reached(pub(super) Cursor);

#[async_trait]
impl Operation for Reached {
    type Outcome = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let (space, behind) = match &self.0 {
            Cursor::Blobs(behind) => (Space::Blob, behind),
            Cursor::Manifests(behind) => (Space::Manifest, behind),
        };
        let sql = "UPDATE scrub SET space = $1, behind = $2 WHERE id = 1";
        connection.execute(sql, &[space.into(), behind.as_slice().into()]).await?;
        let now = connection.now().await?;
        claim(connection, now).await
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

/// Ends a pass.
pub(super) struct End;

#[async_trait]
impl Operation for End {
    type Outcome = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let now = connection.now().await?;
        let sql = "UPDATE scrub SET ended_at = $1, behind = NULL, claimed_until = 0 WHERE id = 1";
        connection.execute(sql, &[now.into()]).await?;
        Ok(())
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}
