//! A file of content in the making.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::Arc;

use oci::Digest;

use super::BlobDirectory;
use super::behind::Behind;
use crate::body::CHUNK_BYTES;
use crate::content_files::ContentFiles as _;
use crate::error::StoreError;
use crate::receive::BlobSink;
use crate::staging::StagedFile;

/// Content from this size on is written by a thread of its own. Smaller content is soon on the disk, and in memory for whoever reads it at
/// once.
const BEHIND_MIN_BYTES: u64 = 64 * 1024 * 1024;

/// How much is done for a file before it gets its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The content is synced: a file that has its name is whole, whatever happens.
    Synced,
    /// Nothing is: whoever reads it verifies it.
    Verified,
}

/// A file of content in the making. Until it is committed it has no name, and dropping it removes it.
#[derive(Debug)]
pub(crate) struct BlobWriter {
    directory: Arc<BlobDirectory>,
    /// What writes a large file. Dropped before the file: what it was given counts when that is to be kept.
    behind: Option<Behind>,
    staged: StagedFile,
    digest: Digest,
    durability: Durability,
    /// The bytes of the whole content, where that is known and much.
    expected: Option<u64>,
}

impl BlobWriter {
    pub(super) fn new(
        directory: Arc<BlobDirectory>,
        staged: StagedFile,
        digest: Digest,
        durability: Durability,
    ) -> Self {
        Self { directory, staged, digest, durability, expected: None, behind: None }
    }

    /// Returns it as one of content of so many bytes, of which an earlier run may have left some.
    pub(super) fn expecting(self, size: u64) -> Self {
        Self { expected: Some(size), ..self }
    }

    pub(super) const fn file(&self) -> &File {
        self.staged.file()
    }

    fn failed(&self, error: io::Error) -> StoreError {
        StoreError::file("cannot write", &self.directory.path(&self.digest))(error)
    }
}

impl BlobSink for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if self.behind.is_none() && self.expected >= Some(BEHIND_MIN_BYTES) {
            // Where there can be no thread, this one writes.
            self.behind = Behind::start(self.staged.file()).ok();
        }
        let written = match &mut self.behind {
            Some(behind) => behind.write(bytes),
            None => self.staged.write(bytes),
        };
        written.map_err(|error| self.failed(error))
    }

    fn resume(&mut self, add: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>) -> Result<u64, StoreError> {
        let Some(size) = self.expected else { return Ok(0) };
        let mut file = self.staged.file();
        let held = file.metadata().map_err(|error| self.failed(error))?.len();
        if held >= size {
            // More than there can be, or a whole that nobody has verified.
            file.set_len(0).map_err(|error| self.failed(error))?;
            return Ok(0);
        }
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut seen = 0;
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(seen),
                Ok(count) => {
                    add(&buffer[..count])?;
                    seen += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    fn discard(&mut self) {
        self.staged.discard();
    }

    fn share(&mut self, file: &File) -> bool {
        rustix::fs::ioctl_ficlone(self.staged.file(), file).is_ok()
    }

    fn commit(self) -> Result<(), StoreError> {
        let Self { directory, mut staged, digest, durability, expected: _, behind } = self;
        // All of it has come: what now fails, a full disk above all, is not to be gone on with.
        staged.discard();
        let failed = |error| StoreError::file("cannot write", &directory.path(&digest))(error);
        behind.map_or(Ok(()), Behind::end).map_err(failed)?;
        staged.make_read_only().map_err(failed)?;
        if durability == Durability::Synced {
            staged.sync().map_err(failed)?;
        }
        staged.publish(directory.made(digest.algorithm())?, digest.encoded()).map_err(failed)?;
        directory.mark_changed(digest.algorithm());
        Ok(())
    }
}
