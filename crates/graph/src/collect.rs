//! What a collection keeps and removes: the neutral collector, for any store that can list what it has.
//!
//! Roots are what tags name. A node lives when a root is made of it, or when it is about a node that lives: artifacts go
//! with their subject and never before it. A convention tag (`sha256-….sig`) is no root of its own; it lives as long as
//! what it is about.

pub mod removal;

use std::collections::{BTreeMap, BTreeSet};

use oci::{Digest, ManifestKind, Tag};

use crate::node::{EdgeKind, Graph, NodeId};

/// Everything a store has.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Every manifest with its content, every blob with its size.
    pub graph: Graph,
    /// Every tag.
    pub tags: BTreeMap<Tag, Digest>,
}

/// A tag and what it points to.
type TagOf<'a> = (&'a Tag, &'a Digest);

impl Inventory {
    /// Tells whether a tag attaches something and names nothing for its own sake. An image that somebody has given the name of a
    /// list of referrers is named like any other.
    pub fn is_attachment(&self, tag: &Tag, digest: &Digest) -> bool {
        let is_image = || self.graph.manifest(digest).is_some_and(|manifest| manifest.kind() == ManifestKind::Image);
        tag.is_attachment() && (matches!(tag.attached_to(), Some((_, Some(_)))) || !is_image())
    }

    /// Returns the tags that are names, and the tags that attach something.
    fn names_and_attachments(&self) -> (Vec<TagOf<'_>>, Vec<TagOf<'_>>) {
        self.tags.iter().partition(|(tag, digest)| !self.is_attachment(tag, digest))
    }
}

/// What a collection keeps and removes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectionPlan {
    /// Nodes that live.
    pub keep: BTreeSet<NodeId>,
    /// Nodes to remove, parents before what they are made of, so that an interrupted collection leaves nothing incomplete.
    pub remove: Vec<NodeId>,
    /// Attachment tags to remove, because what they are about does not live.
    pub untag: Vec<Tag>,
    /// Number of bytes that removing frees.
    pub freed_bytes: u64,
}

impl CollectionPlan {
    /// Returns the plan for a store with this inventory. `pinned` are roots beyond the tags.
    pub fn new(inventory: &Inventory, pinned: impl IntoIterator<Item = NodeId>) -> Self {
        Self::without(inventory, &BTreeSet::new(), pinned)
    }

    /// As [`CollectionPlan::new`], for the store as it is after the names `taken` have been taken away. They are among the tags to
    /// remove then.
    pub fn without(inventory: &Inventory, taken: &BTreeSet<Tag>, pinned: impl IntoIterator<Item = NodeId>) -> Self {
        let graph = &inventory.graph;
        let truncated = truncated_fallbacks(inventory);
        let (names, attachments) = inventory.names_and_attachments();
        let mut pending: Vec<NodeId> = pinned.into_iter().collect();
        let staying = names.iter().filter(|(tag, _)| !taken.contains(tag));
        pending.extend(staying.map(|(_, digest)| NodeId::manifest(**digest)));

        let mut keep = BTreeSet::new();
        let mut living_tags = BTreeSet::new();
        loop {
            mark(graph, &mut pending, &mut keep);
            // What a living node's attachment tag names lives too, and may bring more to life.
            for (tag, digest) in &attachments {
                let whole = tag.attached_to().map(|(subject, _)| subject);
                let mut subjects = whole.iter().chain(truncated.get(tag).into_iter().flatten());
                let lives = subjects.any(|s| keep.contains(&NodeId::manifest(*s)) || keep.contains(&NodeId::blob(*s)));
                if lives && living_tags.insert(*tag) {
                    pending.push(NodeId::manifest(**digest));
                }
            }
            if pending.is_empty() {
                break;
            }
        }

        let mut plan = Self { keep, ..Self::default() };
        // Manifests sort after blobs in a graph; reversed, parents that are manifests come before blobs.
        let mut remove: Vec<_> = graph.nodes().filter(|(id, _)| !plan.keep.contains(id)).collect();
        remove.reverse();
        plan.freed_bytes = remove.iter().fold(0, |sum, (_, node)| sum.saturating_add(node.descriptor.size));
        plan.remove = parents_first(graph, remove.into_iter().map(|(id, _)| *id).collect());
        let dead = attachments.iter().map(|(tag, _)| *tag).filter(|tag| !living_tags.contains(tag));
        let taken = names.iter().map(|(tag, _)| *tag).filter(|tag| taken.contains(tag));
        plan.untag = taken.chain(dead).cloned().collect();
        plan
    }
}

/// Returns what fallback tags may be about whose names hold only a part of a digest.
fn truncated_fallbacks(inventory: &Inventory) -> BTreeMap<Tag, BTreeSet<Digest>> {
    let is_truncated = |tag: &Tag| tag.is_attachment() && tag.attached_to().is_none();
    let mut found: BTreeMap<Tag, BTreeSet<Digest>> = BTreeMap::new();
    if inventory.tags.keys().any(is_truncated) {
        for (id, _) in inventory.graph.nodes() {
            let tag = Tag::referrers_fallback(&id.digest);
            if is_truncated(&tag) && inventory.tags.contains_key(&tag) {
                found.entry(tag).or_default().insert(id.digest);
            }
        }
    }
    found
}

/// Moves everything that `pending` keeps alive into `keep`.
fn mark(graph: &Graph, pending: &mut Vec<NodeId>, keep: &mut BTreeSet<NodeId>) {
    while let Some(id) = pending.pop() {
        if graph.node(&id).is_none() || !keep.insert(id) {
            continue;
        }
        pending.extend(graph.edges_from(&id).filter(|edge| edge.kind.is_content()).map(|edge| edge.to));
        let about = graph.edges_to(&id).filter(|edge| edge.kind == EdgeKind::Subject);
        pending.extend(about.map(|edge| edge.from));
    }
}

/// Orders nodes so that each comes before what it is made of.
fn parents_first(graph: &Graph, nodes: Vec<NodeId>) -> Vec<NodeId> {
    let removed: BTreeSet<NodeId> = nodes.iter().copied().collect();
    let mut done = BTreeSet::new();
    let mut order = Vec::with_capacity(nodes.len());
    for id in nodes {
        let mut stack = vec![(id, false)];
        while let Some((id, expanded)) = stack.pop() {
            if done.contains(&id) {
                continue;
            }
            if expanded {
                done.insert(id);
                order.push(id);
                continue;
            }
            stack.push((id, true));
            let made_of = graph.edges_from(&id).filter(|edge| edge.kind.is_content() && removed.contains(&edge.to));
            stack.extend(made_of.map(|edge| (edge.to, false)));
        }
    }
    order.reverse();
    order
}
