//! What is printed of a copy.

use oci::{Digest, Tag};
use ops::relocate::Mapping;
use ops::{OpsError, RouteReport};
use serde::Serialize;

use crate::commands::describe::pinned;
use crate::exit;
use crate::printer::{ByteSize, Document, Table, Text, count};

/// The outcome of a copy. The names of the fields are a public interface.
#[derive(Serialize)]
pub(super) struct CopyDocument {
    #[serde(skip)]
    command: &'static str,
    dry_run: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mapping: Vec<MappingShape>,
    routes: Vec<RouteShape>,
}

#[derive(Serialize)]
struct MappingShape {
    name: String,
    from: String,
    to: String,
}

#[derive(Clone, Serialize)]
struct RouteShape {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
    images: Vec<ImageShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blobs: Option<BlobCounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifests_put: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    foreign_layers: Vec<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<ProofShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorShape>,
}

#[derive(Clone, Serialize)]
struct ImageShape {
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<Tag>,
    digest: Digest,
}

#[derive(Clone, Serialize)]
struct BlobCounts {
    moved: usize,
    bytes_moved: u64,
    adopted: usize,
    present: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_planned: Option<u64>,
}

#[derive(Clone, Serialize)]
struct ProofShape {
    nodes: usize,
    edges: usize,
    extra_referrers: usize,
}

#[derive(Clone, Serialize)]
struct ErrorShape {
    message: String,
    exit_code: u8,
    missing: Vec<Digest>,
}

impl CopyDocument {
    pub(super) fn new(
        command: &'static str,
        dry_run: bool,
        mapping: Vec<Mapping>,
        outcomes: &[Result<RouteReport, OpsError>],
    ) -> Self {
        let mapping = mapping.into_iter().map(|Mapping { name, from, to }| MappingShape { name, from, to }).collect();
        Self { command, dry_run, mapping, routes: outcomes.iter().map(RouteShape::new).collect() }
    }
}

impl RouteShape {
    fn new(outcome: &Result<RouteReport, OpsError>) -> Self {
        match outcome {
            Ok(route) => Self::of_report(route),
            Err(error) => Self::of_error(error),
        }
    }

    fn of_report(route: &RouteReport) -> Self {
        let images = route.roots.iter().map(|(tag, digest)| ImageShape {
            reference: pinned(&route.destination, tag.as_ref(), digest),
            tag: tag.clone(),
            digest: *digest,
        });
        let is_plan = route.proof.is_none();
        Self {
            source: Some(route.source.clone()),
            destination: Some(route.destination.clone()),
            images: images.collect(),
            blobs: Some(BlobCounts {
                moved: route.blobs_moved,
                bytes_moved: route.bytes_moved,
                adopted: route.blobs_adopted,
                present: route.blobs_present,
                planned: is_plan.then_some(route.planned.len()),
                bytes_planned: is_plan.then(|| route.planned.iter().map(|blob| blob.size).sum()),
            }),
            manifests_put: Some(route.manifests_put),
            foreign_layers: route.foreign.iter().map(|layer| layer.digest).collect(),
            proof: route.proof.as_ref().map(|proof| ProofShape {
                nodes: proof.nodes,
                edges: proof.edges,
                extra_referrers: proof.extra_referrers.len(),
            }),
            error: None,
        }
    }

    fn of_error(error: &OpsError) -> Self {
        Self {
            source: None,
            destination: None,
            images: Vec::new(),
            blobs: None,
            manifests_put: None,
            foreign_layers: Vec::new(),
            proof: None,
            error: Some(ErrorShape {
                message: error.to_string(),
                exit_code: exit::of_kind(error.kind()) as u8,
                missing: crate::error::missing_digests(error),
            }),
        }
    }

    /// Writes the images, one a line.
    fn text_of_images(&self, text: &mut Text) {
        for image in &self.images {
            text.line(format_args!("{}", image.reference));
        }
    }

    /// Writes a line of what was done.
    fn text(&self, text: &mut Text) {
        let (Some(blobs), Some(manifests)) = (&self.blobs, self.manifests_put) else { return };
        if let (Some(planned), Some(bytes)) = (blobs.planned, blobs.bytes_planned) {
            text.line(format_args!(
                "would move {} ({}) and put {}; {} there",
                count(planned, "blob"),
                ByteSize(bytes),
                count(manifests, "manifest"),
                count(blobs.present, "blob")
            ));
        } else if let Some(proof) = &self.proof {
            text.line(format_args!(
                "proven: {} and {} are there; {}",
                count(proof.nodes, "node"),
                count(proof.edges, "edge"),
                done(blobs, manifests)
            ));
        }
    }
}

/// Says what was done, leaving out what was not.
fn done(blobs: &BlobCounts, manifests: usize) -> String {
    let mut parts = Vec::new();
    if blobs.moved > 0 {
        parts.push(format!("{} moved ({})", count(blobs.moved, "blob"), ByteSize(blobs.bytes_moved)));
    }
    if blobs.adopted > 0 {
        parts.push(format!("{} mounted", count(blobs.adopted, "blob")));
    }
    if manifests > 0 {
        parts.push(format!("{} put", count(manifests, "manifest")));
    }
    if parts.is_empty() { "nothing had to move".to_owned() } else { parts.join(", ") }
}

impl Document for CopyDocument {
    fn command(&self) -> &'static str {
        self.command
    }

    fn text(&self, text: &mut Text) {
        let mut table = Table::new(&["IMAGE", "FROM", "TO"]);
        for MappingShape { name, from, to } in &self.mapping {
            // The digest is that of the other side, unless the image was narrowed.
            let from = from.split_once('@').map_or(from.as_str(), |(from, _)| from);
            table.row([name.as_str(), from, to]);
        }
        text.table(&table);
        for route in &self.routes {
            if self.mapping.is_empty() {
                route.text_of_images(text);
            }
            route.text(text);
        }
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.routes.clone())
    }
}
