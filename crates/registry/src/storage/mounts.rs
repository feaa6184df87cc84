//! Taking a blob from another repository.

use async_trait::async_trait;
use oci::{Digest, RepositoryName};

use super::Storage;
use super::collect::Keeping;
use super::database::{Connection, Operation, StorageError, Touched};
use super::repository_blobs::Wanted;
use super::{Refused, repositories, repository_blobs};
use crate::events::EventKind;
use crate::quota::Quotas;

/// Most repositories that are looked at for one that the caller may read.
const SOURCES_MAX: i64 = 1000;

impl Storage {
    /// Returns the repositories that have a blob, in the order of their names, as far as a caller can be asked about them.
    pub(crate) async fn repositories_of(&self, digest: &Digest) -> Result<Vec<RepositoryName>, StorageError> {
        self.metadata().read(Sources { digest: *digest }).await
    }

    /// Gives a repository the blob that another one has. Returns false when that one does not have it.
    pub(crate) async fn mount(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        from: &RepositoryName,
        quotas: &Quotas,
    ) -> Result<Result<bool, Refused>, StorageError> {
        let keeping = self.keeping();
        let mount = Mount {
            repository: repository.clone(),
            digest: *digest,
            from: from.clone(),
            keeping,
            quotas: quotas.clone(),
        };
        self.metadata().write(mount).await
    }
}

struct Sources {
    digest: Digest,
}

#[async_trait]
impl Operation for Sources {
    type Outcome = Vec<RepositoryName>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT repository.name FROM repository_blob \
                   JOIN repository ON repository.id = repository_blob.repository \
                   JOIN blob ON blob.digest = repository_blob.digest \
                   WHERE repository_blob.digest = $1 AND blob.bad_since IS NULL ORDER BY repository.name LIMIT $2";
        let rows = connection.rows(sql, &[(&self.digest).into(), SOURCES_MAX.into()]).await?;
        rows.iter().map(|row| row.text(0)?.parse().map_err(|_| StorageError::Damaged("a name"))).collect()
    }
}

struct Mount {
    repository: RepositoryName,
    digest: Digest,
    from: RepositoryName,
    keeping: Keeping,
    quotas: Quotas,
}

#[async_trait]
impl Operation for Mount {
    type Outcome = Result<bool, Refused>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Some(from) = repositories::find(connection, &self.from).await? else { return Ok(Ok(false)) };
        let sql = "SELECT blob.size FROM repository_blob JOIN blob ON blob.digest = repository_blob.digest \
                   WHERE repository_blob.repository = $1 AND repository_blob.digest = $2 AND blob.bad_since IS NULL";
        let found = connection.row(sql, &[from.into(), (&self.digest).into()]).await?;
        if let Some(found) = &found {
            let (quotas, repository, digest) = (&self.quotas, &self.repository, &self.digest);
            let wanted = Wanted { quotas, repository, digest, size: found.integer(0)? };
            if let Some(refused) = wanted.refuse(connection).await? {
                return Ok(Err(refused));
            }
            let kept_until = self.keeping.promised(connection.now().await?);
            repository_blobs::link(connection, &self.repository, &self.digest, kept_until, EventKind::BlobMounted)
                .await?;
        }
        Ok(Ok(found.is_some()))
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Repositories(vec![self.repository.clone()])
    }
}
