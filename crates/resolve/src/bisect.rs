//! The search for what broke: among ordered images, or among the images that differ between two locks. No I/O.
//!
//! ```text
//!            ┌─ Line     candidates in order: k-section
//!  Search ◀──┤
//!            └─ Changes  a set of changes: narrowing, then delta debugging
//!
//!  step(jobs) ─▶ tests to run now ─▶ the caller runs them ─▶ record(test, verdict) ─▶ step(jobs) ─▶ … ─▶ Finding
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`mod@line`] | the first bad one of ordered candidates |
//! | [`changes`] | a smallest set of changes that is bad |
//! | [`repeat`] | several runs of one test, for commands that are not always right |
//! | [`session`] | the log of a search, from which it goes on after the process is gone |
//! | [`cache`] | verdicts that later sessions need not ask for again |
//!
//! What a search asks for depends on nothing but the verdicts it has, not on the order in which they came. A search can
//! therefore be rebuilt from its log, and the tests of one round may end in any order.

pub mod cache;
pub mod changes;
mod json_lines;
pub mod line;
mod minimize;
pub mod repeat;
mod sections;
pub mod session;

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

pub use cache::VerdictCache;
pub use changes::{ChangeSet, Changes};
pub use json_lines::{LogError, MAX_LOG_BYTES, Parsed};
pub use line::Line;
pub use repeat::{Repeat, Rule, Run};
pub use session::Session;

/// What a test has shown about a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It works.
    Good,
    /// It is broken.
    Bad,
    /// It cannot be told: the candidate does not start, or is not there any more.
    Skip,
}

impl Verdict {
    /// Returns what the exit code of a command says, by the convention of `git bisect run`: 0 is good, 125 skips, 1 to 127
    /// is bad. `None` for every other code: the command itself has failed, and the search must stop.
    pub const fn from_exit_code(code: i32) -> Option<Self> {
        match code {
            0 => Some(Self::Good),
            125 => Some(Self::Skip),
            1..=127 => Some(Self::Bad),
            _ => None,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Skip => "skip",
        })
    }
}

/// Whether the two ends of a search, known to be good and bad, are taken as given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ends {
    /// They are what the user says.
    #[default]
    Given,
    /// They are tested, the good one before anything else. An end that cannot be tested stays what the user says.
    Tested,
}

/// The tests that may run now, all at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round<T> {
    /// What to test: at least one, at most as many as there are jobs, none twice.
    pub test: Vec<T>,
    /// What the round after this one may need, the most likely first. At most [`MAX_PREFETCH`].
    pub prefetch: Vec<T>,
}

impl<T> Round<T> {
    fn map<U>(self, mut into: impl FnMut(T) -> U) -> Round<U> {
        Round {
            test: self.test.into_iter().map(&mut into).collect(),
            prefetch: self.prefetch.into_iter().map(into).collect(),
        }
    }
}

/// The most that [`Round::prefetch`] names.
pub const MAX_PREFETCH: usize = 64;

/// The most candidates or changes that one search takes.
pub const MAX_CANDIDATES: usize = 100_000;

/// What a search does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// It needs verdicts.
    Test(Round<T>),
    /// It has ended.
    Done(Finding),
}

impl<T> Step<T> {
    fn map<U>(self, into: impl FnMut(T) -> U) -> Step<U> {
        match self {
            Self::Test(round) => Step::Test(round.map(into)),
            Self::Done(finding) => Step::Done(finding),
        }
    }
}

/// What a search has found. Candidates are named by their place in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The first bad candidate, and the good one directly before it.
    FirstBad {
        /// The last candidate that is good.
        last_good: usize,
        /// The first candidate that is bad: the one after it.
        first_bad: usize,
    },
    /// Only candidates that were skipped are left between the last good and the first known bad one. Each of
    /// `last_good + 1 ..= first_bad` may be what broke it.
    Suspects {
        /// The last candidate known to be good.
        last_good: usize,
        /// The first candidate known to be bad.
        first_bad: usize,
    },
    /// A good candidate comes after a bad one, so there is more than one place where it broke or was mended. Between the
    /// good end and `bad` there is one where it broke: a search over that part alone finds it.
    NotMonotone {
        /// A bad candidate.
        bad: usize,
        /// A good candidate after it.
        good: usize,
    },
    /// A set of changes that is bad and of which nothing can be left out.
    Minimal {
        /// The changes. None of the sets that leave out one of them, and what needs it, was found bad.
        changes: ChangeSet,
        /// Those of these smaller sets that could not be tested. When there are none, all of them are good.
        untested: Vec<ChangeSet>,
    },
    /// The ends are not what they were said to be.
    Contradiction(Contradiction),
}

/// How the ends of a search contradict what was said about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// Both ends are the same thing, which cannot be good and bad.
    EqualEnds,
    /// What was said to be good is bad.
    GoodEndIsBad,
    /// What was said to be bad is good.
    BadEndIsGood,
}

/// A search that cannot be made, or a verdict that does not belong to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// Nothing lies between a good and a bad end.
    #[error("there is nothing to search: {found} given, at least {least} needed")]
    TooFew {
        /// How many candidates or changes there are.
        found: usize,
        /// How many there must be.
        least: usize,
    },
    /// More than a search takes.
    #[error("{found} are too many to search, the limit is {limit}")]
    TooMany {
        /// How many candidates, changes or implications there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A candidate or change that the search does not have.
    #[error("number {number} is none of the {count} that are searched, which count from 0")]
    Unknown {
        /// Its place.
        number: usize,
        /// How many there are.
        count: usize,
    },
    /// A set that holds a change without another one that it needs.
    #[error("the set has change {change} but not change {needs}, without which it is not valid")]
    NotClosed {
        /// The change that is in the set.
        change: usize,
        /// The change that is missing.
        needs: usize,
    },
    /// A verdict on a set where single candidates are searched, or the other way round.
    #[error("the verdict is about {found}, but the search is among {searched}")]
    OtherSearch {
        /// What the verdict is about.
        found: &'static str,
        /// What is searched.
        searched: &'static str,
    },
}

/// A search that asks for tests and is given verdicts.
pub trait Search {
    /// What is tested.
    type Test: Clone + Eq + Hash;

    /// Returns the tests to run now, at most `jobs`, or what has been found. The same verdicts give the same answer.
    fn step(&self, jobs: NonZeroUsize) -> Step<Self::Test>;

    /// Checks that something is a test of this search, whether it asks for it or not.
    ///
    /// # Errors
    /// When it is not.
    fn check(&self, test: &Self::Test) -> Result<(), SearchError>;

    /// Takes a verdict, whether it was asked for or not. A later verdict on the same thing replaces the earlier one.
    ///
    /// # Errors
    /// When the search has no such test; it stays as it was.
    fn record(&mut self, test: &Self::Test, verdict: Verdict) -> Result<(), SearchError>;

    /// Returns how many different things have a verdict.
    fn tested(&self) -> usize;
}
