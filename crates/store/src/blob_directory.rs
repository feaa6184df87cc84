//! Content in files: `<root>/<name>/<algorithm>/<encoded>`, as the image layout specification has it.
//!
//! Every file is opened relative to its open directory and no symbolic link is followed below the root, so a layout that came
//! from elsewhere cannot make us read or write outside of it. The root itself is the user's to name, links included.
//! Everything here waits for the disk.

mod behind;
mod content;
mod writer;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use oci::{Algorithm, Digest};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

pub(crate) use content::{HardLinks, digest_of, verify};
pub(crate) use writer::{BlobWriter, Durability};

use crate::atomic::STAGING_NAME;
use crate::content_files::{ContentFiles, Opened};
use crate::error::StoreError;
use crate::receive::BlobSink;
use crate::staging::Staging;

/// The name of the directory of content in a layout (image-spec, "Blobs").
pub(crate) const BLOBS: &str = "blobs";

/// A directory of content.
#[derive(Debug)]
pub(crate) struct BlobDirectory {
    path: PathBuf,
    staging: Staging,
    algorithms: [AlgorithmDirectory; Algorithm::ALL.len()],
    /// Whether a directory was made since the last sync.
    made: AtomicBool,
}

#[derive(Debug, Default)]
struct AlgorithmDirectory {
    file: OnceLock<File>,
    /// Whether names were added since it was last synced.
    changed: AtomicBool,
}

impl BlobDirectory {
    /// Returns the directory `name` below `root`. Nothing is opened or made yet.
    pub(crate) fn new(root: &Path, name: &str) -> Self {
        Self {
            path: root.join(name),
            staging: Staging::new(root.join(STAGING_NAME)),
            algorithms: std::array::from_fn(|_| AlgorithmDirectory::default()),
            made: AtomicBool::new(false),
        }
    }

    pub(crate) const fn staging(&self) -> &Staging {
        &self.staging
    }

    /// Begins a file, which [`BlobWriter::commit`](BlobSink::commit) gives its name.
    pub(crate) fn begin(self: &Arc<Self>, digest: &Digest, durability: Durability) -> Result<BlobWriter, StoreError> {
        self.made(digest.algorithm())?;
        Ok(BlobWriter::new(Arc::clone(self), self.staging.begin()?, *digest, durability))
    }

    /// As [`BlobDirectory::begin`], where an earlier run may have left a part of the content, which is gone on with.
    pub(crate) fn resume(self: &Arc<Self>, digest: &Digest, size: u64) -> Result<BlobWriter, StoreError> {
        self.made(digest.algorithm())?;
        let what = format!("{}-{}", digest.algorithm(), digest.encoded());
        let staged = match self.staging.begin_partial(&what)? {
            Some(staged) => staged,
            None => self.staging.begin()?,
        };
        Ok(BlobWriter::new(Arc::clone(self), staged, *digest, Durability::Synced).expecting(size))
    }

    /// Writes a file of content that is known to be what `digest` names.
    pub(crate) fn write(
        self: &Arc<Self>,
        digest: &Digest,
        bytes: &[u8],
        durability: Durability,
    ) -> Result<(), StoreError> {
        let mut writer = self.begin(digest, durability)?;
        writer.write(bytes)?;
        writer.commit()
    }

    /// Gives the file at `from` a second name here, unless there is one of that digest. `from` must have been opened as
    /// `opened`, which is how its content was verified. Returns false when the two cannot share a file.
    pub(crate) fn link(&self, digest: &Digest, from: &Path, opened: &File) -> Result<bool, StoreError> {
        let directory = self.made(digest.algorithm())?;
        let (encoded, path) = (digest.encoded(), self.path(digest));
        match rustix::fs::linkat(rustix::fs::CWD, from, directory, &encoded, AtFlags::empty()) {
            Ok(()) => {}
            // Another file system, one without links, too many of them, or a link that the system forbids.
            Err(Errno::XDEV | Errno::PERM | Errno::NOTSUP | Errno::MLINK | Errno::EXIST | Errno::ACCESS) => {
                return Ok(false);
            }
            Err(error) => return Err(StoreError::file("cannot link", &path)(error.into())),
        }
        let linked = rustix::fs::statat(directory, &encoded, AtFlags::SYMLINK_NOFOLLOW);
        let same = linked.and_then(|linked| {
            let opened = rustix::fs::fstat(opened)?;
            Ok(linked.st_ino == opened.st_ino && linked.st_dev == opened.st_dev)
        });
        if same != Ok(true) {
            // The name was given to another file between the verification and the link.
            let _ = rustix::fs::unlinkat(directory, &encoded, AtFlags::empty());
            return Ok(false);
        }
        opened.sync_data().map_err(StoreError::file("cannot write", &path))?;
        self.mark_changed(digest.algorithm());
        Ok(true)
    }

    /// Returns when a file was written.
    pub(crate) fn written(&self, digest: &Digest) -> Result<Option<SystemTime>, StoreError> {
        let path = self.path(digest);
        match fs::symlink_metadata(&path).and_then(|metadata| metadata.modified()) {
            Ok(written) => Ok(Some(written)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::file("cannot look at", &path)(error)),
        }
    }

