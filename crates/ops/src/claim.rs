//! Files that say by their lock that somebody is at work.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::OpsError;

/// Takes the lock of a file, which is made if it is not there and never changed; the lock is held until the file is dropped.
/// Returns `None` when somebody else has it. Where the file system has no locks there is nobody to wait for.
///
/// # Errors
/// [`OpsError::File`], also when the path is a symbolic link: what it leads to may be anybody's.
pub(crate) fn claim(path: &Path) -> Result<Option<File>, OpsError> {
    let failed = |action| move |source| OpsError::File { action, path: path.to_owned(), source };
    // Nobody reads at the other end of a pipe.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let opened = OpenOptions::new().write(true).create(true).truncate(false).custom_flags(flags).open(path);
    let file = opened.map_err(failed("cannot write"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => Ok(Some(file)),
        Err(TryLockError::Error(error)) => Err(failed("cannot lock")(error)),
    }
}
