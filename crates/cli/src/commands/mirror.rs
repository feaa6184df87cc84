//! `mirror`

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use oci::{Digest, Tag};
use ops::mirror::{Deletion, MirrorList, MirrorReport, MirrorRequest, RuleReport};
use ops::{CopyOptions, OpsError};
use serde::Serialize;

use super::describe::pinned;
use crate::arguments::duration;
use crate::exit::{self, Exit, Partial, Unread};
use crate::printer::{ByteSize, Document, Text, count, warn};
use crate::session::Session;

/// Keep destinations in step with sources, once or on a schedule
///
/// FILE says which versions or tags of which repositories go where: a list of ours (TOML), regclient's regsync.yml, or the
/// source of `skopeo sync`. All of it is one plan: what a destination has is not moved again, and artifacts go with the
/// images.
///
/// Tags that no rule wants any more are named, and deleted with --delete: only those that the mirror put itself, which
/// FILE.state remembers, and only as long as they name what it put.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct MirrorArguments {
    /// The list
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Do it once, whatever the list says
    #[arg(long, conflicts_with = "every")]
    once: bool,

    /// Do it again and again, with this much time between, as in 30m or 1h
    #[arg(long, alias = "interval", value_name = "DURATION", value_parser = duration)]
    every: Option<Duration>,

    /// Where the images of a list go that does not say it; with a slash at its end, below it
    #[arg(long, value_name = "PLACE")]
    to: Option<String>,

    /// Delete the tags that no rule wants any more
    #[arg(long)]
    delete: bool,

    /// File that remembers which tags the mirror put [default: FILE.state]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,

    /// Go on with the other rules when one fails
    #[arg(long)]
    keep_going: bool,

    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

const EXAMPLES: &str = "Examples:
  supercargo mirror mirror.toml --dry-run
  supercargo mirror mirror.toml --every 1h --delete --keep-going
  supercargo mirror skopeo.yaml --to registry.example/mirror/";

impl MirrorArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        if !session.settings.platforms.is_empty() {
            return Err(OpsError::usage(
                "the list says which platforms are mirrored",
                "platforms = [\"linux/amd64\"]    (in the rule)".to_owned(),
            )
            .into());
        }
        let to = self.to.as_deref().map(|to| session.destination(to)).transpose()?;
        let list = ops::mirror::read(&self.file, to.as_ref())?;
        list.unread.iter().for_each(|entry| warn(&format!("left out: {entry}")));
        let request = MirrorRequest {
            state: self.state.clone().unwrap_or_else(|| beside(&self.file)),
            delete: self.delete,
            dry_run: self.dry_run,
            options: CopyOptions { keep_going: self.keep_going, jobs: session.settings.jobs, ..CopyOptions::default() },
        };
        let every = match (self.once || self.dry_run, self.every, list.every) {
            (true, ..) => None,
            (false, Some(every), _) => Some(every),
            (false, None, seconds) => seconds.map(Duration::from_secs),
        };
        let Some(every) = every else {
            round(session, &list, &request).await?;
            return Unread(list.unread.len()).outcome();
        };
        loop {
            // What failed may be there the next time; what was asked for wrongly, or a disk that is full, is not mended by waiting.
            if let Err(error) = round(session, &list, &request).await {
                let is_lasting = matches!(exit::of(&error), Exit::Usage | Exit::FileSystem | Exit::Internal);
                if is_lasting || error.is::<exit::OutputClosed>() {
                    return Err(error);
                }
                session.tell(&error);
            }
            tokio::time::sleep(every).await;
        }
    }
}

/// Returns the file's name with `.state` after it.
fn beside(file: &std::path::Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".state");
    name.into()
}

