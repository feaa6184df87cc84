//! Planted culprits are found.

mod cache;
mod changes;
mod flaky;
mod line;
mod session;

use std::num::NonZeroUsize;

use resolve::bisect::{Finding, Search, Step, Verdict};

pub(crate) fn jobs(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

/// Returns the smallest `r` with `base^r >= count`.
pub(crate) fn logarithm(count: usize, base: usize) -> usize {
    let powers = std::iter::successors(Some(1usize), |power| power.checked_mul(base));
    powers.take_while(|power| *power < count).count()
}

/// How a search went.
pub(crate) struct Course {
    pub(crate) finding: Finding,
    pub(crate) rounds: usize,
    pub(crate) tests: usize,
}

/// Runs a search to its end. Every round must be as its documentation says.
pub(crate) fn course<S: Search>(search: &mut S, count: usize, mut verdict: impl FnMut(&S::Test) -> Verdict) -> Course {
    let (mut rounds, mut tests) = (0, 0);
    let mut seen = std::collections::HashSet::new();
    loop {
        let round = match search.step(jobs(count)) {
            Step::Done(finding) => return Course { finding, rounds, tests },
            Step::Test(round) => round,
        };
        rounds += 1;
        tests += round.test.len();
        assert!(!round.test.is_empty() && round.test.len() <= count, "{} tests at once", round.test.len());
        assert!(round.prefetch.len() <= resolve::bisect::MAX_PREFETCH);
        assert!(!round.prefetch.iter().any(|test| round.test.contains(test)), "prefetched what is tested now");
        for test in &round.test {
            assert!(seen.insert(test.clone()), "tested twice");
            search.record(test, verdict(test)).unwrap();
        }
    }
}

/// Numbers that look random and are the same every time (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % u64::try_from(end).unwrap()).unwrap()
    }

    /// Tells, with a chance of so many in a hundred, that it happened.
    pub(crate) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}
