//! What tags named: every move that was noted, what there was at a time, and back to it.

use async_trait::async_trait;
use oci::{Digest, RepositoryName, Tag};

use super::collect::Keeping;
use super::database::{Connection, Operation, Row, StorageError, Value};
use super::quotas;
use super::tags::Mover;
use super::usage::Usage;
use super::{Storage, manifests, repositories, tags};
use crate::immutability::Immutability;
use crate::quota::Quotas;
use crate::storage::{Condition, Refused};

/// A move of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    /// The first of a tag is 1. None is left out, unless a part of the journal was lost before the database was made anew from it.
    pub(crate) number: i64,
    /// What the tag named from then on, or until then where it was removed.
    pub(crate) digest: Digest,
    /// Whether the tag was removed.
    pub(crate) removed: bool,
    /// Of the manifest, where it was known.
    pub(crate) media_type: Option<String>,
    /// Of the manifest in bytes, where it was known.
    pub(crate) size: Option<i64>,
    /// In milliseconds since 1970. Each is later than the one before.
    pub(crate) at: i64,
    /// The name of the user who did it.
    pub(crate) actor: Option<String>,
}

/// Which moves of a tag are wanted, the newest first.
pub(crate) struct MovePage {
    pub(crate) repository: RepositoryName,
    pub(crate) tag: Tag,
    /// Only earlier ones, in milliseconds since 1970.
    pub(crate) before: i64,
    /// Only those to and from this.
    pub(crate) digest: Option<Digest>,
    pub(crate) limit: usize,
}

/// What a tag named at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing: it was not there.
    Absent,
    /// This.
    Named(Digest),
    /// Nobody knows: a move about that time is lost.
    Lost,
}

/// A tag as it was at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TagThen {
    pub(crate) tag: String,
    /// `None` where a move about that time is lost.
    pub(crate) digest: Option<Digest>,
    /// Since when it named that, in milliseconds since 1970.
    pub(crate) since: i64,
}

/// Where a tag is put back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reverted {
    /// What it named at a time, in milliseconds since 1970.
    At(i64),
    /// What it named after a move.
    Number(i64),
}

/// A tag that is to name again what it named.
pub(crate) struct Revert {
    pub(crate) repository: RepositoryName,
    pub(crate) tag: Tag,
    pub(crate) to: Reverted,
    /// What must be true of the tag.
    pub(crate) condition: Condition,
    /// What must be true of the tag for the caller to be allowed to point it to this.
    pub(crate) permission: Box<dyn Fn(&Digest) -> Condition + Send + Sync>,
    /// Which tags are not moved.
    pub(crate) immutable: Immutability,
    /// How many tags there may be.
    pub(crate) quotas: Quotas,
    /// The name of the user who does it.
    pub(crate) actor: Option<String>,
}

/// What came of a [`Revert`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reversion {
    /// The tag names this now.
    Done(Digest),
    /// Nobody knows what it named then.
    Lost,
    /// There was no such move, or the tag was not there then.
    Absent,
    /// What it named is not there any more.
    Gone(Digest),
    /// It may not be moved.
    Refused(Refused),
}

impl Storage {
    /// Returns moves of a tag, the newest first; `None` when there is no such repository. A digest that the tag never named makes
    /// `Some(None)`.
    pub(crate) async fn moves(&self, page: MovePage) -> Result<Option<Option<Vec<Move>>>, StorageError> {
        self.metadata().read(page).await
    }

    /// Returns what a tag named at a time, in milliseconds since 1970.
    pub(crate) async fn tag_then(&self, repository: &RepositoryName, tag: &Tag, at: i64) -> Result<Then, StorageError> {
        self.metadata().read(NamedAt { repository: repository.clone(), tag: tag.clone(), at }).await
    }

    /// Returns the tags that were there at a time, behind `after` and in order, at most `limit`, and when the first tag of the
    /// repository was set; `None` when there is no such repository.
    pub(crate) async fn tags_then(
        &self,
        repository: &RepositoryName,
        at: i64,
        after: &str,
        limit: usize,
    ) -> Result<Option<(Option<i64>, Vec<TagThen>)>, StorageError> {
        let list = ListThen { repository: repository.clone(), at, after: after.to_owned(), limit };
        self.metadata().read(list).await
    }

    /// Points a tag to what it named before, as one more move.
    pub(crate) async fn revert(&self, revert: Revert) -> Result<Reversion, StorageError> {
        let keeping = self.keeping_of(&revert.repository);
        self.metadata().write(Back { revert, keeping }).await
    }
}

