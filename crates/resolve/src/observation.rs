//! What the tags of a repository were seen to name, and when.
//!
//! A registry tells what a tag names now and nothing of before. So every answer is written down: a [`Sighting`] is a moment, a tag
//! and what was found. [`Observations`] is a set of them, and two sets are merged by union, so logs of several machines can be
//! brought together in any order and as often as one likes.
//!
//! | question | answered by |
//! |---|---|
//! | what did the tag name on that day | [`Observations::at`] |
//! | which tags were there | [`Observations::tags_at`] |
//! | how has the tag moved | [`Observations::periods`] |
//! | since when is it there | [`Observations::first_seen`] |
//!
//! The text is described in docs/formats/observations.md.

mod encoding;
mod period;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use oci::date::SECONDS_A_DAY;
use oci::{Digest, Tag, Timestamp};

pub use encoding::{Header, LogText, SkippedLine, header, sighting_line};
pub use period::{Period, went_back};

/// Most bytes of a log.
pub const LOG_MAX_BYTES: usize = 8 << 20;
/// Most bytes of a line.
pub const LINE_MAX_BYTES: usize = 512;
/// Most bytes of what names the source of a sighting.
pub const SOURCE_MAX_BYTES: usize = 255;
/// Most tags of a repository that are written down one by one when they are listed.
pub const LISTED_TAGS_MAX: usize = 20_000;
/// The same found again is not written down again before this many seconds have passed.
pub const REPEAT_SECONDS: i64 = 3600;
/// A list of all tags speaks for this many seconds after it was read.
pub const LISTING_SECONDS: i64 = SECONDS_A_DAY;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seen {
    /// Nothing: the tag was not there.
    Gone,
    /// The tag, in the list of all; nobody asked what it names.
    Listed,
    /// What the tag names.
    Names(Digest),
}

/// Who has seen it: nobody but this machine, or whoever has written the log that was read in from this place.
pub type Source = Option<String>;

/// Something that was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sighting {
    /// A tag.
    Tag {
        /// When.
        moment: Timestamp,
        /// The tag.
        tag: Tag,
        /// What was found.
        seen: Seen,
        /// Who has seen it.
        source: Source,
    },
    /// The list of all tags was read. What is not known to have been in it was not there.
    Listing {
        /// When.
        moment: Timestamp,
        /// Who has read it.
        source: Source,
    },
}

impl Sighting {
    /// Returns when it was.
    pub const fn moment(&self) -> Timestamp {
        match self {
            Self::Tag { moment, .. } | Self::Listing { moment, .. } => *moment,
        }
    }

    /// Returns who has seen it.
    pub const fn source(&self) -> &Source {
        match self {
            Self::Tag { source, .. } | Self::Listing { source, .. } => source,
        }
    }

    /// Returns the same, seen by somebody else.
    #[must_use]
    pub fn with_source(self, source: Source) -> Self {
        match self {
            Self::Tag { moment, tag, seen, .. } => Self::Tag { moment, tag, seen, source },
            Self::Listing { moment, .. } => Self::Listing { moment, source },
        }
    }
}

/// What was seen of the tags of one repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observations {
    tags: BTreeMap<Tag, BTreeMap<(Timestamp, Seen), Source>>,
    listings: BTreeMap<Timestamp, Source>,
}

/// What is known of a tag at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing was seen until then.
    Nothing,
    /// It was not there.
    Gone,
    /// It was there; nobody asked what it named.
    There,
    /// It named this.
    Named(Digest),
}

