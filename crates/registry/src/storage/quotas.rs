//! Quotas, decided in the transaction that adds something.
//!
//! What is used is read and added to in the same transaction, which is written as if it were alone: so no two of them pass the same limit
//! together, whichever nodes they run on.

use async_trait::async_trait;
use oci::RepositoryName;

use super::database::{Connection, Operation, StorageError, Value};
use super::usage::Usage;
use super::{Refused, Storage};
use crate::quota::{Counted, Exceeded, Quota, QuotaScope, Quotas};

/// How many bytes a repository may still get, and which limit says so.
pub(crate) struct Headroom {
    pub(crate) bytes: u64,
    pub(crate) limit: Exceeded,
}

impl Storage {
    /// Returns how many bytes a repository may get; `None` where there is no limit. Only the transaction that adds them decides.
    pub(crate) async fn room(
        &self,
        quotas: &Quotas,
        repository: &RepositoryName,
    ) -> Result<Option<Headroom>, StorageError> {
        if quotas.of(repository).next().is_none() {
            return Ok(None);
        }
        self.metadata().read(FindRoom { quotas: quotas.clone(), repository: repository.clone() }).await
    }
}

struct FindRoom {
    quotas: Quotas,
    repository: RepositoryName,
}

#[async_trait]
impl Operation for FindRoom {
    type Outcome = Option<Headroom>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let mut least: Option<Headroom> = None;
        for quota in self.quotas.of(&self.repository) {
            let Some((_, limit)) = quota.limits.iter().find(|(counted, _)| *counted == Counted::Bytes) else {
                continue;
            };
            let used = used(connection, quota, &self.repository).await?.bytes;
            let bytes = limit.saturating_sub(u64::try_from(used).unwrap_or(0));
            if least.as_ref().is_none_or(|least| bytes < least.bytes) {
                least = Some(Headroom { bytes, limit: exceeded(quota, Counted::Bytes, *limit) });
            }
        }
        Ok(least)
    }
}

/// Returns why a repository may not get this, if a limit would not be kept. What is not added to is not asked about: who is above a limit
/// that was lowered may still do all else.
pub(super) async fn refuse(
    connection: &mut Connection<'_>,
    quotas: &Quotas,
    repository: &RepositoryName,
    wanted: Usage,
) -> Result<Option<Refused>, StorageError> {
    for quota in quotas.of(repository) {
        let used = used(connection, quota, repository).await?;
        for (counted, limit) in &quota.limits {
            let wanted = of(&wanted, *counted);
            let sum = of(&used, *counted).saturating_add(wanted);
            if wanted > 0 && u64::try_from(sum).is_ok_and(|sum| sum > *limit) {
                return Ok(Some(Refused::Quota(exceeded(quota, *counted, *limit))));
            }
        }
    }
    Ok(None)
}

fn exceeded(quota: &Quota, counted: Counted, limit: u64) -> Exceeded {
    let namespace = match &quota.scope {
        QuotaScope::Namespace(name) => Some(name.clone()),
        QuotaScope::Each(_) => None,
    };
    Exceeded { counted, limit, namespace }
}

const fn of(usage: &Usage, counted: Counted) -> i64 {
    match counted {
        Counted::Bytes => usage.bytes,
        Counted::Blobs => usage.blobs,
        Counted::Manifests => usage.manifests,
        Counted::Tags => usage.tags,
    }
}

/// Returns what is used of a limit.
async fn used(
    connection: &mut Connection<'_>,
    quota: &Quota,
    repository: &RepositoryName,
) -> Result<Usage, StorageError> {
    let row = match &quota.scope {
        QuotaScope::Each(_) => {
            let sql = "SELECT bytes, blobs, manifests, tags FROM repository_usage \
                       WHERE repository = (SELECT id FROM repository WHERE name = $1)";
            connection.row(sql, &[repository.as_str().into()]).await?
        }
        QuotaScope::Namespace(name) => {
            // The names below begin with a slash, and `0` is what follows it.
            let sql = "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT), CAST(COALESCE(SUM(blobs), 0) AS BIGINT), \
                       CAST(COALESCE(SUM(manifests), 0) AS BIGINT), CAST(COALESCE(SUM(tags), 0) AS BIGINT) \
                       FROM repository JOIN repository_usage ON repository_usage.repository = repository.id \
                       WHERE repository.name = $1 OR (repository.name >= $2 AND repository.name < $3)";
            let (first, end) = (format!("{name}/"), format!("{name}0"));
            let values: [Value<'_>; 3] = [name.as_str().into(), first.as_str().into(), end.as_str().into()];
            connection.row(sql, &values).await?
        }
    };
    let Some(row) = row else { return Ok(Usage::default()) };
    let (bytes, blobs, manifests, tags) = (row.integer(0)?, row.integer(1)?, row.integer(2)?, row.integer(3)?);
    Ok(Usage { bytes, blobs, manifests, tags })
}
