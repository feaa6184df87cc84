//! `history`

use anyhow::Result;
use clap::Args;
use oci::{Digest, Tag};
use ops::history::{HistoryReport, RevertTo, SharedReport, TagMove};
use ops::resolve::observation::{Period, Seen};
use serde::Serialize;

use super::describe::{Pointer, pinned};
use crate::printer::{Document, Table, Text, count, warn};
use crate::session::Session;

/// Show what tags were seen to name, and when
///
/// Most registries tell what a tag names now and nothing of before. Every command that asks writes the answer into the observation log
/// of this machine, and this is what it holds. Without a tag all tags of the repository are shown. `listed` is a tag that was there
/// and of which nobody has asked what it names, `gone` one that was not. A registry that keeps the history of its tags is asked for
/// that of the tag: every move, with its number. `--revert` points the tag to what it named after one of them, or at a time.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct HistoryArguments {
    /// The tag, or the repository
    #[arg(value_name = "REF")]
    image: String,

    /// Show only tags that were seen to move
    #[arg(long, conflicts_with_all = ["export", "import", "revert"])]
    moved: bool,

    /// Point the tag to what it named after the move of this number, or at this time (RFC 3339)
    #[arg(long, value_name = "NUMBER|TIME", value_parser = revert_to, conflicts_with_all = ["export", "import"])]
    revert: Option<RevertTo>,

    /// Say what would be done, and change nothing
    #[arg(long, requires = "revert")]
    dry_run: bool,

    /// Put the log of the repository there, as an artifact
    #[arg(long, value_name = "DST", conflicts_with = "import")]
    export: Option<String>,

    /// Add the log that this artifact holds to that of the repository
    #[arg(long, value_name = "SRC")]
    import: Option<String>,
}

const EXAMPLES: &str = "Examples:
  supercargo history registry.example/shop:1.0
  supercargo history registry.example/shop:1.0 --revert 3
  supercargo history registry.example/shop --export registry.example/logs/shop:observations
  supercargo history registry.example/shop --import registry.example/logs/shop:observations";

impl HistoryArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let image = session.reference(&self.image)?;
        let context = &session.context;
        if let Some(destination) = &self.export {
            let destination = session.reference(destination)?;
            let report = ops::history::export(context, &image, &destination, session.progress()).await?;
            return shared(session, "exported", &report);
        }
        if let Some(source) = &self.import {
            let report = ops::history::import(context, &image, &session.reference(source)?).await?;
            return shared(session, "imported", &report);
        }
        if let Some(to) = self.revert {
            let report = ops::history::revert(context, &image, to, self.dry_run).await?;
            return session.print(&RevertDocument {
                reference: pinned(&report.repository, Some(&report.tag), &report.manifest.digest),
                dry_run: self.dry_run,
                repository: report.repository,
                tag: report.tag,
                manifest: Pointer::from(&report.manifest),
                before: report.before,
            });
        }
        let HistoryReport { repository, tags, moves: told, warnings } = ops::history::history(context, &image).await?;
        for warning in &warnings {
            warn(warning);
        }
        let tags = tags.iter().filter(|tag| !self.moved || tag.periods.len() > 1);
        let moves = tags.flat_map(|tag| tag.periods.iter().map(|period| MoveShape::of(&tag.tag, period)));
        let told = told.map(|told| told.iter().map(ToldShape::of).collect());
        session.print(&HistoryDocument { repository, moves: moves.collect(), registry: told })
    }
}

/// Reads where a tag is put back to.
fn revert_to(text: &str) -> Result<RevertTo, String> {
    if let Ok(number) = text.parse() {
        return Ok(RevertTo::Number(number));
    }
    let time = text.parse().map_err(|_| "write the number of a move, or a time as in 2025-01-31T09:00:00Z".to_owned());
    time.map(RevertTo::Time)
}

fn shared(session: &Session, direction: &'static str, report: &SharedReport) -> Result<()> {
    for warning in &report.warnings {
        warn(warning);
    }
    session.print(&SharedDocument {
        direction,
        repository: report.repository.clone(),
        location: report.location.clone(),
        manifest: Pointer::from(&report.artifact),
        sightings: report.sightings,
        new: report.new,
    })?;
    session.printer.note(&match direction {
        "exported" => format!("{} of {}", count(report.sightings, "sighting"), report.repository),
        _ => format!("{} of {}, {} new", count(report.sightings, "sighting"), report.repository, report.new),
    });
    Ok(())
}

