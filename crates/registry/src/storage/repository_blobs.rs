//! Which repository has which blob.

use async_trait::async_trait;
use oci::{Digest, RepositoryName};

use super::Storage;
use super::database::{Connection, Operation, StorageError};
use super::repositories;

/// A blob that a repository has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredBlob {
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Where its bytes are.
    pub(crate) place: String,
}

impl Storage {
    /// Returns a blob if the repository has it.
    pub(crate) async fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<StoredBlob>, StorageError> {
        self.metadata().read(Find { repository: repository.clone(), digest: *digest }).await
    }

    /// Gives a repository the blob whose bytes have been put into a place. If there is such a blob already, that is the one
    /// it gets, and the place is given up.
    pub(crate) async fn add_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        blob: StoredBlob,
    ) -> Result<(), StorageError> {
        let place = blob.place.clone();
        let add = Add { repository: repository.clone(), digest: *digest, blob };
        let kept = self.metadata().write(add).await?;
        if kept != place {
            self.blobs().remove(&place).await?;
        }
        Ok(())
    }

    /// Takes a blob from a repository. Returns false when it did not have it.
    pub(crate) async fn remove_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool, StorageError> {
        self.metadata().write(Remove { repository: repository.clone(), digest: *digest }).await
    }
}

struct Find {
    repository: RepositoryName,
    digest: Digest,
}

#[async_trait]
impl Operation for Find {
    type Outcome = Option<StoredBlob>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT blob.size, blob.place FROM repository \
                   JOIN repository_blob ON repository_blob.repository = repository.id \
                   JOIN blob ON blob.digest = repository_blob.digest \
                   WHERE repository.name = $1 AND repository_blob.digest = $2";
        let row = connection.row(sql, &[self.repository.as_str().into(), (&self.digest).into()]).await?;
        row.map(|row| Ok(StoredBlob { size: row.size(0)?, place: row.text(1)? })).transpose()
    }
}

struct Add {
    repository: RepositoryName,
    digest: Digest,
    blob: StoredBlob,
}

#[async_trait]
impl Operation for Add {
    type Outcome = String;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let size = i64::try_from(self.blob.size).map_err(|_| StorageError::Damaged("a size"))?;
        // The update changes nothing; it makes the row that was there come back.
        let sql = "INSERT INTO blob (digest, size, place) VALUES ($1, $2, $3) \
                   ON CONFLICT (digest) DO UPDATE SET size = blob.size RETURNING place";
        let values = [(&self.digest).into(), size.into(), self.blob.place.as_str().into()];
        let row = connection.row(sql, &values).await?.ok_or(StorageError::Damaged("a blob"))?;
        link(connection, &self.repository, &self.digest).await?;
        row.text(0)
    }
}

struct Remove {
    repository: RepositoryName,
    digest: Digest,
}

#[async_trait]
impl Operation for Remove {
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Some(repository) = repositories::find(connection, &self.repository).await? else { return Ok(false) };
        let sql = "DELETE FROM repository_blob WHERE repository = $1 AND digest = $2";
        Ok(connection.execute(sql, &[repository.into(), (&self.digest).into()]).await? > 0)
    }
}

/// Gives a repository a blob that is there.
pub(super) async fn link(
    connection: &mut Connection<'_>,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<(), StorageError> {
    let repository = repositories::find_or_make(connection, repository).await?;
    let sql = "INSERT INTO repository_blob (repository, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    connection.execute(sql, &[repository.into(), digest.into()]).await?;
    Ok(())
}
