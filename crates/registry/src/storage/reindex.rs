//! A database made anew from what lies beside it.
//!
//! ```text
//!   checkpoint, segments ─▶ the last word on each thing (table `recovered`) ─▶ is it there? ─▶ tables, report
//! ```
//!
//! The words are merged in the database itself, so that memory is that of a page. What was lost with the old database are
//! changes that its keeper had not written yet, and promises: everything that is found is promised anew, as if it had just come.

mod build;
mod directory;
mod merge;
mod orphans;
mod walk;

use std::fmt;

use oci::{Digest, RepositoryName};

use super::Storage;
use super::blobs::Listed;
use super::database::StorageError;
use super::reading::Flaw;
use crate::retention::Retention;

/// Most findings of one kind that are named; others are only counted.
const NAMED_MAX: usize = 1000;

/// How a database is made anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reindex {
    /// Read every blob and hold it against its digest, rather than look at its size alone. Manifests are always read.
    pub verify: bool,
    /// Set a database aside that is there.
    pub replace: bool,
    /// The repository that is given everything that is found when no journal says what belongs where.
    pub into: Option<RepositoryName>,
    /// How long untagged manifests stay from then on.
    pub retention: Retention,
}

/// What was found while a database was made anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reindexed {
    /// Whether there was a journal. Without one nobody knows of repositories and tags.
    pub has_journal: bool,
    /// Repositories.
    pub repositories: u64,
    /// Tags that name a manifest.
    pub tags: u64,
    /// Moves of tags.
    pub moves: u64,
    /// Manifests, counted in every repository that has them.
    pub manifests: u64,
    /// Blobs.
    pub blobs: u64,
    /// Bytes of all blobs.
    pub bytes: u64,
    /// Parts of the journal that cannot be read: what they say is lost.
    pub unreadable: Findings<String>,
    /// What the journal names and is not there as it should be.
    pub lost: Findings<Lost>,
    /// What is there and nothing names. Without a journal that is everything, unless it was given to a repository.
    pub orphans: Findings<Listed>,
    /// Where the database is that was set aside.
    pub set_aside: Option<String>,
}

/// What was found of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings<T> {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: Vec<T>,
}

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Self { count: 0, first: Vec::new() }
    }
}

impl<T> Findings<T> {
    pub(crate) fn add(&mut self, finding: T) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(finding);
        }
    }

    fn extend(&mut self, findings: impl IntoIterator<Item = T>) {
        for finding in findings {
            self.add(finding);
        }
    }

    /// Tells whether nothing was found.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Something that is named and is not there as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The bytes of a blob.
    Blob {
        /// The blob.
        digest: Digest,
        /// Their place.
        place: String,
        /// What is wrong with them.
        flaw: Flaw,
    },
    /// The bytes of a manifest.
    Manifest {
        /// A repository that has it.
        repository: RepositoryName,
        /// The manifest.
        digest: Digest,
        /// Their place.
        place: String,
        /// What is wrong with them.
        flaw: Flaw,
    },
    /// What a tag names.
    Tag {
        /// The repository.
        repository: RepositoryName,
        /// The tag.
        tag: String,
        /// The manifest.
        digest: Digest,
    },
    /// Moves of a tag that were made before one that is there.
    Moves {
        /// The repository.
        repository: RepositoryName,
        /// The tag.
        tag: String,
        /// The number of the first.
        first: i64,
        /// The number of the last.
        last: i64,
    },
    /// What a manifest that is there needs.
    Part {
        /// The repository.
        repository: RepositoryName,
        /// The manifest.
        manifest: Digest,
        /// What it names.
        digest: Digest,
    },
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blob { digest, place, flaw } => write!(f, "blob {digest}: {place} {flaw}"),
            Self::Manifest { repository, digest, place, flaw } => {
                write!(f, "manifest {repository}@{digest}: {place} {flaw}")
            }
            Self::Tag { repository, tag, digest } => {
                write!(f, "tag {repository}:{tag}: the manifest {digest} is not there")
            }
            Self::Moves { repository, tag, first, last } => {
                write!(f, "tag {repository}:{tag}: its moves {first} to {last} are not there")
            }
            Self::Part { repository, manifest, digest } => {
                write!(f, "manifest {repository}@{manifest}: its part {digest} is not there")
            }
        }
    }
}

impl Storage {
    /// Makes the database, in which there must be nothing, from what lies beside it. It is worth nothing unless this returns well.
    ///
    /// # Errors
    /// [`StorageError::NotEmpty`] when there is something, otherwise what the database or the place of the blobs brings.
    pub async fn reindex(&self, reindex: &Reindex) -> Result<Reindexed, StorageError> {
        if !self.metadata().read(build::IsEmpty).await? {
            return Err(StorageError::NotEmpty);
        }
        let mut report = Reindexed::default();
        let epoch = self.merge_journal(&mut report).await?;
        if !report.has_journal
            && let Some(repository) = &reindex.into
        {
            self.merge_walk(repository, &mut report).await?;
        }
        self.build(reindex, &mut report).await?;
        self.find_orphans(&mut report).await?;
        self.metadata().write(build::Done { epoch: epoch + 1 }).await?;
        Ok(report)
    }
}
