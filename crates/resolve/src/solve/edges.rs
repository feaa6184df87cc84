//! What candidates require of packages, with neighbours that require the same put together.

use std::collections::HashMap;
use std::sync::Arc;

use super::per_package::PerPackage;
use super::problem::{Effect, PackageId, Problem, Requires};
use super::set::CandidateSet;
use super::values::Values;

/// What the candidates of one package require of another. A candidate that requires several things of the same package has
/// one edge for each.
pub(super) struct Edge<'a> {
    /// Whose candidates require something.
    pub(super) from: PackageId,
    /// What they require it of.
    pub(super) to: PackageId,
    /// In ascending order, without overlaps.
    runs: Vec<Run<'a>>,
}

/// Neighbouring candidates that require the same.
pub(super) struct Run<'a> {
    start: u32,
    end: u32,
    requires: &'a Requires,
}

/// All edges of a problem.
pub(super) struct Edges<'a> {
    all: Vec<Edge<'a>>,
    /// Those of candidates of each package, but for what they require of their own package.
    outgoing: PerPackage<Vec<usize>>,
    incoming: PerPackage<Vec<usize>>,
    /// What candidates require of their own package.
    of_themselves: Vec<usize>,
}

/// What some candidates require, taken together.
pub(super) struct Together {
    /// What one of them allows, or another.
    pub(super) allowed: Values,
    /// What is said about it, if it is the same for all of them.
    pub(super) why: Option<Arc<str>>,
    /// Whether all of them allow the same.
    pub(super) is_same: bool,
}

impl<'a> Edges<'a> {
    pub(super) fn of(problem: &'a Problem) -> Self {
        let mut edges = Self {
            all: Vec::new(),
            outgoing: PerPackage::of(problem, |_| Vec::new()),
            incoming: PerPackage::of(problem, |_| Vec::new()),
            of_themselves: Vec::new(),
        };
        // How often the candidate at hand has required something of each package, and which candidate that was.
        let mut seen: PerPackage<(usize, u32)> = PerPackage::of(problem, |_| (0, 0));
        let mut candidates_seen = 0;
        for (from, package) in problem.packages() {
            let mut known: HashMap<(PackageId, u32), usize> = HashMap::new();
            for (id, candidate) in package.candidates() {
                candidates_seen += 1;
                for requires in &candidate.requires {
                    let (last, times) = &mut seen[requires.package];
                    *times = if *last == candidates_seen { *times + 1 } else { 0 };
                    *last = candidates_seen;
                    let edge =
                        *known.entry((requires.package, *times)).or_insert_with(|| edges.add(from, requires.package));
                    // The edge was added by this function, now or earlier.
                    edges.all[edge].append(id.0, requires);
                }
            }
        }
        edges
    }

    fn add(&mut self, from: PackageId, to: PackageId) -> usize {
        let edge = self.all.len();
        self.all.push(Edge { from, to, runs: Vec::new() });
        if from == to {
            self.of_themselves.push(edge);
        } else {
            self.outgoing[from].push(edge);
            self.incoming[to].push(edge);
        }
        edge
    }

    /// Returns an edge by the place that another method gave.
    pub(super) fn get(&self, edge: usize) -> &Edge<'a> {
        // Edges are never taken away.
        &self.all[edge]
    }

    /// Returns the edges from the package to others.
    pub(super) fn from(&self, package: PackageId) -> &[usize] {
        &self.outgoing[package]
    }

    /// Returns the edges from others to the package.
    pub(super) fn to(&self, package: PackageId) -> &[usize] {
        &self.incoming[package]
    }

    /// Returns what candidates require of their own package: the edges and their runs.
    pub(super) fn of_themselves(&self) -> impl Iterator<Item = (usize, usize)> {
        self.of_themselves.iter().flat_map(|edge| (0..self.get(*edge).runs.len()).map(|run| (*edge, run)))
    }
}

impl<'a> Edge<'a> {
    fn append(&mut self, candidate: u32, requires: &'a Requires) {
        match self.runs.last_mut() {
            Some(run) if run.end == candidate && run.requires.says_the_same(requires) => run.end += 1,
            _ => self.runs.push(Run { start: candidate, end: candidate + 1, requires }),
        }
    }

    /// Returns those of some candidates that require what is not among `values`, and how many runs were looked at.
    pub(super) fn excluded_by(&self, values: &Values, candidates: &CandidateSet) -> (CandidateSet, u64) {
        let (mut excluded, mut runs) = (Vec::new(), 0);
        self.visit(candidates, |run, start, end| {
            runs += 1;
            if !run.admits(values) {
                excluded.push((start, end));
            }
        });
        (CandidateSet::joined(excluded), runs)
    }

    /// Returns what all of some candidates require alike, as the place of the run; `None` if they do not.
    pub(super) fn shared_by(&self, candidates: &CandidateSet) -> Option<usize> {
        let (first, last) = (candidates.first()?, candidates.last()?);
        let place = self.runs.partition_point(|run| run.end <= first.0);
        self.runs.get(place).filter(|run| run.start <= first.0 && last.0 < run.end).map(|_| place)
    }

    /// Returns a run by the place that another method gave.
    pub(super) fn run(&self, place: usize) -> &Run<'a> {
        // Runs are never taken away.
        &self.runs[place]
    }

    /// Returns what some candidates require, taken together.
    pub(super) fn together(&self, candidates: &CandidateSet) -> Together {
        let mut ranges = Vec::new();
        let mut first: Option<&Requires> = None;
        let mut together = Together { allowed: Values::default(), why: None, is_same: true };
        self.visit(candidates, |run, _, _| {
            ranges.extend_from_slice(run.requires.allowed.ranges());
            together.allowed.absent |= run.requires.effect == Effect::Limits;
            match first {
                None => (first, together.why) = (Some(run.requires), Some(Arc::clone(&run.requires.why))),
                Some(first) => {
                    together.is_same &= run.requires.says_the_same(first);
                    together.why.take_if(|why| *why != run.requires.why);
                }
            }
        });
        together.allowed.candidates = CandidateSet::joined(ranges);
        together
    }

    /// Visits the runs in which some of the candidates are, with the part of the run that is among them.
    fn visit(&self, candidates: &CandidateSet, mut visit: impl FnMut(&Run<'a>, u32, u32)) {
        for (start, end) in candidates.ranges() {
            let from = self.runs.partition_point(|run| run.end <= *start);
            for run in self.runs.iter().skip(from).take_while(|run| run.start < *end) {
                visit(run, run.start.max(*start), run.end.min(*end));
            }
        }
    }
}

impl Run<'_> {
    /// Returns the candidates that require it.
    pub(super) fn candidates(&self) -> CandidateSet {
        CandidateSet::between(self.start, self.end)
    }

    /// Returns what they allow.
    pub(super) fn allowed(&self) -> Values {
        Values::allowed(self.requires.allowed.clone(), self.requires.effect)
    }

    fn admits(&self, values: &Values) -> bool {
        (values.absent && self.requires.effect == Effect::Limits)
            || !self.requires.allowed.is_disjoint(&values.candidates)
    }
}

impl Requires {
    fn says_the_same(&self, other: &Self) -> bool {
        self.allowed == other.allowed && self.effect == other.effect && self.why == other.why
    }
}