impl Observations {
    /// Tells whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.listings.is_empty()
    }

    /// Returns the number of sightings.
    pub fn len(&self) -> usize {
        self.listings.len() + self.tags.values().map(BTreeMap::len).sum::<usize>()
    }

    /// Adds a sighting. Of two that differ in nothing but the source one stays: that of this machine, or the one whose source
    /// comes first.
    pub fn insert(&mut self, sighting: Sighting) {
        fn keep<K: Ord>(entry: Entry<'_, K, Source>, source: Source) {
            match entry {
                Entry::Vacant(place) => {
                    place.insert(source);
                }
                Entry::Occupied(mut known) if source < *known.get() => {
                    known.insert(source);
                }
                Entry::Occupied(_) => {}
            }
        }
        match sighting {
            Sighting::Tag { moment, tag, seen, source } => {
                keep(self.tags.entry(tag).or_default().entry((moment, seen)), source);
            }
            Sighting::Listing { moment, source } => keep(self.listings.entry(moment), source),
        }
    }

    /// Adds everything that another log holds.
    pub fn merge(&mut self, other: &Self) {
        other.sightings().for_each(|sighting| self.insert(sighting));
    }

    /// Returns every sighting, in the order of time.
    pub fn sightings(&self) -> impl Iterator<Item = Sighting> {
        let tags = self.tags.iter().flat_map(|(tag, found)| {
            found.iter().map(|((moment, seen), source)| {
                let (tag, source) = (tag.clone(), source.clone());
                (*moment, Sighting::Tag { moment: *moment, tag, seen: *seen, source })
            })
        });
        let listings = self.listings.iter().map(|(moment, source)| {
            let listing = Sighting::Listing { moment: *moment, source: source.clone() };
            (*moment, listing)
        });
        let mut all: Vec<(Timestamp, Sighting)> = tags.chain(listings).collect();
        all.sort();
        all.into_iter().map(|(_, sighting)| sighting)
    }

    /// Returns the tags of which anything is known, in the order of their text.
    pub fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.tags.keys()
    }

    /// Returns what is known of a tag at a moment: what was seen last until then, that moment counted.
    pub fn at(&self, tag: &Tag, moment: Timestamp) -> Known {
        let Some(found) = self.tags.get(tag) else { return Known::Nothing };
        let mut is_there = false;
        for (_, seen) in found.keys().rev().skip_while(|(seen, _)| *seen > moment) {
            match seen {
                Seen::Names(digest) => return Known::Named(*digest),
                Seen::Gone if is_there => return Known::There,
                Seen::Gone => return Known::Gone,
                // It may be known from before what it named.
                Seen::Listed => is_there = true,
            }
        }
        if is_there { Known::There } else { Known::Nothing }
    }

    /// Returns the tags that were there at a moment, if the list of all was read then or less than [`LISTING_SECONDS`] before.
    pub fn tags_at(&self, moment: Timestamp) -> Option<Vec<Tag>> {
        let (read, _) = self.listings.range((Bound::Unbounded, Bound::Included(moment))).next_back()?;
        if moment.seconds() - read.seconds() >= LISTING_SECONDS {
            return None;
        }
        let is_there = |tag: &&Tag| matches!(self.at(tag, moment), Known::There | Known::Named(_));
        Some(self.tags.keys().filter(is_there).cloned().collect())
    }

    /// Returns when a tag was first seen to name something.
    pub fn first_seen(&self, tag: &Tag, digest: &Digest) -> Option<Timestamp> {
        self.tags.get(tag)?.keys().find(|(_, seen)| *seen == Seen::Names(*digest)).map(|(moment, _)| *moment)
    }

    /// Returns when a tag was first seen at all.
    pub fn first_there(&self, tag: &Tag) -> Option<Timestamp> {
        self.tags.get(tag)?.keys().find(|(_, seen)| *seen != Seen::Gone).map(|(moment, _)| *moment)
    }

    /// Returns what of new answers is worth writing down: what is different from what was known, and what was last seen at least
    /// [`REPEAT_SECONDS`] ago.
    pub fn news(&self, answers: &Answers, now: Timestamp) -> Vec<Sighting> {
        let mut news = Vec::new();
        let tag_seen = |tag: &Tag, seen| Sighting::Tag { moment: now, tag: tag.clone(), seen, source: None };
        for (tag, answer) in &answers.tags {
            let seen = answer.map_or(Seen::Gone, Seen::Names);
            let last = self.tags.get(tag).and_then(|found| found.keys().next_back());
            let is_old_news = match last {
                Some((moment, known)) => *known == seen && is_soon_after(now, *moment),
                // A tag that was never there is no news.
                None => seen == Seen::Gone,
            };
            if !is_old_news {
                news.push(tag_seen(tag, seen));
            }
        }
        if let Some(listed) = &answers.listed {
            let is_known = |tag: &Tag| matches!(self.at(tag, now), Known::There | Known::Named(_));
            let is_answered = |tag: &Tag| answers.tags.contains_key(tag);
            let new = listed.iter().filter(|tag| !is_known(tag) && !is_answered(tag));
            let mut changes: Vec<Sighting> = new.map(|tag| tag_seen(tag, Seen::Listed)).collect();
            let gone = self.tags.keys().filter(|tag| is_known(tag) && !listed.contains(*tag) && !is_answered(tag));
            changes.extend(gone.map(|tag| tag_seen(tag, Seen::Gone)));
            let last = self.listings.keys().next_back();
            let has_changed = !changes.is_empty() || news.iter().any(|sighting| self.is_change(sighting));
            if has_changed || last.is_none_or(|last| !is_soon_after(now, *last)) {
                news.extend(changes);
                news.push(Sighting::Listing { moment: now, source: None });
            }
        }
        news
    }

    /// Tells whether a sighting of a tag is of one that was not known to be there.
    fn is_change(&self, sighting: &Sighting) -> bool {
        let Sighting::Tag { moment, tag, .. } = sighting else { return false };
        matches!(self.at(tag, *moment), Known::Nothing | Known::Gone)
    }

    /// Takes sightings away until the log has at most `limit` bytes: first those between the first and the last of a period, which no
    /// answer needs, then the oldest of others, then the oldest of this machine.
    pub fn shrink(&mut self, limit: usize) {
        let size = |log: &Self| log.sightings().map(|sighting| sighting_line(&sighting).len()).sum::<usize>();
        if size(self) <= limit {
            return;
        }
        for found in self.tags.values_mut() {
            let keys: Vec<(Timestamp, Seen)> = found.keys().copied().collect();
            for around in keys.windows(3) {
                if around.iter().all(|(_, seen)| *seen == around[0].1) {
                    found.remove(&around[1]);
                }
            }
        }
        let mut too_much = size(self).saturating_sub(limit);
        // Nobody else's log makes this machine forget what it has seen itself.
        let (of_others, own): (Vec<_>, Vec<_>) = self.sightings().partition(|sighting| sighting.source().is_some());
        for sighting in of_others.into_iter().chain(own) {
            if too_much == 0 {
                return;
            }
            too_much = too_much.saturating_sub(sighting_line(&sighting).len());
            self.remove(&sighting);
        }
    }

    fn remove(&mut self, sighting: &Sighting) {
        match sighting {
            Sighting::Tag { moment, tag, seen, .. } => {
                if let Some(found) = self.tags.get_mut(tag) {
                    found.remove(&(*moment, *seen));
                    if found.is_empty() {
                        self.tags.remove(tag);
                    }
                }
            }
            Sighting::Listing { moment, .. } => {
                self.listings.remove(moment);
            }
        }
    }
}

impl FromIterator<Sighting> for Observations {
    fn from_iter<I: IntoIterator<Item = Sighting>>(sightings: I) -> Self {
        let mut log = Self::default();
        sightings.into_iter().for_each(|sighting| log.insert(sighting));
        log
    }
}

fn is_soon_after(now: Timestamp, then: Timestamp) -> bool {
    (0..REPEAT_SECONDS).contains(&(now.seconds() - then.seconds()))
}

/// What a registry has answered in one run of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// What tags name; nothing for one that is not there.
    pub tags: BTreeMap<Tag, Option<Digest>>,
    /// All tags, if they were listed.
    pub listed: Option<BTreeSet<Tag>>,
}

impl Answers {
    /// Tells whether nothing was asked.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.listed.is_none()
    }
}
