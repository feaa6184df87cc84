//! Which image another was built on, shown by their layers.
//!
//! An image is built by putting layers on those of its base, so the base's layers are the lowest of the image. Whoever knows a
//! base finds it again without asking anybody: a [`BaseIndex`] holds what is known, [`LayerStack`] names every prefix of an
//! image's layers, and the highest prefix that is the whole of a known image is the base. What annotations say of the base is a
//! claim, and [`judge`] compares it with the layers.
//!
//! Evidence stands on rungs, the strongest first; their numbers are those of the project's ladder:
//!
//! | rung | evidence |
//! |---|---|
//! | 1 | the image names its base, and that base's layers are its lowest |
//! | 4 | its lowest layers are, byte for byte, those of a known image |
//! | 5 | uncompressed they are: they have the same [`ChainId`] |
//!
//! Layers do not tell a base from an image with the same layers and another configuration. There the [`History`] decides, as far as it
//! goes: whose steps are no beginning of the image's own is not its base, and of the others the one with most steps is the nearest.
//! Anybody can write a history, so it only takes away and proves nothing. What cannot be told apart is reported together; and two
//! images that share layers of a build cache look as if the one were built on the other, unless it says on what it was.

mod encoding;
mod history;
mod index;
mod verdict;

use oci::{ChainId, Digest, Platform, Tag, Timestamp};

pub use encoding::IndexError;
pub use history::{History, Trail};
pub use index::{BaseIndex, Found, INDEX_IMAGES_MAX, INDEX_MAX_BYTES};
pub use verdict::{Claim, Lineage, Proof, Verdict, judge};

/// The layers of an image, bottom first, with the name of every prefix of them: as they are stored and, where the configuration
/// tells, as they are uncompressed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerStack {
    blobs: Vec<ChainId>,
    diff_ids: Vec<ChainId>,
}

impl LayerStack {
    /// Returns the layers that a manifest lists as `blobs` and a configuration as `diff_ids`. Where these are not as many as
    /// those they are no names of them, and are left out.
    pub fn new(blobs: impl IntoIterator<Item = Digest>, diff_ids: &[Digest]) -> Self {
        let blobs: Vec<Digest> = blobs.into_iter().collect();
        let diff_ids = if diff_ids.len() == blobs.len() { diff_ids } else { &[] };
        Self { blobs: ChainId::prefixes(&blobs).collect(), diff_ids: ChainId::prefixes(diff_ids).collect() }
    }

    /// Returns the number of layers.
    pub fn height(&self) -> usize {
        self.blobs.len()
    }

    /// Returns the lowest of the layers; all of them where there are not so many.
    #[must_use]
    pub fn lowest(&self, height: usize) -> Self {
        let lowest = |names: &[ChainId]| names.iter().take(height).copied().collect();
        Self { blobs: lowest(&self.blobs), diff_ids: lowest(&self.diff_ids) }
    }

    /// Returns the names of all layers together; `None` when there are no layers, or when it is not known what they are
    /// uncompressed.
    pub fn top(&self) -> Option<Top> {
        Some(Top { height: self.height(), blobs: *self.blobs.last()?, diff_ids: *self.diff_ids.last()? })
    }

    /// Tells how the whole of another image's layers is recognised as the lowest of these, if it is.
    fn begins_with(&self, other: &Top) -> Option<Match> {
        let below = other.height.checked_sub(1)?;
        if self.blobs.get(below) == Some(&other.blobs) {
            return Some(Match::Blobs);
        }
        (self.diff_ids.get(below) == Some(&other.diff_ids)).then_some(Match::DiffIds)
    }
}

/// All layers of an image, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Top {
    /// How many there are; at least one. A layer may be made whose own name is that of a stack, so names are compared with heights.
    pub(crate) height: usize,
    /// Their name as they are stored.
    pub(crate) blobs: ChainId,
    /// Their name as they are uncompressed.
    pub(crate) diff_ids: ChainId,
}

/// By what layers were recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// By their digests: they are the same bytes.
    Blobs,
    /// By the digests of what they are uncompressed, as the configuration states them. A runtime refuses to unpack an image
    /// whose configuration lies about that.
    DiffIds,
}

/// An image whose base is looked for.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Its manifest.
    pub manifest: Digest,
    /// Its configuration. An image that was compressed anew has another manifest and the same configuration.
    pub config: Option<Digest>,
    /// For what it is.
    pub platform: Option<&'a Platform>,
    /// Its layers.
    pub layers: &'a LayerStack,
    /// The steps in which it was built.
    pub history: &'a History,
}

/// An image that was seen whole somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownImage {
    /// Where, in the form a user would type.
    pub repository: String,
    /// What it was called there then, if it had a tag: its own or that of the index it was in.
    pub tag: Option<Tag>,
    /// Its manifest.
    pub manifest: Digest,
    /// The index it was in.
    pub index: Option<Digest>,
    /// Its configuration.
    pub config: Digest,
    /// For what it is.
    pub platform: Option<Platform>,
    /// When it was made, as it says itself.
    pub created: Option<Timestamp>,
    /// Its layers.
    pub layers: Top,
    /// The steps in which it was built, where they tell of all its layers.
    pub history: Option<Trail>,
}

impl KnownImage {
    /// Returns the number of its layers.
    pub const fn height(&self) -> usize {
        self.layers.height
    }

    /// Tells whether it is, for all that is known, for a platform.
    fn may_be_for(&self, platform: Option<&Platform>) -> bool {
        match (&self.platform, platform) {
            (Some(own), Some(wanted)) => own.satisfies(wanted),
            _ => true,
        }
    }

    /// Tells whether it is the subject itself, compressed anew perhaps.
    fn is(&self, subject: &Subject<'_>) -> bool {
        self.manifest == subject.manifest || Some(self.config) == subject.config
    }
}
