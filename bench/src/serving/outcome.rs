//! What a scenario has shown, and whether it is what supercargo has to reach.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::figures::{Metric, Sample};
use crate::contender::Role;
use crate::statistics::{Spread, ratio};
use crate::table;

/// What was measured of one registry in one state.
#[derive(Serialize)]
pub struct Row {
    pub name: String,
    #[serde(skip)]
    pub role: Role,
    figures: BTreeMap<Metric, Vec<u64>>,
}

impl Row {
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self { name: name.into(), role, figures: BTreeMap::new() }
    }

    /// Returns it under another name.
    #[must_use]
    pub fn renamed(self, name: impl FnOnce(&str) -> String) -> Self {
        Self { name: name(&self.name), ..self }
    }

    /// Adds a run.
    pub fn take(&mut self, sample: &Sample) {
        for (metric, figure) in sample {
            self.figures.entry(*metric).or_default().push(*figure);
        }
    }

    fn spread(&self, metric: Metric) -> Option<Spread> {
        Spread::of(self.figures.get(&metric)?.iter().copied())
    }

    fn median(&self, metric: Metric) -> Option<u64> {
        self.spread(metric).map(|spread| spread.median)
    }
}

/// What a figure is held against: at least that where more is better, otherwise at most.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// This many times the figure of the best peer.
    TimesBest(f64),
    /// This many times the figure of another row.
    TimesRow(f64, String),
    /// A figure in the unit of its metric.
    Absolute(u64),
}

/// A figure of a row, and its limit.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    pub row: String,
    pub metric: Metric,
    pub limit: Limit,
}

/// How a row stands to a target.
#[derive(Debug, Serialize)]
pub struct Verdict {
    target: Target,
    figure: u64,
    /// What it is held against: a name and a figure.
    against: (String, u64),
    ratio: f64,
    met: bool,
}

/// What a scenario has shown.
#[derive(Serialize)]
pub struct Outcome {
    name: String,
    title: String,
    load_before: f64,
    load_after: f64,
    rows: Vec<Row>,
    verdicts: Vec<Verdict>,
}

impl Outcome {
    /// Returns the rows with a judgement of each target that can be judged.
    pub fn new(title: impl Into<String>, rows: Vec<Row>, targets: Vec<Target>) -> Self {
        let verdicts = targets.into_iter().filter_map(|target| judge(target, &rows)).collect();
        Self { name: String::new(), title: title.into(), load_before: 0.0, load_after: 0.0, rows, verdicts }
    }

    /// Says what it is called, and how busy the machine was before and after.
    pub fn finish(&mut self, name: &str, load: (f64, f64)) {
        name.clone_into(&mut self.name);
        (self.load_before, self.load_after) = load;
    }

    /// Returns it as text: medians, and what lies around them in the JSON.
    pub fn render(&self) -> String {
        let Self { name, title, load_before, load_after, rows, verdicts } = self;
        let metrics: BTreeSet<Metric> = rows.iter().flat_map(|row| row.figures.keys().copied()).collect();
        let heading = std::iter::once("medians").chain(metrics.iter().map(|metric| metric.heading()));
        let mut table = vec![heading.map(str::to_owned).collect::<Vec<_>>()];
        for row in rows {
            let cell = |metric: &Metric| row.median(*metric).map_or_else(String::new, |figure| metric.shown(figure));
            table.push(std::iter::once(row.name.clone()).chain(metrics.iter().map(cell)).collect());
        }
        let mut parts = vec![
            format!("== {name}: {title}"),
            format!("load {load_before:.2} before the runs, {load_after:.2} after them"),
            table::render(&table),
        ];
        if !verdicts.is_empty() {
            let heading = ["target", "ours", "against", "", "ratio", "limit", ""];
            let mut table = vec![heading.map(str::to_owned).to_vec()];
            table.extend(verdicts.iter().map(Verdict::cells));
            parts.push(table::render(&table));
        }
        parts.join("\n")
    }
}

/// Judges; `None` where a row or a figure is missing.
fn judge(target: Target, rows: &[Row]) -> Option<Verdict> {
    let metric = target.metric;
    let named = |name: &str| rows.iter().find(|row| row.name == name);
    let figure = named(&target.row)?.median(metric)?;
    let (against, times) = match &target.limit {
        Limit::Absolute(limit) => (("limit".to_owned(), *limit), 1.0),
        Limit::TimesRow(times, name) => ((name.clone(), named(name)?.median(metric)?), *times),
        Limit::TimesBest(times) => {
            let peers = rows.iter().filter(|row| row.role == Role::Peer);
            let figures = peers.filter_map(|row| Some((row.name.clone(), row.median(metric)?)));
            let best = if metric.wants_more() {
                figures.max_by_key(|(_, figure)| *figure)
            } else {
                figures.min_by_key(|(_, figure)| *figure)
            };
            (best?, *times)
        }
    };
    let ratio = ratio(figure, against.1);
    let met = if metric.wants_more() { ratio >= times } else { ratio <= times };
    Some(Verdict { target, figure, against, ratio, met })
}

impl Verdict {
    fn cells(&self) -> Vec<String> {
        let Self { target: Target { row, metric, limit }, figure, against: (name, other), ratio, met } = self;
        let bound = if metric.wants_more() { "at least" } else { "at most" };
        let limit = match limit {
            Limit::TimesBest(times) | Limit::TimesRow(times, _) => format!("{bound} {times:.2} x"),
            Limit::Absolute(limit) => format!("{bound} {}", metric.shown(*limit)),
        };
        let verdict = if *met { "met" } else { "MISSED" };
        let target = format!("{row}: {}", metric.heading());
        vec![
            target,
            metric.shown(*figure),
            name.clone(),
            metric.shown(*other),
            format!("{ratio:.2}"),
            limit,
            verdict.to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, role: Role, rate: u64, p99: u64) -> Row {
        let mut row = Row::new(name, role);
        row.take(&vec![(Metric::Rate, rate), (Metric::P99, p99)]);
        row
    }

    fn met(metric: Metric, limit: Limit) -> Option<bool> {
        let rows = [row("ours", Role::Ours, 100, 5), row("a", Role::Peer, 50, 9), row("b", Role::Peer, 20, 8)];
        judge(Target { row: "ours".into(), metric, limit }, &rows).map(|verdict| verdict.met)
    }

    #[test]
    fn more_is_better_for_rates_and_worse_for_times() {
        assert_eq!(met(Metric::Rate, Limit::TimesBest(2.0)), Some(true));
        assert_eq!(met(Metric::Rate, Limit::TimesBest(2.1)), Some(false));
        assert_eq!(met(Metric::P99, Limit::TimesBest(0.5)), Some(false));
        assert_eq!(met(Metric::P99, Limit::TimesBest(0.7)), Some(true));
        assert_eq!(met(Metric::P99, Limit::Absolute(5)), Some(true));
        assert_eq!(met(Metric::Rate, Limit::TimesRow(6.0, "b".into())), Some(false));
        assert_eq!(met(Metric::Peak, Limit::Absolute(5)), None);
    }
}
