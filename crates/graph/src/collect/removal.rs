//! What taking names away sets free, entry by entry, each with the reason.
//!
//! The plan is cut into sections by who can see what. What tags and referrers lead to looks the same wherever a graph lies, so
//! that section is the same for a layout and for every registry. How a store keeps its lists of referrers, and content that
//! nothing leads to, stand in sections of their own: not every store has the former or shows the latter.

mod reach;
mod reason;

use std::collections::BTreeSet;

use oci::{Digest, ManifestKind, MediaType, Tag};

pub use reason::Reason;

use self::reach::Reach;
use self::reason::Reasons;
use super::{CollectionPlan, Inventory, parents_first};
use crate::node::{Graph, Node, NodeId, Space};

/// What goes when some names are taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemovalPlan {
    /// What tags and referrers lead to.
    pub reachable: Section,
    /// Fallback tags, the lists that they name, and what only such a list leads to.
    pub lists: Section,
    /// What nothing leads to.
    pub unreachable: Section,
    /// Size in bytes of everything that reachable manifests which go share with what stays. It is not set free.
    pub shared_bytes: u64,
    /// The same as nodes, for a store that is changed all at once.
    pub collection: CollectionPlan,
}

/// One part of what goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Tags, in the order of their text.
    pub tags: Vec<TagRemoval>,
    /// Manifests in the order in which they are to be removed: parents before children, subjects before referrers.
    pub manifests: Vec<Removal>,
    /// Blobs that no manifest needs any more, in the order of their digests.
    pub blobs: Vec<Removal>,
}

/// A tag that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRemoval {
    /// The tag.
    pub tag: Tag,
    /// What it named when the plan was made. A tag that names something else has moved and is not removed.
    pub digest: Digest,
    /// Why it goes.
    pub reason: Reason,
    /// Whether what it names stays, because something else needs it.
    pub manifest_stays: bool,
}

/// A manifest or blob that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Its content.
    pub digest: Digest,
    /// The type of a manifest, by its bytes. What a blob is taken for depends on who names it.
    pub media_type: Option<MediaType>,
    /// Size in bytes.
    pub size: u64,
    /// Why it goes.
    pub reason: Reason,
}

impl Section {
    /// Returns the number of bytes that become free. Every node is counted once, as it stands in one section and once.
    pub fn bytes(&self) -> u64 {
        self.manifests.iter().chain(&self.blobs).fold(0, |sum, removal| sum.saturating_add(removal.size))
    }

    /// Tells whether nothing goes.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.manifests.is_empty() && self.blobs.is_empty()
    }
}

impl RemovalPlan {
    /// Returns what goes when the names `taken` do.
    ///
    /// `pinned` are roots beyond the tags. `recent` are nodes that somebody may be about to name: those that no tag leads to stay,
    /// with everything that they are made of.
    pub fn new(
        inventory: &Inventory,
        taken: &BTreeSet<Tag>,
        pinned: &BTreeSet<NodeId>,
        recent: &BTreeSet<NodeId>,
    ) -> Self {
        let reach = Reach::of(inventory);
        let pins = pinned.iter().chain(recent.iter().filter(|id| !reach.leads_to(id))).copied();
        let collection = CollectionPlan::without(inventory, taken, pins);
        let mut plan = Self { collection, ..Self::default() };
        plan.fill_tags(inventory, taken, &reach);
        plan.fill_nodes(inventory, taken, &reach);
        plan.shared_bytes = shared_bytes(&inventory.graph, &plan);
        plan
    }

    /// Returns the sections in the order in which they are told.
    pub fn sections(&self) -> [&Section; 3] {
        [&self.reachable, &self.lists, &self.unreachable]
    }

