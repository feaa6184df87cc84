//! Checkpoints: the whole state, so that what was written before can go.
//!
//! The *horizon* is a number such that every transaction with a smaller one has ended. Pages of the state are read after that, each in a
//! transaction of its own, while everything goes on. What changes meanwhile has a number behind the horizon, so its entry stays in the
//! journal and wins over whatever a page has seen. What changed before is seen by every page. So the
//! checkpoint, and the entries with numbers behind its horizon, say the state; segments that end before it may go.
//!
//! A checkpoint counts when its last part is there, which says how many others there must be.

use async_trait::async_trait;
use oci::Digest;

use super::entry::{Entry, KeptBlob, KeptHold, KeptManifest};
use super::segment::{self, Checkpoint, DIRECTORY, Name, Numbered};
use super::state::{NoteCheckpoint, State};
use super::{Kept, unique};
use crate::storage::Storage;
use crate::storage::database::{Connection, Operation, Row, StorageError, Touched, Value};

/// Things on one page, which is one part.
const PAGE: i64 = 1000;
/// Places that are listed at once.
const LISTED: usize = 1000;
/// A checkpoint is due when there are so many times more entries behind the last one than things in it, …
const FACTOR: i64 = 2;
/// … and at least so many.
const ENTRIES_MIN: i64 = 20_000;

impl Storage {
    /// Writes a checkpoint if one is due, and removes what it makes needless.
    pub(super) async fn keep_checkpoint(&self, kept: &mut Kept) -> Result<(), StorageError> {
        let state = self.metadata().read(State).await?;
        let is_due = state.horizon.is_none() || state.written >= ENTRIES_MIN.max(FACTOR.saturating_mul(state.things));
        if is_due { self.checkpoint(kept).await } else { Ok(()) }
    }

    /// Writes the whole state beside the database, and removes what says no more than that.
    ///
    /// # Errors
    /// What the database or the place of the blobs brings. What was there before is then still there.
    pub async fn keep_whole_journal(&self) -> Result<Kept, StorageError> {
        let mut kept = self.keep_journal().await?;
        if kept.checkpoint == 0 {
            self.checkpoint(&mut kept).await?;
        }
        Ok(kept)
    }

    async fn checkpoint(&self, kept: &mut Kept) -> Result<(), StorageError> {
        let (epoch, horizon) = self.metadata().write(Horizon).await?;
        let checkpoint = Checkpoint { epoch, horizon, unique: unique() };
        let mut parts = 0;
        let mut things: i64 = 0;
        for table in [Table::Repositories, Table::Blobs, Table::Manifests, Table::Links, Table::Moves, Table::Holds] {
            let mut after = None;
            loop {
                let page = self.metadata().read(Page { table, after }).await?;
                for digest in &page.bare {
                    kept.manifests += u64::from(self.store_manifest(digest).await?);
                }
                if !page.bare.is_empty() {
                    after = page.from;
                    continue;
                }
                after = page.last;
                if after.is_none() {
                    break;
                }
                let entries: Vec<Numbered> =
                    page.entries.into_iter().map(|entry| Numbered { number: horizon, entry }).collect();
                things = things.saturating_add(i64::try_from(entries.len()).unwrap_or(i64::MAX));
                let bytes =
                    segment::encode(epoch, &entries).map_err(|_| StorageError::Damaged("an entry of the journal"))?;
                let name = Name::Part { checkpoint: checkpoint.clone(), part: parts };
                self.blobs().put(&name.place(), bytes).await?;
                parts += 1;
            }
        }
        let whole = Name::Whole { checkpoint: checkpoint.clone(), parts };
        let bytes = segment::encode(epoch, &[]).map_err(|_| StorageError::Damaged("an entry of the journal"))?;
        self.blobs().put(&whole.place(), bytes).await?;
        self.metadata().write(NoteCheckpoint { horizon, things }).await?;
        kept.checkpoint = things.unsigned_abs().max(1);
        kept.removed += self.remove_older(&checkpoint).await?;
        Ok(())
    }

