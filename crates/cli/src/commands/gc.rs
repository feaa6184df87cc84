//! `gc`

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand};
use oci::{Digest, Tag};
use ops::gc::{Applied, GcRequest, Left, PlanDocument, RemovalShape, SectionShape};
use ops::resolve::retention::{Age, Pattern, Rules};
use serde::Serialize;

use crate::exit::{self, LeftOver, Partial};
use crate::printer::{ByteSize, Document, Table, Text, count};
use crate::session::Session;

/// Remove what is not needed any more, in a layout or in a repository of any registry
///
/// Without rules no tag goes: only what nothing needs does. Artifacts live and die with what they are about, and what an image
/// that stays is made of stays.
///
/// Example: supercargo gc plan registry.example/shop --delete-tag 'ci-*' --older-than 90d
#[derive(Args, Debug)]
pub(crate) struct GcArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what would be removed, why, and how many bytes that frees
    ///
    /// A tag goes when every rule that is given agrees; patterns of --keep-tag win over all others, and tags that they match do
    /// not count among the newest. Where age counts, images of which nothing says when they were made stay.
    ///
    /// A registry lists neither manifests without a tag nor blobs: a plan for one speaks of what tags and referrers lead to.
    ///
    /// Example: supercargo gc plan registry.example/shop --delete-tag 'ci-*' --keep 10
    Plan {
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Remove it, after looking at each thing again
    ///
    /// By a plan that was written before with `gc plan --format json`, or by one that is made now. What has moved or is needed
    /// since the plan was made is left and named, and the exit code is 7. An interrupted removal is finished with the same plan.
    ///
    /// Example: supercargo gc apply registry.example/shop --plan plan.json
    Apply {
        #[command(flatten)]
        place: PlaceArguments,

        /// Remove what this plan says; the rules are in it
        #[arg(long, value_name = "FILE", conflicts_with_all = ["rules", "keep", "keep_tags", "delete_tags", "older_than"])]
        plan: Option<PathBuf>,

        /// Go on with the rest when something cannot be removed
        #[arg(long)]
        keep_going: bool,

        /// Say what would be removed, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Args, Debug)]
struct PlaceArguments {
    /// A repository, or oci:PATH
    #[arg(value_name = "WHERE")]
    place: String,

    /// Take the rules from this file, in place of the options that follow
    #[arg(long, value_name = "FILE", conflicts_with_all = ["keep", "keep_tags", "delete_tags", "older_than"])]
    rules: Option<PathBuf>,

    /// Of the tags that may go, keep the N whose images are the newest
    #[arg(long, value_name = "N")]
    keep: Option<usize>,

    /// Keep tags like this, whatever other rules say, as in 'v*'; may be given again
    #[arg(long = "keep-tag", value_name = "PATTERN", value_parser = Pattern::parse)]
    keep_tags: Vec<Pattern>,

    /// Let only tags like this go, as in 'ci-*'; may be given again
    #[arg(long = "delete-tag", value_name = "PATTERN", value_parser = Pattern::parse)]
    delete_tags: Vec<Pattern>,

    /// Let only tags go whose images are at least this old, as in 90d
    #[arg(long, value_name = "AGE", value_parser = Age::parse)]
    older_than: Option<Age>,

    /// Leave files of a layout that nothing leads to and that are younger than this
    #[arg(long, value_name = "AGE", value_parser = Age::parse, default_value = "1h")]
    grace: Age,
}

impl PlaceArguments {
    fn request(self, session: &Session) -> Result<GcRequest> {
        let Self { place, rules, keep, keep_tags, delete_tags, older_than, grace } = self;
        let rules = match rules {
            Some(file) => ops::gc::read_rules(&file)?,
            None => Rules { keep, keep_tags, delete: delete_tags, older_than },
        };
        Ok(GcRequest { place: session.reference(&place)?, rules, grace: Duration::from_secs(grace.seconds) })
    }
}

impl GcArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        match self.action {
            Action::Plan { place } => {
                let plan = ops::gc::plan(&session.context, &place.request(session)?).await?;
                session.keep_observations();
                session.print(&PlanPrinted(plan))
            }
            Action::Apply { place, plan, keep_going, dry_run } => {
                let given = plan.as_deref().map(ops::gc::read_plan).transpose()?;
                let request = place.request(session)?;
                let applied = ops::gc::apply(&session.context, &request, given, dry_run, keep_going).await;
                session.keep_observations();
                finish(session, applied?, dry_run, keep_going)
            }
        }
    }
}

