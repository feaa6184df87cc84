//! What came of an import.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use oci::{Digest, RepositoryName};

use crate::storage::Findings;

/// What a directory that is imported is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An OCI image layout.
    Layout,
    /// The directory of a distribution registry.
    Distribution,
    /// The directory of a zot registry: an image layout for each repository.
    Zot,
}

impl Form {
    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Layout => "layout",
            Self::Distribution => "distribution",
            Self::Zot => "zot",
        }
    }
}

/// What was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// What the source is.
    pub form: Form,
    /// Repositories that were looked at.
    pub repositories: u64,
    /// Tags that were set.
    pub tags: u64,
    /// Moves of tags that were noted, those among them that set a tag.
    pub moves: u64,
    /// Manifests that were taken, counted in every repository.
    pub manifests: u64,
    /// Blobs whose bytes were taken.
    pub blobs: u64,
    /// How many of these are files of the source that got another name.
    pub linked: u64,
    /// Bytes of the blobs that were taken.
    pub bytes: u64,
    /// Tags that named the same before.
    pub present: u64,
    /// Lists of referrers under fallback tags that say nothing which is not listed anyway. They were not set.
    pub folded: u64,
    /// Files that were removed from the source.
    pub removed: u64,
    /// What was left out, and why.
    pub left_out: Findings<LeftOut>,
}

/// Something that was not imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// A repository, or what lies under its name.
    Repository {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// A manifest.
    Manifest {
        /// The repository.
        repository: RepositoryName,
        /// The manifest.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// Something that a repository lists.
    Entry {
        /// The repository.
        repository: RepositoryName,
        /// What it is.
        what: String,
        /// Why.
        reason: String,
    },
    /// A tag.
    Tag {
        /// The repository.
        repository: RepositoryName,
        /// The tag.
        tag: String,
        /// Why.
        reason: String,
    },
    /// A part of a manifest that was taken without it.
    Part {
        /// The repository.
        repository: RepositoryName,
        /// The manifest.
        manifest: Digest,
        /// The part.
        digest: Digest,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository { name, reason } => write!(f, "repository {name}: {}", Printable(reason)),
            Self::Manifest { repository, digest, reason } => {
                write!(f, "manifest {repository}@{digest}: {}", Printable(reason))
            }
            Self::Entry { repository, what, reason } => write!(f, "{repository}: {what}: {}", Printable(reason)),
            Self::Tag { repository, tag, reason } => {
                write!(f, "tag {repository}:{}: {}", Printable(tag), Printable(reason))
            }
            Self::Part { repository, manifest, digest, reason } => {
                write!(f, "part {digest} of {repository}@{manifest}: {}", Printable(reason))
            }
        }
    }
}

/// Text from the source, in one line and of bounded length.
struct Printable<'t>(&'t str);

/// Most characters of it.
const PRINTABLE_MAX: usize = 500;

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        self.0
            .chars()
            .take(PRINTABLE_MAX)
            .try_for_each(|letter| f.write_char(if letter.is_control() { '\u{fffd}' } else { letter }))
    }
}

/// The report as it grows.
#[derive(Debug)]
pub(super) struct Report(Mutex<Imported>);

impl Report {
    pub(super) fn new(form: Form) -> Self {
        Self(Mutex::new(Imported {
            form,
            repositories: 0,
            tags: 0,
            moves: 0,
            manifests: 0,
            blobs: 0,
            linked: 0,
            bytes: 0,
            present: 0,
            folded: 0,
            removed: 0,
            left_out: Findings::default(),
        }))
    }

    pub(super) fn add(&self, add: impl FnOnce(&mut Imported)) {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn leave_out(&self, what: LeftOut) {
        self.add(|imported| imported.left_out.add(what));
    }

    /// Tells whether nothing was left out.
    pub(super) fn is_whole(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).left_out.is_empty()
    }

    pub(super) fn imported(&self) -> Imported {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
