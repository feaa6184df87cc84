//! Tags, and every move of every one of them.

use async_trait::async_trait;
use oci::{Digest, RepositoryName, Tag};

use super::Storage;
use super::database::{Connection, Operation, StorageError};
use super::events::{Told, tell};
use super::journal::note_move;
use super::usage::{Usage, grow};
use super::{repositories, retention};
use crate::events::EventKind;

/// How long after its time a push counts at most, in milliseconds.
const AHEAD_MAX: i64 = 24 * 60 * 60 * 1000;

impl Storage {
    /// Returns the tags of a repository behind `after`, in order, at most `limit` of them; `None` when there is no such
    /// repository.
    pub(crate) async fn tags(
        &self,
        repository: &RepositoryName,
        after: &str,
        limit: usize,
    ) -> Result<Option<Vec<Tag>>, StorageError> {
        self.metadata().read(List { repository: repository.clone(), after: after.to_owned(), limit }).await
    }
}

struct List {
    repository: RepositoryName,
    after: String,
    limit: usize,
}

#[async_trait]
impl Operation for List {
    type Outcome = Option<Vec<Tag>>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Some(repository) = repositories::find(connection, &self.repository).await? else { return Ok(None) };
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        // No tag has a zero byte, and not every engine takes one: what is behind it decides nothing.
        let after = self.after.split('\0').next().unwrap_or_default();
        let sql = "SELECT name FROM tag WHERE repository = $1 AND name > $2 ORDER BY name LIMIT $3";
        let rows = connection.rows(sql, &[repository.into(), after.into(), limit.into()]).await?;
        let tag = |text: String| text.parse().map_err(|_| StorageError::Damaged("a tag"));
        rows.iter().map(|row| row.text(0).and_then(tag)).collect::<Result<_, _>>().map(Some)
    }
}

/// When tags are moved, and who moves them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mover<'s> {
    /// In milliseconds since 1970.
    pub(super) at: i64,
    /// The name of the user; `None` for nobody who is known, and for the server itself.
    pub(super) actor: Option<&'s str>,
}

/// Returns what a tag names.
pub(super) async fn resolve(
    connection: &mut Connection<'_>,
    repository: i64,
    tag: &Tag,
) -> Result<Option<Digest>, StorageError> {
    let sql = "SELECT digest FROM tag WHERE repository = $1 AND name = $2";
    let row = connection.row(sql, &[repository.into(), tag.as_str().into()]).await?;
    row.map(|row| row.digest(0)).transpose()
}

/// Points a tag to a manifest. Returns what it pointed to before, if that was another one.
pub(super) async fn set(
    connection: &mut Connection<'_>,
    repository: i64,
    tag: &Tag,
    digest: &Digest,
    mover: Mover<'_>,
) -> Result<Option<Digest>, StorageError> {
    let (before, is_moved) = point(connection, repository, tag, digest, mover).await?;
    if is_moved {
        let (tag, previous) = (Some(tag.as_str()), before.as_ref());
        let told = Told { digest: Some(digest), tag, previous, actor: mover.actor, ..Told::default() };
        tell(connection, EventKind::TagMoved, repository, told).await?;
    }
    Ok(before)
}

/// Points a tag to a manifest, and tells nobody: for moves that were made long ago, and elsewhere. Returns what it pointed to before, if
/// that was another one, and whether it was moved.
pub(super) async fn point(
    connection: &mut Connection<'_>,
    repository: i64,
    tag: &Tag,
    digest: &Digest,
    mover: Mover<'_>,
) -> Result<(Option<Digest>, bool), StorageError> {
    let named = resolve(connection, repository, tag).await?;
    let is_moved = named.as_ref() != Some(digest);
    let before = named.filter(|_| is_moved);
    let pushed_at = pushed_at(connection, repository, mover.at).await?;
    put(connection, repository, tag.as_str(), digest, pushed_at).await?;
    retention::due(connection, repository).await?;
    if is_moved {
        note(connection, repository, tag.as_str(), Some(digest), mover).await?;
        if before.is_none() {
            grow(connection, repository, Usage { tags: 1, ..Usage::default() }).await?;
        }
    }
    Ok((before, is_moved))
}

/// Removes a tag.
pub(super) async fn remove(
    connection: &mut Connection<'_>,
    repository: i64,
    tag: &str,
    mover: Mover<'_>,
) -> Result<(), StorageError> {
    let sql = "DELETE FROM tag WHERE repository = $1 AND name = $2 RETURNING digest";
    if let Some(row) = connection.row(sql, &[repository.into(), tag.into()]).await? {
        retention::removed(connection, repository).await?;
        note(connection, repository, tag, None, mover).await?;
        grow(connection, repository, Usage { tags: -1, ..Usage::default() }).await?;
        let previous = row.digest(0)?;
        let told = Told { tag: Some(tag), previous: Some(&previous), actor: mover.actor, ..Told::default() };
        tell(connection, EventKind::TagDeleted, repository, told).await?;
    }
    Ok(())
}

