//! What is attached to an image, by type.

use std::collections::BTreeMap;

use graph::{EdgeKind, Graph, NodeId, Space};
use oci::Manifest;

/// What is attached of one type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attached {
    /// The artifact type; a manifest without one is known by the type of its config.
    pub artifact_type: String,
    /// How many there are.
    pub count: usize,
}

/// Counts what is about something in the graph, by type.
pub(super) fn attached(graph: &Graph, root: &NodeId) -> Vec<Attached> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (id, node) in graph.nodes().filter(|(id, _)| id.space == Space::Manifest && *id != root) {
        let about = graph.edges_from(id).any(|edge| !edge.kind.is_content() && graph.node(&edge.to).is_some());
        let attests = graph.edges_to(id).any(|edge| edge.kind == EdgeKind::Child) && is_attestation(graph, id);
        if about || attests {
            let kind = node.manifest.as_ref().map(Manifest::referrer_descriptor);
            let kind = kind.and_then(|descriptor| descriptor.artifact_type);
            *counts.entry(kind.unwrap_or_else(|| node.descriptor.media_type.to_string())).or_default() += 1;
        }
    }
    counts.into_iter().map(|(artifact_type, count)| Attached { artifact_type, count }).collect()
}

/// Tells whether an index holds a manifest as a BuildKit attestation about another of its children.
fn is_attestation(graph: &Graph, id: &NodeId) -> bool {
    let parents = graph.edges_to(id).filter(|edge| edge.kind == EdgeKind::Child);
    parents.filter_map(|edge| graph.manifest(&edge.from.digest)).any(|parent| {
        parent.children().iter().any(|child| child.digest == id.digest && child.is_buildkit_attestation())
    })
}
