//! Files in the making.
//!
//! A file is written under a random name in a directory of its own, in the same file system as its final place, and renamed
//! when it is whole. Whoever writes it holds its lock, so files of processes that were killed can be told from those that
//! are being written, without clocks or process ids.
//!
//! The directory may lie in a project that came from anywhere. So it is opened once and not followed where it is a link, all
//! names are below the open directory, and only what bears a name of ours is ever removed.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use rand::RngExt as _;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::error::StoreError;
use crate::lock;

/// How often a name is drawn before the directory is taken to be unusable.
const NAME_TRIES_MAX: usize = 16;
/// How the name of a file begins that a later run may go on with.
const PARTIAL: &str = "part-";
/// For how long such a file is kept after it was last written to.
const PARTIAL_KEPT: Duration = Duration::from_hours(7 * 24);
/// Bytes from which on it is worth to be kept.
const PARTIAL_MIN_BYTES: i64 = 1024 * 1024;
/// Length of a name: the hexadecimal digits of 64 random bits.
const NAME_DIGITS: usize = 16;

/// A directory for files in the making. It exists only while it is needed.
#[derive(Debug)]
pub(crate) struct Staging {
    path: PathBuf,
    cleaned: Once,
}

/// A file in the making. Dropping it removes it, unless it is kept for a later run.
#[derive(Debug)]
pub(crate) struct StagedFile {
    file: File,
    directory: OwnedFd,
    name: String,
    published: bool,
    /// Whether a later run may go on with it.
    is_kept: bool,
}

