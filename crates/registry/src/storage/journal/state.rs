//! What the database knows of its journal, and whether the two belong together.

use async_trait::async_trait;

use super::segment::{DIRECTORY, Name};
use crate::storage::Storage;
use crate::storage::database::{Connection, Operation, StorageError, Touched};

/// Places that are listed at once.
const LISTED: usize = 1000;

/// Reads what the database knows of its journal.
pub(super) struct State;

/// What the database knows of its journal.
pub(super) struct Known {
    /// How often databases have been rebuilt to become this one, from 1 on.
    epoch: i64,
    /// The horizon of the last checkpoint.
    pub(super) horizon: Option<i64>,
    /// Things in it.
    pub(super) things: i64,
    /// Entries that were written since.
    pub(super) written: i64,
    /// The greatest number that was given out, as far as that matters.
    last: i64,
}

#[async_trait]
impl Operation for State {
    type Outcome = Known;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT epoch, horizon, state, written, last, (SELECT MAX(number) FROM journal) \
                   FROM journal_state WHERE id = 1";
        let row = connection.row(sql, &[]).await?.ok_or(StorageError::Damaged("the state of the journal"))?;
        Ok(Known {
            epoch: row.integer(0)?,
            horizon: row.optional_integer(1)?,
            things: row.integer(2)?,
            written: row.integer(3)?,
            last: row.integer(4)?.max(row.optional_integer(5)?.unwrap_or_default()),
        })
    }
}

/// Tells whether the database was being made anew, and that was broken off: what was merged goes with the last step.
struct IsUnfinished;

#[async_trait]
impl Operation for IsUnfinished {
    type Outcome = bool;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        Ok(connection.row("SELECT 1 FROM recovered LIMIT 1", &[]).await?.is_some())
    }
}

/// Notes that there is a checkpoint.
pub(super) struct NoteCheckpoint {
    pub(super) horizon: i64,
    pub(super) things: i64,
}

#[async_trait]
impl Operation for NoteCheckpoint {
    type Outcome = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "UPDATE journal_state SET horizon = $1, state = $2, written = 0, \
                   last = CASE WHEN last < $1 THEN $1 ELSE last END \
                   WHERE id = 1 AND (horizon IS NULL OR horizon < $1)";
        connection.execute(sql, &[self.horizon.into(), self.things.into()]).await?;
        Ok(())
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

impl Storage {
    /// Fails when the journal beside the database says what this database never knew: it is a new one, or an old copy. To go on would
    /// spoil what can still be had back. Fails too when the database was being made anew and that has not come to its end.
    ///
    /// # Errors
    /// [`StorageError::Foreign`], [`StorageError::Unfinished`], or what the database or the place of the blobs brings.
    pub(in crate::storage) async fn check_journal(&self) -> Result<(), StorageError> {
        if self.metadata().read(IsUnfinished).await? {
            return Err(StorageError::Unfinished);
        }
        let epoch = self.metadata().read(State).await?.epoch;
        let mut newest = None;
        // A database that was rebuilt has the greatest epoch, so this looks at what it wrote itself.
        let mut after = format!("{DIRECTORY}/{epoch:010}/");
        loop {
            let listed = self.blobs().list(DIRECTORY, &after, LISTED).await?;
            let Some(last) = listed.last() else { break };
            after.clone_from(&last.place);
            for name in listed.iter().filter_map(|listed| Name::parse(&listed.place)) {
                // What a segment says was in the outbox of its database, durably, before the segment was written.
                let last = match &name {
                    Name::Segment { last, .. } => *last,
                    Name::Part { checkpoint, .. } | Name::Whole { checkpoint, .. } => checkpoint.horizon,
                };
                newest = newest.max(Some((name.epoch(), last)));
            }
        }
        // Afterwards: what another node has written meanwhile this database knew before.
        let known = self.metadata().read(State).await?;
        let is_foreign = newest.is_some_and(|newest| newest > (known.epoch, known.last));
        if is_foreign { Err(StorageError::Foreign) } else { Ok(()) }
    }
}
