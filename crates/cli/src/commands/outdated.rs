//! `outdated`

mod bases;

use anyhow::Result;
use clap::Args;
use oci::Digest;
use ops::outdated::{Freshness, OutdatedReport};
use ops::project::{OpenProject, Scope};
use ops::resolve::resolution::Update;
use serde::Serialize;

use super::groups::{GroupArguments, Usually};
use super::locking::{ChoiceArguments, short};
use crate::exit::AnswerIsNo;
use crate::printer::{Document, Table, Text, count, warn};
use crate::session::Session;

/// Show what is newer than what is locked
///
/// IN RANGE is what an update would take, LATEST the newest release there is. A tag that names something else than it did when
/// it was locked has MOVED.
///
/// With --bases a second table says of every image whether it was built on what its base is now: whether the tag of the base names something
/// else (MOVED TO), and whether there is a newer base of the same kind (NEWER), each with how many days ago that was made.
///
/// Examples: supercargo outdated --exit-code, supercargo outdated --bases
#[derive(Args, Debug)]
pub(crate) struct OutdatedArguments {
    /// End with exit code 1 when an update would change something, a tag has moved or is gone, or a locked image is marked as
    /// withdrawn, at its end or superseded; with --bases, also when a base is not what it was
    #[arg(long)]
    exit_code: bool,

    /// Show what is newer than the bases of the images too
    #[arg(long)]
    bases: bool,

    #[command(flatten)]
    choice: ChoiceArguments,

    #[command(flatten)]
    groups: GroupArguments,
}

impl OutdatedArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let open = OpenProject::read(&session.settings.project)?;
        let options = self.choice.options(session, Update::All)?;
        let context = &session.context;
        let wanted = open.wanted(&self.groups.groups(Usually::All), Scope::Workspace)?;
        let OutdatedReport { images, warnings } = ops::outdated::outdated(context, &open, &wanted, &options).await?;
        for warning in &warnings {
            warn(warning);
        }
        let mut document = OutdatedDocument { images: images.iter().map(FreshnessShape::of).collect(), bases: None };
        if self.bases {
            let report = ops::outdated::bases::bases(context, &self.groups.narrow(&open)?, options.now).await?;
            report.warnings.iter().for_each(|warning| warn(warning));
            document.bases = Some(bases::shapes(&report));
        }
        session.print(&document)?;
        let (in_range, moved) = (document.count(|image| image.outdated), document.count(|image| image.moved.is_some()));
        let beyond = document.count(|image| !image.outdated && image.latest != image.in_range);
        session.printer.note(&format!(
            "{} in range, {beyond} beyond it, {} moved{}",
            count(in_range, "update"),
            count(moved, "tag"),
            if in_range > 0 { ".   run: supercargo update" } else { "" }
        ));
        let stale_bases = document.bases.as_deref().map_or(0, |bases| bases::tell(session, bases));
        for image in &document.images {
            if let Some(command) = image.fix(&open) {
                session.printer.note(&format!("{}: run: {command}", image.name));
            }
        }
        if self.exit_code && document.count(|image| !image.reasons.is_empty()) + stale_bases > 0 {
            return Err(AnswerIsNo.into());
        }
        Ok(())
    }
}

/// How fresh the images of a project are. The names of the fields are a public interface.
#[derive(Serialize)]
struct OutdatedDocument {
    images: Vec<FreshnessShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bases: Option<Vec<bases::BaseShape>>,
}

#[derive(Clone, Serialize)]
struct FreshnessShape {
    name: String,
    locked: Option<String>,
    in_range: Option<String>,
    latest: Option<String>,
    outdated: bool,
    age_days: Option<i64>,
    moved: Option<Digest>,
    /// Until when the tag was seen to name that before.
    went_back: Option<String>,
    vanished: bool,
    notes: Vec<String>,
    reasons: Vec<&'static str>,
}

impl FreshnessShape {
    fn of(image: &Freshness) -> Self {
        let outdated = image.is_outdated();
        let Freshness { name, locked, in_range, latest, age_days, moved, went_back, vanished, notes, reasons } =
            image.clone();
        let went_back = went_back.map(|until| until.to_string());
        Self { name, locked, in_range, latest, outdated, age_days, moved, went_back, vanished, notes, reasons }
    }

    /// Returns the command that tells more of an image of which the registry says something else than the lock, or its publisher
    /// something against it.
    fn fix(&self, open: &OpenProject) -> Option<String> {
        let locked = open.lock.images.get(&self.name)?;
        match self.reasons.iter().find(|reason| **reason != "outdated")? {
            &"moved" => Some(format!("supercargo history {}:{}", locked.repository, locked.tag)),
            _ => Some(format!("supercargo candidates {}", self.name)),
        }
    }

    fn notes(&self) -> String {
        let moved = self.moved.as_ref().map(|digest| match &self.went_back {
            Some(until) => format!("MOVED back: now {}, as until {until}", short(digest)),
            None => format!("MOVED: now {}", short(digest)),
        });
        let vanished = self.vanished.then(|| "its tag is gone".to_owned());
        moved.into_iter().chain(vanished).chain(self.notes.iter().cloned()).collect::<Vec<_>>().join(", ")
    }
}

impl OutdatedDocument {
    fn count(&self, is_it: impl Fn(&FreshnessShape) -> bool) -> usize {
        self.images.iter().filter(|image| is_it(image)).count()
    }
}

impl Document for OutdatedDocument {
    fn command(&self) -> &'static str {
        "outdated"
    }

    fn text(&self, text: &mut Text) {
        let mut table = Table::new(&["IMAGE", "LOCKED", "IN RANGE", "LATEST", "AGE", "NOTES"]).right(4);
        for image in &self.images {
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let age = image.age_days.map_or_else(|| "-".to_owned(), |days| format!("{days}d"));
            table.row([
                image.name.clone(),
                or_dash(&image.locked),
                or_dash(&image.in_range),
                or_dash(&image.latest),
                age,
                image.notes(),
            ]);
        }
        text.table(&table);
        if let Some(bases) = &self.bases {
            text.line(format_args!(""));
            text.table(&bases::table(bases));
        }
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.images.clone())
    }
}