impl Staging {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, cleaned: Once::new() }
    }

    /// Begins a file. The first call also removes what killed processes have left.
    pub(crate) fn begin(&self) -> Result<StagedFile, StoreError> {
        // The umask takes from this what the user does not want others to have.
        self.begin_as(0o666)
    }

    /// As [`Staging::begin`], with nobody let in by the file who is not by these permissions, not even while it is made.
    pub(crate) fn begin_as(&self, permissions: u32) -> Result<StagedFile, StoreError> {
        self.cleaned.call_once(|| self.remove_abandoned());
        let failed = |error| StoreError::file("cannot write in", &self.path)(error);
        for _ in 0..NAME_TRIES_MAX {
            let Some(directory) = self.open_or_make().map_err(failed)? else { continue };
            let name = format!("{:0NAME_DIGITS$x}", rand::rng().random::<u64>());
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            match rustix::fs::openat(&directory, &*name, flags, Mode::from_raw_mode(permissions)) {
                Ok(file) => {
                    let staged = StagedFile { file: file.into(), directory, name, published: false, is_kept: false };
                    if staged.claim().map_err(failed)? {
                        return Ok(staged);
                    }
                }
                // In the first case another process has just removed the directory because it was empty.
                Err(Errno::NOENT | Errno::EXIST) => {}
                Err(error) => return Err(failed(error.into())),
            }
        }
        Err(failed(io::Error::other("no name was free")))
    }

    /// Begins a file with a name of its own, or goes on with what an earlier run has left under it; dropping it leaves it for a later
    /// one. `None` when another process is at it, or what is there is none of ours.
    pub(crate) fn begin_partial(&self, what: &str) -> Result<Option<StagedFile>, StoreError> {
        self.cleaned.call_once(|| self.remove_abandoned());
        let failed = |error| StoreError::file("cannot write in", &self.path)(error);
        let name = format!("{PARTIAL}{what}");
        for _ in 0..NAME_TRIES_MAX {
            let Some(directory) = self.open_or_make().map_err(failed)? else { continue };
            let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let file: File = match rustix::fs::openat(&directory, &*name, flags, Mode::from_raw_mode(0o666)) {
                Ok(file) => file.into(),
                Err(Errno::NOENT) => continue,
                Err(_) => return Ok(None),
            };
            // Where there are no locks two processes would write into one file.
            if !matches!(lock::try_exclusive(&file), Ok(true)) {
                return Ok(None);
            }
            let opened = rustix::fs::fstat(&file).map_err(|error| failed(error.into()))?;
            let Ok(named) = rustix::fs::statat(&directory, &*name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            // It has got its final name while its lock was waited for.
            if (opened.st_dev, opened.st_ino) != (named.st_dev, named.st_ino) {
                continue;
            }
            // A file with another name may be anybody's.
            if FileType::from_raw_mode(opened.st_mode) != FileType::RegularFile || opened.st_nlink != 1 {
                return Ok(None);
            }
            return Ok(Some(StagedFile { file, directory, name, published: false, is_kept: true }));
        }
        Ok(None)
    }

    /// Opens the directory, or makes it: then it is to be opened again.
    fn open_or_make(&self) -> io::Result<Option<OwnedFd>> {
        match self.open() {
            Ok(directory) => Ok(Some(directory)),
            Err(Errno::NOENT) => match fs::create_dir(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => Ok(None),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a file that was published as `path` back into the making, so that nobody sees it change. `file` is that file as it
    /// was written.
    pub(crate) fn take_back(&self, path: &Path, file: File) -> Result<StagedFile, StoreError> {
        let failed = |error| StoreError::file("cannot write", path)(error);
        let (ours, there) = (rustix::fs::fstat(&file), rustix::fs::lstat(path));
        let same =
            ours.and_then(|ours| Ok((ours.st_dev, ours.st_ino) == there.map(|there| (there.st_dev, there.st_ino))?));
        if !same.map_err(|error| failed(error.into()))? {
            return Err(StoreError::format(path, "was replaced by somebody else while it was being written"));
        }
        // A name that nobody else draws.
        let mut staged = self.begin()?;
        rustix::fs::renameat(CWD, path, &staged.directory, &*staged.name).map_err(|error| failed(error.into()))?;
        staged.file = file;
        Ok(staged)
    }

    /// Removes the directory if nothing is in the making.
    pub(crate) fn remove_if_empty(&self) {
        // Not being able to is no failure: the directory is in nobody's way.
        let _ = fs::remove_dir(&self.path);
    }

    /// Removes the files whose writers are gone. What has no name of ours is somebody else's and stays.
    pub(crate) fn remove_abandoned(&self) {
        let Ok(directory) = self.open() else { return };
        let Ok(entries) = Dir::read_from(&directory) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if is_ours(name.to_bytes()) {
                remove_if_abandoned(&directory, name, Duration::ZERO);
            } else if name.to_bytes().starts_with(PARTIAL.as_bytes()) {
                remove_if_abandoned(&directory, name, PARTIAL_KEPT);
            }
        }
    }

    /// Opens the directory. A link is not followed: that is [`Errno::NOTDIR`].
    fn open(&self) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::open(&self.path, flags, Mode::empty())
    }
}

fn is_ours(name: &[u8]) -> bool {
    name.len() == NAME_DIGITS && name.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Removes a regular file if nobody holds its lock, and nobody has written to it for this long.
fn remove_if_abandoned(directory: &OwnedFd, name: &std::ffi::CStr, for_long: Duration) {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::openat(directory, name, flags, Mode::empty()) else { return };
    let is_file = |stat: rustix::fs::Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let file = File::from(file);
    let is_old = |file: &File| {
        let written = file.metadata().and_then(|metadata| metadata.modified());
        for_long.is_zero() || written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= for_long))
    };
    if rustix::fs::fstat(&file).is_ok_and(is_file)
        && is_old(&file)
        && lock::try_exclusive(&file).is_ok_and(|alone| alone)
    {
        let _ = rustix::fs::unlinkat(directory, name, AtFlags::empty());
    }
    // Not before: a writer that has just made the file and gets its lock has to see that it is gone.
    drop(file);
}

