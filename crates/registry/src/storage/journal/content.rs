//! The bytes of manifests, copied beside the database.
//!
//! A place is noted before anything is put there, and is noted as filled afterwards. Whoever finds it noted and not filled, after a
//! crash or because another is at it, puts the same bytes there. When the manifest goes, its place is given up; whoever was
//! late and has put bytes there since gives it up once more.

use async_trait::async_trait;
use bytes::Bytes;
use oci::Digest;

use super::manifest_place;
use crate::storage::Storage;
use crate::storage::collect::give_up;
use crate::storage::database::{Connection, Operation, StorageError, Touched};

impl Storage {
    /// Copies the bytes of a manifest beside the database. Returns false when it has gone.
    pub(super) async fn store_manifest(&self, digest: &Digest) -> Result<bool, StorageError> {
        let intend = Intend { digest: *digest, place: manifest_place(digest) };
        let Some((place, bytes)) = self.metadata().write(intend).await? else { return Ok(false) };
        self.blobs().put(&place, bytes).await?;
        self.metadata().write(Filled { place }).await
    }
}

/// Notes where the bytes of a manifest will be.
struct Intend {
    digest: Digest,
    place: String,
}

#[async_trait]
impl Operation for Intend {
    /// The place, and the bytes; nothing when the manifest has gone.
    type Outcome = Option<(String, Bytes)>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "UPDATE content SET place = COALESCE(place, $2) WHERE digest = $1 RETURNING place, bytes";
        let row = connection.row(sql, &[(&self.digest).into(), self.place.as_str().into()]).await?;
        row.map(|row| Ok((row.text(0)?, row.bytes(1)?.into()))).transpose()
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

/// Notes that the bytes of a manifest are in a place, or gives it up when nobody wants it any more.
struct Filled {
    place: String,
}

#[async_trait]
impl Operation for Filled {
    /// Whether it is wanted.
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "UPDATE content SET is_stored = 1 WHERE place = $1";
        let is_wanted = connection.execute(sql, &[self.place.as_str().into()]).await? > 0;
        if !is_wanted {
            give_up(connection, &self.place).await?;
        }
        Ok(is_wanted)
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}
