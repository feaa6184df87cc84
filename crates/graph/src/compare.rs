//! Equality of graphs and the difference between two.
//!
//! Two graphs are equal when they have the same nodes and the same edges as the bytes say. Fallback tags, the order of a list
//! of referrers and the annotations of its descriptors are representation, not content, and so are not in a [`Graph`] at all.

use std::collections::BTreeSet;

use crate::node::{Edge, Graph, NodeId};

/// What one graph has and the other has not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Nodes of the first that the second lacks.
    pub missing_nodes: Vec<NodeId>,
    /// Nodes of the second that the first lacks.
    pub extra_nodes: Vec<NodeId>,
    /// Edges of the first that the second lacks.
    pub missing_edges: Vec<Edge>,
    /// Edges of the second that the first lacks.
    pub extra_edges: Vec<Edge>,
}

impl Difference {
    /// Returns what `second` lacks of `first` and has beyond it.
    pub fn between(first: &Graph, second: &Graph) -> Self {
        let nodes = |graph: &Graph| graph.nodes().map(|(id, _)| *id).collect::<BTreeSet<_>>();
        let edges = |graph: &Graph| graph.edges().collect::<BTreeSet<_>>();
        let (first_nodes, second_nodes) = (nodes(first), nodes(second));
        let (first_edges, second_edges) = (edges(first), edges(second));
        Self {
            missing_nodes: first_nodes.difference(&second_nodes).copied().collect(),
            extra_nodes: second_nodes.difference(&first_nodes).copied().collect(),
            missing_edges: first_edges.difference(&second_edges).copied().collect(),
            extra_edges: second_edges.difference(&first_edges).copied().collect(),
        }
    }

    /// Tells whether the graphs are equal.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}
