//! What a package may be: one of some candidates, or not there at all.

use super::problem::Effect;
use super::set::CandidateSet;

/// A set of things that a package may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Values {
    /// The candidates that it may be.
    pub candidates: CandidateSet,
    /// Whether it may be absent: not a part of the solution.
    pub absent: bool,
}

impl Values {
    /// Returns everything that a package with so many candidates may be.
    pub fn all(count: u32) -> Self {
        Self { candidates: CandidateSet::all(count), absent: true }
    }

    /// Returns what a requirement allows.
    pub fn allowed(candidates: CandidateSet, effect: Effect) -> Self {
        Self { candidates, absent: effect == Effect::Limits }
    }

    /// Returns these candidates, and not absent.
    pub const fn present(candidates: CandidateSet) -> Self {
        Self { candidates, absent: false }
    }

    /// Tells whether it may be nothing, not even absent.
    pub fn is_empty(&self) -> bool {
        !self.absent && self.candidates.is_empty()
    }

    /// Tells whether everything in it is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.absent <= other.absent && self.candidates.is_subset(&other.candidates)
    }

    /// Tells whether nothing is in both.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        !(self.absent && other.absent) && self.candidates.is_disjoint(&other.candidates)
    }

    /// Returns what is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { candidates: self.candidates.union(&other.candidates), absent: self.absent || other.absent }
    }

    /// Returns what is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { candidates: self.candidates.intersection(&other.candidates), absent: self.absent && other.absent }
    }

    /// Returns what is not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self { candidates: self.candidates.difference(&other.candidates), absent: self.absent && !other.absent }
    }

    /// Returns what it costs to look at it, in units of work.
    pub(super) fn size(&self) -> u64 {
        1 + self.candidates.ranges().len() as u64
    }
}
