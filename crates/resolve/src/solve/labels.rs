//! Sets of candidates as people read them.

use super::per_package::PerPackage;
use super::problem::{CandidateId, PackageId, Problem};
use super::set::CandidateSet;

/// Ranges that are named one by one at most; of more, only the ends are.
const MAX_RANGES: usize = 4;

/// Names candidates by their labels.
pub(super) struct Labels<'a> {
    problem: &'a Problem,
    /// The candidates that are neither refused nor excluded by the user.
    open: PerPackage<CandidateSet>,
}

impl<'a> Labels<'a> {
    pub(super) fn of(problem: &'a Problem) -> Self {
        Self { problem, open: problem.open() }
    }

    /// Returns the name of the package.
    pub(super) fn name(&self, package: PackageId) -> &'a str {
        self.problem.package(package).map_or("?", |it| &it.name)
    }

    /// Returns the name of the package and those of its candidates of which something is said that is of no interest for
    /// candidates that are not open: `query 1.57.0 to 1.76.0`, or `query` if it is said of all others.
    pub(super) fn subject(&self, package: PackageId, candidates: &CandidateSet) -> String {
        let (open, count) = (&self.open[package], self.count(package));
        let is_all = candidates.len() == count || (!open.is_empty() && open.is_subset(candidates));
        if is_all { self.name(package).to_owned() } else { self.named(package, candidates) }
    }

    /// Returns the name of the package and these candidates of it, where those that are not open do not count:
    /// `query 1.57.0 to 1.76.0`.
    pub(super) fn named(&self, package: PackageId, candidates: &CandidateSet) -> String {
        self.text(package, candidates, |gap| gap.is_disjoint(&self.open[package]))
    }

    /// Returns the name of the package and exactly these candidates of it.
    pub(super) fn exactly(&self, package: PackageId, candidates: &CandidateSet) -> String {
        self.text(package, candidates, |_| false)
    }

    fn count(&self, package: PackageId) -> usize {
        self.problem.package(package).map_or(0, |it| it.candidates.len())
    }

    fn text(
        &self,
        package: PackageId,
        candidates: &CandidateSet,
        is_bridged: impl Fn(&CandidateSet) -> bool,
    ) -> String {
        let (name, count) = (self.name(package), self.count(package));
        if candidates.len() == count && count > 1 {
            return format!("all {count} versions of {name}");
        }
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for (start, end) in candidates.ranges() {
            match ranges.last_mut() {
                Some((_, last)) if is_bridged(&CandidateSet::between(*last, *start)) => *last = *end,
                _ => ranges.push((*start, *end)),
            }
        }
        let label = |candidate| self.problem.candidate(package, CandidateId(candidate)).map_or("?", |it| &it.label);
        let range = |(start, end): &(u32, u32)| match end - start {
            1 => label(*start).to_owned(),
            _ => format!("{} to {}", label(*start), label(end - 1)),
        };
        match &ranges[..] {
            [] => format!("no version of {name}"),
            [only] => format!("{name} {}", range(only)),
            [first, .., last] if ranges.len() > MAX_RANGES => {
                let (count, first, last) = (candidates.len(), label(first.0), label(last.1 - 1));
                format!("{name} {first} to {last} ({count} versions)")
            }
            [first @ .., last] => {
                let first: Vec<String> = first.iter().map(range).collect();
                format!("{name} {} and {}", first.join(", "), range(last))
            }
        }
    }
}
