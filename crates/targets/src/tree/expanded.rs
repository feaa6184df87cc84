//! How large a tree is for whoever follows its aliases.

use super::{Id, Tree, Value};

/// What a node counts for beside its text.
const NODE_SIZE: usize = 16;

impl Tree<'_> {
    /// Returns the bytes of all texts, and [`NODE_SIZE`] for each node, with what aliases stand for in their place. An alias within
    /// what it stands for makes that endless: [`usize::MAX`].
    pub(crate) fn expanded_size(&self) -> usize {
        let mut sizes = Sizes { tree: self, of_nodes: vec![0; self.nodes.len()], open: Vec::new(), total: 0 };
        // Nodes are in the order in which they begin: what comes after the last one below a node is not below it.
        for (place, node) in self.nodes.iter().enumerate() {
            while sizes.open.last().is_some_and(|last| Some(*last) != node.parent) {
                sizes.close();
            }
            let size = match &node.value {
                Value::Scalar(scalar) => scalar.text.len().saturating_add(NODE_SIZE),
                Value::Alias(Some(target)) if sizes.open.contains(target) => usize::MAX,
                Value::Alias(Some(target)) => sizes.of_nodes.get(target.0 as usize).copied().unwrap_or(NODE_SIZE),
                Value::Alias(None) | Value::Sequence(_) | Value::Mapping(_) => NODE_SIZE,
            };
            if let Some(own) = sizes.of_nodes.get_mut(place) {
                *own = size;
            }
            // There are fewer nodes than NODES_MAX.
            sizes.open.push(Id(u32::try_from(place).unwrap_or(u32::MAX)));
        }
        while !sizes.open.is_empty() {
            sizes.close();
        }
        sizes.total
    }
}

/// The sizes of the nodes so far, by their place.
struct Sizes<'t, 's> {
    tree: &'t Tree<'s>,
    of_nodes: Vec<usize>,
    /// The nodes that have not ended, from a root down; no more than nesting is deep.
    open: Vec<Id>,
    total: usize,
}

impl Sizes<'_, '_> {
    /// Ends the last open node.
    fn close(&mut self) {
        let Some(ended) = self.open.pop() else { return };
        let size = self.of_nodes.get(ended.0 as usize).copied().unwrap_or_default();
        let parent = self.tree.node(ended).and_then(|node| node.parent);
        let sum = parent.and_then(|parent| self.of_nodes.get_mut(parent.0 as usize)).unwrap_or(&mut self.total);
        *sum = sum.saturating_add(size);
    }
}