/// What tags were seen to name. The names of the fields are a public interface.
#[derive(Serialize)]
struct HistoryDocument {
    repository: String,
    moves: Vec<MoveShape>,
    /// What the registry itself tells of the tag, the oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<Vec<ToldShape>>,
}

/// A move as the registry tells it.
#[derive(Clone, Serialize)]
struct ToldShape {
    number: Option<u64>,
    at: String,
    /// `names`, or `gone`.
    moved: &'static str,
    /// What the tag named from then on, or until then.
    digest: Digest,
    by: Option<String>,
}

impl ToldShape {
    fn of(each: &TagMove) -> Self {
        Self {
            number: each.number,
            at: each.at.to_string(),
            moved: if each.removed { "gone" } else { "names" },
            digest: each.digest,
            by: each.actor.clone(),
        }
    }
}

/// A time in which a tag was seen to name the same.
#[derive(Clone, Serialize)]
struct MoveShape {
    tag: Tag,
    /// `names`, `listed` or `gone`.
    seen: &'static str,
    digest: Option<Digest>,
    first: String,
    last: String,
    /// Whose logs say so; nothing stands for this machine.
    sources: Vec<Option<String>>,
}

impl MoveShape {
    fn of(tag: &Tag, period: &Period) -> Self {
        let (seen, digest) = match period.seen {
            Seen::Names(digest) => ("names", Some(digest)),
            Seen::Listed => ("listed", None),
            Seen::Gone => ("gone", None),
        };
        Self {
            tag: tag.clone(),
            seen,
            digest,
            first: period.first.to_string(),
            last: period.last.to_string(),
            sources: period.sources.iter().cloned().collect(),
        }
    }
}

impl Document for HistoryDocument {
    fn command(&self) -> &'static str {
        "history"
    }

    fn text(&self, text: &mut Text) {
        let mut table = Table::new(&["TAG", "FIRST SEEN", "LAST SEEN", "NAMES", "FROM"]);
        for period in &self.moves {
            let names = period.digest.map_or_else(|| period.seen.to_owned(), |digest| digest.to_string());
            let sources = period.sources.iter().map(|source| source.as_deref().unwrap_or("here"));
            let sources = sources.collect::<Vec<_>>().join(", ");
            table.row([period.tag.as_str(), &period.first, &period.last, &names, &sources]);
        }
        if !self.moves.is_empty() {
            text.table(&table);
        }
        let Some(told) = &self.registry else { return };
        let mut table = Table::new(&["MOVE", "AT", "NAMES", "BY"]);
        for each in told {
            let number = each.number.map_or_else(|| "-".to_owned(), |number| number.to_string());
            let names = if each.moved == "names" { each.digest.to_string() } else { each.moved.to_owned() };
            table.row([&*number, &each.at, &names, each.by.as_deref().unwrap_or("-")]);
        }
        text.table(&table);
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.moves.clone())
    }
}

/// A log that was given to others, or taken from them. The names of the fields are a public interface.
#[derive(Serialize)]
struct SharedDocument {
    direction: &'static str,
    repository: String,
    location: String,
    manifest: Pointer,
    sightings: usize,
    new: usize,
}

impl Document for SharedDocument {
    fn command(&self) -> &'static str {
        "history"
    }

    fn text(&self, text: &mut Text) {
        text.line(format_args!("{}@{}", self.location, self.manifest.digest));
    }
}

/// What a tag was put back to. The names of the fields are a public interface.
#[derive(Serialize)]
struct RevertDocument {
    dry_run: bool,
    reference: String,
    repository: String,
    tag: Tag,
    manifest: Pointer,
    before: Option<Digest>,
}

impl Document for RevertDocument {
    fn command(&self) -> &'static str {
        "history"
    }

    fn text(&self, text: &mut Text) {
        match &self.before {
            Some(before) if *before != self.manifest.digest => {
                text.line(format_args!("{} (was {before})", self.reference));
            }
            _ => text.line(format_args!("{}", self.reference)),
        }
    }
}
