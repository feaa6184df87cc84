//! What is printed of a search.

use oci::Digest;
use ops::bisect::{BisectReport, Entry, Found, ImageMove, Side};
use serde::Serialize;

use crate::commands::difference::{DifferenceShape, block};
use crate::error::shell_line;
use crate::printer::{Document, Table, Text, count};

/// How a search stands. The names of the fields are a public interface.
#[derive(Default, Serialize)]
pub(super) struct BisectDocument {
    over: &'static str,
    state: &'static str,
    candidates: usize,
    tests: usize,
    runs: usize,
    known: usize,
    rounds: usize,
    session: String,
    first_bad: Option<SideShape>,
    last_good: Option<SideShape>,
    difference: Option<DifferenceShape>,
    changes: Vec<MoveShape>,
    untested: Vec<Vec<String>>,
    suspects: Vec<EntryShape>,
    testing: Vec<EntryShape>,
    bad_before_good: Option<[EntryShape; 2]>,
    next: Vec<String>,
}

#[derive(Serialize)]
struct SideShape {
    label: String,
    reference: String,
    digest: Option<Digest>,
    version: Option<String>,
    created: Option<String>,
    revision: Option<String>,
    source: Option<String>,
}

#[derive(Serialize)]
struct EntryShape {
    label: String,
    reference: String,
}

#[derive(Serialize)]
struct MoveShape {
    name: String,
    from: Option<ImageShape>,
    to: Option<ImageShape>,
}

#[derive(Serialize)]
struct ImageShape {
    version: String,
    reference: String,
}

impl BisectDocument {
    pub(super) fn of(report: &BisectReport) -> Self {
        let BisectReport { axis, session, candidates, tests, runs, known, rounds, found, .. } = report;
        let document = Self {
            over: axis.as_str(),
            session: session.to_string_lossy().into_owned(),
            candidates: *candidates,
            tests: *tests,
            runs: *runs,
            known: *known,
            rounds: *rounds,
            ..Self::default()
        };
        let moved = |moves: &[ImageMove]| moves.iter().map(MoveShape::of).collect();
        let deeper = |words: &Option<Vec<String>>| words.as_ref().map(|words| shell_line(words));
        match found {
            Found::FirstBad { last_good, first_bad, difference, moves, sources, descend } => Self {
                state: "found",
                last_good: Some(SideShape::of(last_good)),
                first_bad: Some(SideShape::of(first_bad)),
                difference: difference.as_ref().map(DifferenceShape::of),
                changes: moved(moves),
                next: sources.clone().into_iter().chain(deeper(descend)).collect(),
                ..document
            },
            Found::Minimal { moves, untested, descend } => Self {
                state: "found",
                changes: moved(moves),
                untested: untested.clone(),
                next: deeper(descend).into_iter().collect(),
                ..document
            },
            Found::Testing(entries) => {
                Self { state: "testing", testing: entries.iter().map(EntryShape::of).collect(), ..document }
            }
            Found::Suspects { last_good, suspects } => Self {
                state: "suspects",
                last_good: Some(SideShape::of(last_good)),
                suspects: suspects.iter().map(EntryShape::of).collect(),
                ..document
            },
            Found::NotMonotone { bad, good } => Self {
                state: "not-monotone",
                bad_before_good: Some([EntryShape::of(bad), EntryShape::of(good)]),
                ..document
            },
            Found::Contradiction { .. } => Self { state: "contradiction", ..document },
        }
    }

    /// Returns what it took.
    fn effort(&self) -> String {
        let known = match self.known {
            0 => String::new(),
            known => format!(", {} known before", count(known, "verdict")),
        };
        format!(
            "{} of {} in {}, {} of the command{known}",
            count(self.tests, "test"),
            count(self.candidates, if self.over == "changes" { "change" } else { "candidate" }),
            count(self.rounds, "round"),
            count(self.runs, "run"),
        )
    }

    fn sides(&self) -> Table {
        let mut table = Table::new(&["", "CANDIDATE", "CREATED", "VERSION", "WHAT"]);
        for (name, side) in [("first bad", &self.first_bad), ("last good", &self.last_good)] {
            let Some(side) = side else { continue };
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            table.row([name, &side.label, &or_dash(&side.created), &or_dash(&side.version), &side.reference]);
        }
        table
    }
}

impl SideShape {
    fn of(side: &Side) -> Self {
        let Side { label, reference, digest, version, created, revision, source } = side.clone();
        Self { label, reference, digest, version, created, revision, source }
    }
}

impl EntryShape {
    fn of(entry: &Entry) -> Self {
        let Entry { label, reference } = entry.clone();
        Self { label, reference }
    }
}

impl MoveShape {
    fn of(moved: &ImageMove) -> Self {
        let image = |side: &Option<(String, String)>| {
            side.clone().map(|(version, reference)| ImageShape { version, reference })
        };
        Self { name: moved.name.clone(), from: image(&moved.from), to: image(&moved.to) }
    }
}

impl Document for BisectDocument {
    fn command(&self) -> &'static str {
        "bisect"
    }

    fn text(&self, text: &mut Text) {
        let headline = match self.state {
            "suspects" => "one of these is the first bad one; only the last could be tested",
            "testing" => "to be tested next",
            "found" if self.first_bad.is_some() => "",
            "found" if self.changes.len() > 1 => "these break it together",
            "found" => "this breaks it",
            "contradiction" => "an end is not what it was said to be",
            _ => "",
        };
        if !headline.is_empty() {
            text.line(format_args!("{headline}"));
        }
        text.table(&self.sides());
        let mut table = Table::new(&[]);
        for EntryShape { label, reference } in self.suspects.iter().chain(&self.testing) {
            table.row([label, reference]);
        }
        text.table(&table);
        if let Some([bad, good]) = &self.bad_before_good {
            text.line(format_args!("{} is bad, and {} after it is good", bad.label, good.label));
            text.line(format_args!(
                "it broke more than once or was mended: search again with {} as the bad end",
                bad.label
            ));
        }
        let mut table = Table::new(&["IMAGE", "FROM", "TO", "WHAT"]);
        for MoveShape { name, from, to } in &self.changes {
            let version = |side: &Option<ImageShape>| side.as_ref().map_or("-", |image| &image.version).to_owned();
            let what = to.as_ref().map_or_else(String::new, |image| image.reference.clone());
            table.row([name, &version(from), &version(to), &what]);
        }
        block(text, &table);
        if let Some(difference) = &self.difference {
            difference.text(text);
        }
        for names in &self.untested {
            text.line(format_args!("could not be tested: {}", names.join(" + ")));
        }
        text.gap();
        text.line(format_args!("{}", self.effort()));
        for command in &self.next {
            text.line(format_args!("next: {command}"));
        }
    }
}

/// What has happened in a search, a line each.
#[derive(Serialize)]
pub(super) struct LogDocument {
    pub(super) lines: Vec<String>,
}

impl Document for LogDocument {
    fn command(&self) -> &'static str {
        "bisect-log"
    }

    fn text(&self, text: &mut Text) {
        self.lines.iter().for_each(|line| text.line(format_args!("{line}")));
    }
}

/// Whether there was a search.
#[derive(Serialize)]
pub(super) struct ResetDocument {
    pub(super) removed: bool,
}

impl Document for ResetDocument {
    fn command(&self) -> &'static str {
        "bisect-reset"
    }

    fn text(&self, text: &mut Text) {
        text.line(format_args!("{}", if self.removed { "the search is removed" } else { "there was no search" }));
    }
}
