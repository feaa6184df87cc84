//! What a pass looks at next.

use async_trait::async_trait;
use oci::Digest;

use crate::storage::database::{Connection, Operation, StorageError};

/// Blobs of one page: so many are read again after a crash.
const PAGE: i64 = 16;

/// Reads a page of blobs behind a digest.
pub(super) struct BlobPage {
    pub(super) behind: Vec<u8>,
}

/// A blob, as the database has it.
pub(super) struct Blob {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) place: String,
    /// Whether it is marked.
    pub(super) is_bad: bool,
}

#[async_trait]
impl Operation for BlobPage {
    type Outcome = Vec<Blob>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT digest, size, place, bad_since FROM blob WHERE digest > $1 ORDER BY digest LIMIT $2";
        let rows = connection.rows(sql, &[self.behind.as_slice().into(), PAGE.into()]).await?;
        let blob = |row: &crate::storage::database::Row| {
            let is_bad = row.optional_integer(3)?.is_some();
            Ok(Blob { digest: row.digest(0)?, size: row.size(1)?, place: row.text(2)?, is_bad })
        };
        rows.iter().map(blob).collect()
    }
}

/// Reads the manifest behind a digest.
pub(super) struct ContentPage {
    pub(super) behind: Vec<u8>,
}

/// The bytes of a manifest.
pub(super) struct Content {
    pub(super) digest: Digest,
    pub(super) bytes: Vec<u8>,
    /// Where they lie beside the database, once they do.
    pub(super) place: Option<String>,
    /// Whether it is marked.
    pub(super) is_bad: bool,
}

#[async_trait]
impl Operation for ContentPage {
    type Outcome = Option<Content>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT digest, bytes, CASE WHEN is_stored = 1 THEN place ELSE NULL END, bad_since FROM content \
                   WHERE digest > $1 ORDER BY digest LIMIT 1";
        let Some(row) = connection.row(sql, &[self.behind.as_slice().into()]).await? else { return Ok(None) };
        let (place, is_bad) = (row.optional_text(2)?, row.optional_integer(3)?.is_some());
        Ok(Some(Content { digest: row.digest(0)?, bytes: row.bytes(1)?, place, is_bad }))
    }
}
