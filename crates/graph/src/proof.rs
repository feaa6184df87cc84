//! What was selected against what a destination shows.
//!
//! A copy ends with a proof: every selected node and edge of the source is at the destination. More referrers there are
//! reported and are no error.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Digest, Tag};

use crate::node::{Edge, EdgeKind, Graph, NodeId, Space};

/// What a destination has shown.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Nodes it has answered for.
    pub present: BTreeSet<NodeId>,
    /// What it lists as referring to each subject it was asked about.
    pub referrers: BTreeMap<Digest, BTreeSet<Digest>>,
    /// What its tags point to.
    pub tags: BTreeMap<Tag, Digest>,
}

impl Evidence {
    /// Adds what follows from content addressing and from the order in which supercargo writes: a manifest that is there
    /// has what it is made of, because it is put after its content and a tag after everything.
    pub fn assume_content_of_present(&mut self, graph: &Graph) {
        let mut pending: Vec<NodeId> = self.present.iter().copied().filter(|id| id.space == Space::Manifest).collect();
        while let Some(id) = pending.pop() {
            for edge in graph.edges_from(&id).filter(|edge| edge.kind.is_content()) {
                if self.present.insert(edge.to) && edge.to.space == Space::Manifest {
                    pending.push(edge.to);
                }
            }
        }
    }
}

/// The outcome of a proof.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProofReport {
    /// Number of nodes that were selected.
    pub nodes: usize,
    /// Number of edges that were selected.
    pub edges: usize,
    /// Selected nodes that the destination did not show.
    pub missing_nodes: Vec<NodeId>,
    /// Selected subject and convention edges that the destination did not show.
    pub missing_edges: Vec<Edge>,
    /// Tags that do not point to what they should, with what they do point to.
    pub wrong_tags: Vec<(Tag, Option<Digest>)>,
    /// Referrers that the destination lists beyond the selected ones, with their subject.
    pub extra_referrers: Vec<(Digest, Digest)>,
}

impl ProofReport {
    /// Compares what was selected with what the destination showed. `selected` says which nodes of the graph the copy
    /// promised to carry; `tags` are the tags it promised to set.
    pub fn new(
        graph: &Graph,
        selected: impl Fn(&NodeId) -> bool,
        tags: &BTreeMap<Tag, Digest>,
        evidence: &Evidence,
    ) -> Self {
        let mut report = Self::default();
        for (id, _) in graph.nodes().filter(|(id, _)| selected(id)) {
            report.nodes += 1;
            if !evidence.present.contains(id) {
                report.missing_nodes.push(*id);
            }
        }
        for edge in graph.edges().filter(|edge| selected(&edge.from)) {
            report.edges += 1;
            let shown = match edge.kind {
                // Written in the bytes of a node whose presence is checked above.
                EdgeKind::Config | EdgeKind::Layer | EdgeKind::Child => true,
                EdgeKind::Subject => {
                    let listed = evidence.referrers.get(&edge.to.digest);
                    // The subject is not a node when the artifact was itself the root of the copy.
                    graph.node(&edge.to).is_none() || listed.is_some_and(|listed| listed.contains(&edge.from.digest))
                }
                EdgeKind::Convention(suffix) => {
                    evidence.tags.get(&Tag::convention(&edge.to.digest, suffix)) == Some(&edge.from.digest)
                }
            };
            if !shown {
                report.missing_edges.push(edge);
            }
        }
        for (tag, digest) in tags {
            let found = evidence.tags.get(tag);
            if found != Some(digest) {
                report.wrong_tags.push((tag.clone(), found.copied()));
            }
        }
        for (subject, listed) in &evidence.referrers {
            let extra = listed.iter().filter(|digest| graph.node(&NodeId::manifest(**digest)).is_none());
            report.extra_referrers.extend(extra.map(|digest| (*subject, *digest)));
        }
        report
    }

    /// Tells whether everything that was selected is at the destination.
    pub fn holds(&self) -> bool {
        self.missing_nodes.is_empty() && self.missing_edges.is_empty() && self.wrong_tags.is_empty()
    }
}
