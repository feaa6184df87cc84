//! Several runs of one test, for commands that are not always right.

use std::collections::HashMap;
use std::num::{NonZeroU32, NonZeroUsize};

use serde::{Deserialize, Serialize};

use super::{Round, Search, SearchError, Step, Verdict};

/// How runs become a verdict.
///
/// Under either rule the first run that skips is final unless a verdict has been reached: a candidate that cannot be tested does
/// not become testable by trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "rule", content = "runs")]
pub enum Rule {
    /// Bad as soon as one of so many runs is bad, good when all of them were good: for a fault that shows only sometimes. A bad
    /// candidate that fails with probability `p` is taken for good with probability `(1 - p)^runs`, a good one never for bad.
    AnyBad(NonZeroU32),
    /// What more than half of so many runs say, decided as soon as the rest cannot change it: for a command that also fails on
    /// good candidates. When even the last run leaves a tie, the candidate is skipped.
    Majority(NonZeroU32),
}

impl Rule {
    /// One run, which decides.
    pub const ONCE: Self = Self::AnyBad(NonZeroU32::MIN);

    /// Returns the most runs that a verdict takes.
    pub const fn runs(self) -> u32 {
        match self {
            Self::AnyBad(runs) | Self::Majority(runs) => runs.get(),
        }
    }

    /// Returns the verdict of the runs so far; `None` while more are needed.
    pub fn verdict(self, tally: Tally) -> Option<Verdict> {
        let is_over = tally.runs() >= self.runs();
        match self {
            Self::AnyBad(_) if tally.bad > 0 => Some(Verdict::Bad),
            Self::Majority(_) if tally.exceeds_half(tally.bad, self.runs()) => Some(Verdict::Bad),
            Self::Majority(_) if tally.exceeds_half(tally.good, self.runs()) => Some(Verdict::Good),
            _ if tally.skip > 0 => Some(Verdict::Skip),
            Self::AnyBad(_) if is_over => Some(Verdict::Good),
            Self::Majority(_) if is_over => Some(Verdict::Skip),
            _ => None,
        }
    }
}

impl Default for Rule {
    fn default() -> Self {
        Self::ONCE
    }
}

/// How often runs of one test ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs that were good.
    pub good: u32,
    /// Runs that were bad.
    pub bad: u32,
    /// Runs that could not tell.
    pub skip: u32,
}

impl Tally {
    /// Counts one more run.
    pub const fn add(&mut self, verdict: Verdict) {
        let count = match verdict {
            Verdict::Good => &mut self.good,
            Verdict::Bad => &mut self.bad,
            Verdict::Skip => &mut self.skip,
        };
        *count = count.saturating_add(1);
    }

    /// Returns the number of runs.
    pub const fn runs(self) -> u32 {
        self.good.saturating_add(self.bad).saturating_add(self.skip)
    }

    fn exceeds_half(self, part: u32, runs: u32) -> bool {
        // More runs than needed may have been counted, over several sessions.
        u64::from(part) * 2 > u64::from(self.runs().max(runs))
    }
}

/// One run of a test.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Run<T> {
    /// What is tested.
    pub test: T,
    /// The number of the run, from 1.
    pub number: u32,
}

/// A search that has every test run several times.
#[derive(Clone, Debug)]
pub struct Repeat<S: Search> {
    search: S,
    rule: Rule,
    tallies: HashMap<S::Test, Tally>,
}

impl<S: Search> Repeat<S> {
    /// Returns a search with no runs yet.
    pub fn new(search: S, rule: Rule) -> Self {
        Self { search, rule, tallies: HashMap::new() }
    }

    /// Returns the search for which the tests are run, with the verdicts so far.
    pub const fn search(&self) -> &S {
        &self.search
    }

    pub(super) const fn search_mut(&mut self) -> &mut S {
        &mut self.search
    }

    /// Takes a verdict that is final, whatever runs say: the user's own, or one that was kept.
    ///
    /// # Errors
    /// When the search has no such test; it stays as it was.
    pub fn decide(&mut self, test: &S::Test, verdict: Verdict) -> Result<(), SearchError> {
        self.search.record(test, verdict)
    }

    /// Returns the runs of a test that have been counted.
    pub fn tally(&self, test: &S::Test) -> Tally {
        self.tallies.get(test).copied().unwrap_or_default()
    }
}

impl<S: Search> Search for Repeat<S> {
    type Test = Run<S::Test>;

    /// Returns the next run of every test; where jobs are idle, also the ones after it, which are needed unless the first
    /// decides.
    fn step(&self, jobs: NonZeroUsize) -> Step<Self::Test> {
        let round = match self.search.step(jobs) {
            Step::Done(finding) => return Step::Done(finding),
            Step::Test(round) => round,
        };
        let mut test = Vec::new();
        for ahead in 1..=self.rule.runs() {
            let next = round.test.iter().map(|test| (test, self.tally(test).runs().saturating_add(ahead)));
            let next = next.filter(|(_, number)| *number <= self.rule.runs()).take(jobs.get() - test.len());
            test.extend(next.map(|(test, number)| Run { test: test.clone(), number }));
            if test.len() == jobs.get() {
                break;
            }
        }
        let prefetch = round.prefetch.into_iter().map(|test| Run { test, number: 1 }).collect();
        Step::Test(Round { test, prefetch })
    }

    fn check(&self, run: &Self::Test) -> Result<(), SearchError> {
        self.search.check(&run.test)
    }

    fn record(&mut self, run: &Self::Test, verdict: Verdict) -> Result<(), SearchError> {
        self.check(run)?;
        let mut tally = self.tally(&run.test);
        tally.add(verdict);
        if let Some(verdict) = self.rule.verdict(tally) {
            self.search.record(&run.test, verdict)?;
        }
        self.tallies.insert(run.test.clone(), tally);
        Ok(())
    }

    /// Returns the number of runs.
    fn tested(&self) -> usize {
        self.tallies.values().map(|tally| tally.runs() as usize).sum()
    }
}
