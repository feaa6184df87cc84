//! Bringing a large file to the disk while it is still being written, so that its last sync is short.

use std::fs::File;
use std::io;
use std::thread::JoinHandle;

/// Bytes after which the next sync begins, if the one before has ended.
const STEP_BYTES: u64 = 64 * 1024 * 1024;

/// Syncs of a file under way. A sync that fails is told once by the kernel, so its error is kept for whoever commits the file.
#[derive(Debug, Default)]
pub(super) struct Early {
    written: u64,
    sync: Option<JoinHandle<io::Result<()>>>,
}

impl Early {
    /// Takes note of bytes that have been written.
    ///
    /// # Errors
    /// That of an earlier sync.
    pub(super) fn wrote(&mut self, file: &File, bytes: usize) -> io::Result<()> {
        self.written += bytes as u64;
        if self.written < STEP_BYTES || self.sync.as_ref().is_some_and(|sync| !sync.is_finished()) {
            return Ok(());
        }
        self.written = 0;
        self.wait()?;
        let file = file.try_clone()?;
        // Where there can be no thread the last sync does it all.
        self.sync = std::thread::Builder::new().spawn(move || file.sync_data()).ok();
        Ok(())
    }

    /// Waits for the sync that is under way.
    ///
    /// # Errors
    /// Its own.
    pub(super) fn wait(&mut self) -> io::Result<()> {
        match self.sync.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(synced)) => synced,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sync_brings_is_not_lost() {
        let mut early = Early { written: STEP_BYTES, sync: None };
        let file = tempfile::tempfile().unwrap();
        early.wrote(&file, 1).unwrap();
        assert_eq!(early.written, 0, "one has begun");
        early.wait().unwrap();
        // A pipe cannot be synced.
        let (_reader, writer) = io::pipe().unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(writer));
        early.wrote(&pipe, usize::try_from(STEP_BYTES).unwrap()).unwrap();
        assert!(early.wait().is_err());
        early.wait().unwrap();
    }
}