/// Mirrors once, and prints the outcome.
async fn round(session: &Session, list: &MirrorList, request: &MirrorRequest) -> Result<()> {
    let report = ops::mirror::mirror(&session.context, list, request, session.progress()).await;
    session.keep_observations();
    let report = report?;
    session.print(&MirrorDocument::new(&report, request.dry_run))?;
    if request.delete && !list.unread.is_empty() {
        session.printer.note("nothing is deleted as long as an entry of the list cannot be read");
    }
    if !request.delete && !report.deletions.is_empty() {
        let tags = count(report.deletions.len(), "tag");
        session.printer.note(&format!("no rule wants {tags} of the mirror any more; --delete takes such tags away"));
    }
    let total = report.rules.len() + report.deletions.len() + report.failures.len();
    let mut failures = Vec::new();
    for error in report.rules.into_iter().filter_map(Result::err).chain(report.failures) {
        failures.push(exit::of_kind(error.kind()));
        session.tell(&error.into());
    }
    if failures.is_empty() { Ok(()) } else { Err(Partial { failures, total }.into()) }
}

/// What was done. The names of the fields are a public interface.
#[derive(Serialize)]
struct MirrorDocument {
    dry_run: bool,
    rules: Vec<RuleShape>,
    deletions: Vec<DeletionShape>,
}

#[derive(Clone, Default, Serialize)]
struct RuleShape {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
    /// How many images the rule wants.
    images: usize,
    blobs_moved: usize,
    bytes_moved: u64,
    blobs_adopted: usize,
    manifests_put: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorShape>,
}

#[derive(Clone, Serialize)]
struct ErrorShape {
    message: String,
    exit_code: u8,
}

#[derive(Serialize)]
struct DeletionShape {
    reference: String,
    destination: String,
    tag: Tag,
    digest: Digest,
    deleted: bool,
}

impl RuleShape {
    fn new(outcome: &Result<RuleReport, OpsError>) -> Self {
        let rule = match outcome {
            Ok(rule) => rule,
            Err(error) => {
                let exit_code = exit::of_kind(error.kind()) as u8;
                return Self { error: Some(ErrorShape { message: error.to_string(), exit_code }), ..Self::default() };
            }
        };
        let route = rule.route.clone().unwrap_or_default();
        Self {
            source: Some(rule.source.clone()),
            destination: Some(rule.destination.clone()),
            images: rule.images,
            blobs_moved: route.blobs_moved + route.planned.len(),
            bytes_moved: route.bytes_moved + route.planned.iter().map(|blob| blob.size).sum::<u64>(),
            blobs_adopted: route.blobs_adopted,
            manifests_put: route.manifests_put,
            error: None,
        }
    }

    fn text(&self, text: &mut Text, dry_run: bool) {
        let (Some(source), Some(destination)) = (&self.source, &self.destination) else { return };
        let done = if self.blobs_moved == 0 && self.blobs_adopted == 0 && self.manifests_put == 0 {
            "nothing to move".to_owned()
        } else {
            let mounted =
                if self.blobs_adopted == 0 { String::new() } else { format!(", {} mounted", self.blobs_adopted) };
            let (moved, bytes) = (count(self.blobs_moved, "blob"), ByteSize(self.bytes_moved));
            let manifests = count(self.manifests_put, "manifest");
            let [before, after] = if dry_run { ["would move ", " to put"] } else { ["", " put"] };
            let moved = if dry_run { format!("{before}{moved}") } else { format!("{moved} moved") };
            format!("{moved} ({bytes}){mounted}, {manifests}{after}")
        };
        text.line(format_args!("{source} -> {destination}: {}: {done}", count(self.images, "image")));
    }
}

impl MirrorDocument {
    fn new(report: &MirrorReport, dry_run: bool) -> Self {
        let deletion = |deletion: &Deletion| DeletionShape {
            reference: pinned(&deletion.destination, Some(&deletion.tag), &deletion.digest),
            destination: deletion.destination.clone(),
            tag: deletion.tag.clone(),
            digest: deletion.digest,
            deleted: deletion.deleted,
        };
        Self {
            dry_run,
            rules: report.rules.iter().map(RuleShape::new).collect(),
            deletions: report.deletions.iter().map(deletion).collect(),
        }
    }
}

impl Document for MirrorDocument {
    fn command(&self) -> &'static str {
        "mirror"
    }

    fn text(&self, text: &mut Text) {
        for rule in &self.rules {
            rule.text(text, self.dry_run);
        }
        for deletion in &self.deletions {
            let what = if deletion.deleted { "deleted" } else { "not wanted any more:" };
            text.line(format_args!("{what} {}", deletion.reference));
        }
    }
}