/// What every list of moves begins with. A removal has the manifest of the move before it; where that is lost nobody knows what was removed, and
/// it is left out.
const MOVES: &str = "SELECT it.number, COALESCE(it.digest, before.digest), CASE WHEN it.digest IS NULL THEN 1 ELSE 0 END, \
                     COALESCE(it.media_type, before.media_type), COALESCE(it.size, before.size), it.moved_at, it.actor \
                     FROM tag_move AS it LEFT JOIN tag_move AS before ON it.digest IS NULL \
                     AND before.repository = it.repository AND before.name = it.name AND before.number = it.number - 1 \
                     WHERE it.repository = $1 AND it.name = $2 AND it.moved_at < $3 \
                     AND (it.digest IS NOT NULL OR before.digest IS NOT NULL)";

/// Of those the ones of one digest: found by it, and the removal that may follow.
const OF_DIGEST: &str = " AND (it.digest = $5 OR it.digest IS NULL) AND it.number IN \
                         (SELECT number FROM tag_move WHERE repository = $1 AND name = $2 AND digest = $5 \
                         UNION SELECT number + 1 FROM tag_move WHERE repository = $1 AND name = $2 AND digest = $5)";

#[async_trait]
impl Operation for MovePage {
    type Outcome = Option<Option<Vec<Move>>>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Some(repository) = repositories::find(connection, &self.repository).await? else { return Ok(None) };
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let tag = self.tag.as_str();
        let values: [Value<'_>; 5] =
            [repository.into(), tag.into(), self.before.into(), limit.into(), self.digest.as_ref().into()];
        let order = "ORDER BY it.moved_at DESC, it.number DESC LIMIT $4";
        let rows = if let Some(digest) = &self.digest {
            let sql = "SELECT 1 FROM tag_move WHERE repository = $1 AND name = $2 AND digest = $3 LIMIT 1";
            if connection.row(sql, &[repository.into(), tag.into(), digest.into()]).await?.is_none() {
                return Ok(Some(None));
            }
            connection.rows_made(format!("{MOVES}{OF_DIGEST} {order}"), &values).await?
        } else {
            connection.rows_made(format!("{MOVES} {order}"), &values[..4]).await?
        };
        let read = |row: &Row| {
            Ok(Move {
                number: row.integer(0)?,
                digest: row.digest(1)?,
                removed: row.integer(2)? != 0,
                media_type: row.optional_text(3)?,
                size: row.optional_integer(4)?,
                at: row.integer(5)?,
                actor: row.optional_text(6)?,
            })
        };
        rows.iter().map(read).collect::<Result<_, StorageError>>().map(|moves| Some(Some(moves)))
    }
}

/// Returns what a tag named at a time.
async fn named_at(connection: &mut Connection<'_>, repository: i64, tag: &Tag, at: i64) -> Result<Then, StorageError> {
    let sql = "SELECT digest, number, moved_at FROM tag_move WHERE repository = $1 AND name = $2 AND moved_at <= $3 \
               ORDER BY moved_at DESC, number DESC LIMIT 1";
    let last = connection.row(sql, &[repository.into(), tag.as_str().into(), at.into()]).await?;
    let (number, moved_at) = match &last {
        Some(row) => (row.integer(1)?, row.integer(2)?),
        None => (0, i64::MIN),
    };
    if moved_at < at {
        let sql = "SELECT MIN(number) FROM tag_move WHERE repository = $1 AND name = $2 AND number > $3";
        let next = connection.row(sql, &[repository.into(), tag.as_str().into(), number.into()]).await?;
        let next = next.map_or(Ok(None), |row| row.optional_integer(0))?;
        if next.is_some_and(|next| next > number + 1) {
            return Ok(Then::Lost);
        }
    }
    named(last)
}

/// Returns what a tag named after a move.
async fn named_after(
    connection: &mut Connection<'_>,
    repository: i64,
    tag: &Tag,
    number: i64,
) -> Result<Then, StorageError> {
    let sql = "SELECT digest FROM tag_move WHERE repository = $1 AND name = $2 AND number = $3";
    named(connection.row(sql, &[repository.into(), tag.as_str().into(), number.into()]).await?)
}

fn named(row: Option<Row>) -> Result<Then, StorageError> {
    let Some(row) = row else { return Ok(Then::Absent) };
    match row.optional_bytes(0)? {
        Some(bytes) => Digest::from_bytes(&bytes).map(Then::Named).ok_or(StorageError::Damaged("a digest")),
        None => Ok(Then::Absent),
    }
}

struct NamedAt {
    repository: RepositoryName,
    tag: Tag,
    at: i64,
}

