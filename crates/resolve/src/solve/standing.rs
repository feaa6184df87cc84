//! Why each candidate of a package was chosen or not.

use std::sync::Arc;

use super::per_package::PerPackage;
use super::problem::{CandidateId, Effect, PackageId, Problem, ReasonId, Requires, RootId};
use super::set::CandidateSet;
use super::solution::{Chosen, Solution};

/// How a candidate stands in a solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was chosen.
    Chosen,
    /// It is refused.
    Refused(ReasonId),
    /// The user requires something else.
    Unmatched(RootId),
    /// It requires of a package what cannot be chosen there, whatever else is, or what is not chosen.
    Needs {
        /// The package, perhaps its own.
        of: PackageId,
        /// Its requirement.
        why: Arc<str>,
    },
    /// What is chosen of another package requires something else.
    Excluded {
        /// The other package.
        by: PackageId,
        /// Its requirement.
        why: Arc<str>,
    },
    /// It would do, and is older than the chosen one, which is better.
    Older,
    /// It would do, and is newer than the chosen one, which is better.
    Newer,
    /// Nothing demands its package.
    NotDemanded,
}

/// Returns every candidate of a package and how it stands in the solution of the problem, from the oldest to the newest. Of
/// several reasons against one it is the first in the order of [`Standing`], but that what is merely not chosen comes after what
/// others require.
pub fn candidates(problem: &Problem, solution: &Solution, package: PackageId) -> Vec<(CandidateId, Standing)> {
    let Some(it) = problem.package(package) else { return Vec::new() };
    let mut standings = Vec::with_capacity(it.candidates.len());
    let chosen = solution.chosen(package);
    let mut rest = CandidateSet::all(it.count()).difference(&chosen.into_iter().collect());
    standings.extend(chosen.map(|chosen| (chosen, Standing::Chosen)));
    for (id, candidate) in it.candidates() {
        standings.extend(candidate.refused.filter(|_| rest.contains(id)).map(|reason| (id, Standing::Refused(reason))));
    }
    rest = rest.difference(&it.candidates().filter(|(_, it)| it.refused.is_some()).map(|(id, _)| id).collect());
    for (id, root) in problem.roots().filter(|(_, root)| root.package == package) {
        let unmatched = rest.difference(&root.allowed);
        standings.extend(unmatched.iter().map(|candidate| (candidate, Standing::Unmatched(id))));
        rest = rest.intersection(&root.allowed);
    }
    if let Some(chosen) = chosen {
        let against = Standings::of(problem, solution.all_chosen()).against(package, rest.clone());
        rest = rest.difference(&against.iter().map(|(candidate, _)| *candidate).collect());
        standings.extend(against);
        let would_do = |id| (id, if id < chosen { Standing::Older } else { Standing::Newer });
        standings.extend(rest.iter().map(would_do));
    } else {
        standings.extend(rest.iter().map(|candidate| (candidate, Standing::NotDemanded)));
    }
    standings.sort_unstable_by_key(|(candidate, _)| *candidate);
    standings
}

/// What the chosen candidates require, by whom they require it of.
pub(super) struct Standings<'a> {
    problem: &'a Problem,
    chosen: &'a Chosen,
    open: PerPackage<CandidateSet>,
    required: PerPackage<Vec<(PackageId, &'a Requires)>>,
}

impl<'a> Standings<'a> {
    pub(super) fn of(problem: &'a Problem, chosen: &'a Chosen) -> Self {
        let mut required = PerPackage::of(problem, |_| Vec::new());
        for (package, _) in problem.packages() {
            let candidate = chosen[package].and_then(|candidate| problem.candidate(package, candidate));
            for requires in candidate.into_iter().flat_map(|it| &it.requires) {
                required[requires.package].push((package, requires));
            }
        }
        Self { problem, chosen, open: problem.open(), required }
    }

    /// Returns which candidates of a package could be chosen if there were only the user's requirements and the reasons.
    pub(super) fn open(&self, package: PackageId) -> &CandidateSet {
        &self.open[package]
    }

    /// Returns those of some candidates of a package that do not go with what is chosen of other packages, and why.
    pub(super) fn against(&self, package: PackageId, mut candidates: CandidateSet) -> Vec<(CandidateId, Standing)> {
        let mut standings = self.in_need(package, &candidates, |requires, _| self.can_be_met(requires));
        candidates = candidates.difference(&standings.iter().map(|(candidate, _)| *candidate).collect());
        for (by, requires) in self.required[package].iter().filter(|(by, _)| *by != package) {
            let excluded = candidates.difference(&requires.allowed);
            let standing = Standing::Excluded { by: *by, why: Arc::clone(&requires.why) };
            standings.extend(excluded.iter().map(|candidate| (candidate, standing.clone())));
            candidates = candidates.intersection(&requires.allowed);
        }
        let is_met = |requires: &Requires, candidate| self.is_met(requires, package, candidate);
        standings.extend(self.in_need(package, &candidates, is_met));
        standings
    }

    /// Returns those of some candidates that have a requirement that is not met, and which.
    fn in_need(
        &self,
        package: PackageId,
        candidates: &CandidateSet,
        is_met: impl Fn(&Requires, CandidateId) -> bool,
    ) -> Vec<(CandidateId, Standing)> {
        let unmet = |candidate| {
            let unmet =
                self.problem.candidate(package, candidate)?.requires.iter().find(|it| !is_met(it, candidate))?;
            Some((candidate, Standing::Needs { of: unmet.package, why: Arc::clone(&unmet.why) }))
        };
        candidates.iter().filter_map(unmet).collect()
    }

    /// Tells whether there is a candidate that meets a requirement, were it not for other requirements of candidates.
    fn can_be_met(&self, requires: &Requires) -> bool {
        requires.effect == Effect::Limits || !requires.allowed.is_disjoint(&self.open[requires.package])
    }

    /// Tells whether what is chosen meets a requirement of a candidate.
    fn is_met(&self, requires: &Requires, package: PackageId, candidate: CandidateId) -> bool {
        let chosen = if requires.package == package { Some(candidate) } else { self.chosen[requires.package] };
        chosen.map_or(requires.effect == Effect::Limits, |chosen| requires.allowed.contains(chosen))
    }
}
