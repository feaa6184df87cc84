//! Blobs in files: `blobs/<algorithm>/<first two digits>/<digits>-<name>`, and `uploads/<name>` until they are whole.
//!
//! A blob is written to its file in `uploads/`, synced, given its name in `blobs/`, and the directory of that name is synced:
//! when `commit` returns it survives a loss of power.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use oci::Digest;
use store::BlobBody;

use super::{BlobStorage, BlobWriter, StorageError};

/// Blobs in the files of a directory.
#[derive(Clone, Debug)]
pub struct BlobFiles(Arc<Directories>);

#[derive(Debug)]
struct Directories {
    root: PathBuf,
    uploads: PathBuf,
}

impl BlobFiles {
    /// Returns the blobs in a directory; it and those in it are made where they are not there.
    ///
    /// # Errors
    /// What the file system brings.
    pub fn open(root: &Path) -> Result<Self, StorageError> {
        let uploads = root.join("uploads");
        fs::create_dir_all(&uploads).map_err(StorageError::file("cannot make", &uploads))?;
        Ok(Self(Arc::new(Directories { root: root.to_owned(), uploads })))
    }

    fn upload(&self, name: &str) -> PathBuf {
        self.0.uploads.join(name)
    }
}

#[async_trait]
impl BlobStorage for BlobFiles {
    async fn begin(&self, name: &str) -> Result<Box<dyn BlobWriter>, StorageError> {
        // The file is made with the first byte.
        let writer = FileWriter { files: self.clone(), name: name.to_owned(), file: None };
        Ok(Box::new(writer))
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
        let writer =
            || Box::new(FileWriter { files: self.clone(), name: name.to_owned(), file }) as Box<dyn BlobWriter>;
        Ok(there.then(writer))
    }

    async fn discard(&self, name: &str, _state: &[u8]) -> Result<(), StorageError> {
        let path = self.upload(name);
        blocking(move || remove(&path)).await
    }

    async fn open(&self, place: &str, offset: u64, length: u64) -> Result<Option<BlobBody>, StorageError> {
        let path = self.0.root.join(place);
        let opened = blocking(move || match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::file("cannot open", &path)(error)),
        });
        Ok(opened.await?.map(|file| BlobBody::from_file(file, offset, length)))
    }

    async fn remove(&self, place: &str) -> Result<(), StorageError> {
        let path = self.0.root.join(place);
        blocking(move || remove(&path)).await
    }
}

#[derive(Debug)]
struct FileWriter {
    files: BlobFiles,
    name: String,
    file: Option<Arc<File>>,
}

impl FileWriter {
    async fn file(&mut self) -> Result<Arc<File>, StorageError> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        let path = self.files.upload(&self.name);
        let made = blocking(move || {
            let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            options.map_err(StorageError::file("cannot make", &path))
        });
        Ok(Arc::clone(self.file.insert(Arc::new(made.await?))))
    }
}

#[async_trait]
impl BlobWriter for FileWriter {
    async fn write(&mut self, position: u64, piece: Bytes) -> Result<(), StorageError> {
        let file = self.file().await?;
        let path = self.files.upload(&self.name);
        blocking(move || file.write_all_at(&piece, position).map_err(StorageError::file("cannot write", &path))).await
    }

    async fn read(&mut self, length: u64) -> Result<Option<BlobBody>, StorageError> {
        let file = self.file().await?;
        let path = self.files.upload(&self.name);
        let file = file.try_clone().map_err(StorageError::file("cannot open", &path))?;
        Ok(Some(BlobBody::from_file(file, 0, length)))
    }

    async fn suspend(&mut self, _length: u64) -> Result<Vec<u8>, StorageError> {
        Ok(Vec::new())
    }

    fn place(&self, digest: &Digest) -> String {
        let encoded = digest.encoded();
        format!("blobs/{}/{}/{encoded}-{}", digest.algorithm(), &encoded[..2], self.name)
    }

    async fn commit(mut self: Box<Self>, digest: &Digest, length: u64) -> Result<(), StorageError> {
        let file = self.file().await?;
        let from = self.files.upload(&self.name);
        let to = self.files.0.root.join(self.place(digest));
        blocking(move || {
            // A request that broke off may have left bytes behind the end.
            file.set_len(length).and_then(|()| file.sync_data()).map_err(StorageError::file("cannot write", &from))?;
            name(&from, &to)
        })
        .await
    }
}

/// Gives a file its name in a directory, which is made where it is not there; both last.
#[expect(clippy::disallowed_methods, reason = "the file has been synced, and the directory of its new name is")]
fn name(from: &Path, to: &Path) -> Result<(), StorageError> {
    let directory = to.parent().unwrap_or(to);
    let renamed = match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(directory).map_err(StorageError::file("cannot make", directory))?;
            // The three directories above may be new too.
            directory.ancestors().skip(1).take(3).try_for_each(sync)?;
            fs::rename(from, to)
        }
        renamed => renamed,
    };
    renamed.map_err(StorageError::file("cannot name", to))?;
    sync(directory)
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

/// Runs what waits for the disk where it may wait. It runs to its end also when nobody waits for it any more.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StorageError::Ended)?
}
