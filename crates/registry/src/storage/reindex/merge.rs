//! The journal, merged: of each thing what was said last.

use async_trait::async_trait;

use super::Reindexed;
use crate::storage::Storage;
use crate::storage::database::{Connection, Operation, StorageError};
use crate::storage::journal::{Checkpoint, DIRECTORY, Name, Numbered, SEGMENT_MAX_BYTES, SegmentError, parse};
use crate::storage::reading;

/// Places that are listed at once.
const LISTED: usize = 1000;

impl Storage {
    /// Merges the journal, and returns the greatest epoch in it.
    pub(super) async fn merge_journal(&self, report: &mut Reindexed) -> Result<i64, StorageError> {
        let mut names = Vec::new();
        let mut after = String::new();
        loop {
            let listed = self.blobs().list(DIRECTORY, &after, LISTED).await?;
            let Some(last) = listed.last() else { break };
            after.clone_from(&last.place);
            names.extend(listed.iter().filter_map(|listed| Name::parse(&listed.place)));
        }
        report.has_journal = !names.is_empty();
        let checkpoint = newest(&names);
        let mut greatest = 0;
        for name in &names {
            greatest = greatest.max(name.epoch());
            let counts = match (name, &checkpoint) {
                (Name::Segment { .. }, Some(checkpoint)) => !name.is_older(checkpoint),
                (Name::Segment { .. }, None) => true,
                (Name::Part { checkpoint: of, .. }, Some(checkpoint)) => of == checkpoint,
                _ => false,
            };
            if counts {
                self.merge(name, checkpoint.as_ref(), report).await?;
            }
        }
        Ok(greatest)
    }

    async fn merge(
        &self,
        name: &Name,
        checkpoint: Option<&Checkpoint>,
        report: &mut Reindexed,
    ) -> Result<(), StorageError> {
        let place = name.place();
        let bytes = reading::small(self.blobs().as_ref(), &place, SEGMENT_MAX_BYTES).await?;
        let parsed = bytes.map_or(Err(SegmentError::Damaged), |bytes| parse(&bytes));
        let (epoch, mut entries) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => {
                report.unreadable.add(format!("{place}: {error}"));
                return Ok(());
            }
        };
        if let (Name::Segment { .. }, Some(checkpoint)) = (name, checkpoint) {
            // The checkpoint speaks for everything up to its horizon, also for what had gone by then.
            entries.retain(|entry| (epoch, entry.number) > (checkpoint.epoch, checkpoint.horizon));
        }
        self.metadata().write(Merge { epoch, entries }).await
    }
}

/// Returns the newest checkpoint that is whole, with all its parts.
fn newest(names: &[Name]) -> Option<Checkpoint> {
    let whole = names.iter().filter_map(|name| match name {
        Name::Whole { checkpoint, parts } => Some((checkpoint, *parts)),
        _ => None,
    });
    let is_there = |checkpoint: &Checkpoint, parts: i64| {
        let found = names.iter().filter(|name| matches!(name, Name::Part { checkpoint: of, .. } if of == checkpoint));
        i64::try_from(found.count()) == Ok(parts)
    };
    whole.filter(|(checkpoint, parts)| is_there(checkpoint, *parts)).map(|(checkpoint, _)| checkpoint).max().cloned()
}

/// Takes over what entries say, where nothing newer is known.
pub(super) struct Merge {
    pub(super) epoch: i64,
    pub(super) entries: Vec<Numbered>,
}

#[async_trait]
impl Operation for Merge {
    type Outcome = ();

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "INSERT INTO recovered (key, epoch, number, line) VALUES ($1, $2, $3, $4) ON CONFLICT (key) \
                   DO UPDATE SET epoch = excluded.epoch, number = excluded.number, line = excluded.line \
                   WHERE (recovered.epoch, recovered.number) < (excluded.epoch, excluded.number)";
        for entry in &self.entries {
            let line = serde_json::to_string(&entry.entry).map_err(|_| StorageError::Damaged("an entry"))?;
            let key = entry.entry.key();
            let values = [key.as_str().into(), self.epoch.into(), entry.number.into(), line.as_str().into()];
            connection.execute(sql, &values).await?;
        }
        Ok(())
    }
}
