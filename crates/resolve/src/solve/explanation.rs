//! Why there is no solution: a proof, as plain values.

use std::collections::HashMap;
use std::sync::Arc;

use super::problem::{Effect, PackageId, ReasonId, RootId};
use super::set::CandidateSet;
use super::values::Values;

/// A node of an explanation, by its place in [`Explanation::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// A proof that a problem has no solution: facts, what follows from them, what follows from that. What is used more than once is
/// there once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Each node after those that it follows from. The last one has no terms: it excludes everything.
    pub nodes: Vec<Node>,
}

/// A statement: no solution satisfies all terms at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What is not so all at once; each package once, in ascending order.
    pub terms: Vec<Term>,
    /// Why not.
    pub because: Because,
}

/// Part of a statement: the package is one of these.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// The package.
    pub package: PackageId,
    /// What it is one of.
    pub values: Values,
}

/// Why a statement is true.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Because {
    /// The user requires it.
    Root(RootId),
    /// Candidates are refused, all for one reason.
    Refused {
        /// Whose candidates.
        package: PackageId,
        /// Which of them.
        candidates: CandidateSet,
        /// Why.
        reason: ReasonId,
    },
    /// Candidates of a package require something of another.
    Requires {
        /// Whose candidates.
        package: PackageId,
        /// Which of them.
        candidates: CandidateSet,
        /// What they require it of.
        of: PackageId,
        /// What one of them allows, or another.
        allowed: CandidateSet,
        /// Whether it has to be there.
        effect: Effect,
        /// What is said about it, if it is the same for all of them.
        why: Option<Arc<str>>,
        /// Whether all of them allow the same.
        is_same: bool,
    },
    /// It follows from other statements: what satisfies all of these terms satisfies all terms of one of those.
    Follows(Vec<NodeId>),
}

impl Explanation {
    /// Returns what the last node follows from, with it. No node may come before one that it follows from.
    pub(super) fn of(nodes: Vec<Node>) -> Self {
        // Causes come before what follows from them, so that their numbers are places in both lists.
        let mut needed = vec![false; nodes.len()];
        if let Some(last) = needed.last_mut() {
            *last = true;
        }
        for (place, node) in nodes.iter().enumerate().rev() {
            if let (true, Because::Follows(causes)) = (needed[place], &node.because) {
                for cause in causes {
                    needed[cause.0 as usize] = true;
                }
            }
        }
        let mut kept: Vec<Node> = Vec::new();
        // Where each node is among those that are kept; of those that are not kept it is never asked.
        let mut places = Vec::with_capacity(nodes.len());
        let mut facts: HashMap<Because, NodeId> = HashMap::new();
        for (mut node, is_needed) in nodes.into_iter().zip(needed) {
            let next = node_at(kept.len());
            let mut place = next;
            if is_needed {
                if let Because::Follows(causes) = &mut node.because {
                    for cause in causes {
                        *cause = places[cause.0 as usize];
                    }
                } else {
                    place = *facts.entry(node.because.clone()).or_insert(next);
                }
                if place == next {
                    kept.push(node);
                }
            }
            places.push(place);
        }
        Self { nodes: kept }
    }

    /// Returns the node; `None` for a number of none.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }
}

/// Returns the number of the node at a place.
#[expect(clippy::cast_possible_truncation, reason = "nodes are work, and no more work is allowed than fits")]
pub(super) fn node_at(place: usize) -> NodeId {
    NodeId(place as u32)
}
