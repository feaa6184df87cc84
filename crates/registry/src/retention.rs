//! Which tags go by themselves, and how long a manifest stays without one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oci::{RepositoryName, Tag, Timestamp};
use resolve::document::quoted;
use resolve::duration;
use resolve::retention::{Age, Judge, Pattern, Rules, Verdict};

/// Milliseconds of a second.
const SECOND: i64 = 1000;
/// To this much a pull is known, in milliseconds: it counts as if it were so much later.
pub(crate) const PULL_PRECISION: i64 = 60 * 60 * SECOND;
/// How much later than now a push may be, in milliseconds, and still count: pushes that come together are noted one after the other.
const AHEAD_MAX: i64 = 60 * SECOND;

/// What is said of some repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionRule {
    /// What the repositories' names are like; one of these must match. `*` stands for any characters, `/` among them.
    pub repositories: Vec<Pattern>,
    /// Which tags go: as `gc plan` has it, with the push of the tag for the time at which its image was made.
    pub tags: Rules,
    /// Only tags go that nobody has asked for within this time.
    pub pulled_within: Option<Age>,
    /// How long a manifest stays that no tag points to and nothing needs.
    pub untagged: Option<Untagged>,
}

/// How long a manifest stays that no tag points to and nothing needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untagged {
    /// Only as long as clients may build on it.
    Collect,
    /// For ever.
    Keep,
    /// So long.
    For(Duration),
}

/// All rules of a registry. A tag goes when a rule that it is a candidate of says so, and no other rule that it is a candidate of, and no
/// pattern that keeps it, says that it stays. The default has none. Cloning gives another handle to the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention(Arc<Vec<RetentionRule>>);

impl RetentionRule {
    fn covers(&self, repository: &RepositoryName) -> bool {
        self.repositories.iter().any(|pattern| pattern.matches(repository.as_str()))
    }
}

impl Retention {
    /// Returns these rules.
    pub fn new(rules: Vec<RetentionRule>) -> Self {
        Self(Arc::new(rules))
    }

    /// Returns the rules one by one.
    pub fn rules(&self) -> &[RetentionRule] {
        &self.0
    }

    /// Tells whether any tag can go.
    pub fn take_away(&self) -> bool {
        self.0.iter().any(|rule| rule.tags.take_away())
    }

    /// Tells whether it counts when manifests were pulled.
    pub fn need_pulls(&self) -> bool {
        self.0.iter().any(|rule| rule.tags.take_away() && rule.pulled_within.is_some())
    }

    /// Returns what is said of the untagged manifests of a repository: what the first rule says that says anything.
    pub(crate) fn untagged(&self, repository: &RepositoryName) -> Option<Untagged> {
        self.0.iter().filter(|rule| rule.untagged.is_some()).find(|rule| rule.covers(repository))?.untagged
    }

    /// Returns what judges the tags of a repository; `None` when none of them can go.
    pub(crate) fn judge(&self, repository: &RepositoryName, now: i64) -> Option<TagJudge<'_>> {
        let time = Timestamp::from_seconds(now.div_euclid(SECOND));
        let rules = self.0.iter().filter(|rule| rule.tags.take_away() && rule.covers(repository));
        let judges: Vec<_> = rules.map(|rule| (Judge::new(&rule.tags, time), rule)).collect();
        (!judges.is_empty()).then_some(TagJudge { judges, now })
    }
}

/// What the rules say of a tag, without a look at who has pulled it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes, unless somebody has asked for it, or pushed it without a note of that, within a time.
    Goes { pulled_within: Option<Age>, pushed_within: Option<Age> },
    /// It stays until a time, in milliseconds since 1970, and then it may go.
    Young { until: i64 },
    /// It stays as long as nothing else changes.
    Stays,
}

/// Judges the tags of one repository one after the other, the newest first.
#[derive(Debug)]
pub(crate) struct TagJudge<'r> {
    judges: Vec<(Judge<'r>, &'r RetentionRule)>,
    now: i64,
}

impl TagJudge<'_> {
    /// Returns what is to become of the next tag, which was pushed at a time in milliseconds since 1970 and not later than those before.
    pub(crate) fn next(&mut self, tag: &Tag, pushed_at: i64) -> Fate {
        // What a tool attached is not among the newest versions of anything.
        if tag.is_attachment() {
            return Fate::Stays;
        }
        // A clock was wrong, then or now. It is not known what was pushed after it, so it takes nobody's place.
        if pushed_at > self.now.saturating_add(AHEAD_MAX) {
            return Fate::Young { until: pushed_at };
        }
        let made = Timestamp::from_seconds(pushed_at.div_euclid(SECOND));
        let (mut goes, mut stays, mut until) = (false, false, None);
        let (mut pulled_within, mut pushed_within) = (None, None);
        for (judge, rule) in &mut self.judges {
            match judge.next(tag, made) {
                Verdict::Goes => {
                    goes = true;
                    pulled_within = pulled_within.max(rule.pulled_within.map(|age| age.seconds));
                    pushed_within = pushed_within.max(rule.tags.older_than.map(|age| age.seconds));
                }
                Verdict::Young => {
                    let age = rule.tags.older_than.map_or(0, |age| age.seconds);
                    // To the end of the second in which it is old enough.
                    until = until.max(Some(after(pushed_at, age).saturating_add(SECOND)));
                }
                Verdict::Newest | Verdict::Kept | Verdict::Undated => stays = true,
                Verdict::NoRule | Verdict::Unmatched => {}
            }
        }
        match until {
            _ if stays => Fate::Stays,
            Some(until) => Fate::Young { until },
            None if goes => {
                let age = |seconds: Option<u64>| seconds.map(|seconds| Age { seconds });
                Fate::Goes { pulled_within: age(pulled_within), pushed_within: age(pushed_within) }
            }
            None => Fate::Stays,
        }
    }
}

/// Returns the time so many seconds after another, in milliseconds since 1970.
pub(crate) fn after(time: i64, seconds: u64) -> i64 {
    time.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND))
}

/// As TOML writes it in one line.
impl fmt::Display for RetentionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |patterns: &[Pattern]| {
            let texts: Vec<String> = patterns.iter().map(|pattern| quoted(pattern.as_str())).collect();
            format!("[{}]", texts.join(", "))
        };
        let Rules { keep, keep_tags, delete, older_than } = &self.tags;
        write!(f, "{{ repositories = {}", list(&self.repositories))?;
        if !delete.is_empty() {
            write!(f, ", tags = {}", list(delete))?;
        }
        if !keep_tags.is_empty() {
            write!(f, ", except = {}", list(keep_tags))?;
        }
        if let Some(keep) = keep {
            write!(f, ", keep = {keep}")?;
        }
        for (key, age) in [("pushed-within", older_than), ("pulled-within", &self.pulled_within)] {
            if let Some(age) = age {
                write!(f, ", {key} = {}", quoted(&age.to_string()))?;
            }
        }
        if let Some(untagged) = &self.untagged {
            write!(f, ", untagged = {}", quoted(&untagged.to_string()))?;
        }
        f.write_str(" }")
    }
}

impl fmt::Display for Untagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collect => f.write_str("collect"),
            Self::Keep => f.write_str("keep"),
            Self::For(time) => f.write_str(&duration::text(time.as_secs())),
        }
    }
}

/// As TOML writes them in one line.
impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules: Vec<String> = self.0.iter().map(RetentionRule::to_string).collect();
        write!(f, "[{}]", rules.join(", "))
    }
}

#[cfg(test)]
#[path = "retention/tests.rs"]
mod tests;
