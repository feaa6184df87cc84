//! Why a file cannot be read or changed.

use oci::text::printable;

use crate::limits::{FILE_MAX_BYTES, PLACES_MAX};
use crate::place::SkipReason;

/// Why no places could be found in a file. Lines and columns begin with 1, columns count characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Larger than any file that is read.
    #[error("the file has {found} bytes, the limit is {}", FILE_MAX_BYTES)]
    TooLarge {
        /// Its size in bytes.
        found: usize,
    },
    /// Not text in UTF-8.
    #[error("line {line}, column {column}: not UTF-8")]
    NotText {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// The format's own rules are broken, or one of our limits is.
    #[error("line {line}, column {column}: {}", printable(.message))]
    Syntax {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// More places than are planned for.
    #[error("the file has more than {} references", PLACES_MAX)]
    TooManyPlaces,
}

/// Why a reference cannot be written at a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// What stands there is no reference, so it is not known which bytes to change.
    #[error("{path}: {reason}")]
    Skipped {
        /// The place.
        path: String,
        /// Why it is not touched.
        reason: SkipReason,
    },
    /// A tag is to be written, and none is known.
    #[error("{path}: there is no tag to write")]
    NoTag {
        /// The place.
        path: String,
    },
    /// A digest is to be written, and none is known.
    #[error("{path}: there is no digest to write")]
    NoDigest {
        /// The place.
        path: String,
    },
    /// The reference is split over keys, and the one that is needed is not there. Keys are never added.
    #[error("{path}: there is no key for the {part}")]
    NoKey {
        /// The place.
        path: String,
        /// What has no key.
        part: &'static str,
    },
    /// The text cannot stand where the old one stands.
    #[error("{path}: `{}` cannot be written there: {why}", printable(.text))]
    Unwritable {
        /// The place.
        path: String,
        /// The text.
        text: String,
        /// What is in the way.
        why: &'static str,
    },
}

/// Why a file was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// The file cannot be read.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Two changes want different text at the same bytes, as when images share one tag by an anchor.
    #[error("byte {at}: two references share these bytes and would need different ones")]
    Conflict {
        /// Where, in bytes from the beginning of the file.
        at: usize,
    },
    /// An edit reaches past the end of the file.
    #[error("an edit ends at byte {end} of a file of {size} bytes")]
    OutOfBounds {
        /// Where the edit ends.
        end: usize,
        /// The size of the file.
        size: usize,
    },
    /// The file as it would be after the edits says something else than was planned.
    #[error("{path}: after the edits there would be `{}` instead of `{}`", printable(.found), printable(.expected))]
    Differs {
        /// The place.
        path: String,
        /// What was planned, or what stood there.
        expected: String,
        /// What would be read.
        found: String,
    },
    /// The file as it would be after the edits has more or fewer places.
    #[error("after the edits there would be {found} references instead of {expected}")]
    OtherPlaces {
        /// How many there are.
        expected: usize,
        /// How many there would be.
        found: usize,
    },
}
