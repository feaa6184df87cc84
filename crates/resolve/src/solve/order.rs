//! Which package is decided first, and which candidate is best.

use super::per_package::PerPackage;
use super::problem::{CandidateId, Effect, PackageId, Problem, Strategy};
use super::set::CandidateSet;

/// The order in which packages are decided, and that of their candidates. It is fixed before the search begins: an order that
/// learns from conflicts would be faster and would change what is chosen.
pub(super) struct Order {
    /// The packages, the first to be decided first.
    packages: Vec<PackageId>,
    ranks: PerPackage<usize>,
    preferences: PerPackage<Preference>,
}

struct Preference {
    preferred: Option<CandidateId>,
    is_lowest: bool,
}

impl Order {
    pub(super) fn of(problem: &Problem) -> Self {
        let mut packages: Vec<_> = problem.packages().map(|(id, it)| (it.priority, it.name.as_str(), id)).collect();
        packages.sort_unstable();
        let packages: Vec<PackageId> = packages.into_iter().map(|(_, _, id)| id).collect();
        let mut ranks = PerPackage::of(problem, |_| 0);
        for (rank, package) in packages.iter().enumerate() {
            ranks[*package] = rank;
        }
        let is_lowest = problem.strategy == Strategy::Lowest;
        let mut preferences = PerPackage::of(problem, |it| Preference { preferred: it.preferred, is_lowest });
        if problem.strategy == Strategy::LowestDirect {
            for root in problem.roots.iter().filter(|root| root.effect == Effect::Demands) {
                preferences[root.package].is_lowest = true;
            }
        }
        Self { packages, ranks, preferences }
    }

    /// Returns the place of the package in the order; the lowest is decided first.
    pub(super) fn rank(&self, package: PackageId) -> usize {
        self.ranks[package]
    }

    /// Returns the package of a rank.
    pub(super) fn package(&self, rank: usize) -> PackageId {
        // Ranks are places among the packages.
        self.packages[rank]
    }

    /// Returns the best of some candidates of the package; `None` if there are none.
    pub(super) fn best(&self, package: PackageId, of: &CandidateSet) -> Option<CandidateId> {
        let preferred = self.preferences[package].preferred.filter(|preferred| of.contains(*preferred));
        preferred.or_else(|| if self.prefers_lowest(package) { of.first() } else { of.last() })
    }

    /// Tells whether older candidates of the package are better than newer ones.
    pub(super) fn prefers_lowest(&self, package: PackageId) -> bool {
        self.preferences[package].is_lowest
    }
}
