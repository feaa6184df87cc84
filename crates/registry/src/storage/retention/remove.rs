//! What keeps a tag that the rules take away, and its end where nothing does.

use async_trait::async_trait;
use oci::RepositoryName;
use resolve::retention::Age;

use super::due::{NEVER, Since};
use super::{Condemned, RetentionReason, Why};
use crate::retention::{PULL_PRECISION, after};
use crate::storage::collect::Keeping;
use crate::storage::database::{Connection, Operation, StorageError, Touched};
use crate::storage::tags::Mover;
use crate::storage::{holds, manifests, pulls, tags};

/// How long at least a tag stays of which nobody knows whether it was pushed again, in seconds: so that what is pushed each month is.
const UNNOTED_MIN: u64 = 30 * 24 * 60 * 60;

/// Looks at what the rules do not know of.
pub(super) struct Look {
    pub(super) repository: i64,
    pub(super) condemned: Vec<Condemned>,
    pub(super) keeping: Keeping,
    pub(super) since: Since,
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
        self.knowing(connection, self.since).await
    }
}

impl Look {
    /// Looks with what is known since when.
    async fn knowing(
        &self,
        connection: &mut Connection<'_>,
        since: Since,
    ) -> Result<Vec<(Condemned, Looked)>, StorageError> {
        let mut looked = Vec::with_capacity(self.condemned.len());
        for one in &self.condemned {
            looked.push((one.clone(), self.at(connection, one, since).await?));
        }
        Ok(looked)
    }

    async fn at(&self, connection: &mut Connection<'_>, one: &Condemned, since: Since) -> Result<Looked, StorageError> {
        let Condemned { tag, digest, pushed_at, why } = one;
        let repository = self.repository;
        let sql = "SELECT 1 FROM tag WHERE repository = $1 AND name = $2 AND digest = $3 AND pushed_at = $4";
        let values = [repository.into(), tag.as_str().into(), digest.into(), (*pushed_at).into()];
        if connection.row(sql, &values).await?.is_none() {
            return Ok(Looked::Gone);
        }
        let now = connection.now().await?;
        if let Why::Rule { pushed_within, .. } = why
            && let Some(until) = unnoted_until(since, *pushed_at, *pushed_within).filter(|until| *until > now)
        {
            return Ok(Looked::Stays { pulled_at: None, reason: RetentionReason::Pushed, until });
        }
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
            Why::Rule { pulled_within: None, .. } => (None, RetentionReason::Rule),
            Why::Rule { pulled_within: Some(age), .. } => {
                let pulled_at = pulls::last(connection, repository, digest).await?;
                let since = since.pulls.unwrap_or(now).max(*pushed_at);
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

/// Returns until when a tag may be newer than it looks, in milliseconds since 1970; `None` when it is as old as it looks.
fn unnoted_until(since: Since, pushed_at: i64, pushed_within: Option<Age>) -> Option<i64> {
    let since = since.pushes.filter(|since| pushed_at < *since)?;
    Some(after(since, pushed_within.map_or(UNNOTED_MIN, |age| age.seconds.max(UNNOTED_MIN))))
}

/// Removes tags that go, as a deletion by a user would, after another look at them.
pub(super) struct Remove {
    pub(super) look: Look,
    pub(super) name: RepositoryName,
    /// How many tags of the repository had been removed when the newest were counted.
    pub(super) removals: i64,
    /// By which rules they go.
    pub(super) rules: String,
}

#[async_trait]
impl Operation for Remove {
    /// How many were removed, and when one of the others may go, in milliseconds since 1970; `None` when somebody else has removed some
    /// meanwhile, or said other rules.
    type Outcome = Option<(u64, i64)>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let repository = self.look.repository;
        let sql = "SELECT retention_state.pulls_since, retention_state.pushes_since \
                   FROM retention JOIN retention_state ON retention_state.id = 1 \
                   WHERE retention.repository = $1 AND retention.removals = $2 AND retention_state.rules = $3";
        let values = [repository.into(), self.removals.into(), self.rules.as_str().into()];
        let Some(row) = connection.row(sql, &values).await? else { return Ok(None) };
        let since = Since { pulls: row.optional_integer(0)?, pushes: row.optional_integer(1)? };
        let mover = Mover { at: connection.now().await?, actor: None };
        let kept_until = mover.at + self.look.keeping.untagged();
        let (mut removed, mut due_at) = (0, NEVER);
        for (one, looked) in self.look.knowing(connection, since).await? {
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
