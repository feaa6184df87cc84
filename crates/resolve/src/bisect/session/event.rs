//! What the log of a session is made of.

use std::num::NonZeroUsize;

use oci::Digest;
use serde::{Deserialize, Serialize};

use crate::bisect::changes::ChangeSet;
use crate::bisect::repeat::Rule;
use crate::bisect::{Ends, Verdict};

/// What a session searches, and how: its first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// What the candidates are along: `tags`, `digests`, `locks`, `layers`.
    pub axis: String,
    /// What is searched.
    pub search: Searched,
    /// Whether the ends are tested.
    #[serde(default)]
    pub ends: Ends,
    /// How many tests may run at once.
    pub jobs: NonZeroUsize,
    /// How runs become verdicts.
    #[serde(default)]
    pub repeat: Rule,
    /// The command that tests, with its arguments. Empty when the user gives the verdicts.
    pub command: Vec<String>,
    /// Names what the command does: a digest of its text, and of the files that it runs where they are known.
    pub command_hash: Digest,
}

/// What a session searches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Searched {
    /// The first bad one of candidates in order.
    Line {
        /// The good end first, the bad end last.
        candidates: Vec<Candidate>,
    },
    /// A smallest bad set of changes.
    Changes {
        /// The identity of what is changed, with no change made.
        base: String,
        /// The changes.
        changes: Vec<Candidate>,
        /// Pairs of changes of which the first is valid only together with the second.
        #[serde(default)]
        implications: Vec<(usize, usize)>,
    },
}

/// A candidate or a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// What the user calls it: a version, a date, the name of an image.
    pub label: String,
    /// What it is: two candidates with one key are the same thing. For an image the digest for its platform.
    pub key: String,
    /// Where it is: a reference with a digest.
    pub reference: String,
    /// Whether it is known to be gone, so that it cannot be tested. Means nothing for a change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub absent: bool,
}

/// What a test is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// One of the candidates of a line.
    Candidate(usize),
    /// A set of changes.
    Changes(ChangeSet),
}

/// What has happened in a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event", deny_unknown_fields)]
pub enum Event {
    /// Something was found good, bad, or not to be told.
    Verdict {
        /// What it is about.
        of: Subject,
        /// What was found.
        verdict: Verdict,
        /// How.
        source: Source,
    },
    /// Something is not to be tested, because it is gone or because the user says so. It is still a suspect.
    Skip {
        /// What it is about.
        of: Subject,
        /// Why, for people.
        reason: String,
    },
    /// The last verdict or skip that still counts counts no more.
    Undo {},
    /// No verdict or skip so far counts any more.
    Reset {},
}

/// Where a verdict comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// One run of the command. It takes as many as [`Start::repeat`] says to decide.
    Run {
        /// Counts from 1.
        number: u32,
        /// What the command exited with; `None` when it was stopped.
        exit_code: Option<i32>,
    },
    /// The user. Final.
    Manual,
    /// The [`VerdictCache`](crate::bisect::VerdictCache). Final.
    Cache,
}
