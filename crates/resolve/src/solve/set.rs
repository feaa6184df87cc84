//! A set of candidates of one package.

use std::cmp::Ordering;

use super::problem::CandidateId;

/// A set of candidates of one package, kept as ranges: versions that are alike stand side by side. Sets are ordered, in no way that
/// means anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CandidateSet {
    /// First and first one after, in ascending order; between two of them is a gap.
    ranges: Vec<(u32, u32)>,
}

impl CandidateSet {
    /// Returns the set without candidates.
    pub const fn none() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Returns the first `count` candidates, which are all of a package that has as many.
    pub fn all(count: u32) -> Self {
        Self::between(0, count)
    }

    /// Returns the candidates from `start` to the one before `end`.
    pub fn between(start: u32, end: u32) -> Self {
        Self { ranges: if start < end { vec![(start, end)] } else { Vec::new() } }
    }

    /// Returns those of the first `count` candidates that are wanted.
    pub fn matching(count: u32, mut is_wanted: impl FnMut(CandidateId) -> bool) -> Self {
        (0..count).map(CandidateId).filter(|candidate| is_wanted(*candidate)).collect()
    }

    /// Returns the candidates of any of the ranges, which may overlap.
    pub(super) fn joined(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut set = Self::none();
        for (start, end) in ranges {
            set.append(start, end);
        }
        set
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.ranges.iter().map(|(start, end)| (end - start) as usize).sum()
    }

    /// Returns the lowest one.
    pub fn first(&self) -> Option<CandidateId> {
        self.ranges.first().map(|(start, _)| CandidateId(*start))
    }

    /// Returns the highest one.
    pub fn last(&self) -> Option<CandidateId> {
        self.ranges.last().map(|(_, end)| CandidateId(end - 1))
    }

    /// Tells whether the candidate is one of them.
    pub fn contains(&self, candidate: CandidateId) -> bool {
        let after = self.ranges.partition_point(|(start, _)| *start <= candidate.0);
        after.checked_sub(1).and_then(|place| self.ranges.get(place)).is_some_and(|(_, end)| candidate.0 < *end)
    }

    /// Returns the candidates in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = CandidateId> {
        self.ranges.iter().flat_map(|(start, end)| (*start..*end).map(CandidateId))
    }

    /// Returns the ranges in ascending order: the first candidate and the first one after.
    pub(super) fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// Returns the candidates of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut union = Self::none();
        let (mut ours, mut theirs) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        loop {
            let next = match (ours.peek(), theirs.peek()) {
                (Some(our), Some(their)) if our <= their => ours.next(),
                (_, Some(_)) => theirs.next(),
                _ => ours.next(),
            };
            let Some((start, end)) = next else { return union };
            union.append(*start, *end);
        }
    }

    /// Returns the candidates of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut intersection = Self::none();
        overlaps(&self.ranges, &other.ranges, |start, end| {
            intersection.append(start, end);
            true
        });
        intersection
    }

    /// Returns the candidates that are not in the other set.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut difference = Self::none();
        let mut theirs = other.ranges.iter().copied().peekable();
        for (mut start, end) in self.ranges.iter().copied() {
            while let Some((gone, back)) = theirs.peek().copied().filter(|(gone, _)| *gone < end) {
                difference.append(start, gone.max(start));
                start = back.max(start);
                if back > end {
                    break;
                }
                theirs.next();
            }
            difference.append(start, end.max(start));
        }
        difference
    }

    /// Tells whether the sets have no candidate in common.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        let mut is_disjoint = true;
        overlaps(&self.ranges, &other.ranges, |_, _| {
            is_disjoint = false;
            false
        });
        is_disjoint
    }

    /// Tells whether all of them are in the other set.
    pub fn is_subset(&self, other: &Self) -> bool {
        let mut theirs = other.ranges.iter();
        let mut their = theirs.next();
        self.ranges.iter().all(|(start, end)| {
            while their.is_some_and(|(_, their_end)| their_end < end) {
                their = theirs.next();
            }
            their.is_some_and(|(their_start, _)| their_start <= start)
        })
    }

    /// Adds a range that begins no earlier than the last one. An empty range adds nothing.
    fn append(&mut self, start: u32, end: u32) {
        if start >= end {
            return;
        }
        match self.ranges.last_mut() {
            Some((_, last)) if *last >= start => *last = end.max(*last),
            _ => self.ranges.push((start, end)),
        }
    }
}

impl FromIterator<CandidateId> for CandidateSet {
    fn from_iter<I: IntoIterator<Item = CandidateId>>(candidates: I) -> Self {
        let mut set = Self::none();
        let mut early = Vec::new();
        for CandidateId(candidate) in candidates {
            let range = (candidate, candidate.saturating_add(1));
            if set.ranges.last().is_none_or(|(start, _)| *start <= candidate) {
                set.append(range.0, range.1);
            } else {
                early.push(range);
            }
        }
        if early.is_empty() {
            return set;
        }
        early.append(&mut set.ranges);
        Self::joined(early)
    }
}

/// Calls `visit` with every overlap of two lists of ranges, in ascending order, until it says no.
fn overlaps(ours: &[(u32, u32)], theirs: &[(u32, u32)], mut visit: impl FnMut(u32, u32) -> bool) {
    let (mut ours, mut theirs) = (ours, theirs);
    while let ([our, our_rest @ ..], [their, their_rest @ ..]) = (ours, theirs) {
        let (start, end) = (our.0.max(their.0), our.1.min(their.1));
        if start < end && !visit(start, end) {
            return;
        }
        match our.1.cmp(&their.1) {
            Ordering::Less => ours = our_rest,
            Ordering::Greater => theirs = their_rest,
            Ordering::Equal => (ours, theirs) = (our_rest, their_rest),
        }
    }
}
