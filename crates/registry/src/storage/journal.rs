//! The journal: what the database says, beside the database.
//!
//! ```text
//!   a change ─┬─▶ its tables                    one transaction
//!             └─▶ the outbox (table `journal`) ─┘
//!   the keeper: the outbox ─▶ bytes of manifests, a segment ─▶ both are durable ─▶ the rows go
//! ```
//!
//! An entry says of one thing what it has become: a repository, where a blob lies, whether a repository has a blob or a manifest, one
//! move of a tag, a pin or a hold. The database numbers entries, and of two entries about the same thing the one with the greater number came later:
//! both changed the same row, so the second transaction began when the first had ended. Whoever reads the journal keeps the
//! greatest number for each thing. It follows that segments can overlap, be there twice, or be read in any order: any node may
//! write what it finds in the outbox, whenever it likes, and a crash between a segment and the end of its rows writes them again.
//!
//! Only a database that was rebuilt begins to count anew. Its entries belong to the next *epoch*, and a later epoch wins over a number.
//!
//! Manifests are bytes in the database. They are copied beside it before a segment names them, each into a place that is used once.

mod checkpoint;
mod content;
mod entry;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod outbox;
mod segment;
mod state;

use oci::Digest;

pub(super) use entry::{Entry, KeptBlob, KeptHold, KeptManifest};
pub(super) use outbox::{note_blob, note_hold, note_link, note_manifest, note_move, note_repository};
pub(super) use segment::{Checkpoint, DIRECTORY, Name, Numbered, SEGMENT_MAX_BYTES, SegmentError, parse};

use super::Storage;
use super::database::StorageError;

/// Where the bytes of manifests lie.
pub(super) const MANIFESTS: &str = "manifests";

/// What a round of the keeper did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Changes that lie beside the database now.
    pub entries: u64,
    /// Segments that say them.
    pub segments: u64,
    /// Manifests whose bytes were copied beside the database.
    pub manifests: u64,
    /// Things that a new checkpoint says; zero when none was due.
    pub checkpoint: u64,
    /// Parts of the journal that were removed because of it.
    pub removed: u64,
}

impl Storage {
    /// Writes what changed beside the database, until nothing is left that changed before the call; and when the journal has outgrown what it
    /// says, the whole of that. May run anywhere and as often as one likes, also at the same time elsewhere; dropping the future, or
    /// a crash, loses nothing.
    ///
    /// # Errors
    /// What the database or the place of the blobs brings; the rest is done by the next round.
    pub async fn keep_journal(&self) -> Result<Kept, StorageError> {
        let mut kept = Kept::default();
        loop {
            let taken = self.metadata().read(outbox::Take).await?;
            if !taken.bare.is_empty() {
                for digest in &taken.bare {
                    kept.manifests += u64::from(self.store_manifest(digest).await?);
                }
                // Their places are known now, unless they have gone, and then nothing names them any more.
                continue;
            }
            let (Some(first), Some(last)) = (taken.entries.first(), taken.entries.last()) else { break };
            let name = Name::Segment { epoch: taken.epoch, first: first.number, last: last.number, unique: unique() };
            let bytes = segment::encode(taken.epoch, &taken.entries)
                .map_err(|_| StorageError::Damaged("an entry of the journal"))?;
            self.blobs().put(&name.place(), bytes).await?;
            let numbers: Vec<i64> = taken.entries.iter().map(|entry| entry.number).collect();
            kept.entries += numbers.len() as u64;
            kept.segments += 1;
            self.metadata().write(outbox::Written { numbers }).await?;
            self.counts().journal_entries.add(taken.entries.len() as u64);
        }
        self.counts().journal_written_at.set(self.clock().now());
        self.keep_checkpoint(&mut kept).await?;
        Ok(kept)
    }
}

/// Returns a name that nothing has.
fn unique() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Returns a place for a manifest's bytes that was never used.
fn manifest_place(digest: &Digest) -> String {
    let encoded = digest.encoded();
    format!("{MANIFESTS}/{}/{}/{encoded}-{}", digest.algorithm(), &encoded[..2], unique())
}

/// Returns the digest that the place of a manifest, or of a blob in a file, names.
pub(super) fn digest_of(place: &str) -> Option<Digest> {
    let mut words = place.split('/').skip(1);
    let algorithm = words.next()?;
    let (encoded, _) = words.nth(1)?.split_once('-')?;
    format!("{algorithm}:{encoded}").parse().ok()
}
