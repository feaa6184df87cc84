//! What keeps a tag that the rules take away, and its end where nothing does.

use async_trait::async_trait;
use oci::RepositoryName;

use super::due::NEVER;
use super::{Condemned, RetentionReason, Why};
use crate::retention::{PULL_PRECISION, after};
use crate::storage::collect::Keeping;
use crate::storage::database::{Connection, Operation, StorageError, Touched};
use crate::storage::tags::Mover;
use crate::storage::{holds, manifests, pulls, tags};

/// Looks at what the rules do not know of.
pub(super) struct Look {
    pub(super) repository: i64,
    pub(super) condemned: Vec<Condemned>,
    pub(super) keeping: Keeping,
    /// Since when pulls are counted, in milliseconds since 1970.
    pub(super) pulls_since: Option<i64>,
}

/// What was found.
pub(super) enum Looked {
    /// The tag goes.
    Goes { pulled_at: Option<i64>, reason: RetentionReason },
    /// It stays, until a time at least, in milliseconds since 1970.
    Stays { pulled_at: Option<i64>, reason: RetentionReason, until: i64 },
    /// It is not there any more, or names something else, or was pushed again.
    Gone,
}

#[async_trait]
impl Operation for Look {
    type Outcome = Vec<(Condemned, Looked)>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let mut looked = Vec::with_capacity(self.condemned.len());
        for one in &self.condemned {
            looked.push((one.clone(), self.at(connection, one).await?));
        }
        Ok(looked)
    }
}

impl Look {
    async fn at(&self, connection: &mut Connection<'_>, one: &Condemned) -> Result<Looked, StorageError> {
        let Condemned { tag, digest, pushed_at, why } = one;
        let repository = self.repository;
        let sql = "SELECT 1 FROM tag WHERE repository = $1 AND name = $2 AND digest = $3 AND pushed_at = $4";
        let values = [repository.into(), tag.as_str().into(), digest.into(), (*pushed_at).into()];
        if connection.row(sql, &values).await?.is_none() {
            return Ok(Looked::Gone);
        }
        let now = connection.now().await?;
        let (pulled_at, reason) = match why {
            Why::Attached(subject) => {
                // One that is marked as bad may be healed.
                if manifests::present(connection, repository, subject).await?.is_some() {
                    return Ok(Looked::Stays { pulled_at: None, reason: RetentionReason::SubjectGone, until: NEVER });
                }
                // What it is attached to may be about to come.
                let until = pushed_at.saturating_add(self.keeping.untagged());
                if until > now {
                    return Ok(Looked::Stays { pulled_at: None, reason: RetentionReason::SubjectGone, until });
                }
                (None, RetentionReason::SubjectGone)
            }
            Why::Rule { pulled_within: None } => (None, RetentionReason::Rule),
            Why::Rule { pulled_within: Some(age) } => {
                let pulled_at = pulls::last(connection, repository, digest).await?;
                let since = self.pulls_since.unwrap_or(now).max(*pushed_at);
                let last = pulled_at.map_or(since, |pulled| pulled.saturating_add(PULL_PRECISION).max(since));
                let until = after(last, age.seconds);
                if until > now {
                    return Ok(Looked::Stays { pulled_at, reason: RetentionReason::Pulled, until });
                }
                (pulled_at, RetentionReason::Rule)
            }
        };
        Ok(match holds::until(connection, repository, digest, now).await? {
            Some(until) => Looked::Stays { pulled_at, reason: RetentionReason::Held, until },
            None => Looked::Goes { pulled_at, reason },
        })
    }
}

/// Removes tags that go, as a deletion by a user would, after another look at them.
pub(super) struct Remove {
    pub(super) look: Look,
    pub(super) name: RepositoryName,
    /// How many tags of the repository had been removed when the newest were counted.
    pub(super) removals: i64,
}

#[async_trait]
impl Operation for Remove {
    /// How many were removed, and when one of the others may go, in milliseconds since 1970; `None` when somebody else has removed some
    /// meanwhile.
    type Outcome = Option<(u64, i64)>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let repository = self.look.repository;
        let sql = "SELECT 1 FROM retention WHERE repository = $1 AND removals = $2";
        if connection.row(sql, &[repository.into(), self.removals.into()]).await?.is_none() {
            return Ok(None);
        }
        let mover = Mover { at: connection.now().await?, actor: None };
        let kept_until = mover.at + self.look.keeping.untagged();
        let (mut removed, mut due_at) = (0, NEVER);
        for (one, looked) in self.look.run(connection).await? {
            match looked {
                Looked::Goes { .. } => {
                    tags::remove(connection, repository, one.tag.as_str(), mover).await?;
                    manifests::keep(connection, repository, &one.digest, kept_until).await?;
                    removed += 1;
                }
                Looked::Stays { until, .. } => due_at = due_at.min(until),
                Looked::Gone => {}
            }
        }
        Ok(Some((removed, due_at)))
    }

    fn touched(&self, outcome: &Self::Outcome) -> Touched {
        match outcome {
            Some((1.., _)) => Touched::Repositories(vec![self.name.clone()]),
            _ => Touched::Nothing,
        }
    }
}
