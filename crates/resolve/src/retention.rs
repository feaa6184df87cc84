//! Which tags of a repository have served their time.
//!
//! A tag goes when every rule that is given agrees, and none is given by default. The candidates are the tags that match one of
//! `delete` (all of them when there is none) and none of `keep_tags`; of the candidates the `keep` newest stay, and those that
//! are not older than `older_than`. Where age counts, a candidate of which nobody knows when it was made stays.

mod file;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use oci::Tag;
use oci::date::Timestamp;

use crate::duration;
use crate::glob::Glob;
pub use file::{FILE_MAX_BYTES, KEYS};

/// Most patterns of one rule.
pub const PATTERNS_MAX: usize = 1000;

/// What decides about tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// How many of the newest candidates stay.
    pub keep: Option<usize>,
    /// Tags that stay whatever else is said.
    pub keep_tags: Vec<Pattern>,
    /// Only such tags go.
    pub delete: Vec<Pattern>,
    /// Only tags whose images are at least this old go.
    pub older_than: Option<Age>,
}

/// A pattern with its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    glob: Glob,
}

/// An age, as in `90d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// The age in seconds.
    pub seconds: u64,
}

/// What the rules say of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It goes.
    Goes,
    /// No rule takes any tag away.
    NoRule,
    /// A pattern keeps it.
    Kept,
    /// No pattern of those that go matches it.
    Unmatched,
    /// It is among the newest.
    Newest,
    /// It is not old enough.
    Young,
    /// Nobody knows when its image was made.
    Undated,
}

impl Rules {
    /// Tells whether any tag can go at all.
    pub fn take_away(&self) -> bool {
        self.keep.is_some() || !self.delete.is_empty() || self.older_than.is_some()
    }

    /// Tells whether it counts when images were made.
    pub const fn need_dates(&self) -> bool {
        self.keep.is_some() || self.older_than.is_some()
    }

    /// Tells whether a tag may go, as far as its name says.
    pub fn is_candidate(&self, tag: &Tag) -> bool {
        self.take_away() && self.by_name(tag).is_none()
    }

    /// Returns what is to become of each tag. `tags` says when its image was made, where that is known; of tags that are no
    /// candidates it does not matter.
    pub fn judge(&self, tags: &BTreeMap<Tag, Option<Timestamp>>, now: Option<Timestamp>) -> BTreeMap<Tag, Verdict> {
        let mut ordered: Vec<(Option<Timestamp>, &Tag)> = tags.iter().map(|(tag, made)| (*made, tag)).collect();
        // Of tags of the same moment the one whose text comes last counts as newer, as 1.10 does beside 1.1.
        ordered.sort_by_key(|&(made, tag)| Reverse((made, tag)));
        let mut judge = Judge::new(self, now);
        ordered.into_iter().map(|(made, tag)| (tag.clone(), judge.next(tag, made))).collect()
    }

    /// Returns the verdict on a tag whose name decides.
    fn by_name(&self, tag: &Tag) -> Option<Verdict> {
        let matches = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.glob.matches(tag.as_str()));
        match () {
            () if !self.take_away() => Some(Verdict::NoRule),
            () if matches(&self.keep_tags) => Some(Verdict::Kept),
            () if !self.delete.is_empty() && !matches(&self.delete) => Some(Verdict::Unmatched),
            () => None,
        }
    }
}

/// Judges the tags of a repository one after the other, the newest first, so that nobody has to hold them all.
#[derive(Clone, Debug)]
pub struct Judge<'r> {
    rules: &'r Rules,
    now: Option<Timestamp>,
    /// How many candidates there were that are dated.
    before: usize,
}

impl<'r> Judge<'r> {
    /// Returns a judge that has seen no tag.
    pub const fn new(rules: &'r Rules, now: Option<Timestamp>) -> Self {
        Self { rules, now, before: 0 }
    }

    /// Returns what is to become of the next tag, which is not newer than those before; of those whose date is not known the place
    /// does not matter.
    pub fn next(&mut self, tag: &Tag, made: Option<Timestamp>) -> Verdict {
        if let Some(verdict) = self.rules.by_name(tag) {
            return verdict;
        }
        let Some(made) = made else {
            return if self.rules.need_dates() { Verdict::Undated } else { Verdict::Goes };
        };
        let place = self.before;
        self.before += 1;
        if self.rules.keep.is_some_and(|keep| place < keep) {
            Verdict::Newest
        } else if self.rules.older_than.is_some_and(|age| !age.is_reached(made, self.now)) {
            Verdict::Young
        } else {
            Verdict::Goes
        }
    }
}

impl Pattern {
    /// Reads a pattern of tags ([`Glob`]).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a pattern of tags has at least one character, as in 'ci-*'".to_owned());
        }
        let glob = Glob::parse(text).map_err(|reason| format!("the pattern {reason}"))?;
        Ok(Self { text: text.to_owned(), glob })
    }

    /// Tells whether all of a text is as the pattern says.
    pub fn matches(&self, text: &str) -> bool {
        self.glob.matches(text)
    }

    /// Returns the text that it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Age {
    /// Reads an age: a whole number with `s`, `m`, `h`, `d` or `w`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let seconds = duration::parse(text).ok_or("write a whole number and a unit, as in 12h, 90d or 4w")?;
        Ok(Self { seconds })
    }

    /// Tells whether what was made then is this old now. Without a clock nothing is old.
    fn is_reached(self, made: Timestamp, now: Option<Timestamp>) -> bool {
        let age = now.map(|now| now.seconds().saturating_sub(made.seconds()));
        age.and_then(|age| u64::try_from(age).ok()).is_some_and(|age| age >= self.seconds)
    }
}

impl std::fmt::Display for Age {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&duration::text(self.seconds))
    }
}
