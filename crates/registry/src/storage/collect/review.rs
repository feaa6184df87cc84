//! Reviews: whether something is needed, and its end if it is not.

use async_trait::async_trait;
use graph::Space;
use oci::{Digest, RepositoryName};

use super::queue::later;
use super::{Collected, Keeping};
use crate::storage::database::{Connection, Operation, StorageError, Touched};
use crate::storage::tags::Mover;
use crate::storage::{holds, manifests, repositories, repository_blobs};

/// Most reviews in one transaction: others wait for its end.
const TOGETHER: i64 = 64;

/// Reviews what is due.
pub(super) struct Review {
    pub(super) keeping: Keeping,
}

/// What came of some reviews.
#[derive(Default)]
pub(super) struct Round {
    pub(super) collected: Collected,
    /// The repositories from which something was taken.
    changed: Vec<RepositoryName>,
}

#[async_trait]
impl Operation for Review {
    type Outcome = Round;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Round { mut collected, mut changed } = Round::default();
        let sql = "SELECT repository, space, digest FROM review WHERE due_at <= $1 ORDER BY due_at LIMIT $2";
        let now = connection.now().await?;
        for row in connection.rows(sql, &[now.into(), TOGETHER.into()]).await? {
            let (repository, space, digest) = (row.integer(0)?, row.space(1)?, row.digest(2)?);
            let sql = "DELETE FROM review WHERE repository = $1 AND space = $2 AND digest = $3";
            connection.execute(sql, &[repository.into(), space.into(), (&digest).into()]).await?;
            collected.reviewed += 1;
            let went = if space == Space::Manifest {
                let went = self.manifest(connection, repository, &digest).await?;
                collected.manifests += u64::from(went);
                went
            } else {
                let went = self.blob(connection, repository, &digest).await?;
                collected.blobs += u64::from(went);
                went
            };
            if went {
                changed.push(repositories::name(connection, repository).await?);
            }
        }
        Ok(Round { collected, changed })
    }

    fn touched(&self, outcome: &Self::Outcome) -> Touched {
        Touched::Repositories(outcome.changed.clone())
    }
}

impl Review {
    /// Takes a blob from a repository unless it is needed. Returns whether it went.
    async fn blob(
        &self,
        connection: &mut Connection<'_>,
        repository: i64,
        digest: &Digest,
    ) -> Result<bool, StorageError> {
        let sql = "SELECT kept_until FROM repository_blob WHERE repository = $1 AND digest = $2 AND NOT EXISTS \
                   (SELECT 1 FROM edge WHERE repository = $1 AND space = 0 AND child = $2)";
        let Some(row) = connection.row(sql, &[repository.into(), digest.into()]).await? else { return Ok(false) };
        let kept_until = row.integer(0)?;
        if kept_until > connection.now().await? {
            later(connection, repository, Space::Blob, digest, kept_until).await?;
            return Ok(false);
        }
        repository_blobs::unlink(connection, repository, digest).await
    }

    /// Takes a manifest away unless it is needed. Returns whether it went.
    async fn manifest(
        &self,
        connection: &mut Connection<'_>,
        repository: i64,
        digest: &Digest,
    ) -> Result<bool, StorageError> {
        let sql = "SELECT kept_until FROM manifest AS it WHERE repository = $1 AND digest = $2 \
                   AND NOT EXISTS (SELECT 1 FROM tag WHERE repository = $1 AND digest = $2) \
                   AND NOT EXISTS (SELECT 1 FROM edge WHERE repository = $1 AND space = 1 AND child = $2) \
                   AND NOT EXISTS (SELECT 1 FROM manifest AS subject \
                   WHERE subject.repository = $1 AND subject.digest = it.subject)";
        let Some(row) = connection.row(sql, &[repository.into(), digest.into()]).await? else { return Ok(false) };
        let (kept_until, now) = (row.integer(0)?, connection.now().await?);
        if kept_until > now {
            later(connection, repository, Space::Manifest, digest, kept_until).await?;
            return Ok(false);
        }
        if let Some(held_until) = holds::until(connection, repository, digest, now).await? {
            later(connection, repository, Space::Manifest, digest, held_until).await?;
            return Ok(false);
        }
        let mover = Mover { at: now, actor: None };
        manifests::remove(connection, repository, digest, mover, &self.keeping).await?;
        Ok(true)
    }
}