/// Prints what was done, and decides how the command ends.
fn finish(session: &Session, mut applied: Applied, dry_run: bool, keep_going: bool) -> Result<()> {
    let failures = std::mem::take(&mut applied.failures);
    let left = applied.left.len();
    let total = applied.tags.len() + applied.manifests.len() + applied.blobs.len() + left + failures.len();
    session.print(&AppliedDocument::new(applied, dry_run))?;
    let mut exits = Vec::new();
    for failure in failures {
        if !keep_going {
            return Err(failure.into());
        }
        exits.push(exit::of_kind(failure.kind()));
        session.tell(&failure.into());
    }
    match (exits.is_empty(), left) {
        (true, 0) => Ok(()),
        (true, left) => Err(LeftOver(left).into()),
        (false, _) => Err(Partial { failures: exits, total }.into()),
    }
}

/// A plan as it is printed.
#[derive(Serialize)]
#[serde(transparent)]
struct PlanPrinted(PlanDocument);

impl Document for PlanPrinted {
    fn command(&self) -> &'static str {
        "gc"
    }

    fn text(&self, text: &mut Text) {
        let PlanDocument { place, reachable, lists, unreachable, kept, bytes, .. } = &self.0;
        let sections = [
            ("what tags and referrers lead to", reachable),
            ("lists of referrers under fallback tags", lists),
            ("what nothing leads to", unreachable),
        ];
        for (title, section) in sections {
            section_text(text, title, section);
        }
        for tag in kept.iter().filter(|tag| tag.created.is_none() && tag.reason.starts_with("nothing says")) {
            text.line(format_args!("tag {} stays: {}", tag.tag, tag.reason));
        }
        let tags: usize = sections.iter().map(|(_, section)| section.tags.len()).sum();
        let manifests: usize = sections.iter().map(|(_, section)| section.manifests.len()).sum();
        let blobs: usize = sections.iter().map(|(_, section)| section.blobs.len()).sum();
        text.line(format_args!(
            "{place}: {}, {} and {} would go, {} become free; {} stay",
            count(tags, "tag"),
            count(manifests, "manifest"),
            count(blobs, "blob"),
            ByteSize(*bytes),
            count(kept.len(), "name"),
        ));
    }
}

fn section_text(text: &mut Text, title: &str, section: &SectionShape) {
    let SectionShape { bytes, shared_bytes, tags, manifests, blobs } = section;
    if tags.is_empty() && manifests.is_empty() && blobs.is_empty() {
        return;
    }
    let shared = if *shared_bytes == 0 { String::new() } else { format!(", {} shared stay", ByteSize(*shared_bytes)) };
    text.line(format_args!("{title} ({}{shared}):", ByteSize(*bytes)));
    let mut table = Table::new(&["  WHAT", "NAME", "SIZE", "WHY"]).right(2);
    for tag in tags {
        let stays = if tag.manifest_stays { "; what it names stays" } else { "" };
        table.row(["  tag", tag.tag.as_str(), "", &format!("{}{stays}", tag.reason)]);
    }
    let mut removals = |what: &str, removals: &[RemovalShape]| {
        for removal in removals {
            let (digest, size) = (removal.digest.to_string(), ByteSize(removal.size).to_string());
            table.row([what, &digest, &size, &removal.reason]);
        }
    };
    removals("  manifest", manifests);
    removals("  blob", blobs);
    text.table(&table);
}

/// What was removed. The names of the fields are a public interface.
#[derive(Serialize)]
struct AppliedDocument {
    dry_run: bool,
    place: String,
    tags: Vec<Tag>,
    manifests: Vec<Digest>,
    blobs: Vec<Digest>,
    bytes: u64,
    left: Vec<LeftShape>,
}

#[derive(Serialize)]
struct LeftShape {
    what: String,
    reason: String,
}

impl AppliedDocument {
    fn new(applied: Applied, dry_run: bool) -> Self {
        let Applied { place, tags, manifests, blobs, bytes, left, .. } = applied;
        let left = left.into_iter().map(|Left { what, reason }| LeftShape { what, reason }).collect();
        Self { dry_run, place, tags, manifests, blobs, bytes, left }
    }
}

impl Document for AppliedDocument {
    fn command(&self) -> &'static str {
        "gc-apply"
    }

    fn text(&self, text: &mut Text) {
        let verb = if self.dry_run { "would remove" } else { "removed" };
        self.tags.iter().for_each(|tag| text.line(format_args!("{verb} tag {tag}")));
        self.manifests.iter().for_each(|digest| text.line(format_args!("{verb} manifest {digest}")));
        self.blobs.iter().for_each(|digest| text.line(format_args!("{verb} blob {digest}")));
        self.left.iter().for_each(|left| text.line(format_args!("left {}: {}", left.what, left.reason)));
        text.line(format_args!(
            "{}: {verb} {}, {} and {} ({})",
            self.place,
            count(self.tags.len(), "tag"),
            count(self.manifests.len(), "manifest"),
            count(self.blobs.len(), "blob"),
            ByteSize(self.bytes),
        ));
    }
}
