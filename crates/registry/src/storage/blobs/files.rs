//! Blobs in files: `blobs/<algorithm>/<first two digits>/<digits>-<name>`, and `uploads/<name>` until they are whole.
//!
//! A blob is written to its file in `uploads/`, synced, given its name in `blobs/`, and the directory of that name is synced:
//! when `commit` returns it survives a loss of power.

mod ahead;
mod at_once;
mod direct;
mod listing;
mod writer;

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use quick_cache::sync::Cache;
use rustix::fs::{Advice, AtFlags, CWD};
use rustix::io::Errno;
use store::BlobBody;

use self::ahead::Ahead;
use self::at_once::AtOnce;
use self::direct::Leave;
use self::writer::FileWriter;
use super::{BlobStorage, BlobWriter, Listed, StorageError};
use crate::route::UploadId;
use crate::storage::blocking::blocking;

/// Most files that are kept open for the next who asks.
const OPEN_MAX: usize = 256;

/// Blobs in the files of a directory.
#[derive(Clone)]
pub struct BlobFiles(Arc<Directories>);

struct Directories {
    root: PathBuf,
    uploads: PathBuf,
    /// Files of blobs, by their places. What is in a place never changes, until it is removed.
    open: Cache<String, Arc<File>>,
    /// Directories of which it is known that they survive a loss of power: a few thousand at most, by the form of places.
    lasting: Mutex<HashSet<PathBuf>>,
    at_once: AtOnce,
    direct: Leave,
    ahead: Ahead,
}

impl fmt::Debug for BlobFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BlobFiles").field(&self.0.root).finish()
    }
}

impl BlobFiles {
    /// Returns the blobs in a directory; it and those in it are made where they are not there.
    ///
    /// # Errors
    /// What the file system brings.
    pub fn open(root: &Path) -> Result<Self, StorageError> {
        let uploads = root.join("uploads");
        fs::create_dir_all(&uploads).map_err(StorageError::file("cannot make", &uploads))?;
        Ok(Self::inspect(root))
    }

    /// Returns the blobs in a directory, in which nothing is made.
    pub fn inspect(root: &Path) -> Self {
        let (root, uploads, open) = (root.to_owned(), root.join("uploads"), Cache::new(OPEN_MAX));
        let (at_once, direct) = (AtOnce::new(), Leave::new());
        Self(Arc::new(Directories {
            root,
            uploads,
            open,
            lasting: Mutex::default(),
            at_once,
            direct,
            ahead: Ahead::default(),
        }))
    }

    /// Returns the file in a place. It stays open, unless the place was given up meanwhile: whoever removes a file makes it nameless first
    /// and forgets it then; whoever opens one remembers it first and looks then whether it still has its name. So no file is kept that is
    /// no longer there, and its room on the disk with it.
    fn open_file(&self, place: &str) -> Result<Option<Arc<File>>, StorageError> {
        let path = self.0.root.join(place);
        let file = match File::open(&path) {
            Ok(file) => Arc::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StorageError::file("cannot open", &path)(error)),
        };
        self.0.open.insert(place.to_owned(), Arc::clone(&file));
        if file.metadata().map_err(StorageError::file("cannot read", &path))?.nlink() == 0 {
            self.0.open.remove(place);
        }
        Ok(Some(file))
    }

    /// Gives a file its name in a directory, which is made where it is not there; both last.
    #[expect(clippy::disallowed_methods, reason = "the file has been synced, and the directory of its new name is")]
    fn name(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        let renamed = match fs::rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_directory_of(to)?;
                fs::rename(from, to)
            }
            renamed => renamed,
        };
        renamed.map_err(StorageError::file("cannot name", to))?;
        self.sync_name(to)
    }

    /// Makes the name of a file last.
    fn sync_name(&self, path: &Path) -> Result<(), StorageError> {
        let directory = path.parent().unwrap_or(path);
        sync(directory)?;
        // Those above may be new too, and another thread that made them may not have come to sync them.
        if !self.lasting().contains(directory) {
            directory.ancestors().skip(1).take_while(|above| above.starts_with(&self.0.root)).try_for_each(sync)?;
            self.lasting().insert(directory.to_owned());
        }
        Ok(())
    }

    fn lasting(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.0.lasting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn upload(&self, name: &str) -> PathBuf {
        self.0.uploads.join(name)
    }
}

#[async_trait]
impl BlobStorage for BlobFiles {
    async fn begin(&self, name: &str) -> Result<Box<dyn BlobWriter>, StorageError> {
        // The file is made with the first byte.
        Ok(Box::new(FileWriter::new(self, name, None)))
    }

    async fn resume(
        &self,
        name: &str,
        written: u64,
        _state: &[u8],
    ) -> Result<Option<Box<dyn BlobWriter>>, StorageError> {
        let path = self.upload(name);
        let opened = blocking(move || {
            let file = match File::options().read(true).write(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(StorageError::file("cannot open", &path)(error)),
            };
            let length = file.metadata().map_err(StorageError::file("cannot read", &path))?.len();
            Ok((length >= written).then_some(file))
        });
        let file = opened.await?.map(Arc::new);
        let there = file.is_some() || written == 0;
        Ok(there.then(|| Box::new(FileWriter::new(self, name, file)) as Box<dyn BlobWriter>))
    }

