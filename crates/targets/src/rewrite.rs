//! All of it for one file, proven by reading the result again.

use crate::edit::{Edit, apply, combine};
use crate::error::RewriteError;
use crate::find::find;
use crate::kind::Kind;
use crate::options::Options;
use crate::place::{Content, Place};
use crate::plan::Change;

/// A file after changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What was replaced, in order. Empty when the file already was as planned.
    pub edits: Vec<Edit>,
}

/// Returns a file after changes that were planned for its places, once [`check`] has found nothing wrong.
///
/// # Errors
///
/// [`RewriteError`]: the file cannot be read, changes are in conflict, or the result would say something else.
pub fn rewrite(kind: Kind, options: &Options, bytes: &[u8], changes: &[Change]) -> Result<Rewritten, RewriteError> {
    let edits = combine(changes.iter().flat_map(|change| change.edits.iter().cloned()))?;
    let after = apply(bytes, &edits)?;
    check(&find(kind, options, bytes)?, &find(kind, options, &after)?, changes)?;
    Ok(Rewritten { bytes: after, edits })
}

/// Checks that the places of a file after changes are those before, that every changed one says what was planned, and that
/// every other one says what it said.
///
/// # Errors
///
/// [`RewriteError::OtherPlaces`] and [`RewriteError::Differs`].
pub fn check(before: &[Place], after: &[Place], changes: &[Change]) -> Result<(), RewriteError> {
    if before.len() != after.len() {
        return Err(RewriteError::OtherPlaces { expected: before.len(), found: after.len() });
    }
    let mut expected: Vec<Content> = before.iter().map(|place| place.content.clone()).collect();
    for change in changes {
        if let Some(content) = expected.get_mut(change.place) {
            *content = Content::Image(Box::new(change.after.clone()));
        }
    }
    for ((before, after), expected) in before.iter().zip(after).zip(expected) {
        if before.path != after.path || before.form() != after.form() || after.content != expected {
            return Err(RewriteError::Differs {
                path: before.path.clone(),
                expected: expected.to_string(),
                found: after.content.to_string(),
            });
        }
    }
    Ok(())
}
