//! The audit: what lies in the place of the blobs against what the database names, and the tables against each other.
//!
//! It reads alone, page by page, and may run beside a registry that serves: what looks wrong is looked at once more, and bytes
//! that nobody names count only when they are older than a lease, for a blob lies there before its row is written.

mod places;
mod tables;
mod uploads;

use std::collections::BTreeMap;

use async_trait::async_trait;

pub(super) use places::upload_of;

use super::Storage;
use super::database::{Connection, Operation, StorageError};

/// Names in a page of what is looked at.
const PAGE: usize = 1000;
/// Most names that are kept of each fault.
const NAMES_MAX: usize = 20;

/// What an audit has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// What lies in the place of the blobs, uploads under way included, the next two not.
    pub objects: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Copies of manifests that lie there.
    pub copies: u64,
    /// Parts of the journal.
    pub journal: u64,
    /// Blobs in the database.
    pub blobs: u64,
    /// Manifests in repositories.
    pub manifests: u64,
    /// Tags.
    pub tags: u64,
    /// Uploads under way.
    pub uploads: u64,
    /// Things that the next round of the collector looks at, as their time has come.
    pub due: u64,
    /// Places whose bytes are about to be removed.
    pub given_up: u64,
    /// Changes that the journal does not say yet.
    pub noted: u64,
    /// Contents that manifests name and that their repositories do not have: somebody deleted them, or took the manifest
    /// without them. That is no fault of the registry.
    pub incomplete: Found,
    /// What should not be; nothing that was not found is in it.
    pub faults: BTreeMap<Fault, Found>,
}

/// How often something was found, and what it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How often.
    pub count: u64,
    /// The first of them, by their names.
    pub first: Vec<String>,
}

/// What should not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The bytes of a blob, or the copy of a manifest, are not in their place.
    MissingBytes,
    /// There are more or fewer bytes in a place than there should be.
    WrongSize,
    /// A scrub has found that bytes are not what they are called. Nothing is served under their digest.
    BadBytes,
    /// A repository has a blob of which nothing is known.
    MissingBlob,
    /// The bytes of a manifest are not there.
    MissingContent,
    /// A tag points to a manifest that is not there.
    MissingManifest,
    /// What was received of an upload is not there.
    MissingUpload,
    /// Bytes that nobody names.
    UnnamedBytes,
    /// A blob that no repository has.
    UnusedBlob,
    /// Bytes of a manifest that no repository has.
    UnusedContent,
    /// Something is noted of a manifest that is not there.
    UnusedEdge,
    /// A pin or a hold is on a manifest that is not there.
    UnusedHold,
    /// Nothing needs it, and the collector will not look at it; or a manifest has no copy, and none will be made.
    Forgotten,
}

impl Fault {
    /// Returns its name: words with dashes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingBytes => "missing-bytes",
            Self::WrongSize => "wrong-size",
            Self::BadBytes => "bad-bytes",
            Self::MissingBlob => "missing-blob",
            Self::MissingContent => "missing-content",
            Self::MissingManifest => "missing-manifest",
            Self::MissingUpload => "missing-upload",
            Self::UnnamedBytes => "unnamed-bytes",
            Self::UnusedBlob => "unused-blob",
            Self::UnusedContent => "unused-content",
            Self::UnusedEdge => "unused-edge",
            Self::UnusedHold => "unused-hold",
            Self::Forgotten => "forgotten",
        }
    }
}

impl Audit {
    /// Returns how many faults there are.
    pub fn count(&self) -> u64 {
        self.faults.values().map(|found| found.count).sum()
    }

    fn note(&mut self, fault: Fault, name: String) {
        self.faults.entry(fault).or_default().note(name);
    }
}

impl Found {
    fn note(&mut self, name: String) {
        self.count += 1;
        if self.first.len() < NAMES_MAX {
            self.first.push(name);
        }
    }
}

impl Storage {
    /// Looks at everything that is kept, and says what should not be so.
    ///
    /// # Errors
    /// What the database or the place of the blobs brings.
    pub async fn audit(&self) -> Result<Audit, StorageError> {
        let mut audit = Audit::default();
        self.audit_tables(&mut audit).await?;
        self.audit_places(&mut audit).await?;
        self.audit_uploads(&mut audit).await?;
        Ok(audit)
    }
}

/// Returns the time by the clock of the database.
pub(super) struct Now;

#[async_trait]
impl Operation for Now {
    type Outcome = i64;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        connection.now().await
    }
}
