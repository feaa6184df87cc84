//! What the collections of layouts and of the content store have in common.

use std::collections::BTreeSet;
use std::path::Path;

use graph::CollectionPlan;
use oci::Digest;

use crate::blob_directory::BlobDirectory;
use crate::content_files::ContentFiles as _;
use crate::error::StoreError;
use crate::lock::Lock;

/// What a collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Number of files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// Makes the lock by which a process keeps collections away its own alone.
pub(crate) fn take_alone(session: Option<&Lock>, path: &Path, location: &str) -> Result<(), StoreError> {
    let busy = |reason: &str| StoreError::Refused {
        location: location.to_owned(),
        action: "to be collected".to_owned(),
        reason: reason.to_owned(),
        status: None,
    };
    match session {
        Some(lock) if lock.try_upgrade(path)? => Ok(()),
        Some(_) => Err(busy("another process is writing to it")),
        None => Err(busy("it was not opened to be written to")),
    }
}

/// Returns the files that a plan removes, in its order. Manifests and blobs are one space on disk: content that lives as
/// either stays.
pub(crate) fn dead(plan: &CollectionPlan) -> Vec<Digest> {
    let living: BTreeSet<Digest> = plan.keep.iter().map(|id| id.digest).collect();
    plan.remove.iter().map(|id| id.digest).filter(|digest| !living.contains(digest)).collect()
}

/// Removes the files of a plan.
pub(crate) fn remove_files(blobs: &BlobDirectory, plan: &CollectionPlan) -> Result<Collected, StoreError> {
    let mut collected = Collected::default();
    for digest in dead(plan) {
        let size = blobs.stat(&digest)?;
        if blobs.remove(&digest)? {
            collected.files += 1;
            collected.bytes += size.unwrap_or(0);
        }
    }
    blobs.sync()?;
    Ok(collected)
}
