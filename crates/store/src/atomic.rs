//! Small files that are replaced whole or not at all.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;

use crate::error::StoreError;
use crate::staging::{StagedFile, Staging};

/// The name of the directory for files in the making, below the directory that they will be in.
pub(crate) const STAGING_NAME: &str = ".supercargo";

/// Writes `bytes` to a file in place of what it held: after a crash it holds the one or the other, whole. The file is durable when
/// this returns. Its directory must exist.
///
/// # Errors
/// [`StoreError::File`]; then the file is what it was.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let directory = directory_of(path);
    let staging = Staging::new(directory.join(STAGING_NAME));
    let outcome = staging.begin().and_then(|staged| replace(staged, path, directory, bytes));
    staging.remove_if_empty();
    outcome
}

/// As [`write()`], for a file of the user's: it keeps its permissions, and its owner where this process may give it away.
///
/// # Errors
/// [`StoreError::File`], also when there is no such file; then nothing has changed.
pub fn overwrite(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let failed = |error| StoreError::file("cannot write", path)(error);
    let kept = std::fs::symlink_metadata(path).map_err(failed)?;
    let directory = directory_of(path);
    let staging = Staging::new(directory.join(STAGING_NAME));
    let outcome = staging.begin().and_then(|staged| {
        let ours = staged.file().metadata().map_err(failed)?;
        if (kept.uid(), kept.gid()) != (ours.uid(), ours.gid()) {
            // Only root may; for others the file becomes theirs, as it does under an editor.
            let _ = fchown(staged.file(), Some(kept.uid()), Some(kept.gid()));
        }
        // After the owner: a change of owner takes bits away.
        staged.file().set_permissions(kept.permissions()).map_err(failed)?;
        replace(staged, path, directory, bytes)
    });
    staging.remove_if_empty();
    outcome
}

/// Removes what killed processes have left of files that they were writing in a directory.
pub fn remove_abandoned(directory: &Path) {
    let staging = Staging::new(directory.join(STAGING_NAME));
    staging.remove_abandoned();
    staging.remove_if_empty();
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Writes `bytes` to the file at `path`, which is in `directory`, through a file that has been staged in the same file system.
pub(crate) fn replace(mut staged: StagedFile, path: &Path, directory: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let failed = |error| StoreError::file("cannot write", path)(error);
    let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    staged.write(bytes).and_then(|()| staged.sync()).map_err(failed)?;
    let directory = File::open(directory).map_err(failed)?;
    staged.publish(&directory, name).and_then(|()| directory.sync_all()).map_err(failed)
}
