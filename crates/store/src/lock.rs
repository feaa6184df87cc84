//! Advisory locks between processes, and between handles within one: `flock` on an open file or directory.
//!
//! The kernel drops a lock when its holder dies, however it dies; so a lock that can be had means that nobody is at work.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::error::StoreError;

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Waits until nobody else holds a lock on the file or directory at `path`, and takes it alone.
    ///
    /// The file at `path` must never be replaced, only changed: the lock is on what is there now.
    pub(crate) fn exclusive(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::file("cannot open", path))?;
        retry(|| rustix::fs::flock(&file, FlockOperation::LockExclusive))
            .map_err(StoreError::file("cannot lock", path))?;
        Ok(Self { file })
    }

    /// Waits until nobody holds the lock alone, and takes it together with others. Where the file system has no locks there
    /// is nothing to wait for, and nothing is held.
    pub(crate) fn shared(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::file("cannot open", path))?;
        match retry(|| rustix::fs::flock(&file, FlockOperation::LockShared)) {
            Ok(()) => Ok(Self { file }),
            Err(error) if is_unsupported(&error) => Ok(Self { file }),
            Err(error) => Err(StoreError::file("cannot lock", path)(error)),
        }
    }

    /// Makes a shared lock exclusive. Returns false, with the lock still shared, when somebody else holds it too.
    pub(crate) fn try_upgrade(&self, path: &Path) -> Result<bool, StoreError> {
        match rustix::fs::flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            // The kernel drops the shared lock before it tries for the exclusive one.
            Err(Errno::WOULDBLOCK) => self.downgrade(path).map(|()| false),
            Err(error) => Err(StoreError::file("cannot lock", path)(error.into())),
        }
    }

    /// Makes an exclusive lock shared.
    pub(crate) fn downgrade(&self, path: &Path) -> Result<(), StoreError> {
        retry(|| rustix::fs::flock(&self.file, FlockOperation::LockShared))
            .map_err(StoreError::file("cannot lock", path))
    }
}

/// Takes the lock of an open file alone, if it can be had at once.
pub(crate) fn try_exclusive(file: &File) -> io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Tells whether the file system has no such locks.
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| matches!(errno, Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS | Errno::INVAL | Errno::BADF))
}

fn retry(mut call: impl FnMut() -> rustix::io::Result<()>) -> io::Result<()> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            outcome => return outcome.map_err(io::Error::from),
        }
    }
}
