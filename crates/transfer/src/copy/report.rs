//! What a copy did.

use graph::ProofReport;
use oci::{Descriptor, Digest, Tag};

use super::Planned;
use crate::error::TransferError;

/// The outcome of one route.
pub type RouteOutcome = Result<RouteReport, TransferError>;

/// What a copy did, route by route.
#[derive(Debug)]
pub struct CopyReport {
    /// One outcome for each route, in their order.
    pub routes: Vec<RouteOutcome>,
}

/// What became of one route.
#[derive(Clone, Debug, Default)]
pub struct RouteReport {
    /// The source.
    pub source: String,
    /// The destination.
    pub destination: String,
    /// The roots, with the tags they have at the destination.
    pub roots: Vec<(Option<Tag>, Digest)>,
    /// Those of the roots that were narrowed to some platforms: new content, about which no signature says anything.
    pub narrowed: Vec<Digest>,
    /// Blobs whose bytes moved.
    pub blobs_moved: usize,
    /// Bytes of those.
    pub bytes_moved: u64,
    /// Blobs that were mounted or linked.
    pub blobs_adopted: usize,
    /// Blobs that were there.
    pub blobs_present: usize,
    /// Manifests that were put; in a plan, that would be.
    pub manifests_put: usize,
    /// In a plan, what would move at most.
    pub planned: Vec<Descriptor>,
    /// Non-distributable layers that were left where they are.
    pub foreign: Vec<Descriptor>,
    /// The proof. A plan has none.
    pub proof: Option<ProofReport>,
}

impl RouteReport {
    /// Returns what a plan says before it is applied.
    pub(super) fn of_plan(planned: &Planned) -> Self {
        let graph = &planned.explored.closure.graph;
        let blobs = graph.nodes().filter(|(id, _)| id.space == graph::Space::Blob).count();
        Self {
            source: planned.route.source.location().to_owned(),
            destination: planned.route.destination.location().to_owned(),
            roots: planned.explored.roots.iter().map(|root| (root.tag.clone(), root.descriptor.digest)).collect(),
            narrowed: planned
                .route
                .roots
                .iter()
                .filter_map(|root| Some(*root.narrowed.as_ref()?.root.digest()))
                .collect(),
            blobs_present: blobs - planned.plan.blobs.len() - planned.plan.foreign.len(),
            manifests_put: planned.plan.manifest_count(),
            planned: planned.plan.blobs.clone(),
            foreign: planned.plan.foreign.clone(),
            ..Self::default()
        }
    }
}
