//! A file of content in the making.

use std::fs::File;
use std::io;
use std::sync::Arc;

use oci::Digest;

use super::BlobDirectory;
use super::early::Early;
use crate::content_files::ContentFiles as _;
use crate::error::StoreError;
use crate::receive::BlobSink;
use crate::staging::StagedFile;

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
    staged: StagedFile,
    digest: Digest,
    durability: Durability,
    early: Early,
}

impl BlobWriter {
    pub(super) fn new(
        directory: Arc<BlobDirectory>,
        staged: StagedFile,
        digest: Digest,
        durability: Durability,
    ) -> Self {
        Self { directory, staged, digest, durability, early: Early::default() }
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
        let written = self.staged.write(bytes);
        let synced = written.and_then(|()| match self.durability {
            Durability::Synced => self.early.wrote(self.staged.file(), bytes.len()),
            Durability::Verified => Ok(()),
        });
        synced.map_err(|error| self.failed(error))
    }

    fn share(&mut self, file: &File) -> bool {
        rustix::fs::ioctl_ficlone(self.staged.file(), file).is_ok()
    }

    fn commit(self) -> Result<(), StoreError> {
        let Self { directory, staged, digest, durability, mut early } = self;
        let failed = |error| StoreError::file("cannot write", &directory.path(&digest))(error);
        early.wait().map_err(failed)?;
        staged.make_read_only().map_err(failed)?;
        if durability == Durability::Synced {
            staged.sync().map_err(failed)?;
        }
        staged.publish(directory.made(digest.algorithm())?, digest.encoded()).map_err(failed)?;
        directory.mark_changed(digest.algorithm());
        Ok(())
    }
}
