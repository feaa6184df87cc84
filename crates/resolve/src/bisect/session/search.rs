//! The search of a session: over a line or over changes.

use std::num::NonZeroUsize;

use super::event::{Searched, Start, Subject};
use crate::bisect::{Changes, Line, Search, SearchError, Step, Verdict};

/// Either search, with tests that can be written down.
#[derive(Clone, Debug)]
pub(super) enum Either {
    Line(Line),
    Changes(Changes),
}

impl Either {
    pub(super) fn new(start: &Start) -> Result<Self, SearchError> {
        match &start.search {
            Searched::Line { candidates } => {
                let mut line = Line::new(candidates.iter().map(|candidate| candidate.key.as_str()), start.ends)?;
                for (number, _) in candidates.iter().enumerate().filter(|(_, candidate)| candidate.absent) {
                    line.exclude(number)?;
                }
                Ok(Self::Line(line))
            }
            Searched::Changes { changes, implications, .. } => {
                Changes::new(changes.len(), implications, start.ends).map(Self::Changes)
            }
        }
    }

    /// Takes something out of the search without a test.
    pub(super) fn exclude(&mut self, test: &Subject) -> Result<(), SearchError> {
        match (self, test) {
            (Self::Line(line), Subject::Candidate(candidate)) => line.exclude(*candidate),
            (search, _) => search.record(test, Verdict::Skip),
        }
    }

    /// Tells whether a verdict would still narrow the search.
    pub(super) fn is_open(&self, test: &Subject) -> bool {
        match (self, test) {
            (Self::Line(line), Subject::Candidate(candidate)) => line.is_open(*candidate),
            (Self::Changes(changes), Subject::Changes(set)) => {
                changes.verdict(set).is_none() && matches!(changes.step(NonZeroUsize::MIN), Step::Test(_))
            }
            _ => false,
        }
    }

    fn other(&self) -> SearchError {
        match self {
            Self::Line(_) => SearchError::OtherSearch { found: "a set of changes", searched: "candidates" },
            Self::Changes(_) => SearchError::OtherSearch { found: "a candidate", searched: "changes" },
        }
    }
}

impl Search for Either {
    type Test = Subject;

    fn step(&self, jobs: NonZeroUsize) -> Step<Subject> {
        match self {
            Self::Line(line) => line.step(jobs).map(Subject::Candidate),
            Self::Changes(changes) => changes.step(jobs).map(Subject::Changes),
        }
    }

    fn check(&self, test: &Subject) -> Result<(), SearchError> {
        match (self, test) {
            (Self::Line(line), Subject::Candidate(candidate)) => line.check(candidate),
            (Self::Changes(changes), Subject::Changes(set)) => changes.check(set),
            _ => Err(self.other()),
        }
    }

    fn record(&mut self, test: &Subject, verdict: Verdict) -> Result<(), SearchError> {
        match (&mut *self, test) {
            (Self::Line(line), Subject::Candidate(candidate)) => line.record(candidate, verdict),
            (Self::Changes(changes), Subject::Changes(set)) => changes.record(set, verdict),
            _ => Err(self.other()),
        }
    }

    fn tested(&self) -> usize {
        match self {
            Self::Line(line) => line.tested(),
            Self::Changes(changes) => changes.tested(),
        }
    }
}
