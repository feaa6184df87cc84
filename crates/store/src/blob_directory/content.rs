//! What stores do with a directory of content, beyond single files: manifests, blobs from elsewhere.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;

use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Descriptor, Digest, Manifest, ManifestError};

use super::{BlobDirectory, Durability};
use crate::blocking;
use crate::body::{BlobBody, BlobSource, CHUNK_BYTES, Meter, Verifier};
use crate::error::StoreError;
use crate::receive::{BlobSink as _, receive};
use crate::store::Put;

/// Permissions that let somebody write.
const WRITABLE: u32 = 0o222;

/// Whether a file may get a second name instead of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HardLinks {
    /// It may, if nobody has permission to write to it: then it will stay what it is.
    OfReadOnlyFiles,
    /// It may not.
    Never,
}

impl BlobDirectory {
    /// Returns a manifest, checked against its digest.
    pub(crate) fn manifest(&self, digest: &Digest, location: &str) -> Result<Option<Manifest>, StoreError> {
        let broken = |source| StoreError::Manifest { location: location.to_owned(), name: digest.to_string(), source };
        let Some(size) = self.stat(digest)? else { return Ok(None) };
        if size > MANIFEST_MAX_BYTES as u64 {
            return Err(broken(ManifestError::TooLarge { found: usize::try_from(size).unwrap_or(usize::MAX) }));
        }
        let Some(bytes) = self.read(digest, MANIFEST_MAX_BYTES)? else { return Ok(None) };
        match Manifest::parse(bytes, None, Some(digest)) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(ManifestError::Digest(source)) => Err(StoreError::Digest { location: location.to_owned(), source }),
            Err(error) => Err(broken(error)),
        }
    }

    /// Returns the descriptor of a manifest. A file that is no manifest, or is damaged, is not a manifest that is there: it
    /// can be put again.
    pub(crate) fn stat_manifest(&self, digest: &Digest, location: &str) -> Result<Option<Descriptor>, StoreError> {
        match self.manifest(digest, location) {
            Ok(manifest) => Ok(manifest.map(|manifest| manifest.descriptor())),
            Err(error) if error.is_integrity() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a manifest, unless it is there and whole.
    pub(crate) fn put_manifest(self: &Arc<Self>, manifest: &Manifest) -> Result<(), StoreError> {
        match self.read(manifest.digest(), MANIFEST_MAX_BYTES)? {
            Some(bytes) if bytes == *manifest.bytes() => Ok(()),
            _ => self.write(manifest.digest(), manifest.bytes(), Durability::Synced),
        }
    }

    /// Returns the bytes of a blob from `offset`.
    pub(crate) fn body(&self, digest: &Digest, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        let opened = self.open(digest)?;
        Ok(opened.map(|(file, size)| BlobBody::from_file(file, offset, size.saturating_sub(offset))))
    }

    /// Moves a blob here. A file of the right size is taken to be the blob: it got its name after it had been verified.
    pub(crate) async fn put_blob(
        self: &Arc<Self>,
        descriptor: &Descriptor,
        location: &str,
        source: &dyn BlobSource,
        meter: &Meter,
    ) -> Result<Put, StoreError> {
        let digest = descriptor.digest;
        let there = Arc::clone(self);
        if blocking::run(move || there.stat(&digest)).await? == Some(descriptor.size) {
            return Ok(Put::AlreadyThere);
        }
        let there = Arc::clone(self);
        receive(descriptor, location, source, meter, move || there.begin(&digest, Durability::Synced)).await?;
        Ok(Put::Stored)
    }

    /// Takes a blob from the directory of content below `from` without moving bytes: as a clone that shares its blocks, where
    /// the file system can, or as a second name, where `links` allows. It is hashed all the same, because nothing is known
    /// about the other directory. Returns false when the bytes have to be moved.
    pub(crate) fn adopt(
        self: &Arc<Self>,
        descriptor: &Descriptor,
        from: &Path,
        links: HardLinks,
    ) -> Result<bool, StoreError> {
        let other = Self::new(from, super::BLOBS);
        let path = other.path(&descriptor.digest);
        let Some((file, size)) = other.open(&descriptor.digest)? else { return Ok(false) };
        if size != descriptor.size {
            return Ok(false);
        }
        let mut writer = self.begin(&descriptor.digest, Durability::Synced)?;
        if writer.share(&file) {
            verify(writer.file(), descriptor, &path)?;
            writer.commit()?;
            return Ok(true);
        }
        drop(writer);
        let metadata = file.metadata().map_err(StoreError::file("cannot look at", &path))?;
        let ours = self.made(descriptor.digest.algorithm())?.metadata();
        let ours = ours.map_err(StoreError::file("cannot look at", &self.path(&descriptor.digest)))?;
        let linkable = links == HardLinks::OfReadOnlyFiles
            && metadata.mode() & WRITABLE == 0
            && (metadata.dev(), metadata.uid()) == (ours.dev(), ours.uid());
        if !linkable {
            return Ok(false);
        }
        verify(&file, descriptor, &path)?;
        self.link(&descriptor.digest, &path, &file)
    }
}

/// Checks that a file has the content that `descriptor` names.
pub(crate) fn verify(file: &File, descriptor: &Descriptor, path: &Path) -> Result<(), StoreError> {
    let mut verifier = Verifier::new(descriptor, &oci::text::printable(&path.to_string_lossy()));
    let mut buffer = vec![0; usize::try_from(descriptor.size).unwrap_or(usize::MAX).clamp(1, CHUNK_BYTES)];
    let mut offset = 0;
    loop {
        match file.read_at(&mut buffer, offset) {
            Ok(0) => return verifier.finish(),
            Ok(count) => {
                verifier.update(&buffer[..count])?;
                offset += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(StoreError::file("cannot read", path)(error)),
        }
    }
}
