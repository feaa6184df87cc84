//! How a tag has moved.

use std::collections::BTreeSet;

use oci::{Digest, Tag, Timestamp};

use super::{Observations, Seen, Source};

/// A time in which nothing else was seen of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// What was seen.
    pub seen: Seen,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
    /// Who has seen it.
    pub sources: BTreeSet<Source>,
}

impl Observations {
    /// Returns what was seen of a tag as periods, the oldest first. That it was in a list says nothing about what it names, and is left
    /// out where anything else is known.
    pub fn periods(&self, tag: &Tag) -> Vec<Period> {
        let mut periods: Vec<Period> = Vec::new();
        for ((moment, seen), source) in self.tags.get(tag).into_iter().flatten() {
            match periods.last_mut() {
                Some(last) if last.seen == *seen || (*seen == Seen::Listed && last.seen != Seen::Gone) => {
                    last.last = *moment;
                    last.sources.insert(source.clone());
                }
                _ => periods.push(Period {
                    seen: *seen,
                    first: *moment,
                    last: *moment,
                    sources: [source.clone()].into(),
                }),
            }
        }
        periods
    }
}

/// Returns the period in which a tag named `now` before it named `before`, if it did: then it has gone back.
pub fn went_back<'a>(periods: &'a [Period], before: &Digest, now: &Digest) -> Option<&'a Period> {
    let names = |digest: &Digest| Seen::Names(*digest);
    let left = periods.iter().rposition(|period| period.seen == names(before))?;
    // What was seen in one second has no order.
    let is_earlier = |period: &Period| period.last < periods[left].first;
    periods[..left].iter().rev().find(|period| period.seen == names(now) && is_earlier(period))
}
