//! Which repositories are to be looked at, and when.

use async_trait::async_trait;
use oci::RepositoryName;

use crate::storage::database::{Connection, Operation, StorageError, Touched};
use crate::storage::repositories;

/// No time at all.
pub(super) const NEVER: i64 = i64::MAX;
/// For how long a repository is left to the node that looks at it, in milliseconds. If that ends, or takes longer, another one begins anew.
const CLAIM: i64 = 10 * 60 * 1000;
/// Most repositories that are read together.
const PAGE: i64 = 256;

/// Has the tags of a repository looked at, if the registry has rules.
pub(in crate::storage) async fn due(connection: &mut Connection<'_>, repository: i64) -> Result<(), StorageError> {
    let now = connection.now().await?;
    let sql = "INSERT INTO retention (repository, due_at, removals) \
               SELECT $1, $2, 0 FROM retention_state WHERE id = 1 AND rules IS NOT NULL \
               ON CONFLICT (repository) DO UPDATE SET due_at = excluded.due_at \
               WHERE retention.due_at > excluded.due_at";
    connection.execute(sql, &[repository.into(), now.into()]).await?;
    Ok(())
}

/// Counts that a tag was removed. Who has counted the tags that are newer than another one counts anew then.
pub(in crate::storage) async fn removed(connection: &mut Connection<'_>, repository: i64) -> Result<(), StorageError> {
    let sql = "UPDATE retention SET removals = removals + 1 WHERE repository = $1";
    connection.execute(sql, &[repository.into()]).await?;
    Ok(())
}

/// Notes that before now only moves of tags are known, and no pushes of what they named already.
pub(in crate::storage) async fn forget_pushes(connection: &mut Connection<'_>) -> Result<(), StorageError> {
    let now = connection.now().await?;
    connection.execute("UPDATE retention_state SET pushes_since = $1 WHERE id = 1", &[now.into()]).await?;
    Ok(())
}

/// Returns what the database was told last.
pub(super) struct State;

/// What it was told.
pub(super) struct Said {
    rules: Option<String>,
    pub(super) since: Since,
}

/// Since when it is known what happens, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Since {
    /// Since when pulls are counted; `None` when they are not.
    pub(super) pulls: Option<i64>,
    /// Since when each push of a tag is noted; `None` for ever. Before only moves were.
    pub(super) pushes: Option<i64>,
}

#[async_trait]
impl Operation for State {
    type Outcome = Said;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT rules, pulls_since, pushes_since FROM retention_state WHERE id = 1";
        let row = connection.row(sql, &[]).await?;
        let row = row.ok_or(StorageError::Damaged("the state of retention"))?;
        let since = Since { pulls: row.optional_integer(1)?, pushes: row.optional_integer(2)? };
        Ok(Said { rules: row.optional_text(0)?, since })
    }
}

/// Tells the database of the rules. Where they are others than before everything is due. What was not counted before counts as pulled
/// now, in a database that was made anew too.
pub(super) struct Register {
    pub(super) rules: Option<String>,
    pub(super) counts_pulls: bool,
}

impl Register {
    /// Tells whether the database was told so.
    pub(super) fn is_said(&self, said: &Said) -> bool {
        self.rules == said.rules && self.counts_pulls == said.since.pulls.is_some()
    }
}

