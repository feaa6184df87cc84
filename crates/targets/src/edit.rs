//! Replaced bytes: put together, applied, undone.

use std::ops::Range;

use crate::error::RewriteError;

/// A run of bytes and what stands there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The bytes that are replaced; empty where something is put in.
    pub span: Range<usize>,
    /// What stands there instead.
    pub replacement: String,
}

/// Returns the edits in order, each once.
///
/// # Errors
///
/// [`RewriteError::Conflict`] where two edits touch the same bytes and do not agree.
pub fn combine(edits: impl IntoIterator<Item = Edit>) -> Result<Vec<Edit>, RewriteError> {
    let mut edits: Vec<Edit> = edits.into_iter().collect();
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    edits.dedup();
    for pair in edits.windows(2) {
        let [first, second] = pair else { continue };
        // Two texts put in at one place have no order.
        if second.span.start < first.span.end || second.span.start == first.span.start {
            return Err(RewriteError::Conflict { at: second.span.start });
        }
    }
    Ok(edits)
}

/// Returns the bytes after edits that are in order and do not overlap, as [`combine`] returns them.
///
/// # Errors
///
/// [`RewriteError::Conflict`] and [`RewriteError::OutOfBounds`] for edits that are not.
pub fn apply(bytes: &[u8], edits: &[Edit]) -> Result<Vec<u8>, RewriteError> {
    let mut after = Vec::with_capacity(bytes.len() + edits.iter().map(|edit| edit.replacement.len()).sum::<usize>());
    let mut at = 0;
    for Edit { span, replacement } in edits {
        if span.start < at || span.end < span.start {
            return Err(RewriteError::Conflict { at: span.start });
        }
        let kept = bytes.get(at..span.start).filter(|_| span.end <= bytes.len());
        let kept = kept.ok_or(RewriteError::OutOfBounds { end: span.end, size: bytes.len() })?;
        after.extend_from_slice(kept);
        after.extend_from_slice(replacement.as_bytes());
        at = span.end;
    }
    after.extend_from_slice(&bytes[at..]);
    Ok(after)
}

/// Returns the edits which, applied to the bytes after `edits`, give `before` again.
///
/// # Errors
///
/// As [`apply`]; [`RewriteError::OutOfBounds`] also where an edit cuts a character in two.
pub fn undo(before: &[u8], edits: &[Edit]) -> Result<Vec<Edit>, RewriteError> {
    let mut undone = Vec::with_capacity(edits.len());
    // Where the last edit ended, before and after.
    let (mut before_at, mut after_at) = (0, 0);
    for Edit { span, replacement } in edits {
        let out_of_bounds = RewriteError::OutOfBounds { end: span.end, size: before.len() };
        if span.start < before_at {
            return Err(RewriteError::Conflict { at: span.start });
        }
        let replaced =
            before.get(span.clone()).and_then(|bytes| std::str::from_utf8(bytes).ok()).ok_or(out_of_bounds)?;
        let start = after_at + (span.start - before_at);
        let end = start + replacement.len();
        undone.push(Edit { span: start..end, replacement: replaced.to_owned() });
        (before_at, after_at) = (span.end, end);
    }
    Ok(undone)
}
