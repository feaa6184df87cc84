//! Files of content, wherever they are: in a directory, or within a tar.
//!
//! Nothing says of such a file whether it is a manifest; what is asked for as one is read and checked.

mod crawl;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use bytes::Bytes;
use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Descriptor, Digest, Manifest, ManifestError};

pub(crate) use crawl::{crawl, inventory, sift};

use crate::body::BlobBody;
use crate::error::StoreError;

/// Files of content. Everything here waits for the disk.
pub(crate) trait ContentFiles: Send + Sync + std::fmt::Debug {
    /// Returns where a file is, for messages.
    fn path(&self, digest: &Digest) -> PathBuf;

    /// Returns the size of a file in bytes.
    fn stat(&self, digest: &Digest) -> Result<Option<u64>, StoreError>;

    /// Opens a file.
    fn open(&self, digest: &Digest) -> Result<Option<Opened>, StoreError>;

    /// Returns every file with its size in bytes, in the order of their digests.
    fn list(&self) -> Result<Vec<(Digest, u64)>, StoreError>;

    /// Returns the content of a file of at most `limit` bytes, unverified; `None` also when it is larger.
    fn read(&self, digest: &Digest, limit: usize) -> Result<Option<Bytes>, StoreError> {
        match self.open(digest)? {
            Some(opened) if opened.size() <= limit as u64 => {
                Ok(Some(opened.read(limit).map_err(StoreError::file("cannot read", &self.path(digest)))?))
            }
            _ => Ok(None),
        }
    }

    /// Returns a manifest, checked against its digest.
    fn manifest(&self, digest: &Digest, location: &str) -> Result<Option<Manifest>, StoreError> {
        let broken = |source| StoreError::Manifest { location: location.to_owned(), name: digest.to_string(), source };
        let Some(opened) = self.open(digest)? else { return Ok(None) };
        if opened.size() > MANIFEST_MAX_BYTES as u64 {
            let found = usize::try_from(opened.size()).unwrap_or(usize::MAX);
            return Err(broken(ManifestError::TooLarge { found }));
        }
        let bytes = opened.read(MANIFEST_MAX_BYTES).map_err(StoreError::file("cannot read", &self.path(digest)))?;
        match Manifest::parse(bytes, None, Some(digest)) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(ManifestError::Digest(source)) => Err(StoreError::Digest { location: location.to_owned(), source }),
            Err(error) => Err(broken(error)),
        }
    }

    /// Returns the descriptor of a manifest. A file that is no manifest, or is damaged, is not a manifest that is there: it
    /// can be put again.
    fn stat_manifest(&self, digest: &Digest, location: &str) -> Result<Option<Descriptor>, StoreError> {
        match self.manifest(digest, location) {
            Ok(manifest) => Ok(manifest.map(|manifest| manifest.descriptor())),
            Err(error) if error.is_integrity() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the content of a file from `offset`.
    fn body(&self, digest: &Digest, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        Ok(self.open(digest)?.map(|opened| opened.into_body(offset)))
    }

    /// Tells whether a file begins as a JSON object does.
    fn begins_like_json(&self, digest: &Digest) -> Result<bool, StoreError> {
        let Some(opened) = self.open(digest)? else { return Ok(false) };
        let first = opened.read(1).map_err(StoreError::file("cannot read", &self.path(digest)))?;
        Ok(first == b"{".as_slice())
    }
}

/// A file of content that is open.
#[derive(Debug)]
pub(crate) enum Opened {
    /// A part of a file, or the whole of it.
    File {
        /// The file.
        file: File,
        /// Where the content begins in it.
        offset: u64,
        /// The size of the content in bytes.
        size: u64,
    },
    /// Content that was made from what is on the disk.
    Memory(Bytes),
}

impl Opened {
    pub(crate) const fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Returns the content from `offset` on.
    pub(crate) fn into_body(self, offset: u64) -> BlobBody {
        match self {
            Self::File { file, offset: start, size } => {
                let skipped = offset.min(size);
                BlobBody::from_file(file, start + skipped, size - skipped)
            }
            Self::Memory(bytes) => {
                let skipped = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                BlobBody::from_bytes(bytes.slice(skipped..))
            }
        }
    }

    /// Returns the first `count` bytes, or all there are if they are fewer.
    fn read(&self, count: usize) -> io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => Ok(bytes.slice(..count.min(bytes.len()))),
            Self::File { file, offset, size } => {
                let mut bytes = vec![0; usize::try_from(*size).unwrap_or(usize::MAX).min(count)];
                let mut filled = 0;
                while filled < bytes.len() {
                    match file.read_at(&mut bytes[filled..], offset + filled as u64) {
                        Ok(0) => break,
                        Ok(count) => filled += count,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                bytes.truncate(filled);
                Ok(bytes.into())
            }
        }
    }
}