#[async_trait]
impl Operation for Register {
    type Outcome = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let said = State.run(connection).await?;
        if self.is_said(&said) {
            return Ok(());
        }
        let now = connection.now().await?;
        let since = self.counts_pulls.then(|| said.since.pulls.unwrap_or(now));
        let sql = match since {
            Some(_) => "UPDATE retention_state SET rules = $1, pulls_since = $2 WHERE id = 1",
            None => "UPDATE retention_state SET rules = $1, pulls_since = NULL WHERE id = 1",
        };
        let values = [self.rules.as_deref().into(), since.unwrap_or_default().into()];
        connection.execute(sql, if since.is_some() { &values } else { &values[..1] }).await?;
        if self.rules.is_none() {
            connection.execute("DELETE FROM retention", &[]).await?;
        } else if self.rules != said.rules {
            let sql = "INSERT INTO retention (repository, due_at, removals) SELECT id, $1, 0 FROM repository \
                       WHERE id > 0 ON CONFLICT (repository) DO UPDATE SET due_at = excluded.due_at";
            connection.execute(sql, &[now.into()]).await?;
        }
        Ok(())
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

/// Tells whether a repository is due: now, or at a time that has passed.
pub(super) struct Is {
    pub(super) until: Option<i64>,
}

#[async_trait]
impl Operation for Is {
    type Outcome = bool;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let until = match self.until {
            Some(until) => until,
            None => connection.now().await?,
        };
        let sql = "SELECT 1 FROM retention WHERE due_at <= $1 LIMIT 1";
        Ok(connection.row(sql, &[until.into()]).await?.is_some())
    }
}

/// Takes a repository that is due, if the rules are still those of this node.
pub(super) struct Claim {
    pub(super) rules: String,
    /// Only what was due then, in milliseconds since 1970: what becomes due meanwhile has time until the next round.
    pub(super) until: Option<i64>,
}

/// A repository that was taken.
pub(super) struct Claimed {
    pub(super) repository: i64,
    pub(super) name: RepositoryName,
    /// How many tags were removed before.
    pub(super) removals: i64,
    /// The time, in milliseconds since 1970.
    pub(super) now: i64,
    /// Until when others leave it alone.
    until: i64,
    pub(super) since: Since,
}

#[async_trait]
impl Operation for Claim {
    type Outcome = Option<Claimed>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let said = State.run(connection).await?;
        if said.rules.as_ref() != Some(&self.rules) {
            return Ok(None);
        }
        let now = connection.now().await?;
        let sql = "SELECT repository, removals FROM retention WHERE due_at <= $1 ORDER BY due_at LIMIT 1";
        let Some(row) = connection.row(sql, &[self.until.unwrap_or(now).into()]).await? else { return Ok(None) };
        let (repository, removals) = (row.integer(0)?, row.integer(1)?);
        let until = now.saturating_add(CLAIM);
        let sql = "UPDATE retention SET due_at = $2 WHERE repository = $1";
        connection.execute(sql, &[repository.into(), until.into()]).await?;
        let name = repositories::name(connection, repository).await?;
        Ok(Some(Claimed { repository, name, removals, now, until, since: said.since }))
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

/// Gives a repository back, to be looked at again at a time. Where something has changed meanwhile it is due before that, and stays so.
pub(super) struct Settle {
    pub(super) claimed: Claimed,
    /// In milliseconds since 1970.
    pub(super) due_at: i64,
}

#[async_trait]
impl Operation for Settle {
    type Outcome = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "UPDATE retention SET due_at = $3 WHERE repository = $1 AND due_at = $2";
        let values = [self.claimed.repository.into(), self.claimed.until.into(), self.due_at.into()];
        connection.execute(sql, &values).await?;
        Ok(())
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

/// Returns the time and the repositories whose numbers are behind one, in order.
pub(super) struct PageOfRepositories {
    pub(super) after: i64,
}

#[async_trait]
impl Operation for PageOfRepositories {
    type Outcome = (i64, Vec<(i64, RepositoryName)>);

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let now = connection.now().await?;
        let sql = "SELECT id, name FROM repository WHERE id > $1 ORDER BY id LIMIT $2";
        let rows = connection.rows(sql, &[self.after.into(), PAGE.into()]).await?;
        let name = |text: String| text.parse().map_err(|_| StorageError::Damaged("a name"));
        let rows = rows.iter().map(|row| Ok((row.integer(0)?, name(row.text(1)?)?)));
        Ok((now, rows.collect::<Result<_, StorageError>>()?))
    }
}