    /// Removes the parts of the journal that say nothing that a checkpoint does not.
    async fn remove_older(&self, checkpoint: &Checkpoint) -> Result<u64, StorageError> {
        let (mut removed, mut after) = (0, String::new());
        loop {
            let listed = self.blobs().list(DIRECTORY, &after, LISTED).await?;
            let Some(last) = listed.last() else { return Ok(removed) };
            after = last.place.clone();
            for listed in listed {
                if Name::parse(&listed.place).is_some_and(|name| name.is_older(checkpoint)) {
                    self.blobs().remove(&listed.place).await?;
                    removed += 1;
                }
            }
        }
    }
}

/// Finds a horizon.
struct Horizon;

#[async_trait]
impl Operation for Horizon {
    /// The epoch, and the horizon.
    type Outcome = (i64, i64);

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        connection.wait_for_writers("journal").await?;
        let damaged = StorageError::Damaged("the state of the journal");
        // The entry says nothing: it takes a number, and goes.
        let row = connection.row("INSERT INTO journal (kind) VALUES (0) RETURNING number", &[]).await?;
        let horizon = row.ok_or(damaged.clone())?.integer(0)?;
        connection.execute("DELETE FROM journal WHERE number = $1", &[horizon.into()]).await?;
        // The number is known to have been given out, should a part be there and nothing else.
        let sql = "UPDATE journal_state SET last = $1 WHERE id = 1 RETURNING epoch";
        let row = connection.row(sql, &[horizon.into()]).await?;
        Ok((row.ok_or(damaged)?.integer(0)?, horizon))
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

/// A table of the state.
#[derive(Clone, Copy)]
enum Table {
    Repositories,
    Blobs,
    Manifests,
    Links,
    Moves,
    Holds,
}

/// Where a page ended: the last key.
#[derive(Clone, Debug, Default)]
struct Key {
    /// A repository, or the number of a move.
    repository: i64,
    digest: Vec<u8>,
    /// A tag, or the kind of a hold.
    tag: String,
    number: i64,
}

/// Reads a page of a table.
struct Page {
    table: Table,
    after: Option<Key>,
}

/// A page.
struct Paged {
    entries: Vec<Entry>,
    /// Manifests whose bytes are not beside the database yet; then the page is to be read again.
    bare: Vec<Digest>,
    /// Where the page began.
    from: Option<Key>,
    /// Where it ended; nothing when it was empty.
    last: Option<Key>,
}

#[async_trait]
impl Operation for Page {
    type Outcome = Paged;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let after = self.after.clone().unwrap_or_default();
        let (repository, digest) = (Value::from(after.repository), Value::from(after.digest.as_slice()));
        let rows = match self.table {
            Table::Repositories => {
                let sql = "SELECT name, id FROM repository WHERE id > $1 ORDER BY id LIMIT $2";
                connection.rows(sql, &[repository, PAGE.into()]).await?
            }
            Table::Blobs => {
                let sql = "SELECT digest, size, place FROM blob WHERE digest > $1 ORDER BY digest LIMIT $2";
                connection.rows(sql, &[digest, PAGE.into()]).await?
            }
            Table::Manifests => {
                let sql = "SELECT manifest.digest, repository.name, manifest.repository, manifest.media_type, \
                           manifest.put_at, content.place, content.is_stored FROM manifest \
                           JOIN repository ON repository.id = manifest.repository \
                           JOIN content ON content.digest = manifest.digest \
                           WHERE (manifest.repository, manifest.digest) > ($1, $2) \
                           ORDER BY manifest.repository, manifest.digest LIMIT $3";
                connection.rows(sql, &[repository, digest, PAGE.into()]).await?
            }
            Table::Links => {
                let sql = "SELECT it.digest, repository.name, it.repository FROM repository_blob AS it \
                           JOIN repository ON repository.id = it.repository \
                           WHERE (it.repository, it.digest) > ($1, $2) ORDER BY it.repository, it.digest LIMIT $3";
                connection.rows(sql, &[repository, digest, PAGE.into()]).await?
            }
            Table::Moves => {
                let sql = "SELECT it.digest, repository.name, it.repository, it.name, it.number, it.moved_at, it.actor \
                           FROM tag_move AS it JOIN repository ON repository.id = it.repository \
                           WHERE (it.repository, it.name, it.number) > ($1, $2, $3) \
                           ORDER BY it.repository, it.name, it.number LIMIT $4";
                let values = [repository, after.tag.as_str().into(), after.number.into(), PAGE.into()];
                connection.rows(sql, &values).await?
            }
            Table::Holds => {
                let sql = "SELECT it.digest, repository.name, it.repository, it.kind, it.reason, it.actor, it.made_at, \
                           it.expires_at FROM hold AS it JOIN repository ON repository.id = it.repository \
                           WHERE (it.repository, it.digest, it.kind) > ($1, $2, $3) \
                           ORDER BY it.repository, it.digest, it.kind LIMIT $4";
                let values = [repository, digest, after.tag.as_str().into(), PAGE.into()];
                connection.rows(sql, &values).await?
            }
        };
        let (mut entries, mut bare) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in &rows {
            let entry = self.table.entry(row)?;
            if matches!(self.table, Table::Manifests) && row.integer(6)? == 0 {
                bare.push(row.digest(0)?);
            }
            entries.push(entry);
        }
        let last = rows.last().map(|row| self.table.key(row)).transpose()?;
        Ok(Paged { entries, bare, from: self.after.clone(), last })
    }
}

