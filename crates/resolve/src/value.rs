//! What stands at one place of a tag, and how it compares.

use std::cmp::Ordering;
use std::fmt;

use crate::version::Version;

/// A value of an axis: the version, the release of the operating system, a variant.
///
/// Values of one [`Scheme`](crate::Scheme) compare as that scheme says; values of different schemes are not meant to be compared.
#[derive(Clone, Debug)]
pub struct Value {
    text: String,
    numbers: Vec<u64>,
    is_prerelease: bool,
    is_plain: bool,
    key: Key,
}

impl Value {
    /// Returns a value. `numbers` are those by which ranges go: the 4, 1 of `~4.1`.
    pub(crate) const fn new(text: String, numbers: Vec<u64>, key: Key) -> Self {
        Self { text, numbers, is_prerelease: false, is_plain: true, key }
    }

    /// Says whether it is announced as not final.
    pub(crate) const fn prerelease(mut self, is_prerelease: bool) -> Self {
        self.is_prerelease = is_prerelease;
        self
    }

    /// Says whether it is made of its numbers alone.
    pub(crate) const fn plain(mut self, is_plain: bool) -> Self {
        self.is_plain = is_plain;
        self
    }

    /// Returns how it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns its numbers, in the order in which they count. A word has none.
    pub fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    /// Tells whether it is announced as not final.
    pub const fn is_prerelease(&self) -> bool {
        self.is_prerelease
    }

    /// Tells whether it is made of its numbers alone: no stage, no revision, no epoch.
    pub const fn is_plain(&self) -> bool {
        self.is_plain
    }
}

impl From<&Version> for Value {
    fn from(version: &Version) -> Self {
        let mut key = Key::default();
        key.numbers(&version.numbers);
        key.rank(version.stage as u64);
        key.numbers(&version.stage_numbers);
        key.numbers(&version.revision);
        Self::new(version.to_string(), version.numbers.clone(), key)
            .prerelease(version.is_prerelease())
            .plain(!version.is_prerelease() && version.revision.is_empty())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What values are compared by: numbers, one after the other. Every part ends with a zero, so that no part runs into the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(Vec<u64>);

impl Key {
    /// Adds numbers of which a missing one is a zero.
    pub(crate) fn numbers(&mut self, numbers: &[u64]) {
        let significant = numbers.iter().rposition(|number| *number > 0).map_or(0, |last| last + 1);
        self.0.extend(numbers[..significant].iter().map(|number| number.saturating_add(1)));
        self.0.push(0);
    }

    /// Adds a number that is always there.
    pub(crate) fn rank(&mut self, rank: u64) {
        self.0.push(rank);
    }

    /// Adds text that compares byte by byte.
    pub(crate) fn text(&mut self, text: &str) {
        self.0.extend(text.bytes().map(|byte| u64::from(byte) + 1));
        self.0.push(0);
    }
}
