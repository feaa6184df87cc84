//! Where to cut what is left into sections.

use std::cmp::{Ordering, Reverse};
use std::ops::Range;

use super::MAX_PREFETCH;

/// The places between the last good and the first bad one.
#[derive(Debug)]
pub(super) struct Gap {
    pub(super) last_good: usize,
    pub(super) first_bad: usize,
    /// Those between that may be tested, ascending.
    pub(super) untested: Vec<usize>,
    /// Those between that were tested and skipped, ascending.
    pub(super) skipped: Vec<usize>,
}

impl Gap {
    /// Returns up to `count` untested places, ascending, that cut the gap into sections of even size. Without skipped places
    /// none is left with more than `⌈c / (count + 1)⌉` of the `c` possible culprits.
    ///
    /// With skipped places each cut is where a test tells most: see [`Worth`].
    pub(super) fn cuts(&self, count: usize) -> Vec<usize> {
        let open = &self.untested;
        if open.len() <= count {
            return open.clone();
        }
        // One more possible culprit than untested places: it may be the first bad one itself.
        let (culprits, sections) = (open.len() + 1, count + 1);
        let section = culprits / sections;
        let mut chosen = Vec::with_capacity(count);
        let mut free = 0;
        for cut in 1..=count {
            // At least 0, because there are more culprits than sections; and beyond every place chosen before, because those
            // lie less than a section above their own even cut.
            let even = cut * culprits / sections - 1;
            let window = free.max((even + 1).saturating_sub(section))..(even + section).min(open.len());
            let best = if self.skipped.is_empty() { even } else { self.best(even, section, window) };
            chosen.push(open[best]);
            free = best + 1;
        }
        chosen
    }

    /// Returns which of the untested places of the window is the best cut; of equal ones the first.
    fn best(&self, even: usize, section: usize, window: Range<usize>) -> usize {
        let worth = |at: usize| self.worth(section - at.abs_diff(even), self.untested[at]);
        let later = |one: &usize, other: &usize| worth(*one).cmp(worth(*other)).then(other.cmp(one));
        window.max_by(later).unwrap_or(even)
    }

    fn worth(&self, evenness: usize, place: usize) -> Worth {
        let after = self.skipped.partition_point(|&skip| skip < place);
        let nearest = [after.checked_sub(1), Some(after)].into_iter().flatten().filter_map(|at| self.skipped.get(at));
        let to_skipped = nearest.map(|&skip| skip.abs_diff(place)).min().unwrap_or(1);
        let to_tested = (place - self.last_good).min(self.first_bad - place);
        let doubt = self.skipped.len().saturating_mul(self.skipped.len()).min(to_tested);
        Worth::new(evenness, to_skipped, to_skipped + doubt)
    }

    /// Returns where the gap would be cut next, for every section that cuts at `places` may leave: the largest section first,
    /// since the culprit is most likely there.
    pub(super) fn cuts_after(&self, places: &[usize], count: usize) -> Vec<usize> {
        let starts = [self.last_good].into_iter().chain(places.iter().copied());
        let ends = places.iter().copied().chain([self.first_bad]);
        let mut sections: Vec<Self> = starts.zip(ends).map(|(start, end)| self.section(start, end)).collect();
        sections.sort_by_key(|section| Reverse(section.untested.len()));
        // Each of the sections that has a place to cut gives at least one.
        sections.iter().take(MAX_PREFETCH).flat_map(|section| section.cuts(count.min(MAX_PREFETCH))).collect()
    }

    fn section(&self, last_good: usize, first_bad: usize) -> Self {
        let inside = |places: &[usize]| {
            let start = places.partition_point(|&place| place <= last_good);
            places[start..places.partition_point(|&place| place < first_bad)].to_vec()
        };
        Self { last_good, first_bad, untested: inside(&self.untested), skipped: inside(&self.skipped) }
    }
}

/// How much a test at a place is expected to tell.
///
/// Candidates that cannot be tested are often neighbours: a build was broken for a while. So a place at distance `d` from the
/// nearest skipped one is taken to be testable with a chance of `d / (d + doubt)`. The doubt grows with the square of the number
/// of skipped places, since a single one is likely to stand alone; it is never more than the distance to the nearest place
/// that could be tested, so that a large hole is left by halving the way to its edge.
///
/// What a verdict tells falls with the root of the evenness of the cut, about as its entropy does. Squares of chance times
/// root order the places in the same way, and need no fractions.
#[derive(Clone, Copy)]
struct Worth {
    over: u128,
    under: u128,
}

impl Worth {
    /// All are at most the number of candidates, or twice that: the products stay far from the limit.
    const fn new(evenness: usize, chance_over: usize, chance_under: usize) -> Self {
        let (over, under) = (chance_over as u128, chance_under as u128);
        Self { over: evenness as u128 * over * over, under: under * under }
    }

    fn cmp(self, other: Self) -> Ordering {
        (self.over * other.under).cmp(&(other.over * self.under))
    }
}
