//! Which values of an axis are wanted: `^1.57`, `~4.1`, `>=20260101`, `bookworm || trixie`.

mod comparator;

use std::fmt;

use crate::scheme::Scheme;
use crate::value::Value;
use comparator::Comparator;

/// Most alternatives and comparators of a requirement.
const COMPARATORS_MAX: usize = 64;
/// Most bytes of a requirement.
const TEXT_MAX_BYTES: usize = 1024;

/// Which values of an axis are wanted.
///
/// The grammar is cargo's: `^`, `~`, `=`, `>`, `>=`, `<`, `<=`, `*` and `1.57.*`, all of those with commas between them; and `||`
/// between alternatives. Numbers that are left out at the end are any: `>1.57` begins with 1.58. A version without an operator
/// means `^`, a word means exactly it.
///
/// A prerelease is below its release; and `<2.0.0`, as the upper end that `^1.57` has, leaves the prereleases of 2.0.0 out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    text: String,
    alternatives: Vec<Vec<Comparator>>,
}

impl Requirement {
    /// Returns what every value meets.
    pub fn any() -> Self {
        Self { text: "*".to_owned(), alternatives: vec![Vec::new()] }
    }

    /// Returns what one value alone meets, and others that compare the same.
    pub fn exactly(value: &Value) -> Self {
        Self { text: format!("={value}"), alternatives: vec![vec![Comparator::exactly(value.clone())]] }
    }

    /// Reads a requirement.
    ///
    /// # Errors
    /// [`RequirementError`], which points at the part that cannot be read.
    pub fn parse(text: &str, scheme: &Scheme) -> Result<Self, RequirementError> {
        let error = |start: usize, length: usize, reason: String| RequirementError { start, length, reason };
        if text.len() > TEXT_MAX_BYTES {
            return Err(error(0, text.len(), format!("is longer than {TEXT_MAX_BYTES} bytes")));
        }
        let mut count = 0;
        let mut alternatives = Vec::new();
        for alternative in text.split("||") {
            let mut comparators = Vec::new();
            for part in alternative.split(',') {
                let trimmed = part.trim();
                // Both are parts of `text`.
                let start = trimmed.as_ptr() as usize - text.as_ptr() as usize;
                count += 1;
                if count > COMPARATORS_MAX {
                    return Err(error(
                        start,
                        trimmed.len(),
                        format!("is the {count}th part; more than {COMPARATORS_MAX} are not read"),
                    ));
                }
                if trimmed.is_empty() {
                    let start = part.as_ptr() as usize - text.as_ptr() as usize;
                    return Err(error(start, part.len(), "says nothing; `*` stands for any version".to_owned()));
                }
                let comparator =
                    Comparator::parse(trimmed, scheme).map_err(|reason| error(start, trimmed.len(), reason))?;
                comparators.extend(comparator);
            }
            alternatives.push(comparators);
        }
        Ok(Self { text: text.trim().to_owned(), alternatives })
    }

    /// Tells whether a value is wanted. Whether prereleases are wanted at all is somebody else's decision.
    pub fn matches(&self, value: &Value) -> bool {
        self.alternatives.iter().any(|all| all.iter().all(|comparator| comparator.matches(value)))
    }

    /// Tells whether the prereleases of this very version are asked for by name: `>=1.58.0-rc.1` asks for those of 1.58.0.
    pub fn names_prereleases_of(&self, value: &Value) -> bool {
        self.alternatives.iter().flatten().any(|comparator| comparator.names_prereleases_of(value))
    }

    /// Returns how it is written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a requirement cannot be read, and which part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RequirementError {
    /// Where the part begins, in bytes of the requirement.
    pub start: usize,
    /// How many bytes it has.
    pub length: usize,
    /// What is wrong with it.
    pub reason: String,
}
