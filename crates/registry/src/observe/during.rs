//! Failures that the operator is told of.

use super::count::Counter;
use super::exposition::Exposition;
use super::family;

/// What was going on when something failed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum During {
    Request,
    Uploads,
    Collect,
    Journal,
    Scrub,
    Probe,
}

const WORDS: [&str; 6] = ["request", "uploads", "collect", "journal", "scrub", "probe"];

/// How many there were.
#[derive(Debug, Default)]
pub(crate) struct Failures([Counter; WORDS.len()]);

impl Failures {
    pub(crate) fn count(&self, during: During) {
        // There is a place for each.
        self.0[during as usize].one();
    }

    pub(super) fn write(&self, exposition: &mut Exposition) {
        for (word, count) in WORDS.iter().zip(&self.0) {
            exposition.labelled(&family::FAILURES, &[word], count.get());
        }
    }
}
