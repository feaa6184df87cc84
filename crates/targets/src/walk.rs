//! Visits of nodes in roles, without recursion: what an alias or a merge key leads to is visited once for each role.

use std::collections::HashSet;
use std::hash::Hash;

use crate::tree::{Id, Tree};

/// The key by which a mapping takes over the entries of others.
const MERGE: &str = "<<";

/// Nodes to be visited.
pub(crate) struct Walk<'t, 's, R> {
    tree: &'t Tree<'s>,
    queue: Vec<(Id, R)>,
    seen: HashSet<(Id, R)>,
}

impl<'t, 's, R: Copy + Eq + Hash> Walk<'t, 's, R> {
    pub(crate) fn new(tree: &'t Tree<'s>) -> Self {
        Self { tree, queue: Vec::new(), seen: HashSet::new() }
    }

    /// Sees to it that a node, or what it is an alias of, is visited in this role.
    pub(crate) fn visit(&mut self, id: Id, role: R) {
        if let Some(id) = self.tree.resolve(id)
            && self.seen.insert((id, role))
        {
            self.queue.push((id, role));
        }
    }

    /// Returns the next node. The mappings that a mapping takes entries from are visited in the same role.
    pub(crate) fn next(&mut self) -> Option<(Id, R)> {
        let (id, role) = self.queue.pop()?;
        let tree = self.tree;
        for (key, value) in tree.entries(id) {
            if tree.text(*key) != Some(MERGE) {
                continue;
            }
            let Some(merged) = tree.resolve(*value) else { continue };
            for item in tree.items(merged) {
                self.visit(*item, role);
            }
            if !tree.entries(merged).is_empty() {
                self.visit(merged, role);
            }
        }
        Some((id, role))
    }
}

/// Tells whether a mapping takes entries from others.
pub(crate) fn merges(tree: &Tree<'_>, id: Id) -> bool {
    tree.entries(id).iter().any(|(key, _)| tree.text(*key) == Some(MERGE))
}
