//! The figures, for people and for programs.

use serde::Serialize;

use crate::machine::Machine;
use crate::statistics::Spread;
use crate::table;
use crate::target::{Figure, Limit, Verdict};
use crate::tools::Tool;
use crate::world::World;

/// Most characters of a command in the text. The JSON has all of it.
const SHOWN_CHARACTERS: usize = 160;

/// All that a run has shown.
#[derive(Serialize)]
pub struct Report {
    pub machine: Machine,
    pub tools: Vec<Tool>,
    pub outcomes: Vec<Outcome>,
    /// Long paths and what the text has in their place.
    #[serde(skip)]
    short_names: Vec<(String, String)>,
}

/// What a scenario has shown. Times are in microseconds, memory in bytes.
#[derive(Serialize)]
pub struct Outcome {
    pub name: String,
    pub title: String,
    pub load_before: f64,
    pub load_after: f64,
    /// Manifests and blobs that were to be carried.
    pub expected: (usize, usize),
    pub rows: Vec<Row>,
    pub verdicts: Vec<Verdict>,
}

/// What a contender has shown.
#[derive(Serialize)]
pub struct Row {
    pub name: String,
    pub command: String,
    /// The ways of which this command was the fastest.
    pub ways_tried: usize,
    pub runs: usize,
    pub wall: Option<Spread>,
    pub cpu: Option<Spread>,
    pub peak: Option<Spread>,
    /// Manifests and blobs that it carried.
    pub carried: (usize, usize),
    pub failure: Option<String>,
}

impl Report {
    /// Returns a report without outcomes.
    pub fn begin(machine: Machine, tools: Vec<Tool>, world: &World) -> Self {
        let programs = tools.iter().map(|tool| (tool.path.display().to_string(), tool.name.clone()));
        let directories = world.short_names().into_iter().map(|(path, name)| (path, name.to_owned()));
        let short_names = programs.chain(directories).collect();
        Self { machine, tools, outcomes: Vec::new(), short_names }
    }

    /// Returns an outcome as text.
    pub fn render(&self, outcome: &Outcome) -> String {
        let Outcome { name, title, load_before, load_after, rows, verdicts, .. } = outcome;
        let mut parts = vec![
            format!("== {name}: {title}"),
            format!("load {load_before:.2} before the runs, {load_after:.2} after them"),
            outcome.figures(),
        ];
        parts.extend(rows.iter().map(|row| format!("  {}: {}", row.name, self.shortened(&row.command))));
        if !verdicts.is_empty() {
            parts.push(outcome.targets());
        }
        parts.join("\n")
    }

    fn shortened(&self, command: &str) -> String {
        let replaced = |text: String, (long, short): &(String, String)| text.replace(long.as_str(), short);
        let short = self.short_names.iter().fold(command.to_owned(), replaced);
        match short.char_indices().nth(SHOWN_CHARACTERS) {
            Some((end, _)) => format!("{}…", &short[..end]),
            None => short,
        }
    }

    /// Returns what stands above the scenarios.
    pub fn heading(&self) -> String {
        let mut lines = vec![self.machine.heading()];
        lines.extend(self.tools.iter().map(|tool| format!("{} {}", tool.name, tool.version)));
        lines.join("\n")
    }
}

impl Outcome {
    fn figures(&self) -> String {
        let heading = ["", "runs", "wall ms min/median/max", "cpu ms min/median/max", "peak MiB", "manifests", "blobs"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        for row in &self.rows {
            if let Some(failure) = &row.failure {
                rows.push(vec![row.name.clone(), row.runs.to_string(), failure.clone()]);
                continue;
            }
            let times = |spread: Option<Spread>| {
                spread.map_or_else(String::new, |Spread { min, median, max }| {
                    format!("{} / {} / {}", milliseconds(min), milliseconds(median), milliseconds(max))
                })
            };
            let peak = row.peak.map_or_else(String::new, |peak| mebibytes(peak.max));
            // Those that copy nothing are there for another figure.
            let of = |carried: usize, expected: usize| match row.carried {
                (0, 0) => String::new(),
                _ => format!("{carried} of {expected}"),
            };
            let manifests = of(row.carried.0, self.expected.0);
            let blobs = of(row.carried.1, self.expected.1);
            rows.push(vec![
                row.name.clone(),
                row.runs.to_string(),
                times(row.wall),
                times(row.cpu),
                peak,
                manifests,
                blobs,
            ]);
        }
        table::render(&rows)
    }

    fn targets(&self) -> String {
        let heading = ["target", "ours", "best peer", "ratio", "at most", ""];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        for verdict in &self.verdicts {
            let shown = |figure: u64| match verdict.target.figure {
                Figure::Wall | Figure::Cpu => format!("{} ms", milliseconds(figure)),
                Figure::Peak => format!("{} MiB", mebibytes(figure)),
            };
            let (kind, limit) = match verdict.target.limit {
                Limit::TimesBest(times) => ("", format!("{times:.2} x")),
                Limit::TimesBestWhole(times) => (", of those that carry all", format!("{times:.2} x")),
                Limit::Absolute(limit) => ("", shown(limit)),
            };
            let figure = match verdict.target.figure {
                Figure::Wall => "wall",
                Figure::Cpu => "cpu",
                Figure::Peak => "peak",
            };
            let best = verdict.best.as_ref();
            rows.push(vec![
                format!("{figure}{kind}"),
                shown(verdict.ours),
                best.map_or_else(String::new, |(name, figure)| format!("{name} {}", shown(*figure))),
                format!("{:.2}", verdict.ratio),
                limit,
                if verdict.met { "met" } else { "MISSED" }.to_owned(),
            ]);
        }
        table::render(&rows)
    }
}

/// Returns bytes in MB.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

/// Tenths only where they say something.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn milliseconds(microseconds: u64) -> String {
    let digits = usize::from(microseconds < 100_000);
    format!("{:.digits$}", microseconds as f64 / 1000.0)
}
