//! What refers to a manifest or a blob.

use async_trait::async_trait;
use oci::{Digest, RepositoryName};

use super::Storage;
use super::database::{Connection, Operation, StorageError, Value};
use super::repositories;

/// A manifest about another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Referrer {
    pub(crate) digest: Digest,
    /// Its descriptor in JSON, as the list of referrers has it.
    pub(crate) descriptor: String,
}

impl Storage {
    /// Returns what refers to `subject`, in the order of the digests, behind `after`, at most `limit`. A repository that is
    /// not there has none.
    pub(crate) async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: Option<Digest>,
        limit: usize,
    ) -> Result<Vec<Referrer>, StorageError> {
        let artifact_type = artifact_type.map(str::to_owned);
        let list = List { repository: repository.clone(), subject: *subject, artifact_type, after, limit };
        self.metadata().read(list).await
    }
}

struct List {
    repository: RepositoryName,
    subject: Digest,
    artifact_type: Option<String>,
    after: Option<Digest>,
    limit: usize,
}

#[async_trait]
impl Operation for List {
    type Outcome = Vec<Referrer>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Some(repository) = repositories::find(connection, &self.repository).await? else { return Ok(Vec::new()) };
        let after = self.after.map_or_else(Vec::new, |digest| digest.to_bytes());
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let values: [Value<'_>; 5] = [
            repository.into(),
            (&self.subject).into(),
            after.as_slice().into(),
            limit.into(),
            self.artifact_type.as_deref().map(str::as_bytes).into(),
        ];
        let rows = if self.artifact_type.is_some() {
            let sql = "SELECT digest, referrer FROM manifest WHERE repository = $1 AND subject = $2 \
                       AND digest > $3 AND artifact_type = $5 ORDER BY digest LIMIT $4";
            connection.rows(sql, &values).await?
        } else {
            let sql = "SELECT digest, referrer FROM manifest \
                       WHERE repository = $1 AND subject = $2 AND digest > $3 ORDER BY digest LIMIT $4";
            connection.rows(sql, &values[..4]).await?
        };
        rows.iter().map(|row| Ok(Referrer { digest: row.digest(0)?, descriptor: row.text(1)? })).collect()
    }
}
