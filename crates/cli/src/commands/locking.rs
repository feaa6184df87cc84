//! What commands that lock have in common: how versions are chosen, and what is printed of a lock's change.

use anyhow::Result;
use clap::{Args, ValueEnum};
use oci::date::SECONDS_A_DAY;
use oci::{Date, Digest, Timestamp};
use ops::OpsError;
use ops::lock::{LockReport, LockRequest};
use ops::project::OpenProject;
use ops::resolve::lock::{Change, ImageChange, LockedImage};
use ops::resolve::resolution::{ResolutionOptions, Update};
use ops::resolve::solve::Strategy;
use serde::Serialize;

use crate::printer::{Document, Table, Text, count, warn};
use crate::session::Session;

/// How versions are chosen.
#[derive(Args, Clone, Debug)]
pub(crate) struct ChoiceArguments {
    /// Take nothing that was made after this day or moment, as in 2026-03-31 or 2026-03-31T12:00:00Z
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,

    /// Which of the versions that are wanted to take
    #[arg(long, value_enum, value_name = "WHICH", default_value = "highest")]
    strategy: StrategyArgument,
}

/// Which versions to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum StrategyArgument {
    /// The newest
    #[default]
    Highest,
    /// The oldest, to test the lower ends of ranges
    Lowest,
    /// The oldest of what the project names, the newest of what only images need
    LowestDirect,
}

impl ChoiceArguments {
    /// Returns the options of a resolution.
    ///
    /// # Errors
    /// [`OpsError::Usage`] when the date is none.
    pub(crate) fn options(&self, session: &Session, update: Update) -> Result<ResolutionOptions, OpsError> {
        Ok(ResolutionOptions {
            update,
            as_of: self.as_of.as_deref().map(moment).transpose()?,
            strategy: match self.strategy {
                StrategyArgument::Highest => Strategy::Highest,
                StrategyArgument::Lowest => Strategy::Lowest,
                StrategyArgument::LowestDirect => Strategy::LowestDirect,
            },
            ..options(session)
        })
    }
}

/// Reads a day, of which all is meant, or a moment, in seconds since 1970.
fn moment(text: &str) -> Result<i64, OpsError> {
    if let Ok(date) = text.parse::<Date>() {
        return Ok(Timestamp::from(date).seconds() + SECONDS_A_DAY - 1);
    }
    let read = text.parse::<Timestamp>().map(Timestamp::seconds);
    read.map_err(|error| OpsError::usage(format!("--as-of: {error}"), "--as-of 2026-03-31".to_owned()))
}

/// What has become of a lock. The names of the fields are a public interface.
#[derive(Serialize)]
pub(crate) struct LockDocument {
    #[serde(skip)]
    command: &'static str,
    /// Whether the file was written.
    written: bool,
    /// How many images are locked.
    images: usize,
    changes: Vec<ChangeShape>,
    warnings: Vec<String>,
}

/// What is different about an image.
#[derive(Clone, Serialize)]
pub(crate) struct ChangeShape {
    name: String,
    change: &'static str,
    from: Option<SideShape>,
    to: Option<SideShape>,
}

#[derive(Clone, Serialize)]
struct SideShape {
    repository: String,
    version: String,
    tag: String,
    digest: Digest,
    chosen: String,
}

impl SideShape {
    fn of(image: &LockedImage) -> Self {
        Self {
            repository: image.repository.to_string(),
            version: image.version.clone(),
            tag: image.tag.to_string(),
            digest: image.digest,
            chosen: image.chosen.clone(),
        }
    }
}

impl ChangeShape {
    pub(crate) fn of(change: &ImageChange) -> Self {
        let name = change.name.clone();
        let side = |image: &LockedImage| Some(SideShape::of(image));
        match &change.change {
            Change::Added(to) => Self { name, change: "added", from: None, to: side(to) },
            Change::Removed(from) => Self { name, change: "removed", from: side(from), to: None },
            Change::Moved { from, to } => Self { name, change: "moved", from: side(from), to: side(to) },
            Change::Described { from, to } => Self { name, change: "described", from: side(from), to: side(to) },
        }
    }