    /// Removes a file. Returns false when it was not there.
    pub(crate) fn remove(&self, digest: &Digest) -> Result<bool, StoreError> {
        let Some(directory) = self.directory(digest.algorithm())? else { return Ok(false) };
        match rustix::fs::unlinkat(directory, digest.encoded(), AtFlags::empty()) {
            Ok(()) => {
                self.mark_changed(digest.algorithm());
                Ok(true)
            }
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(StoreError::file("cannot remove", &self.path(digest))(error.into())),
        }
    }

    /// Makes the names that were added or removed durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        if self.made.swap(false, Ordering::AcqRel) {
            for path in [Some(self.path.as_path()), self.path.parent()].into_iter().flatten() {
                let synced = File::open(path).and_then(|directory| directory.sync_all());
                synced
                    .inspect_err(|_| self.made.store(true, Ordering::Release))
                    .map_err(StoreError::file("cannot write", path))?;
            }
        }
        for (algorithm, directory) in Algorithm::ALL.iter().zip(&self.algorithms) {
            if let Some(file) = directory.file.get()
                && directory.changed.swap(false, Ordering::AcqRel)
            {
                let path = self.path.join(algorithm.name());
                file.sync_all()
                    .inspect_err(|_| directory.changed.store(true, Ordering::Release))
                    .map_err(StoreError::file("cannot write", &path))?;
            }
        }
        Ok(())
    }

    fn mark_changed(&self, algorithm: Algorithm) {
        self.of(algorithm).changed.store(true, Ordering::Release);
    }

    const fn of(&self, algorithm: Algorithm) -> &AlgorithmDirectory {
        &self.algorithms[algorithm as usize]
    }

    /// Returns the open directory of an algorithm, if it is there.
    fn directory(&self, algorithm: Algorithm) -> Result<Option<&File>, StoreError> {
        let slot = &self.of(algorithm).file;
        if let Some(file) = slot.get() {
            return Ok(Some(file));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let path = self.path.join(algorithm.name());
        let opened = rustix::fs::open(&self.path, flags, Mode::empty())
            .and_then(|blobs| rustix::fs::openat(blobs, algorithm.name(), flags, Mode::empty()));
        match opened {
            Ok(directory) => Ok(Some(slot.get_or_init(|| directory.into()))),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                Err(StoreError::format(&path, "is not a directory, or is reached through a symbolic link"))
            }
            Err(error) => Err(StoreError::file("cannot open", &path)(error.into())),
        }
    }

    /// Returns the open directory of an algorithm after making it.
    fn made(&self, algorithm: Algorithm) -> Result<&File, StoreError> {
        if let Some(directory) = self.directory(algorithm)? {
            return Ok(directory);
        }
        let path = self.path.join(algorithm.name());
        let failed = |error| StoreError::file("cannot make", &path)(error);
        fs::create_dir_all(&path).map_err(failed)?;
        self.made.store(true, Ordering::Release);
        self.directory(algorithm)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
    }

    fn not_regular(&self, digest: &Digest) -> StoreError {
        StoreError::format(&self.path(digest), "is not a regular file")
    }
}

impl ContentFiles for BlobDirectory {
    fn path(&self, digest: &Digest) -> PathBuf {
        self.path.join(digest.algorithm().name()).join(digest.encoded())
    }

    fn stat(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let Some(directory) = self.directory(digest.algorithm())? else { return Ok(None) };
        match rustix::fs::statat(directory, digest.encoded(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::RegularFile => {
                Ok(Some(found.st_size.unsigned_abs()))
            }
            Ok(_) => Err(self.not_regular(digest)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(StoreError::file("cannot look at", &self.path(digest))(error.into())),
        }
    }

    fn open(&self, digest: &Digest) -> Result<Option<Opened>, StoreError> {
        let Some(directory) = self.directory(digest.algorithm())? else { return Ok(None) };
        // Without NONBLOCK a pipe in the place of a file would make us wait for ever.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let failed = |error: io::Error| StoreError::file("cannot read", &self.path(digest))(error);
        let file: File = match rustix::fs::openat(directory, digest.encoded(), flags, Mode::empty()) {
            Ok(file) => file.into(),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(self.not_regular(digest)),
            Err(error) => return Err(failed(error.into())),
        };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(self.not_regular(digest));
        }
        Ok(Some(Opened::File { file, offset: 0, size: metadata.len() }))
    }

    fn list(&self) -> Result<Vec<(Digest, u64)>, StoreError> {
        let mut listed = Vec::new();
        for algorithm in Algorithm::ALL {
            if self.directory(algorithm)?.is_none() {
                continue;
            }
            let path = self.path.join(algorithm.name());
            let failed = |error| StoreError::file("cannot list", &path)(error);
            for entry in fs::read_dir(&path).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let name = entry.file_name();
                let digest = name.to_str().and_then(|encoded| format!("{algorithm}:{encoded}").parse::<Digest>().ok());
                let Some(digest) = digest else { continue };
                match entry.metadata() {
                    Ok(metadata) if metadata.is_file() => listed.push((digest, metadata.len())),
                    Ok(_) => {}
                    // Somebody has removed it meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(failed(error)),
                }
            }
        }
        listed.sort_unstable();
        Ok(listed)
    }
}
