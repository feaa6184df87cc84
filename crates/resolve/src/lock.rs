//! `Supercargo.lock`: which images an application is made of, exactly.
//!
//! The file is sorted by the names of the images, one fact stands on a line, and nothing in it depends on when, where or through
//! which mirror it was written. An entry that is kept is written byte for byte as it was read, with what newer versions of the
//! program may have put there.

mod decode;
mod diff;
mod encode;
mod merge;
mod sections;
mod stale;

use std::collections::BTreeMap;

use oci::{Digest, RegistryReference, Tag};

use crate::project::Image;
use crate::value::Value;

pub use decode::LockError;
pub use diff::{Change, Difference, ImageChange};
pub use merge::{Conflict, Merged, merge};
pub use stale::Stale;

/// Name of the file.
pub const FILE_NAME: &str = "Supercargo.lock";
/// Most bytes of the file.
pub const FILE_MAX_BYTES: usize = 64 << 20;
/// The format that is written, and the newest that is read.
pub const LOCK_VERSION: u64 = 1;

/// The platform of an image that does not say what it is for.
pub const UNKNOWN_PLATFORM: &str = "unknown";

/// A lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// The images by their names in the project.
    pub images: BTreeMap<String, LockedImage>,
    /// What of the file this version of the program does not know, kept as it is.
    unknown: sections::Unknown,
}

/// An image as it is locked.
#[derive(Clone, Debug)]
pub struct LockedImage {
    /// The repository that the project names, whatever mirror it was read from. Its selector is empty.
    pub repository: RegistryReference,
    /// The version, as its scheme writes it.
    pub version: String,
    /// The tag that names it most exactly.
    pub tag: Tag,
    /// How the tag was read: everything but the version, as a template. Empty where that is all there is.
    pub track: String,
    /// Other tags that named the same when it was locked, in the order of their text.
    pub aliases: Vec<Tag>,
    /// What the tag pointed to.
    pub digest: Digest,
    /// Whether that is an index or an image.
    pub kind: LockedKind,
    /// Whether the tag is one that moves: there was none that names a version exactly.
    pub floating: bool,
    /// When it was made, in the form of RFC 3339, as `created_from` says it.
    pub created: Option<String>,
    /// Who says when it was made.
    pub created_from: Option<TimeSource>,
    /// Why this version: `highest`, `locked`, `precise`, `follows:NAME`, `forced-by:NAME`.
    pub chosen: String,
    /// What it needs of other images, as `NAME REQUIREMENT`.
    pub requires: Vec<String>,
    /// What of that its publisher declares.
    pub declared: Vec<String>,
    /// What of other images it does not go with, as its publisher declares, in the same form.
    pub conflicts: Vec<String>,
    /// The images for single platforms, in the order of their names.
    pub platforms: Vec<LockedPlatform>,
    /// What is attached, in the order of role, type and digest.
    pub artifacts: Vec<LockedArtifact>,
    /// The entry as it stands in the file it was read from.
    source: Option<String>,
}

/// Whether a locked image is an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockedKind {
    /// An index of images for several platforms.
    Index,
    /// An image for one platform.
    Image,
}

/// Who says when an image was made, the most reliable first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeSource {
    /// A package descriptor: an artifact that refers to it.
    Referrer,
    /// An annotation of the manifest or index.
    Annotation,
    /// The image's configuration.
    Configuration,
    /// The observation log: it was there by then.
    Observed,
    /// The registry's own history of the tag: it has named it since then.
    History,
}

/// An image for one platform as it is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedPlatform {
    /// The platform, such as `linux/arm64/v8`; `unknown` where nothing says which.
    pub on: String,
    /// The manifest.
    pub digest: Digest,
    /// The configuration.
    pub config: Option<Digest>,
    /// The layers, the lowest first.
    pub layers: Vec<Digest>,
    /// Bytes of configuration and layers together.
    pub bytes: u64,
    /// On what it was built, where that is proven.
    pub base: Option<LockedBase>,
}

/// The base of an image as it is locked. It says so itself, and its layers show it: what one machine has seen before, and another has
/// not, is no part of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedBase {
    /// The repository that the image names. Its selector is empty.
    pub repository: RegistryReference,
    /// The tag that the image names.
    pub tag: Option<Tag>,
    /// The manifest of the base, or the index that it is in, as the image names it.
    pub digest: Digest,
    /// How many of the lowest layers are the base's.
    pub layers: u64,
    /// What shows it: [`LockedBase::CONFIRMED`].
    pub proof: String,
}

impl LockedBase {
    /// The proof that an annotation names the base and that the layers of the base are the lowest of the image.
    pub const CONFIRMED: &str = "annotation+prefix";
}

/// An artifact that is attached to a locked image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockedArtifact {
    /// What it is for: `signature`, `sbom`, `attestation`, `lifecycle`, `other`.
    pub role: String,
    /// Its type.
    pub artifact_type: String,
    /// What it is about.
    pub subject: Digest,
    /// Its manifest.
    pub digest: Digest,
}

impl Lock {
    /// Reads a lock.
    ///
    /// # Errors
    /// [`LockError`] when it is no lock, or one of a newer format.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        decode::lock(text)
    }

    /// Returns the text of the file.
    pub fn text(&self) -> String {
        encode::lock(self)
    }
}

impl LockedImage {
    /// Returns an entry with what every one has.
    pub fn new(repository: RegistryReference, version: String, tag: Tag, digest: Digest, kind: LockedKind) -> Self {
        Self {
            repository,
            version,
            tag,
            track: String::new(),
            aliases: Vec::new(),
            digest,
            kind,
            floating: false,
            created: None,
            created_from: None,
            chosen: String::new(),
            requires: Vec::new(),
            declared: Vec::new(),
            conflicts: Vec::new(),
            platforms: Vec::new(),
            artifacts: Vec::new(),
            source: None,
        }
    }

    /// Reads the version by what a project says of the image; `None` when the tag does not fit any more.
    pub fn version_for(&self, image: &Image) -> Option<Value> {
        stale::locked_version(image, self)
    }

    /// Returns what its publisher declares: the other image, the text of a requirement, and whether that is what it does not go with.
    pub fn declarations(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        let all = self.declared.iter().map(|line| (line, false)).chain(self.conflicts.iter().map(|line| (line, true)));
        all.filter_map(|(line, is_conflict)| line.split_once(' ').map(|(name, text)| (name, text, is_conflict)))
    }

    /// Forgets how the entry was written, so that it is written anew. Whoever changes a field calls this.
    pub fn forget_source(&mut self) {
        self.source = None;
    }
}

/// Two entries are equal when they say the same, however they are written.
impl PartialEq for LockedImage {
    fn eq(&self, other: &Self) -> bool {
        encode::fields(self) == encode::fields(other)
    }
}

impl Eq for LockedImage {}

impl LockedKind {
    const ALL: [(Self, &str); 2] = [(Self::Index, "index"), (Self::Image, "image")];

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, word)| word)
    }
}

impl TimeSource {
    const ALL: [(Self, &str); 5] = [
        (Self::Referrer, "referrer"),
        (Self::Annotation, "annotation"),
        (Self::Configuration, "config"),
        (Self::Observed, "observed"),
        (Self::History, "history"),
    ];

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(source, _)| *source == self).map_or("", |(_, word)| word)
    }
}