#[async_trait]
impl Operation for NamedAt {
    type Outcome = Then;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        match repositories::find(connection, &self.repository).await? {
            Some(repository) => named_at(connection, repository, &self.tag, self.at).await,
            None => Ok(Then::Absent),
        }
    }
}

struct ListThen {
    repository: RepositoryName,
    at: i64,
    after: String,
    limit: usize,
}

#[async_trait]
impl Operation for ListThen {
    type Outcome = Option<(Option<i64>, Vec<TagThen>)>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Some(repository) = repositories::find(connection, &self.repository).await? else { return Ok(None) };
        let sql = "SELECT moved_at FROM tag_move WHERE repository = $1 ORDER BY moved_at LIMIT 1";
        let first = connection.row(sql, &[repository.into()]).await?.map(|row| row.integer(0)).transpose()?;
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        // No tag has a zero byte, and not every engine takes one: what is behind it decides nothing.
        let after = self.after.split('\0').next().unwrap_or_default();
        // The last move until then; and whether the one after it is lost, which may have been until then too.
        let sql = "SELECT name, CASE WHEN lost = 1 THEN NULL ELSE digest END, moved_at FROM (SELECT name, digest, moved_at, \
                   CASE WHEN moved_at < $3 AND EXISTS (SELECT 1 FROM tag_move AS later WHERE later.repository = $1 \
                   AND later.name = it.name AND later.number > it.number) AND NOT EXISTS (SELECT 1 FROM tag_move AS next \
                   WHERE next.repository = $1 AND next.name = it.name AND next.number = it.number + 1) \
                   THEN 1 ELSE 0 END AS lost FROM tag_move AS it WHERE repository = $1 AND name > $2 AND moved_at <= $3 \
                   AND NOT EXISTS (SELECT 1 FROM tag_move AS later WHERE later.repository = $1 AND later.name = it.name \
                   AND later.number > it.number AND later.moved_at <= $3)) AS last \
                   WHERE digest IS NOT NULL OR lost = 1 ORDER BY name LIMIT $4";
        let rows = connection.rows(sql, &[repository.into(), after.into(), self.at.into(), limit.into()]).await?;
        let read = |row: &Row| {
            let digest = match row.optional_bytes(1)? {
                Some(bytes) => Some(Digest::from_bytes(&bytes).ok_or(StorageError::Damaged("a digest"))?),
                None => None,
            };
            Ok(TagThen { tag: row.text(0)?, digest, since: row.integer(2)? })
        };
        Ok(Some((first, rows.iter().map(read).collect::<Result<_, StorageError>>()?)))
    }
}

struct Back {
    revert: Revert,
    keeping: Keeping,
}

#[async_trait]
impl Operation for Back {
    type Outcome = Reversion;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Revert { tag, immutable, .. } = &self.revert;
        let Some(repository) = repositories::find(connection, &self.revert.repository).await? else {
            return Ok(Reversion::Absent);
        };
        let now = tags::resolve(connection, repository, tag).await?;
        if !self.revert.condition.holds(now.as_ref()) {
            return Ok(Reversion::Refused(Refused::Condition));
        }
        let then = match self.revert.to {
            Reverted::At(at) => named_at(connection, repository, tag, at).await?,
            Reverted::Number(number) => named_after(connection, repository, tag, number).await?,
        };
        let digest = match then {
            Then::Named(digest) => digest,
            Then::Absent => return Ok(Reversion::Absent),
            Then::Lost => return Ok(Reversion::Lost),
        };
        if !(self.revert.permission)(&digest).holds(now.as_ref()) {
            return Ok(Reversion::Refused(Refused::Permission));
        }
        if !manifests::has(connection, repository, &digest).await? {
            return Ok(Reversion::Gone(digest));
        }
        if let Some(now) = now.filter(|now| *now != digest)
            && immutable.covers(&self.revert.repository, tag.as_str())
        {
            return Ok(Reversion::Refused(Refused::Immutable { tag: tag.to_string(), digest: now }));
        }
        if now.is_none() {
            let (quotas, wanted) = (&self.revert.quotas, Usage { tags: 1, ..Usage::default() });
            if let Some(refused) = quotas::refuse(connection, quotas, &self.revert.repository, wanted).await? {
                return Ok(Reversion::Refused(refused));
            }
        }
        let mover = Mover { at: connection.now().await?, actor: self.revert.actor.as_deref() };
        if let Some(before) = tags::set(connection, repository, tag, &digest, mover).await? {
            manifests::keep(connection, repository, &before, mover.at + self.keeping.untagged()).await?;
        }
        Ok(Reversion::Done(digest))
    }
}
