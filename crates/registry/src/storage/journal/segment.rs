//! The format of what is written: lines of JSON between a header and a checksum.
//!
//! | line | says |
//! |---|---|
//! | first | `format`, `version`, `epoch`, and how many `entries` follow |
//! | each entry | its `number` and what the database says of one thing |
//! | last | `sha256` of all bytes before it |
//!
//! A name says what is inside without opening it, and names in order are the journal in order:
//! `journal/<epoch>/<first number>-<last number>-<unique>.jsonl` for segments, and
//! `journal/<epoch>/<horizon>-checkpoint-<unique>-<part>.jsonl` for the parts of a checkpoint, which counts when its part `whole` is there.

use bytes::Bytes;
use oci::Digest;
use serde::{Deserialize, Serialize};

use super::entry::Entry;

/// Where the journal lies.
pub(in crate::storage) const DIRECTORY: &str = "journal";
/// Largest segment that is read, in bytes. What is written stays far below.
pub(in crate::storage) const SEGMENT_MAX_BYTES: u64 = 16 << 20;
/// What the header calls the format.
const FORMAT: &str = "supercargo registry journal";
/// The version of the format.
const VERSION: u64 = 1;

/// An entry with its number in the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Numbered {
    /// Greater than that of every entry about the same thing that came before. Those of a checkpoint have that of its horizon.
    pub(crate) number: i64,
    /// What it says.
    #[serde(flatten)]
    pub(crate) entry: Entry,
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u64,
    epoch: i64,
    entries: usize,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
struct Trailer {
    sha256: String,
}

/// Why bytes are no segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::storage) enum SegmentError {
    /// They are cut off or changed.
    #[error("it is cut off or changed")]
    Damaged,
    /// A newer program wrote them.
    #[error("a newer supercargo wrote it")]
    Newer,
}

/// Returns the bytes of a segment.
///
/// # Errors
/// When an entry cannot be written as JSON, which none of ours is.
pub(super) fn encode(epoch: i64, entries: &[Numbered]) -> Result<Bytes, serde_json::Error> {
    let header = Header { format: FORMAT.to_owned(), version: VERSION, epoch, entries: entries.len() };
    let mut text = serde_json::to_string(&header)? + "\n";
    for entry in entries {
        text.push_str(&serde_json::to_string(entry)?);
        text.push('\n');
    }
    let trailer = Trailer { sha256: Digest::sha256(text.as_bytes()).encoded() };
    text.push_str(&serde_json::to_string(&trailer)?);
    text.push('\n');
    Ok(text.into())
}

/// Returns the epoch of a segment and its entries.
///
/// # Errors
/// [`SegmentError::Damaged`] unless every byte is as it was written, [`SegmentError::Newer`] for a later version of the format.
pub(in crate::storage) fn parse(bytes: &[u8]) -> Result<(i64, Vec<Numbered>), SegmentError> {
    let text = std::str::from_utf8(bytes).map_err(|_| SegmentError::Damaged)?;
    let body = text.strip_suffix('\n').ok_or(SegmentError::Damaged)?;
    let end = body.rfind('\n').ok_or(SegmentError::Damaged)? + 1;
    let (body, trailer) = body.split_at(end);
    let trailer: Trailer = serde_json::from_str(trailer).map_err(|_| SegmentError::Damaged)?;
    if Digest::sha256(body.as_bytes()).encoded() != trailer.sha256 {
        return Err(SegmentError::Damaged);
    }
    let mut lines = body.lines();
    let header: Header = lines.next().and_then(|line| serde_json::from_str(line).ok()).ok_or(SegmentError::Damaged)?;
    if header.format != FORMAT {
        return Err(SegmentError::Damaged);
    }
    if header.version > VERSION {
        return Err(SegmentError::Newer);
    }
    let entries: Result<Vec<Numbered>, _> = lines.map(serde_json::from_str).collect();
    let entries = entries.map_err(|_| SegmentError::Damaged)?;
    if entries.len() == header.entries { Ok((header.epoch, entries)) } else { Err(SegmentError::Damaged) }
}

/// What the name of a part of the journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::storage) enum Name {
    /// A segment with the entries from `first` to `last`.
    Segment { epoch: i64, first: i64, last: i64, unique: String },
    /// A part of a checkpoint.
    Part { checkpoint: Checkpoint, part: i64 },
    /// The checkpoint is whole.
    Whole { checkpoint: Checkpoint, parts: i64 },
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::storage) struct Checkpoint {
    pub(in crate::storage) epoch: i64,
    /// Everything up to this number is in it.
    pub(in crate::storage) horizon: i64,
    pub(in crate::storage) unique: String,
}

impl Name {
    /// Returns what a place says; `None` when it is none of a journal.
    pub(in crate::storage) fn parse(place: &str) -> Option<Self> {
        let rest = place.strip_prefix(DIRECTORY)?.strip_prefix('/')?;
        let (epoch, rest) = rest.split_once('/')?;
        let epoch = epoch.parse().ok()?;
        let words: Vec<&str> = rest.strip_suffix(".jsonl")?.split('-').collect();
        let checkpoint = |horizon: &str, unique: &str| {
            Some(Checkpoint { epoch, horizon: horizon.parse().ok()?, unique: unique.to_owned() })
        };
        Some(match *words.as_slice() {
            [first, last, unique] => {
                Self::Segment { epoch, first: first.parse().ok()?, last: last.parse().ok()?, unique: unique.to_owned() }
            }
            [horizon, "checkpoint", unique, "whole", parts] => {
                Self::Whole { checkpoint: checkpoint(horizon, unique)?, parts: parts.parse().ok()? }
            }
            [horizon, "checkpoint", unique, part] => {
                Self::Part { checkpoint: checkpoint(horizon, unique)?, part: part.parse().ok()? }
            }
            _ => return None,
        })
    }

    /// Returns the place of this name.
    pub(in crate::storage) fn place(&self) -> String {
        let (epoch, name) = match self {
            Self::Segment { epoch, first, last, unique } => (epoch, format!("{first:019}-{last:019}-{unique}")),
            Self::Part { checkpoint: Checkpoint { epoch, horizon, unique }, part } => {
                (epoch, format!("{horizon:019}-checkpoint-{unique}-{part:010}"))
            }
            Self::Whole { checkpoint: Checkpoint { epoch, horizon, unique }, parts } => {
                (epoch, format!("{horizon:019}-checkpoint-{unique}-whole-{parts}"))
            }
        };
        format!("{DIRECTORY}/{epoch:010}/{name}.jsonl")
    }

    /// Tells whether nothing of it counts beside a checkpoint that is whole.
    pub(in crate::storage) fn is_older(&self, than: &Checkpoint) -> bool {
        match self {
            Self::Segment { epoch, last, .. } => (*epoch, *last) <= (than.epoch, than.horizon),
            Self::Part { checkpoint, .. } | Self::Whole { checkpoint, .. } => checkpoint < than,
        }
    }

    pub(in crate::storage) const fn epoch(&self) -> i64 {
        match self {
            Self::Segment { epoch, .. } => *epoch,
            Self::Part { checkpoint, .. } | Self::Whole { checkpoint, .. } => checkpoint.epoch,
        }
    }
}
