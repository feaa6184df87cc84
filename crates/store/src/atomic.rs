//! Small files that are replaced whole or not at all.

use std::fs::{File, Metadata, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::Path;

use crate::blocking;
use crate::error::StoreError;
use crate::lock::{Lock, is_unsupported};
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

/// As [`write()`], for a file that must not be there yet.
///
/// # Errors
/// [`StoreError::File`], of the kind [`io::ErrorKind::AlreadyExists`] when something of that name is there; then nothing has changed.
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    create_synced(path, bytes, File::sync_all)
}

/// Does what [`create`] says; `sync` makes the names in a directory durable.
fn create_synced(path: &Path, bytes: &[u8], sync: impl FnOnce(&File) -> io::Result<()>) -> Result<(), StoreError> {
    let failed = |error| StoreError::file("cannot write", path)(error);
    let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    let directory = directory_of(path);
    let staging = Staging::new(directory.join(STAGING_NAME));
    let outcome = staging.begin().and_then(|mut staged| {
        staged.write(bytes).and_then(|()| staged.sync()).map_err(failed)?;
        let directory = File::open(directory).map_err(failed)?;
        staged.publish_new(&directory, name).map_err(failed)?;
        // What was not made is not to be there.
        sync(&directory).inspect_err(|_| staged.withdraw(&directory, name)).map_err(failed)
    });
    staging.remove_if_empty();
    outcome
}

/// Writes `bytes` to a path of the user's, as a shell's `>` would: a file that is there keeps its permissions and the links to it,
/// and what is no regular file, as a pipe, is written into. Regular files are replaced whole.
///
/// # Errors
/// [`StoreError::File`]; then a regular file is what it was.
pub fn save(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let failed = |error| StoreError::file("cannot write", path)(error);
    match path.metadata() {
        Ok(there) if there.is_file() => overwrite(path, bytes),
        Ok(_) => File::options().write(true).open(path).and_then(|mut file| file.write_all(bytes)).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => write(path, bytes),
        Err(error) => Err(failed(error)),
    }
}

/// As [`write()`], for a file of the user's: it keeps its permissions, its owner where this process may give it away, and the
/// symbolic links that lead to it.
///
/// # Errors
/// [`StoreError::File`], also when there is no such file; then nothing has changed.
pub fn overwrite(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let failed = |error| StoreError::file("cannot write", path)(error);
    let path = &*path.canonicalize().map_err(failed)?;
    let kept = path.metadata().map_err(failed)?;
    let permissions = kept.permissions();
    replace_as(path, Some(&kept), permissions, bytes)
}

/// As [`overwrite`], for what only its owner may read and write, from its first byte on. A file that is not there is made.
///
/// # Errors
/// [`StoreError::File`]; then nothing has changed.
pub fn save_secret(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let failed = |error| StoreError::file("cannot write", path)(error);
    let private = Permissions::from_mode(0o600);
    let path = match path.canonicalize() {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return replace_as(path, None, private, bytes),
        Err(error) => return Err(failed(error)),
    };
    let kept = path.metadata().map_err(failed)?;
    replace_as(&path, Some(&kept), private, bytes)
}

/// The right to change the files of a directory, until this is dropped.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "it is held, and never looked at")] Option<Lock>);

/// Waits until nobody else has a turn at files in the directory of `path`, so that what is read now is what is replaced afterwards. The lock is on the
/// directory, as the file is another one after each change; programs that take no such lock are not kept out. Where there is no directory, or
/// its file system has no locks, nothing is held.
///
/// # Errors
/// [`StoreError::File`] when the directory cannot be locked.
pub async fn turn(path: &Path) -> Result<Turn, StoreError> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match blocking::run(move || Lock::exclusive(directory_of(&path))).await {
        Ok(lock) => Ok(Turn(Some(lock))),
        Err(StoreError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound || is_unsupported(&source) => {
            Ok(Turn(None))
        }
        Err(error) => Err(error),
    }
}

/// Replaces the file at `path` by one with these permissions, and the owner of the one that was there.
fn replace_as(path: &Path, kept: Option<&Metadata>, permissions: Permissions, bytes: &[u8]) -> Result<(), StoreError> {
    let failed = |error| StoreError::file("cannot write", path)(error);
    let directory = directory_of(path);
    let staging = Staging::new(directory.join(STAGING_NAME));
    let outcome = staging.begin_as(permissions.mode() & 0o666).and_then(|staged| {
        let ours = staged.file().metadata().map_err(failed)?;
        if let Some(kept) = kept.filter(|kept| (kept.uid(), kept.gid()) != (ours.uid(), ours.gid())) {
            // Only root may; for others the file becomes theirs, as it does under an editor.
            let _ = fchown(staged.file(), Some(kept.uid()), Some(kept.gid()));
        }
        // After the owner: a change of owner takes bits away.
        staged.file().set_permissions(permissions).map_err(failed)?;
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn unsynced(_: &File) -> io::Result<()> {
        Err(io::Error::other("the disk is gone"))
    }

    #[test]
    fn a_file_whose_name_is_not_durable_is_not_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        assert!(create_synced(&path, b"new", unsynced).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        create(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn what_has_taken_the_place_of_a_file_meanwhile_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let replaced = |directory: &File| {
            write(&path, b"theirs").unwrap();
            unsynced(directory)
        };
        assert!(create_synced(&path, b"new", replaced).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
    }
}
