//! Putting manifests and blobs into a directory of content.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;

use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Algorithm, Descriptor, Digest, Manifest};

use super::{BlobDirectory, Durability};
use crate::body::{BlobSource, CHUNK_BYTES, Meter, Verifier};
use crate::content_files::{ContentFiles as _, Opened};
use crate::error::StoreError;
use crate::receive::{BlobSink as _, RESUMED_MIN_BYTES, receive};
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
    /// Writes a manifest, unless it is there and whole.
    pub(crate) fn put_manifest(self: &Arc<Self>, manifest: &Manifest) -> Result<(), StoreError> {
        match self.read(manifest.digest(), MANIFEST_MAX_BYTES)? {
            Some(bytes) if bytes == *manifest.bytes() => Ok(()),
            _ => self.write(manifest.digest(), manifest.bytes(), Durability::Synced),
        }
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
        // One look into an open directory is not worth the way to another thread and back.
        if self.stat(&digest)? == Some(descriptor.size) {
            return Ok(Put::AlreadyThere);
        }
        let (there, size) = (Arc::clone(self), descriptor.size);
        let begin = move || match size {
            RESUMED_MIN_BYTES.. => there.resume(&digest, size),
            _ => there.begin(&digest, Durability::Synced),
        };
        receive(descriptor, location, source, meter, begin).await?;
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
        let Some(Opened::File { file, size, .. }) = other.open(&descriptor.digest)? else { return Ok(false) };
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
    // One byte more than there should be shows that there is more.
    read_through(file, 0, descriptor.size.saturating_add(1), path, |chunk| verifier.update(chunk))?;
    verifier.finish()
}

/// Returns the digest of a part of a file.
pub(crate) fn digest_of(file: &File, offset: u64, size: u64, path: &Path) -> Result<Digest, StoreError> {
    let mut hasher = Algorithm::Sha256.hasher();
    read_through(file, offset, size, path, |chunk| {
        hasher.update(chunk);
        Ok(())
    })?;
    Ok(hasher.finish())
}

/// Hands out at most `size` bytes of a file from `offset` in chunks.
fn read_through(
    file: &File,
    offset: u64,
    size: u64,
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut buffer = vec![0; usize::try_from(size).unwrap_or(usize::MAX).min(CHUNK_BYTES)];
    let mut read = 0;
    while read < size {
        let wanted = usize::try_from(size - read).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        match file.read_at(&mut buffer[..wanted], offset + read) {
            Ok(0) => break,
            Ok(count) => {
                take(&buffer[..count])?;
                read += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(StoreError::file("cannot read", path)(error)),
        }
    }
    Ok(())
}
