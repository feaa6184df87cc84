//! A directory tree of somebody else's, read so that nothing outside of it is ever reached.
//!
//! Every part of a path is opened below the one before, symbolic links are never followed, and what is no regular file is not read: a
//! name that leads elsewhere, a FIFO that nobody writes to or a device is an error with its path.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// A directory, and everything below it. Cloning gives another handle to the same.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    root: Arc<OwnedFd>,
    /// The path for messages.
    path: PathBuf,
}

/// A regular file of a tree, open for reading.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: File,
    /// In bytes.
    pub(super) size: u64,
    /// When it was changed last, in milliseconds since 1970; nothing for a time before.
    pub(super) changed_at: i64,
}

/// What a directory has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) is_directory: bool,
}

impl Found {
    /// Returns the content if it has at most `most` bytes.
    pub(super) fn content(self, most: u64) -> io::Result<Vec<u8>> {
        let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes"));
        if self.size > most {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or(0));
        self.file.take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most { Err(too_large()) } else { Ok(bytes) }
    }
}

impl Tree {
    /// Opens a tree. The path itself is the caller's, and may lead through symbolic links.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { root: Arc::new(root), path: path.to_owned() })
    }

    /// Returns the path of something in the tree, for messages.
    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.path.join(below)
    }

    /// Returns a directory of the tree as a tree of its own; `None` when nothing is there.
    pub(super) fn below(&self, path: &str) -> io::Result<Option<Self>> {
        let root = self.directory(Path::new(path))?;
        Ok(root.map(|root| Self { root: Arc::new(root), path: self.path(path) }))
    }

    /// Opens a regular file; `None` when nothing is there.
    pub(super) fn file(&self, path: &str) -> io::Result<Option<Found>> {
        let path = Path::new(path);
        let (Some(name), parent) = (path.file_name(), path.parent().unwrap_or(Path::new(""))) else {
            return Err(outside());
        };
        let Some(directory) = self.directory(parent)? else { return Ok(None) };
        // Opening a FIFO must not wait for whoever writes to it.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Some(file) = present(rustix::fs::openat(&directory, name, flags, Mode::empty()))? else { return Ok(None) };
        let file = File::from(file);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let changed_at = metadata.mtime().saturating_mul(1000).saturating_add(metadata.mtime_nsec() / 1_000_000);
        Ok(Some(Found { file, size: metadata.len(), changed_at: changed_at.max(0) }))
    }

    /// Returns the content of a regular file of at most `most` bytes, and when it was changed; `None` when nothing is there.
    pub(super) fn small(&self, path: &str, most: u64) -> io::Result<Option<(Vec<u8>, i64)>> {
        let Some(found) = self.file(path)? else { return Ok(None) };
        let changed_at = found.changed_at;
        found.content(most).map(|bytes| Some((bytes, changed_at)))
    }

    /// Tells whether there is something of this name, whatever it is.
    pub(super) fn has(&self, path: &str) -> io::Result<bool> {
        let path = Path::new(path);
        let Some(name) = path.file_name() else { return Ok(true) };
        let Some(directory) = self.directory(path.parent().unwrap_or(Path::new("")))? else { return Ok(false) };
        let found = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW);
        Ok(present(found)?.is_some())
    }

    /// Calls `each` with what a directory has, one by one, until that returns false; nothing when it is not there. Names that are no
    /// text are left out: nothing of ours is called so.
    pub(super) fn each(&self, path: &str, mut each: impl FnMut(Entry) -> io::Result<bool>) -> io::Result<()> {
        let Some(directory) = self.directory(Path::new(path))? else { return Ok(()) };
        for entry in Dir::new(directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name == "." || name == ".." {
                continue;
            }
            let is_directory = match entry.file_type() {
                FileType::Unknown => {
                    let below = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
                    self.is_directory(&below)?
                }
                kind => kind == FileType::Directory,
            };
            if !each(Entry { name: name.to_owned(), is_directory })? {
                break;
            }
        }
        Ok(())
    }

    /// Removes a file, and nothing else.
    pub(super) fn remove(&self, path: &str) -> io::Result<()> {
        let path = Path::new(path);
        let (Some(name), parent) = (path.file_name(), path.parent().unwrap_or(Path::new(""))) else {
            return Err(outside());
        };
        let Some(directory) = self.directory(parent)? else { return Ok(()) };
        present(rustix::fs::unlinkat(&directory, name, AtFlags::empty())).map(|_| ())
    }

    fn is_directory(&self, path: &str) -> io::Result<bool> {
        match self.directory(Path::new(path)) {
            Ok(found) => Ok(found.is_some()),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a directory part by part.
    fn directory(&self, path: &Path) -> io::Result<Option<OwnedFd>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open =
            |from: &OwnedFd, name: &OsStr| present(rustix::fs::openat(from, name.as_bytes(), flags, Mode::empty()));
        let Some(mut directory) = open(&self.root, OsStr::new("."))? else { return Ok(None) };
        for component in path.components() {
            let Component::Normal(name) = component else { return Err(outside()) };
            let Some(below) = open(&directory, name)? else { return Ok(None) };
            directory = below;
        }
        Ok(Some(directory))
    }
}

/// Tells what is not there from what cannot be opened.
fn present<T>(opened: Result<T, Errno>) -> io::Result<Option<T>> {
    match opened {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::LOOP) => Err(io::Error::other("it is a symbolic link, which is not followed")),
        Err(error) => Err(error.into()),
    }
}

fn outside() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it leads out of the directory")
}
