//! What all commands that copy have in common: their switches, the copy, and what is said of it.

mod document;

use anyhow::Result;
use clap::Args;
use graph::WalkOptions;
use ops::copy::CopyRequest;
use ops::project::Scope;
use ops::relocate::{Mapping, RelocateRequest};
use ops::resolve::lock::Lock;
use ops::resolve::project::Groups;
use ops::{CopyOptions, CopyReport, Destination, OpsError, RouteReport};

use self::document::CopyDocument;
use super::locking;
use crate::exit::{self, Partial};
use crate::printer::{self, count};
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
    session.print(&CopyDocument::new(command, dry_run, mapping, &outcomes))?;
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
