//! A version and how it compares.

use std::cmp::Ordering;
use std::fmt;

/// What a release is called before it is one, in the order in which they follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// `dev`, `snapshot`, `nightly`, `canary`: whatever there is at the moment.
    Development,
    /// `alpha`, `a`.
    Alpha,
    /// `preview`, `pre`, `ea`, `m`, `milestone`.
    Preview,
    /// `beta`, `b`.
    Beta,
    /// `rc`, `cr`, `c`.
    Candidate,
    /// None of them.
    Release,
}

impl Stage {
    /// Reads the word for a stage, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        const WORDS: [(&str, Stage); 17] = [
            ("a", Stage::Alpha),
            ("alpha", Stage::Alpha),
            ("b", Stage::Beta),
            ("beta", Stage::Beta),
            ("c", Stage::Candidate),
            ("canary", Stage::Development),
            ("cr", Stage::Candidate),
            ("dev", Stage::Development),
            ("ea", Stage::Preview),
            ("m", Stage::Preview),
            ("milestone", Stage::Preview),
            ("nightly", Stage::Development),
            ("pre", Stage::Preview),
            ("preview", Stage::Preview),
            ("rc", Stage::Candidate),
            ("snapshot", Stage::Development),
            ("unstable", Stage::Development),
        ];
        WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, stage)| *stage)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "dev",
            Self::Alpha => "alpha",
            Self::Preview => "preview",
            Self::Beta => "beta",
            Self::Candidate => "rc",
            Self::Release => "release",
        })
    }
}

/// A version: its numbers, how final it is, and the number of the build or packaging.
///
/// Versions compare number by number, where a missing number is a zero; then a release is newer than everything before it;
/// then the higher revision is newer. Leading zeros, a `v` in front and a name for the final release (`.Final`, `-GA`) do not count.
#[derive(Clone, Debug)]
pub struct Version {
    /// The numbers, in the order in which they count. At least one.
    pub numbers: Vec<u64>,
    /// How final it is.
    pub stage: Stage,
    /// The numbers after the stage: the 10 of `rc.10`.
    pub stage_numbers: Vec<u64>,
    /// The numbers of builds or packagings: the 929 of `8.7-929`, the 4 of `1.2.3-debian-12-r4`.
    pub revision: Vec<u64>,
}

impl Version {
    /// Returns a release.
    pub const fn release(numbers: Vec<u64>) -> Self {
        Self { numbers, stage: Stage::Release, stage_numbers: Vec::new(), revision: Vec::new() }
    }

    /// Tells whether it is announced as not final.
    pub fn is_prerelease(&self) -> bool {
        self.stage != Stage::Release
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&dotted(&self.numbers))?;
        if self.is_prerelease() {
            write!(f, "-{}", self.stage)?;
            if !self.stage_numbers.is_empty() {
                write!(f, ".{}", dotted(&self.stage_numbers))?;
            }
        }
        if !self.revision.is_empty() {
            write!(f, "+{}", dotted(&self.revision))?;
        }
        Ok(())
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.numbers, &other.numbers)
            .then(self.stage.cmp(&other.stage))
            .then_with(|| compare(&self.stage_numbers, &other.stage_numbers))
            .then_with(|| compare(&self.revision, &other.revision))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Returns the numbers with dots between them.
pub(crate) fn dotted(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

/// Compares number by number; a missing number is a zero.
fn compare(one: &[u64], other: &[u64]) -> Ordering {
    let at = |numbers: &[u64], place: usize| numbers.get(place).copied().unwrap_or(0);
    let length = one.len().max(other.len());
    (0..length)
        .map(|place| at(one, place).cmp(&at(other, place)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
