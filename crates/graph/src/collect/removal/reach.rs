//! What leads where, as any client of any store sees it.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Digest, MediaType};

use super::{is_list, is_there};
use crate::collect::Inventory;
use crate::node::{EdgeKind, Graph, NodeId, Space};

/// Everything that the tags of a store lead to, and how far from a name it is.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// How many times one has to go from a subject to what is about it.
    depth: BTreeMap<NodeId, usize>,
    /// The lists that fallback tags name, and what only they lead to.
    beyond: BTreeSet<NodeId>,
    lists: BTreeSet<NodeId>,
}

impl Reach {
    pub(super) fn of(inventory: &Inventory) -> Self {
        let graph = &inventory.graph;
        let (names, attachments) = inventory.names_and_attachments();
        let mut attached: BTreeMap<Digest, Vec<NodeId>> = BTreeMap::new();
        let mut start: Vec<NodeId> = names.iter().map(|(_, digest)| NodeId::manifest(**digest)).collect();
        let mut reach = Self::default();
        for (tag, digest) in attachments {
            let id = NodeId::manifest(*digest);
            match tag.attached_to() {
                Some((subject, Some(_))) if is_there(graph, &subject) => attached.entry(subject).or_default().push(id),
                // The tag is all that leads here, and every store shows it.
                Some((_, Some(_))) => start.push(id),
                _ if is_list(inventory, tag, digest) => drop(reach.lists.insert(id)),
                _ => {}
            }
        }
        let mut level = 0;
        while !start.is_empty() {
            start = follow(graph, &attached, start, |id| {
                let is_new = graph.node(id).is_some() && !reach.depth.contains_key(id);
                is_new && reach.depth.insert(*id, level).is_none()
            });
            level += 1;
        }
        let mut start: Vec<NodeId> = reach.lists.iter().copied().collect();
        while !start.is_empty() {
            start = follow(graph, &attached, start, |id| {
                graph.node(id).is_some() && !reach.depth.contains_key(id) && reach.beyond.insert(*id)
            });
        }
        reach
    }

    /// Tells whether tags and referrers lead to a node.
    pub(super) fn leads_to(&self, id: &NodeId) -> bool {
        self.depth.contains_key(id)
    }

    pub(super) fn leads_to_digest(&self, digest: &Digest) -> bool {
        self.leads_to(&NodeId::manifest(*digest)) || self.leads_to(&NodeId::blob(*digest))
    }

    /// Tells whether a node is the list of a fallback tag, or something to which only such a list leads.
    pub(super) fn lists_lead_to(&self, id: &NodeId) -> bool {
        self.beyond.contains(id)
    }

    pub(super) fn is_list(&self, id: &NodeId) -> bool {
        self.lists.contains(id)
    }

    /// Returns how far a node is from a name; the farthest for one to which no name leads.
    pub(super) fn depth(&self, id: &NodeId) -> usize {
        self.depth.get(id).copied().unwrap_or(usize::MAX)
    }
}

/// Goes from `start` to everything that it is made of, as far as `enter` lets it, and returns what is about all that.
fn follow(
    graph: &Graph,
    attached: &BTreeMap<Digest, Vec<NodeId>>,
    start: Vec<NodeId>,
    mut enter: impl FnMut(&NodeId) -> bool,
) -> Vec<NodeId> {
    let mut pending = start;
    let mut about = Vec::new();
    while let Some(id) = pending.pop() {
        if !enter(&id) {
            continue;
        }
        pending.extend(graph.edges_from(&id).filter(|edge| edge.kind.is_content()).map(|edge| edge.to));
        if is_asked_about(graph, &id) {
            about.extend(graph.edges_to(&id).filter(|edge| edge.kind == EdgeKind::Subject).map(|edge| edge.from));
            about.extend(attached.get(&id.digest).into_iter().flatten());
        }
    }
    about
}

/// Tells whether a walk asks what refers to a node: of blobs, only for layers that are something in particular.
fn is_asked_about(graph: &Graph, id: &NodeId) -> bool {
    let is_layer = || graph.edges_to(id).any(|edge| edge.kind == EdgeKind::Layer);
    let is_empty = || graph.node(id).is_some_and(|node| node.descriptor.media_type == MediaType::EMPTY_JSON);
    id.space == Space::Manifest || (is_layer() && !is_empty())
}
