//! Uploads under way, and what was received of them.

use async_trait::async_trait;

use super::{Audit, Fault, PAGE, Storage};
use crate::route::UploadId;
use crate::storage::database::{Connection, Operation, Row, StorageError};

impl Storage {
    pub(super) async fn audit_uploads(&self, audit: &mut Audit) -> Result<(), StorageError> {
        let mut after = String::new();
        loop {
            let page = self.sessions().read(Page { after: after.clone() }).await?;
            audit.uploads += page.len() as u64;
            for session in &page {
                if self.is_lost(session).await? {
                    audit.note(Fault::MissingUpload, session.id.clone());
                }
            }
            let Some(last) = page.last().filter(|_| page.len() == PAGE) else { return Ok(()) };
            after.clone_from(&last.id);
        }
    }

    /// Tells whether what was received of an upload is gone, and nobody has been at work on it since.
    async fn is_lost(&self, session: &Upload) -> Result<bool, StorageError> {
        if !session.rests || session.received == 0 {
            return Ok(false);
        }
        let resumed = self.blobs().resume(&session.id, session.received, &session.state).await?;
        Ok(resumed.is_none() && self.sessions().read(HasNotMoved(session.clone())).await?)
    }

    /// Tells whether an upload is under way.
    pub(in crate::storage) async fn has_session(&self, id: UploadId) -> Result<bool, StorageError> {
        self.sessions().read(Has(id)).await
    }
}

/// How far an upload has come.
#[derive(Clone)]
struct Upload {
    id: String,
    received: u64,
    state: Vec<u8>,
    turn: i64,
    /// Whether nobody writes to it and it is not about to become a blob.
    rests: bool,
}

struct Page {
    after: String,
}

#[async_trait]
impl Operation for Page {
    type Outcome = Vec<Upload>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let sql = "SELECT id, received, state, turn, CASE WHEN taken_at IS NULL AND place IS NULL THEN 1 ELSE 0 END \
                   FROM upload WHERE id > $1 ORDER BY id LIMIT $2";
        let rows = connection.rows(sql, &[self.after.as_str().into(), limit.into()]).await?;
        let upload = |row: &Row| {
            Ok(Upload {
                id: row.text(0)?,
                received: row.size(1)?,
                state: row.bytes(2)?,
                turn: row.integer(3)?,
                rests: row.integer(4)? != 0,
            })
        };
        rows.iter().map(upload).collect()
    }
}

struct HasNotMoved(Upload);

#[async_trait]
impl Operation for HasNotMoved {
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT 1 FROM upload WHERE id = $1 AND turn = $2 AND taken_at IS NULL AND place IS NULL";
        Ok(connection.row(sql, &[self.0.id.as_str().into(), self.0.turn.into()]).await?.is_some())
    }
}

struct Has(UploadId);

#[async_trait]
impl Operation for Has {
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT 1 FROM upload WHERE id = $1";
        Ok(connection.row(sql, &[self.0.to_string().as_str().into()]).await?.is_some())
    }
}