impl Table {
    fn entry(self, row: &Row) -> Result<Entry, StorageError> {
        let name = |column| row.text(column)?.parse().map_err(|_| StorageError::Damaged("a name"));
        Ok(match self {
            Self::Repositories => Entry::Repository { repository: name(0)? },
            Self::Blobs => {
                Entry::Blob { digest: row.digest(0)?, kept: Some(KeptBlob { size: row.size(1)?, place: row.text(2)? }) }
            }
            Self::Manifests => {
                let (media_type, at, place) = (row.media_type(3)?, row.integer(4)?, row.optional_text(5)?);
                let kept = Some(KeptManifest { media_type, at, place });
                Entry::Manifest { repository: name(1)?, digest: row.digest(0)?, kept }
            }
            Self::Links => Entry::Link { repository: name(1)?, digest: row.digest(0)?, is_there: true },
            Self::Moves => Entry::Move {
                repository: name(1)?,
                tag: row.text(3)?.parse().map_err(|_| StorageError::Damaged("a tag"))?,
                number: row.integer(4)?,
                digest: row.optional_bytes(0)?.map(|_| row.digest(0)).transpose()?,
                at: row.integer(5)?,
                actor: row.optional_text(6)?,
            },
            Self::Holds => {
                let (reason, actor) = (row.text(4)?, row.optional_text(5)?);
                let kept = Some(KeptHold { reason, actor, at: row.integer(6)?, expires_at: row.integer(7)? });
                Entry::Hold { repository: name(1)?, digest: row.digest(0)?, kind: row.text(3)?, kept }
            }
        })
    }

    fn key(self, row: &Row) -> Result<Key, StorageError> {
        let none = Key::default();
        Ok(match self {
            Self::Repositories => Key { repository: row.integer(1)?, ..none },
            Self::Blobs => Key { digest: row.bytes(0)?, ..none },
            Self::Manifests | Self::Links => Key { repository: row.integer(2)?, digest: row.bytes(0)?, ..none },
            Self::Holds => Key { repository: row.integer(2)?, digest: row.bytes(0)?, tag: row.text(3)?, ..none },
            Self::Moves => Key { repository: row.integer(2)?, tag: row.text(3)?, number: row.integer(4)?, ..none },
        })
    }
}
