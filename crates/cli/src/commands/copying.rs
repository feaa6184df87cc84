//! What all commands that copy have in common: their switches, and what they print.

use anyhow::Result;
use clap::Args;
use graph::WalkOptions;
use oci::{Digest, Tag};
use ops::copy::CopyRequest;
use ops::project::Scope;
use ops::relocate::{Mapping, RelocateRequest};
use ops::resolve::lock::Lock;
use ops::resolve::project::Groups;
use ops::{CopyOptions, CopyReport, Destination, OpsError, RouteReport};
use serde::Serialize;

use super::describe::pinned;
use super::locking;
use crate::exit::{self, Partial};
use crate::printer::{self, ByteSize, Document, Table, Text, count};
use crate::session::Session;

/// The switches that mean nothing where single files are moved.
pub(super) const ABOUT_GRAPHS: [&str; 5] =
    ["no_artifacts", "no_layer_artifacts", "include_foreign_layers", "recheck", "keep_going"];

/// Switches of every command that copies.
#[derive(Args, Clone, Debug)]
pub(crate) struct CopySwitches {
    /// Leave out everything that is attached: signatures, SBOMs, attestations
    #[arg(long)]
    no_artifacts: bool,

    /// Leave out what is attached to layers
    #[arg(long)]
    no_layer_artifacts: bool,

    /// Copy non-distributable layers too: from the source, or else from the URLs that the manifest names for them
    #[arg(long)]
    include_foreign_layers: bool,

    /// Ask the destination for every single blob, whatever it has already
    #[arg(long)]
    recheck: bool,

    /// Go on with the other images when one fails
    #[arg(long)]
    keep_going: bool,

    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl CopySwitches {
    /// Tells whether a switch is given that means nothing where single files are moved.
    pub(super) const fn are_about_graphs(&self) -> bool {
        self.no_artifacts || self.no_layer_artifacts || self.include_foreign_layers || self.recheck || self.keep_going
    }

    /// Returns the options of a copy.
    pub(super) fn options(&self, session: &Session) -> CopyOptions {
        CopyOptions {
            walk: WalkOptions {
                artifacts: !self.no_artifacts,
                layer_artifacts: !self.no_artifacts && !self.no_layer_artifacts,
            },
            include_foreign_layers: self.include_foreign_layers,
            keep_going: self.keep_going,
            recheck: self.recheck,
            jobs: session.settings.jobs,
        }
    }
}

/// Copies, or says what would be copied, and prints the outcome as that of `command`.
pub(super) async fn run(
    command: &'static str,
    session: &Session,
    switches: &CopySwitches,
    request: CopyRequest,
) -> Result<()> {
    let request =
        CopyRequest { options: switches.options(session), platforms: session.settings.platforms.clone(), ..request };
    let report = if switches.dry_run {
        ops::copy::plan(&session.context, &request).await?
    } else {
        ops::copy::copy(&session.context, &request, session.progress()).await?
    };
    print(command, session, report, switches.dry_run)
}

/// Copies the images of a project in some groups as they are locked, or says what would be copied, and prints where each image is then.
pub(super) async fn run_project(
    command: &'static str,
    session: &Session,
    switches: &CopySwitches,
    groups: &Groups,
    scope: Scope,
    destination: Destination,
    since: Option<Lock>,
) -> Result<()> {
    let open = locking::current(session, switches.dry_run).await?.narrowed(groups, scope)?;
    let request = RelocateRequest {
        destination,
        platforms: session.settings.platforms.clone(),
        since,
        options: switches.options(session),
        dry_run: switches.dry_run,
    };
    let moved = ops::relocate::relocate(&session.context, &open, &request, session.progress()).await?;
    print_mapped(command, session, moved.copy, moved.mapping, switches.dry_run)
}

/// Prints the outcome of a copy, the notes that belong to it, and an error for each image that failed.
pub(super) fn print(command: &'static str, session: &Session, report: CopyReport, dry_run: bool) -> Result<()> {
    print_mapped(command, session, report, Vec::new(), dry_run)
}

fn print_mapped(
    command: &'static str,
    session: &Session,
    report: CopyReport,
    mapping: Vec<Mapping>,
    dry_run: bool,
) -> Result<()> {
    session.display.finish();
    let outcomes: Vec<Result<RouteReport, OpsError>> =
        report.routes.into_iter().map(|outcome| outcome.map_err(OpsError::from)).collect();
    for route in outcomes.iter().flatten() {
        notes(session, route);
    }
    let routes = outcomes.iter().map(RouteShape::new).collect();
    let mapping = mapping.into_iter().map(|Mapping { name, from, to }| MappingShape { name, from, to }).collect();
    session.print(&CopyDocument { command, dry_run, mapping, routes })?;
    let total = outcomes.len();
    let mut failures = Vec::new();
    for error in outcomes.into_iter().filter_map(Result::err) {
        failures.push(exit::of_kind(error.kind()));
        session.tell(&error.into());
    }
    if failures.is_empty() { Ok(()) } else { Err(Partial { failures, total }.into()) }
}

/// Says what a user should know of a copy that succeeded.
fn notes(session: &Session, route: &RouteReport) {
    for digest in &route.narrowed {
        printer::warn(&format!(
            "narrowed to the platforms asked for, {} has the new digest {digest}: what was signed about the original says nothing about it",
            route.destination
        ));
    }
    for layer in &route.foreign {
        session.printer.note(&format!(
            "non-distributable layer {} was left where it is; --include-foreign-layers copies it",
            layer.digest
        ));
    }
    let extra = route.proof.as_ref().map_or(0, |proof| proof.extra_referrers.len());
    if extra > 0 {
        session.printer.note(&format!("{} has {} beyond those copied", route.destination, count(extra, "artifact")));
    }
}

/// The outcome of a copy. The names of the fields are a public interface.
#[derive(Serialize)]
struct CopyDocument {
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
