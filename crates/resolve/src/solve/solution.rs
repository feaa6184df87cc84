//! What was chosen, and why.

use super::order::Order;
use super::per_package::PerPackage;
use super::problem::{CandidateId, PackageId, Problem};
use super::set::CandidateSet;
use super::standing::{Standing, Standings};

/// One candidate of every package that is demanded, each the best that lets everything be solved with those decided before it.
#[derive(Clone, Debug)]
pub struct Solution {
    choices: Vec<Choice>,
    chosen: Chosen,
}

/// What was chosen of one package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The package.
    pub package: PackageId,
    /// Its candidate.
    pub candidate: CandidateId,
    /// Why this one.
    pub because: ChosenBecause,
}

/// Why a candidate was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBecause {
    /// It is the one that is preferred.
    Preferred,
    /// It is the newest that the user's requirements and the reasons against candidates leave.
    Highest,
    /// It is the oldest that they leave.
    Lowest,
    /// There is a better one, which does not go with what is chosen of this package.
    Forced {
        /// The package that requires another one, or of which the better one requires another one. Where the better one
        /// contradicts itself, it is of the same package.
        by: PackageId,
    },
}

/// Which candidate of each package is chosen.
pub(super) type Chosen = PerPackage<Option<CandidateId>>;

impl Solution {
    pub(super) fn of(problem: &Problem, order: &Order, decisions: Vec<(PackageId, CandidateId)>) -> Self {
        let mut chosen = Chosen::of(problem, |_| None);
        for (package, candidate) in &decisions {
            chosen[*package] = Some(*candidate);
        }
        let standings = Standings::of(problem, &chosen);
        let because = |package: PackageId, candidate: CandidateId| {
            let best = order.best(package, standings.open(package));
            if best == Some(candidate) {
                return match problem.package(package) {
                    Some(it) if it.preferred == best => ChosenBecause::Preferred,
                    _ if order.prefers_lowest(package) => ChosenBecause::Lowest,
                    _ => ChosenBecause::Highest,
                };
            }
            let better: CandidateSet = best.into_iter().collect();
            match standings.against(package, better).first() {
                Some((_, Standing::Excluded { by: other, .. } | Standing::Needs { of: other, .. })) => {
                    ChosenBecause::Forced { by: *other }
                }
                // If nothing that is chosen stood against the better one, it could take the place of this one and would have.
                _ => ChosenBecause::Forced { by: package },
            }
        };
        let choice = |(package, candidate)| Choice { package, candidate, because: because(package, candidate) };
        let choices = decisions.into_iter().map(choice).collect();
        Self { choices, chosen }
    }

    /// Returns what was chosen, in the order in which it was decided.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// Returns the candidate that was chosen of a package; `None` if nothing demands the package.
    pub fn chosen(&self, package: PackageId) -> Option<CandidateId> {
        self.chosen.get(package).copied().flatten()
    }

    pub(super) fn all_chosen(&self) -> &Chosen {
        &self.chosen
    }
}