    fn fill_tags(&mut self, inventory: &Inventory, taken: &BTreeSet<Tag>, reach: &Reach) {
        let mut untag = self.collection.untag.clone();
        untag.sort();
        for tag in untag {
            let Some(&digest) = inventory.tags.get(&tag) else { continue };
            let manifest_stays = self.collection.keep.contains(&NodeId::manifest(digest));
            let (section, reason) = if taken.contains(&tag) {
                (&mut self.reachable, Reason::Rule)
            } else {
                let subject = tag.attached_to().map(|(subject, _)| subject);
                let there = subject.filter(|subject| is_there(&inventory.graph, subject));
                let reason = match (there, subject) {
                    (Some(subject), _) => Reason::About(subject),
                    (None, Some(subject)) => Reason::SubjectGone(subject),
                    (None, None) => Reason::Unneeded,
                };
                let section = match tag.attached_to() {
                    Some((_, Some(_))) if there.is_none_or(|subject| reach.leads_to_digest(&subject)) => {
                        &mut self.reachable
                    }
                    Some((_, Some(_))) => &mut self.unreachable,
                    _ => &mut self.lists,
                };
                (section, reason)
            };
            section.tags.push(TagRemoval { tag, digest, reason, manifest_stays });
        }
    }

    fn fill_nodes(&mut self, inventory: &Inventory, taken: &BTreeSet<Tag>, reach: &Reach) {
        let graph = &inventory.graph;
        let reasons = Reasons::new(inventory, taken, reach, &self.collection.keep);
        let going = std::mem::take(&mut self.collection.remove);
        let (reachable, others): (Vec<_>, Vec<_>) = going.iter().partition(|id| reach.leads_to(id));
        let (listed, others) = others.into_iter().partition(|id| reach.lists_lead_to(id));
        // Each section is ordered by itself, so that what one store shows beside it does not change the order of another.
        let sections = [&mut self.reachable, &mut self.lists, &mut self.unreachable];
        for (section, mut ids) in sections.into_iter().zip([reachable, listed, others]) {
            ids.sort_unstable();
            let mut order = parents_first(graph, ids);
            // Among nodes that are equally far from what is named, parents stay before children.
            order.sort_by_key(|id| (reach.is_list(id), reach.depth(id)));
            for id in order {
                let Some(node) = graph.node(&id).filter(|node| is_removable(&id, node)) else { continue };
                let media_type = node.manifest.as_ref().map(|manifest| manifest.media_type().clone());
                let removal =
                    Removal { digest: id.digest, media_type, size: node.descriptor.size, reason: reasons.of(&id) };
                match id.space {
                    Space::Manifest => section.manifests.push(removal),
                    Space::Blob => section.blobs.push(removal),
                }
            }
            section.blobs.sort_by_key(|removal| removal.digest);
        }
        self.collection.remove = going;
    }
}

/// Tells whether a node can be removed at all: a manifest that the store lacks and a layer that lies elsewhere cannot.
fn is_removable(id: &NodeId, node: &Node) -> bool {
    match id.space {
        Space::Manifest => node.manifest.is_some(),
        Space::Blob => !node.descriptor.media_type.is_non_distributable(),
    }
}

/// Tells whether the store has this content, as far as it was seen.
fn is_there(graph: &Graph, digest: &Digest) -> bool {
    graph.manifest(digest).is_some() || graph.node(&NodeId::blob(*digest)).is_some()
}

/// Tells whether a tag's name is that of a list of referrers and what it names is one.
fn is_list(inventory: &Inventory, tag: &Tag, digest: &Digest) -> bool {
    let is_index = |kind| kind == ManifestKind::Index;
    tag.is_attachment()
        && !matches!(tag.attached_to(), Some((_, Some(_))))
        && inventory.graph.manifest(digest).is_some_and(|manifest| is_index(manifest.kind()))
}

fn shared_bytes(graph: &Graph, plan: &RemovalPlan) -> u64 {
    let mut shared = BTreeSet::new();
    for removal in &plan.reachable.manifests {
        let parts = graph.edges_from(&NodeId::manifest(removal.digest)).filter(|edge| edge.kind.is_content());
        shared.extend(parts.map(|edge| edge.to).filter(|part| plan.collection.keep.contains(part)));
    }
    let nodes = shared.iter().filter_map(|id| graph.node(id));
    nodes.fold(0, |sum, node| sum.saturating_add(node.descriptor.size))
}