impl StagedFile {
    /// Takes the file's lock. Returns false when a process that cleans up took it first: then the file is gone.
    fn claim(&self) -> io::Result<bool> {
        match lock::try_exclusive(&self.file) {
            Ok(true) => Ok(rustix::fs::fstat(&self.file)?.st_nlink > 0),
            Ok(false) => Ok(false),
            // Without locks nobody cleans up either.
            Err(error) if lock::is_unsupported(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }

    pub(crate) const fn file(&self) -> &File {
        &self.file
    }

    /// Says that no later run is to go on with it.
    pub(crate) const fn discard(&mut self) {
        self.is_kept = false;
    }

    /// Writes the next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Takes every permission to write from the file.
    pub(crate) fn make_read_only(&self) -> io::Result<()> {
        let mode = rustix::fs::fstat(&self.file)?.st_mode & 0o444;
        Ok(rustix::fs::fchmod(&self.file, Mode::from_raw_mode(mode))?)
    }

    /// Makes the content durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Gives the file its name in `directory`, in place of what may be there. The name is durable when `directory` has been
    /// synced.
    pub(crate) fn publish(mut self, directory: &File, name: impl Arg) -> io::Result<()> {
        rustix::fs::renameat(&self.directory, &*self.name, directory, name)?;
        self.published = true;
        Ok(())
    }

    /// Gives the file a name in `directory` that nothing may have: then it is [`io::ErrorKind::AlreadyExists`]. The name is durable
    /// when `directory` has been synced.
    pub(crate) fn publish_new(&mut self, directory: &File, name: impl Arg + Copy) -> io::Result<()> {
        let (from, staged) = (&self.directory, &*self.name);
        let rename = || rustix::fs::renameat_with(from, staged, directory, name, RenameFlags::NOREPLACE);
        let link = || rustix::fs::linkat(from, staged, directory, name, AtFlags::empty());
        self.published = matches!(first_that_can(rename, link)?, Naming::Renamed);
        Ok(())
    }

    /// Takes back what [`publish_new`](Self::publish_new) has done, unless the name has become another file's meanwhile.
    pub(crate) fn withdraw(&self, directory: &File, name: impl Arg + Copy) {
        let there = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
        let is_ours = there.and_then(|there| {
            let ours = rustix::fs::fstat(&self.file)?;
            Ok((there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino))
        });
        if is_ours == Ok(true) {
            let _ = rustix::fs::unlinkat(directory, name, AtFlags::empty());
        }
    }
}

/// How a file has got a name that nothing had.
#[derive(Debug, PartialEq, Eq)]
enum Naming {
    /// It has that name alone.
    Renamed,
    /// It has its former name too.
    Linked,
}

/// Renames, or links where the kernel or the file system cannot rename without taking the place of another. Either can do without
/// the other: FAT has no links, and some network file systems have links alone.
fn first_that_can(
    rename: impl FnOnce() -> rustix::io::Result<()>,
    link: impl FnOnce() -> rustix::io::Result<()>,
) -> rustix::io::Result<Naming> {
    match rename() {
        // The last is what some sandboxes say to what they do not know.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::PERM) => link().map(|()| Naming::Linked),
        renamed => renamed.map(|()| Naming::Renamed),
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        let is_worth_it = || rustix::fs::fstat(&self.file).is_ok_and(|stat| stat.st_size >= PARTIAL_MIN_BYTES);
        if !(self.published || self.is_kept && is_worth_it()) {
            let _ = rustix::fs::unlinkat(&self.directory, &*self.name, AtFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_linked_only_where_it_cannot_be_renamed() {
        let never = || panic!("nothing more was to be tried");
        assert_eq!(first_that_can(|| Ok(()), never), Ok(Naming::Renamed));
        for error in [Errno::EXIST, Errno::ACCESS, Errno::NOSPC] {
            assert_eq!(first_that_can(|| Err(error), never), Err(error));
        }
        for cannot in [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP, Errno::PERM] {
            assert_eq!(first_that_can(|| Err(cannot), || Ok(())), Ok(Naming::Linked));
            assert_eq!(first_that_can(|| Err(cannot), || Err(Errno::PERM)), Err(Errno::PERM));
        }
    }
}
