//! What a storage tells of itself: whether its parts answer, what they were asked, and what waits to be done.

use async_trait::async_trait;
use graph::Space;

use super::Storage;
use super::database::{Connection, Operation, StorageError, write_counts};
use crate::observe::{Counter, Exposition, Gauge, family};

/// Most rows that are counted: a number that is larger says no more.
const COUNTED_MAX: i64 = 100_000;

/// What is counted of a storage beside what its parts count.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) promises: Counter,
    pub(super) reviewed: Counter,
    pub(super) manifests_removed: Counter,
    pub(super) blobs_removed: Counter,
    pub(super) places_removed: Counter,
    pub(super) tags_removed: Counter,
    pub(super) bytes_freed: Counter,
    pub(super) journal_entries: Counter,
    /// When all was last found written beside the database, in milliseconds since 1970; zero before.
    pub(super) journal_written_at: Gauge,
    pub(super) blobs_read: Counter,
    pub(super) manifests_read: Counter,
    pub(super) bytes_read: Counter,
    pub(super) found_bad: Counter,
}

/// What waits in the database.
pub(crate) struct Waiting {
    now: i64,
    due: i64,
    oldest_due: Option<i64>,
    places: i64,
    journal: i64,
    bad: [i64; 2],
    scrub: Option<Pass>,
}

/// The pass over all bytes that is under way, or was last.
struct Pass {
    began_at: i64,
    progress: f64,
}

impl Storage {
    /// Asks both databases for next to nothing.
    ///
    /// # Errors
    /// What they bring.
    pub(crate) async fn check_database(&self) -> Result<(), StorageError> {
        self.metadata().check_schema().await?;
        self.sessions().check_schema().await
    }

    /// Asks the place of the blobs for next to nothing.
    ///
    /// # Errors
    /// What it brings.
    pub(crate) async fn check_blobs(&self) -> Result<(), StorageError> {
        self.blobs().probe().await
    }

    /// Returns what waits in the database.
    ///
    /// # Errors
    /// What the database brings.
    pub(crate) async fn waiting(&self) -> Result<Waiting, StorageError> {
        self.metadata().read(Wait).await
    }

    /// Writes what was counted, and what waits if the database said it.
    pub(crate) fn write_metrics(&self, exposition: &mut Exposition, waiting: Option<&Waiting>) {
        let counts = self.counts();
        let databases = [("metadata", self.metadata().counts()), ("sessions", self.sessions().counts())];
        write_counts(exposition, &databases);
        self.counted_blobs().write(exposition);
        exposition.head(&family::CACHE_REQUESTS);
        if let Some(remembered) = self.remembered() {
            remembered.write(exposition);
        }
        exposition.number(&family::COLLECTOR_REVIEWED, counts.reviewed.get());
        for (what, removed) in [
            ("manifest", &counts.manifests_removed),
            ("blob", &counts.blobs_removed),
            ("place", &counts.places_removed),
        ] {
            exposition.labelled(&family::COLLECTOR_REMOVED, &[what], removed.get());
        }
        exposition.number(&family::RETENTION_REMOVED, counts.tags_removed.get());
        exposition.number(&family::COLLECTOR_FREED, counts.bytes_freed.get());
        exposition.number(&family::COLLECTOR_PROMISES, counts.promises.get());
        exposition.number(&family::JOURNAL_ENTRIES, counts.journal_entries.get());
        exposition.number(&family::JOURNAL_WRITTEN, seconds(counts.journal_written_at.get()));
        exposition.labelled(&family::SCRUB_READ, &["blob"], counts.blobs_read.get());
        exposition.labelled(&family::SCRUB_READ, &["manifest"], counts.manifests_read.get());
        exposition.number(&family::SCRUB_BYTES, counts.bytes_read.get());
        exposition.number(&family::SCRUB_FOUND, counts.found_bad.get());
        if let Some(waiting) = waiting {
            waiting.write(exposition);
        }
    }
}

impl Waiting {
    fn write(&self, exposition: &mut Exposition) {
        exposition.number(&family::COLLECTOR_DUE, self.due);
        let oldest = self.oldest_due.map_or(0, |due_at| self.now.saturating_sub(due_at).max(0));
        exposition.number(&family::COLLECTOR_OLDEST, seconds(oldest));
        exposition.number(&family::COLLECTOR_PLACES, self.places);
        exposition.number(&family::JOURNAL_PENDING, self.journal);
        for (what, bad) in ["blob", "manifest"].iter().zip(self.bad) {
            exposition.labelled(&family::SCRUB_BAD, &[what], bad);
        }
        if let Some(pass) = &self.scrub {
            exposition.number(&family::SCRUB_PROGRESS, pass.progress);
            exposition.number(&family::SCRUB_BEGAN, seconds(pass.began_at));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact for longer than anything lasts")]
fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

struct Wait;

#[async_trait]
impl Operation for Wait {
    type Outcome = Waiting;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let now = connection.now().await?;
        let sql = "SELECT COUNT(*), MIN(due_at) FROM \
                   (SELECT due_at FROM review WHERE due_at <= $1 ORDER BY due_at LIMIT $2) AS due";
        let due = connection.row(sql, &[now.into(), COUNTED_MAX.into()]).await?;
        let due = due.ok_or(StorageError::Damaged("a count"))?;
        let mut counts = [0; 4];
        for (count, sql) in counts.iter_mut().zip([
            "SELECT COUNT(*) FROM (SELECT 1 FROM given_up LIMIT $1) AS counted",
            "SELECT COUNT(*) FROM (SELECT 1 FROM journal LIMIT $1) AS counted",
            "SELECT COUNT(*) FROM (SELECT 1 FROM blob WHERE bad_since IS NOT NULL LIMIT $1) AS counted",
            "SELECT COUNT(*) FROM (SELECT 1 FROM content WHERE bad_since IS NOT NULL LIMIT $1) AS counted",
        ]) {
            let row = connection.row(sql, &[COUNTED_MAX.into()]).await?;
            *count = row.ok_or(StorageError::Damaged("a count"))?.integer(0)?;
        }
        let [places, journal, bad_blobs, bad_manifests] = counts;
        let sql = "SELECT began_at, ended_at, space, behind FROM scrub WHERE id = 1";
        let row = connection.row(sql, &[]).await?.ok_or(StorageError::Damaged("the state of the scrub"))?;
        let began_at = row.optional_integer(0)?;
        let progress = match row.optional_integer(1)? {
            Some(_) => 1.0,
            None => progress(row.space(2)?, row.optional_bytes(3)?.as_deref()),
        };
        Ok(Waiting {
            now,
            due: due.integer(0)?,
            oldest_due: due.optional_integer(1)?,
            places,
            journal,
            bad: [bad_blobs, bad_manifests],
            scrub: began_at.map(|began_at| Pass { began_at, progress }),
        })
    }
}

/// Returns how much of a pass lies behind a digest, about: digests are spread evenly, and blobs come before manifests.
fn progress(space: Space, behind: Option<&[u8]>) -> f64 {
    // The first byte is the algorithm.
    let within = behind.and_then(|bytes| bytes.get(1)).map_or(0.0, |byte| f64::from(*byte) / 256.0);
    match space {
        Space::Blob => within / 2.0,
        Space::Manifest => f64::midpoint(1.0, within),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_as_far_as_the_digest_it_is_behind() {
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}");
        close(progress(Space::Blob, None), 0.0);
        close(progress(Space::Blob, Some(&[0, 128])), 0.25);
        close(progress(Space::Manifest, Some(&[])), 0.5);
        close(progress(Space::Manifest, Some(&[0, 128, 3])), 0.75);
    }
}