    /// Adds the row of a change: the image, what it was, what it is.
    pub(crate) fn row(&self, table: &mut Table) {
        let version =
            |side: &Option<SideShape>| side.as_ref().map_or_else(|| "-".to_owned(), |side| side.version.clone());
        let note = match (&self.from, &self.to) {
            (Some(from), Some(to)) if from.repository != to.repository => {
                format!("from {} to {}", from.repository, to.repository)
            }
            (Some(from), Some(to)) if from.version == to.version && from.digest != to.digest => {
                format!("{} is now {}", short(&from.digest), short(&to.digest))
            }
            (Some(_), Some(_)) if self.change == "described" => "what belongs to it".to_owned(),
            (_, Some(to)) if to.chosen != "highest" => to.chosen.clone(),
            _ => String::new(),
        };
        table.row([&self.name, &version(&self.from), &version(&self.to), &note]);
    }

    /// Returns a table for the rows of changes.
    pub(crate) fn table() -> Table {
        Table::new(&["IMAGE", "FROM", "TO", ""])
    }
}

/// Returns the beginning of a digest, enough to tell it from others.
pub(crate) fn short(digest: &Digest) -> String {
    const DIGITS: usize = 12;
    let encoded = digest.encoded();
    format!("{}:{}", digest.algorithm().name(), encoded.get(..DIGITS).unwrap_or(&encoded))
}

impl LockDocument {
    /// Returns what is printed of a report.
    pub(crate) fn new(command: &'static str, report: &LockReport) -> Self {
        Self {
            command,
            written: report.written,
            images: report.lock.images.len(),
            changes: report.changes.iter().map(ChangeShape::of).collect(),
            warnings: report.warnings.clone(),
        }
    }
}

impl Document for LockDocument {
    fn command(&self) -> &'static str {
        self.command
    }

    fn text(&self, text: &mut Text) {
        let mut table = ChangeShape::table();
        self.changes.iter().for_each(|change| change.row(&mut table));
        text.table(&table);
    }
}

/// Returns the options of a resolution of which the user says nothing. Where the time is not known nothing is too young.
pub(crate) fn options(session: &Session) -> ResolutionOptions {
    let now = session.now().map_or(i64::MAX, Timestamp::seconds);
    ResolutionOptions { now, ..ResolutionOptions::default() }
}

/// Reads the project for a command that uses its lock, which is brought up to date first, unless a global option says otherwise.
///
/// # Errors
/// As [`ops::lock::current`].
pub(crate) async fn current(session: &Session, dry_run: bool) -> Result<OpenProject> {
    let request = LockRequest { options: options(session), dry_run };
    let current = ops::lock::current(&session.context, &session.settings.project, &request).await?;
    for warning in &current.report.warnings {
        warn(warning);
    }
    let changes = current.report.changes.len();
    if changes > 0 {
        session.printer.note(&format!("brought the lock up to date: {}", count(changes, "change")));
    }
    Ok(current.open)
}

/// Prints what has become of a lock, and on the standard error what should be known about it.
///
/// # Errors
/// When the result cannot be written.
pub(crate) fn print(session: &Session, command: &'static str, report: &LockReport, dry_run: bool) -> Result<()> {
    for warning in &report.warnings {
        warn(warning);
    }
    session.print(&LockDocument::new(command, report))?;
    let images = count(report.lock.images.len(), "image");
    session.printer.note(&match (report.changes.len(), dry_run) {
        (0, _) if report.written => format!("wrote the lock of {images}"),
        (0, _) => format!("the lock of {images} is up to date"),
        (changes, true) => format!("{} in the lock of {images}; nothing was written", count(changes, "change")),
        (changes, false) => format!("{} in the lock of {images}", count(changes, "change")),
    });
    Ok(())
}
