//! What was at an earlier time, from the observation log and from what images say of themselves.
//!
//! A lock that is made as of a date should be the one that was made then. It depends on the tags, on bytes and on the log, and not on
//! when it is made:
//!
//! | question | answer |
//! |---|---|
//! | which tags were there | those of the registry's own history; without one, those of a list that was read within the day before the date; without one, those that are there now or were seen by then |
//! | what did a tag name | what the registry's own history says; without one, what was seen last by then; without that, what it names now |
//! | was a version made by then | it is if its tag named it by then; else what its package descriptor, its annotation, its configuration or the log say |
//! | which marks and artifacts were there | those that do not say that they were made later |

use std::collections::BTreeSet;

use oci::{Descriptor, Digest, Manifest, Tag, Timestamp, annotation};
use resolve::lock::TimeSource;
use resolve::observation::{Known, Observations, went_back};
use resolve::resolution::Facts;
use store::Store;
use store::history::TagsThen;

use crate::error::OpsError;

/// What is known of a repository, and the time that is looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    /// The log as it was before this run.
    pub(crate) log: Observations,
    /// The tags as of the earlier time as the registry itself tells them, where it does and knows of that time.
    pub(crate) told: Option<TagsThen>,
    /// The earlier time; none for now.
    pub(crate) as_of: Option<Timestamp>,
    /// The earlier time or now, in seconds since 1970.
    pub(crate) moment: i64,
}

impl Past {
    /// Returns the tags that were there, of those that are there now and those that were seen.
    pub(crate) fn tags(&self, now: &[Tag]) -> Vec<Tag> {
        let Some(as_of) = self.as_of else { return now.to_vec() };
        if let Some(told) = &self.told {
            // What attachments are called is asked for now, as without a history.
            let attachments = now.iter().filter(|tag| tag.is_attachment());
            return told.tags.keys().filter(|tag| !tag.is_attachment()).chain(attachments).cloned().collect();
        }
        if let Some(tags) = self.log.tags_at(as_of) {
            return tags;
        }
        let was_there = |tag: &&Tag| matches!(self.log.at(tag, as_of), Known::There | Known::Named(_));
        let tags: BTreeSet<&Tag> = now.iter().chain(self.log.tags().filter(was_there)).collect();
        tags.into_iter().cloned().collect()
    }

    /// Returns what a tag named; `None` when it was not there.
    ///
    /// # Errors
    /// [`OpsError::NotFound`] with the digest when that is not there any more, and what the store brings.
    pub(crate) async fn resolve(&self, store: &dyn Store, tag: &Tag) -> Result<Option<Descriptor>, OpsError> {
        Ok(match self.as_of.map(|as_of| (as_of, self.known(tag, as_of))) {
            Some((_, Known::Gone)) => None,
            Some((as_of, Known::Named(digest))) => {
                let found = store.stat_manifest(&digest).await?;
                Some(found.ok_or_else(|| OpsError::NotFound {
                    location: store.location().to_owned(),
                    name: format!("{digest} any more, which its tag {tag} named on {}", as_of.date()),
                })?)
            }
            _ => store.resolve(tag).await?,
        })
    }

    /// Tells whether a tag named a manifest, as [`Past::resolve`] does, without asking whether that is still there.
    ///
    /// # Errors
    /// What the store brings.
    pub(crate) async fn names(&self, store: &dyn Store, tag: &Tag, digest: &Digest) -> Result<bool, OpsError> {
        Ok(match self.as_of.map(|as_of| self.known(tag, as_of)) {
            Some(Known::Gone) => false,
            Some(Known::Named(named)) => named == *digest,
            _ => store.resolve(tag).await?.is_some_and(|found| found.digest == *digest),
        })
    }

    /// Returns what is known of a tag at the earlier time: what the registry tells of its own past, else what was seen.
    fn known(&self, tag: &Tag, as_of: Timestamp) -> Known {
        match &self.told {
            Some(told) if !tag.is_attachment() => {
                told.tags.get(tag).map_or(Known::Gone, |then| Known::Named(then.digest))
            }
            _ => self.log.at(tag, as_of),
        }
    }

    /// Completes what is known of an image by what the log and the registry's history say of it.
    pub(crate) fn add_to(&self, facts: &mut Facts, tag: &Tag, digest: &Digest) {
        if facts.created.is_none() {
            facts.created = self.first_seen(tag, digest);
        }
        let Some(as_of) = self.as_of else { return };
        let then = self.told.as_ref().and_then(|told| told.tags.get(tag)).filter(|then| then.digest == *digest);
        if let Some(then) = then {
            let since = then.since.seconds();
            facts.created = facts.created.or(Some((since, TimeSource::History)));
            facts.seen = Some(since);
            return;
        }
        facts.seen = match self.log.at(tag, as_of) {
            Known::Named(named) if named == *digest => self.log.first_seen(tag, digest),
            // That it was in a list says that something was there, and nothing speaks against this.
            Known::There if facts.created.is_none() => self.log.first_there(tag),
            _ => None,
        }
        .map(Timestamp::seconds);
    }

    /// Returns when a tag was first seen to name a manifest. The day that is looked at does not count: whoever has just seen something
    /// for the first time does not know since when it is there, and two who look on one day should come to the same.
    pub(crate) fn first_seen(&self, tag: &Tag, digest: &Digest) -> Option<(i64, TimeSource)> {
        let first = self.log.first_seen(tag, digest)?;
        let today = Timestamp::from_seconds(self.moment).map(Timestamp::date);
        (Some(first.date()) != today).then(|| (first.seconds(), TimeSource::Observed))
    }

    /// Returns until when a tag was seen to name what it names now, before it named something else: then it has gone back.
    pub(crate) fn gone_back(&self, tag: &Tag, before: &Digest, now: &Digest) -> Option<Timestamp> {
        went_back(&self.log.periods(tag), before, now).map(|period| period.last)
    }

    /// Tells whether something that refers to an image says that it was made later.
    pub(crate) fn is_later(&self, artifact: &Manifest) -> bool {
        let Some(as_of) = self.as_of else { return false };
        let created = artifact.annotations().get(annotation::CREATED).and_then(|text| text.parse::<Timestamp>().ok());
        created.is_some_and(|created| created > as_of)
    }
}