    async fn discard(&self, name: &str, _state: &[u8]) -> Result<(), StorageError> {
        let path = self.upload(name);
        blocking(move || remove(&path)).await
    }

    async fn open(&self, place: &str, offset: u64, length: u64) -> Result<Option<BlobBody>, StorageError> {
        let file = if let Some(file) = self.0.open.get(place) {
            file
        } else {
            let (files, name) = (self.clone(), place.to_owned());
            let Some(file) = blocking(move || files.open_file(&name)).await? else { return Ok(None) };
            file
        };
        let file = file.try_clone().map_err(StorageError::file("cannot open", &self.0.root.join(place)))?;
        Ok(Some(BlobBody::from_file(file, offset, length)))
    }

    async fn open_anew(&self, place: &str, offset: u64, length: u64) -> Result<Option<BlobBody>, StorageError> {
        let path = self.0.root.join(place);
        blocking(move || {
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(StorageError::file("cannot open", &path)(error)),
            };
            // What the kernel has kept of it may be better than what is on the disk. Where it cannot forget that, it is read.
            let _ = rustix::fs::fadvise(&file, 0, None, Advice::DontNeed);
            Ok(Some(BlobBody::from_file(file, offset, length)))
        })
        .await
    }

    async fn remove(&self, place: &str) -> Result<(), StorageError> {
        let (files, place) = (self.clone(), place.to_owned());
        blocking(move || {
            let removed = remove(&files.0.root.join(&place));
            files.0.open.remove(&place);
            removed
        })
        .await
    }

    async fn put(&self, place: &str, bytes: Bytes) -> Result<(), StorageError> {
        let to = self.0.root.join(place);
        let from = self.upload(&UploadId::random().to_string());
        let (files, place) = (self.clone(), place.to_owned());
        blocking(move || {
            let written = File::create_new(&from).and_then(|file| {
                file.write_all_at(&bytes, 0)?;
                file.sync_data()
            });
            let put = written.map_err(StorageError::file("cannot write", &from)).and_then(|()| files.name(&from, &to));
            files.0.open.remove(&place);
            if put.is_err() {
                // What cannot be written has told why; that it cannot be removed either says no more.
                let _ = fs::remove_file(&from);
            }
            put
        })
        .await
    }

    async fn link(&self, file: File, place: &str) -> Result<bool, StorageError> {
        let (files, to) = (self.clone(), self.0.root.join(place));
        blocking(move || {
            if !link(&file, &to)? {
                return Ok(false);
            }
            // Whoever wrote it may not have waited for the disk.
            file.sync_all().map_err(StorageError::file("cannot write", &to))?;
            files.sync_name(&to)?;
            Ok(true)
        })
        .await
    }

    async fn size(&self, place: &str) -> Result<Option<u64>, StorageError> {
        let path = self.0.root.join(place);
        blocking(move || match fs::metadata(&path) {
            Ok(found) => Ok(Some(found.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::file("cannot read", &path)(error)),
        })
        .await
    }

    async fn probe(&self) -> Result<(), StorageError> {
        let path = self.0.uploads.clone();
        blocking(move || fs::metadata(&path).map(|_| ()).map_err(StorageError::file("cannot read", &path))).await
    }

    async fn list(&self, directory: &str, after: &str, limit: usize) -> Result<Vec<Listed>, StorageError> {
        let (root, directory, after) = (self.0.root.clone(), directory.to_owned(), after.to_owned());
        blocking(move || listing::list(&root, &directory, &after, limit)).await
    }
}

/// Gives an open file one more name: the very file that was read, whatever its other names lead to by now. Returns false where a file
/// cannot have it, on another file system, and where it should not: others than this user can write to it.
fn link(file: &File, to: &Path) -> Result<bool, StorageError> {
    // Whoever else can write to it could change it when it is a blob.
    let found = file.metadata().map_err(StorageError::file("cannot read", to))?;
    if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        return Ok(false);
    }
    let from = format!("/proc/self/fd/{}", file.as_raw_fd());
    let link = || rustix::fs::linkat(CWD, &from, CWD, to, AtFlags::SYMLINK_FOLLOW);
    let linked = match link() {
        Err(Errno::NOENT) => {
            make_directory_of(to)?;
            link()
        }
        linked => linked,
    };
    match linked {
        Ok(()) => Ok(true),
        Err(Errno::XDEV | Errno::PERM | Errno::ACCESS | Errno::MLINK | Errno::NOENT | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(StorageError::file("cannot name", to)(error.into())),
    }
}

fn make_directory_of(path: &Path) -> Result<(), StorageError> {
    let directory = path.parent().unwrap_or(path);
    fs::create_dir_all(directory).map_err(StorageError::file("cannot make", directory))
}

fn sync(directory: &Path) -> Result<(), StorageError> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(StorageError::file("cannot write", directory))
}

fn remove(path: &Path) -> Result<(), StorageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StorageError::file("cannot remove", path)(error)),
        _ => Ok(()),
    }
}
