//! The entries of a list of what to mirror, each with its place. One that cannot be read keeps nobody from the others.

use super::Selection;
use crate::error::TargetError;
use crate::tree::{Id, Tree};

/// An entry of a list of what to mirror. Lines and columns begin with 1, columns count characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry {
    /// The line.
    pub line: usize,
    /// The column of the entry; of one that cannot be read, of what is wrong in it.
    pub column: usize,
    /// What is mirrored, or in one line why that cannot be read. It came from a file: show it with [`oci::text::printable`].
    pub selection: Result<Selection, String>,
}

/// What is wrong at a node.
pub(super) struct Wrong {
    pub(super) id: Id,
    pub(super) message: String,
}

impl Wrong {
    pub(super) fn new(id: Id, message: impl Into<String>) -> Self {
        Self { id, message: message.into() }
    }

    /// Returns it as what is wrong with the whole file.
    pub(super) fn error(self, tree: &Tree<'_>) -> TargetError {
        tree.error(self.id, self.message)
    }
}

/// Returns entries with the places of the nodes at which they stand.
pub(super) fn placed(tree: &Tree<'_>, entries: Vec<(Id, Result<Selection, Wrong>)>) -> Vec<ListEntry> {
    let ids: Vec<Id> =
        entries.iter().map(|(id, selection)| selection.as_ref().map_or_else(|wrong| wrong.id, |_| *id)).collect();
    let places = tree.positions(&ids);
    let entry = |((line, column), (_, selection)): (_, (Id, Result<Selection, Wrong>))| ListEntry {
        line,
        column,
        selection: selection.map_err(|wrong| wrong.message),
    };
    places.into_iter().zip(entries).map(entry).collect()
}
