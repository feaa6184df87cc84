//! The collector: takes away what nothing needs any more, while everything else goes on.
//!
//! What may have become unneeded is noted for review by the change that made it so: a tag that moved, a manifest that went, a
//! blob that came and that no manifest names yet. A review looks at one thing alone, by indexes, in one transaction with what it
//! decides. There is no scan and no lock.
//!
//! | what | is needed while |
//! |---|---|
//! | a manifest | a tag points to it, an index of the repository names it, the repository has what it refers to, or a pin or hold is on it |
//! | a repository's blob | a manifest of the repository names it |
//! | bytes | a repository has the blob, and the row of the blob names the place |
//!
//! Beside that everything is kept until a time that was promised to a client (`kept_until`): whoever was told that something is
//! there can build on it for a lease. A promise is written for two leases, and again when less than one is left of it; so it is
//! written once in a lease at most, however often clients ask, and only for what nothing needs. What was needed when a client was
//! told, and no longer is, is kept for a lease from then on.

mod places;
mod queue;
mod review;

use std::time::Duration;

pub(super) use places::{give_up, give_up_bytes};
pub(super) use queue::{later, later_children, later_referrers};

use super::Storage;
use super::clock::milliseconds;
use super::database::StorageError;
use crate::retention::Untagged;

/// How long things are kept that nothing needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// For how long a client may build on what it was told: that a blob was stored or mounted, that something is there.
    pub lease: Duration,
    /// How long a manifest is kept that no tag points to, and that is no part of and refers to nothing that is kept. `None` means
    /// for ever.
    pub untagged: Option<Duration>,
}

/// For how long something stays that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    /// Something holds it. The change that ends that keeps it for a lease from then on.
    Held,
    /// Nothing holds it, and it is kept until a time, in milliseconds, which is far enough away.
    Promised(i64),
    /// Not long enough for anybody to be told of it without another promise.
    Uncertain,
}

impl Default for Keeping {
    fn default() -> Self {
        Self { lease: Duration::from_hours(1), untagged: Some(Duration::from_hours(7 * 24)) }
    }
}

impl Keeping {
    /// Returns the lease in milliseconds.
    pub(super) fn lease(&self) -> i64 {
        milliseconds(self.lease)
    }

    /// Returns until when something is kept of which a client is told now.
    pub(super) fn promised(&self, now: i64) -> i64 {
        now + 2 * self.lease()
    }

    /// Tells whether a client may be told of something that nothing needs, without another promise.
    pub(super) fn is_promised(&self, now: i64, kept_until: i64) -> bool {
        kept_until >= now + self.lease()
    }

    /// Returns for how long something stays that is kept until a time, and that something holds or nothing.
    pub(super) fn stay(&self, is_held: bool, now: i64, kept_until: i64) -> Stay {
        match is_held {
            true => Stay::Held,
            false if self.is_promised(now, kept_until) => Stay::Promised(kept_until),
            false => Stay::Uncertain,
        }
    }

    /// Returns the same where something else is said of what is untagged.
    pub(super) fn with(self, untagged: Option<Untagged>) -> Self {
        let untagged = match untagged {
            None => self.untagged,
            Some(Untagged::Collect) => Some(Duration::ZERO),
            Some(Untagged::Keep) => None,
            Some(Untagged::For(time)) => Some(time),
        };
        Self { untagged, ..self }
    }

    /// Returns how long a manifest is kept that nothing needs, in milliseconds; at least two leases.
    pub(super) fn untagged(&self) -> i64 {
        self.untagged.map_or(i64::MAX / 8, milliseconds).max(2 * self.lease())
    }
}

/// What a round of the collector did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Things that were looked at.
    pub reviewed: u64,
    /// Manifests that were taken away.
    pub manifests: u64,
    /// Blobs that were taken from repositories.
    pub blobs: u64,
    /// Places that were given up: bytes that are gone.
    pub places: u64,
}

impl Storage {
    /// Takes away what is due, until nothing is. May run anywhere and as often as one likes, also at the same time elsewhere;
    /// dropping the future, or a crash, leaves nothing half done.
    ///
    /// # Errors
    /// What the database or the place of the blobs brings; the rest is done by the next round.
    pub async fn collect(&self) -> Result<Collected, StorageError> {
        let mut collected = Collected::default();
        loop {
            let round = self.metadata().write(review::Review { keeping: self.keeping() }).await?.collected;
            collected.reviewed += round.reviewed;
            collected.manifests += round.manifests;
            collected.blobs += round.blobs;
            let places = self.remove_places().await?;
            collected.places += places;
            let counts = self.counts();
            counts.reviewed.add(round.reviewed);
            counts.manifests_removed.add(round.manifests);
            counts.blobs_removed.add(round.blobs);
            counts.places_removed.add(places);
            if round.reviewed == 0 {
                return Ok(collected);
            }
        }
    }
}
