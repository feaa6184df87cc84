//! `serve hold`

use anyhow::Result;
use clap::{Args, Subcommand};
use oci::Digest;
use ops::serve::{HeldReport, Hold, HoldKind, HoldRequest, HoldsReport, add_hold, list_holds, remove_hold};
use serde::Serialize;

use crate::printer::{Document, Table, Text};
use crate::session::Session;

/// Keep manifests of a registry, whether or not anything needs them
///
/// Works on any registry of this kind over its API, with the right to delete; no configuration of a server is read. What a pin is on is not
/// removed by itself: not by the collector, and not by rules of retention. With `--legal` it is a legal hold, and nobody can delete the manifest, what it is
/// made of, or a tag that names it, until the hold has ended.
#[derive(Args, Debug)]
#[command(
    after_long_help = "Examples:\n  supercargo serve hold add registry.example/app:1.0 --reason 'a customer has it'\n  \
    supercargo serve hold add registry.example/app:1.0 --legal --reason 'case 12' --expires 52w\n  \
    supercargo serve hold list registry.example/app\n  supercargo serve hold remove registry.example/app:1.0 --legal"
)]
pub(crate) struct HoldArguments {
    #[command(subcommand)]
    action: HoldAction,
}

#[derive(Debug, Subcommand)]
enum HoldAction {
    /// Set a pin, or a legal hold; another one of the same kind on the manifest ends
    Add(AddArguments),
    /// Show the pins and holds of a repository, or of one manifest
    List {
        /// The repository, or a manifest by its tag or digest
        #[arg(value_name = "REF")]
        image: String,
    },
    /// End a pin, or a legal hold
    Remove(KindArguments),
}

#[derive(Args, Debug)]
struct KindArguments {
    /// The manifest, by its tag or digest
    #[arg(value_name = "REF")]
    image: String,

    /// A legal hold, in place of a pin
    #[arg(long)]
    legal: bool,

    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args, Debug)]
struct AddArguments {
    #[command(flatten)]
    kind: KindArguments,

    /// Why it is kept
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// When it ends: 52w, or 2027-01-31T12:00:00Z [default: never]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
}

impl HoldArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let context = &session.context;
        match self.action {
            HoldAction::List { image } => {
                session.print(&HoldsDocument::new(list_holds(context, &session.reference(&image)?).await?))
            }
            HoldAction::Add(AddArguments { kind, reason, expires }) => {
                let request = kind.request(session)?;
                let held = add_hold(context, &request, &reason, expires.as_deref(), session.now()).await?;
                session.print(&HoldDocument::new("added", &request, held))
            }
            HoldAction::Remove(kind) => {
                let request = kind.request(session)?;
                let held = remove_hold(context, &request).await?;
                session.print(&HoldDocument::new("removed", &request, held))
            }
        }
    }
}

impl KindArguments {
    fn request(&self, session: &Session) -> Result<HoldRequest> {
        let kind = if self.legal { HoldKind::Legal } else { HoldKind::Pin };
        Ok(HoldRequest { reference: session.reference(&self.image)?, kind, dry_run: self.dry_run })
    }
}

/// A hold that was set or ended. The names of the fields are a public interface.
#[derive(Serialize)]
struct HoldDocument {
    dry_run: bool,
    /// `added` or `removed`.
    change: &'static str,
    kind: &'static str,
    location: String,
    digest: Digest,
    expires: Option<String>,
}

impl HoldDocument {
    fn new(change: &'static str, request: &HoldRequest, held: HeldReport) -> Self {
        let HeldReport { location, digest, expires } = held;
        let expires = expires.map(|time| time.to_string());
        Self { dry_run: request.dry_run, change, kind: request.kind.word(), location, digest, expires }
    }
}

impl Document for HoldDocument {
    fn command(&self) -> &'static str {
        "serve-hold"
    }

    fn text(&self, text: &mut Text) {
        text.line(format_args!("{}@{}", self.location, self.digest));
    }
}

/// The pins and holds of a repository. The names of the fields are a public interface.
#[derive(Serialize)]
struct HoldsDocument {
    location: String,
    holds: Vec<HoldShape>,
}

#[derive(Clone, Serialize)]
struct HoldShape {
    digest: Digest,
    kind: &'static str,
    reason: String,
    since: Option<String>,
    expires: Option<String>,
    by: Option<String>,
}

impl HoldsDocument {
    fn new(report: HoldsReport) -> Self {
        let shape = |hold: Hold| {
            let Hold { digest, kind, reason, since, expires, actor } = hold;
            HoldShape { digest, kind: kind.word(), reason, since, expires, by: actor }
        };
        Self { location: report.location, holds: report.holds.into_iter().map(shape).collect() }
    }
}

impl Document for HoldsDocument {
    fn command(&self) -> &'static str {
        "serve-hold-list"
    }

    fn text(&self, text: &mut Text) {
        let mut table = Table::new(&["MANIFEST", "KIND", "SINCE", "UNTIL", "BY", "REASON"]);
        let or_dash = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".to_owned());
        for hold in &self.holds {
            let (since, until, by) = (or_dash(&hold.since), or_dash(&hold.expires), or_dash(&hold.by));
            table.row([&*hold.digest.to_string(), hold.kind, &since, &until, &by, &hold.reason]);
        }
        if !self.holds.is_empty() {
            text.table(&table);
        }
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.holds.clone())
    }
}
