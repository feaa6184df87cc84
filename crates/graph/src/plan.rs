//! What a copy does, in which order.
//!
//! Blobs, children, manifests by digest, referrers, fallback tags, the root's tag last: so a tag never names something
//! incomplete (ARCHITECTURE.md, "Copy, step by step").

use std::collections::{BTreeMap, BTreeSet};

use oci::{Descriptor, Digest};

use crate::node::{EdgeKind, Graph, NodeId, Space, content_edges};

/// What a copy of a graph has to move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyPlan {
    /// Blobs to move, the largest first, each once.
    pub blobs: Vec<Descriptor>,
    /// Manifests to put by digest, in waves: those of one wave need nothing of each other, only of earlier waves.
    pub manifests: Vec<Vec<Digest>>,
    /// Referrers to put by digest after all of those, in waves.
    pub referrers: Vec<Vec<Digest>>,
    /// Foreign layers that were left where they are.
    pub foreign: Vec<Descriptor>,
    /// Subject and referrers for every subject that has any, for destinations that need a fallback tag.
    pub subjects: BTreeMap<Digest, Vec<Digest>>,
}

impl CopyPlan {
    /// Returns what has to be moved of `graph` to a place that already has the nodes for which `present` says so.
    ///
    /// Non-distributable layers are left out unless `include_foreign` (image-spec, "Non-Distributable Layers").
    pub fn new(graph: &Graph, include_foreign: bool, present: impl Fn(&NodeId) -> bool) -> Self {
        let mut plan = Self::default();
        let distributable = distributable_blobs(graph);
        for (id, node) in graph.nodes().filter(|(id, _)| id.space == Space::Blob) {
            if !include_foreign && !distributable.contains(id) {
                plan.foreign.push(node.descriptor.clone());
            } else if !present(id) {
                plan.blobs.push(node.descriptor.clone());
            }
        }
        plan.blobs.sort_by(|a, b| b.size.cmp(&a.size).then(a.digest.cmp(&b.digest)));
        let levels = content_levels(graph);
        let images = reached_by_content(graph);
        for (id, level) in levels {
            if present(&id) {
                continue;
            }
            let waves = if images.contains(&id) { &mut plan.manifests } else { &mut plan.referrers };
            if waves.len() <= level {
                waves.resize(level + 1, Vec::new());
            }
            waves[level].push(id.digest);
        }
        plan.manifests.retain(|wave| !wave.is_empty());
        plan.referrers.retain(|wave| !wave.is_empty());
        for edge in graph.edges().filter(|edge| edge.kind == EdgeKind::Subject) {
            plan.subjects.entry(edge.to.digest).or_default().push(edge.from.digest);
        }
        plan
    }

    /// Tells whether there is nothing to move.
    pub fn is_empty(&self) -> bool {
        self.blobs.is_empty() && self.manifests.is_empty() && self.referrers.is_empty()
    }

    /// Returns the number of bytes of the blobs to move.
    pub fn blob_bytes(&self) -> u64 {
        // Sizes are what strangers say they are.
        self.blobs.iter().fold(0, |sum, blob| sum.saturating_add(blob.size))
    }

    /// Returns the number of manifests to put, referrers among them.
    pub fn manifest_count(&self) -> usize {
        self.manifests.iter().chain(&self.referrers).map(Vec::len).sum()
    }
}

/// Returns the blobs that at least one manifest holds as something else than a non-distributable layer: the same bytes may
/// be foreign in one image and ordinary in the next, which needs them.
fn distributable_blobs(graph: &Graph) -> BTreeSet<NodeId> {
    let manifests = graph.nodes().filter_map(|(_, node)| node.manifest.as_ref());
    let held =
        manifests.flat_map(content_edges).filter(|(_, descriptor)| !descriptor.media_type.is_non_distributable());
    held.map(|(edge, _)| edge.to).collect()
}

/// Returns the manifests that the roots are made of, the roots among them.
fn reached_by_content(graph: &Graph) -> BTreeSet<NodeId> {
    let mut reached = BTreeSet::new();
    let mut pending: Vec<NodeId> = graph.roots().to_vec();
    while let Some(id) = pending.pop() {
        if id.space == Space::Manifest && reached.insert(id) {
            pending.extend(graph.edges_from(&id).filter(|edge| edge.kind == EdgeKind::Child).map(|edge| edge.to));
        }
    }
    reached
}

/// Returns for every manifest the length of the longest chain of children below it. Content edges are hashes, so they
/// form no cycle; the visit is iterative all the same, because the depth is the input's choice.
pub fn content_levels(graph: &Graph) -> BTreeMap<NodeId, usize> {
    let mut levels: BTreeMap<NodeId, usize> = BTreeMap::new();
    for (id, _) in graph.nodes().filter(|(id, _)| id.space == Space::Manifest) {
        let mut stack = vec![(*id, false)];
        while let Some((id, expanded)) = stack.pop() {
            if levels.contains_key(&id) {
                continue;
            }
            let children = || {
                graph.edges_from(&id).filter(|edge| edge.kind == EdgeKind::Child && edge.to.space == Space::Manifest)
            };
            if expanded {
                let level = children().filter_map(|edge| levels.get(&edge.to)).max().map_or(0, |below| below + 1);
                levels.insert(id, level);
            } else {
                stack.push((id, true));
                stack.extend(children().map(|edge| (edge.to, false)));
            }
        }
    }
    levels
}