/// Notes a move of a tag: to a manifest, or away. Each is later than the one before, whatever the clock says, so that the time alone
/// tells one from the other.
async fn note(
    connection: &mut Connection<'_>,
    repository: i64,
    tag: &str,
    digest: Option<&Digest>,
    mover: Mover<'_>,
) -> Result<(), StorageError> {
    let sql = "INSERT INTO tag_move (repository, name, number, digest, media_type, size, actor, moved_at) \
               SELECT $1, $2, COALESCE(MAX(number), 0) + 1, $3, \
               (SELECT media_type FROM manifest WHERE repository = $1 AND digest = $3), \
               (SELECT size FROM manifest WHERE repository = $1 AND digest = $3), $4, \
               CASE WHEN MAX(moved_at) >= $5 THEN MAX(moved_at) + 1 ELSE $5 END \
               FROM tag_move WHERE repository = $1 AND name = $2 RETURNING number, moved_at";
    let values = [repository.into(), tag.into(), digest.into(), mover.actor.into(), mover.at.into()];
    let row = connection.row(sql, &values).await?.ok_or(StorageError::Damaged("a move of a tag"))?;
    let (number, at) = (row.integer(0)?, row.integer(1)?);
    note_move(connection, repository, tag, number, digest, Mover { at, ..mover }).await
}

/// Takes over a move that a tag made in another database. Those of one tag come in the order of their numbers; the last one says what
/// the tag names. Returns the number of the move before, as far as that is there: zero for none.
pub(super) async fn take_over(
    connection: &mut Connection<'_>,
    repository: i64,
    tag: &str,
    number: i64,
    digest: Option<&Digest>,
    mover: Mover<'_>,
) -> Result<i64, StorageError> {
    let sql = "SELECT COALESCE(MAX(number), 0) FROM tag_move WHERE repository = $1 AND name = $2";
    let last = connection.row(sql, &[repository.into(), tag.into()]).await?.map_or(Ok(0), |row| row.integer(0))?;
    let sql = "INSERT INTO tag_move (repository, name, number, digest, media_type, size, actor, moved_at) \
               VALUES ($1, $2, $3, $4, (SELECT media_type FROM manifest WHERE repository = $1 AND digest = $4), \
               (SELECT size FROM manifest WHERE repository = $1 AND digest = $4), $5, $6)";
    let values = [repository.into(), tag.into(), number.into(), digest.into(), mover.actor.into(), mover.at.into()];
    connection.execute(sql, &values).await?;
    let Some(digest) = digest else {
        let sql = "DELETE FROM tag WHERE repository = $1 AND name = $2";
        connection.execute(sql, &[repository.into(), tag.into()]).await?;
        return Ok(last);
    };
    put(connection, repository, tag, digest, mover.at).await?;
    Ok(last)
}

/// Returns when a tag counts as pushed that is pushed at a time, both in milliseconds since 1970: after all others of its repository, also when
/// the clock was set back; but not long after the time because another clock was wrong. Without rules nobody asks, and transactions would
/// only be in each other's way.
async fn pushed_at(connection: &mut Connection<'_>, repository: i64, at: i64) -> Result<i64, StorageError> {
    let sql = "SELECT pushed_at FROM tag WHERE repository = $1 \
               AND EXISTS (SELECT 1 FROM retention_state WHERE id = 1 AND rules IS NOT NULL) \
               ORDER BY pushed_at DESC LIMIT 1";
    let newest = connection.row(sql, &[repository.into()]).await?.map(|row| row.integer(0)).transpose()?;
    Ok(newest.map_or(at, |newest| at.max(newest.min(at.saturating_add(AHEAD_MAX)) + 1)))
}

/// Writes what a tag names, and when that was said last, in milliseconds since 1970.
async fn put(
    connection: &mut Connection<'_>,
    repository: i64,
    tag: &str,
    digest: &Digest,
    pushed_at: i64,
) -> Result<(), StorageError> {
    let sql = "INSERT INTO tag (repository, name, digest, pushed_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (repository, name) DO UPDATE SET digest = excluded.digest, pushed_at = excluded.pushed_at";
    connection.execute(sql, &[repository.into(), tag.into(), digest.into(), pushed_at.into()]).await?;
    Ok(())
}
