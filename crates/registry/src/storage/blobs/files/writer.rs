//! From an upload into its file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use oci::Digest;
use store::BlobBody;

use super::direct::{self, Direct};
use super::{BlobFiles, BlobWriter, StorageError};
use crate::storage::blocking::blocking;

/// The bytes of one upload on their way to its file.
#[derive(Debug)]
pub(super) struct FileWriter {
    files: BlobFiles,
    name: String,
    file: Option<Arc<File>>,
    way: Way,
    was_direct: bool,
}

/// How the next bytes of an upload get into its file.
#[derive(Debug)]
enum Way {
    /// Plainly, as long as the upload is small.
    Unknown,
    Plain,
    Direct(Direct),
}

impl FileWriter {
    /// Returns what writes to the file of an upload; a file that is not there is made with the first byte.
    pub(super) fn new(files: &BlobFiles, name: &str, file: Option<Arc<File>>) -> Self {
        Self { files: files.clone(), name: name.to_owned(), file, way: Way::Unknown, was_direct: false }
    }

    async fn file(&mut self) -> Result<Arc<File>, StorageError> {
        if let Some(file) = &self.file {
            return Ok(Arc::clone(file));
        }
        let path = self.path();
        let made = blocking(move || make(&path));
        Ok(Arc::clone(self.file.insert(Arc::new(made.await?))))
    }

    fn path(&self) -> PathBuf {
        self.files.upload(&self.name)
    }

    /// Returns whether it is time to find the way of the bytes at `position`.
    const fn is_due(&self, position: u64) -> bool {
        matches!(self.way, Way::Unknown) && position >= direct::FROM
    }

    /// Finds the way of the bytes at `position`, if it is time to.
    fn find_way(&mut self, position: u64) -> io::Result<()> {
        if let (Some(file), true) = (&self.file, self.is_due(position)) {
            let direct = self.files.0.direct.open(&self.path(), file, position)?;
            self.way = direct.map_or(Way::Plain, Way::Direct);
        }
        Ok(())
    }

    /// Waits until everything that was taken is in the file. Returns whether some of it was written directly.
    async fn end(&mut self) -> Result<bool, StorageError> {
        let ended = match &mut self.way {
            Way::Direct(direct) => direct.end().await,
            Way::Unknown | Way::Plain => return Ok(false),
        };
        ended.map_err(|error| self.cannot_write(error))?;
        self.way = Way::Unknown;
        self.was_direct = true;
        Ok(true)
    }

    fn cannot_write(&self, error: io::Error) -> StorageError {
        StorageError::file("cannot write", &self.path())(error)
    }
}

#[async_trait]
impl BlobWriter for FileWriter {
    async fn write(&mut self, position: u64, piece: Bytes) -> Result<(), StorageError> {
        self.find_way(position).map_err(|error| self.cannot_write(error))?;
        if let Way::Direct(direct) = &mut self.way {
            if direct.position() == position {
                let written = direct.write(&piece).await;
                return written.map_err(|error| self.cannot_write(error));
            }
            // A piece before this one failed for another reason.
            self.end().await?;
        }
        let (file, path) = (self.file.clone(), self.path());
        let written = blocking(move || {
            let file = file.map_or_else(|| make(&path).map(Arc::new), Ok)?;
            file.write_all_at(&piece, position).map_err(StorageError::file("cannot write", &path))?;
            Ok(file)
        });
        self.file = Some(written.await?);
        Ok(())
    }

    fn write_at_once(&mut self, position: u64, piece: &[u8]) -> Option<Result<(), StorageError>> {
        // A file is made where that may take its time.
        let (file, files) = (Arc::clone(self.file.as_ref()?), self.files.clone());
        if self.is_due(position)
            && let Err(error) = files.0.at_once.run(|| self.find_way(position))?
        {
            return Some(Err(self.cannot_write(error)));
        }
        let written = match &mut self.way {
            Way::Direct(direct) if direct.position() == position => direct.write_at_once(piece)?,
            Way::Direct(_) => return None,
            Way::Unknown | Way::Plain => files.0.at_once.run(|| file.write_all_at(piece, position))?,
        };
        Some(written.map_err(|error| self.cannot_write(error)))
    }

    async fn read(&mut self, length: u64) -> Result<Option<BlobBody>, StorageError> {
        self.end().await?;
        let (file, path) = (self.file().await?, self.path());
        let file = file.try_clone().map_err(StorageError::file("cannot open", &path))?;
        Ok(Some(BlobBody::from_file(file, 0, length)))
    }

    async fn suspend(&mut self, length: u64) -> Result<Vec<u8>, StorageError> {
        // The bytes before those that were written directly may not be on the disk. After a loss of power there would be zeroes in their place,
        // in a file that is long enough to go on with.
        if length > 0 && self.end().await? {
            let (file, path) = (self.file().await?, self.path());
            blocking(move || file.sync_data().map_err(StorageError::file("cannot write", &path))).await?;
        }
        Ok(Vec::new())
    }

    fn place(&self, digest: &Digest) -> String {
        let encoded = digest.encoded();
        format!("blobs/{}/{}/{encoded}-{}", digest.algorithm(), &encoded[..2], self.name)
    }

    async fn commit(mut self: Box<Self>, digest: &Digest, length: u64) -> Result<(), StorageError> {
        self.end().await?;
        let (file, from, place) = (self.file().await?, self.path(), self.place(digest));
        let (files, to) = (self.files.clone(), self.files.0.root.join(&place));
        blocking(move || {
            let truncated = || match file.metadata()?.len() {
                found if found == length => Ok(()),
                // A request that broke off may have left bytes behind the end.
                _ => file.set_len(length),
            };
            truncated().and_then(|()| file.sync_data()).map_err(StorageError::file("cannot write", &from))?;
            files.name(&from, &to)
        })
        .await?;
        if self.was_direct {
            self.files.read_ahead(place, length);
        }
        Ok(())
    }
}

/// Opens a file to write to, which is made if it is not there.
fn make(path: &Path) -> Result<File, StorageError> {
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(path);
    opened.map_err(StorageError::file("cannot make", path))
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::super::BlobStorage as _;
    use super::*;

    /// Bytes that differ wherever pieces could be taken for each other.
    fn bytes(length: usize) -> Vec<u8> {
        (0_u32..).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).take(length).collect()
    }

    /// Writes `bytes` from `from` on in pieces of all sizes, at once where that is possible.
    async fn write(writer: &mut dyn BlobWriter, from: usize, bytes: &[u8]) {
        let (mut position, sizes) = (from, [1, 65_536, 4095, 700_000, 65_535, 31]);
        for size in sizes.into_iter().cycle() {
            let piece = &bytes[position..bytes.len().min(position + size)];
            if piece.is_empty() {
                break;
            }
            match writer.write_at_once(position as u64, piece) {
                Some(written) => written.unwrap(),
                None => writer.write(position as u64, Bytes::copy_from_slice(piece)).await.unwrap(),
            }
            position += piece.len();
        }
    }

    async fn read(body: BlobBody) -> Vec<u8> {
        body.into_stream().try_collect::<Vec<_>>().await.unwrap().concat()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_large_upload_is_what_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let files = BlobFiles::open(directory.path()).unwrap();
        let bytes = bytes(7_654_321);
        let mut writer = files.begin("one").await.unwrap();
        // It is read, and given to others, wherever it stands.
        for (from, to) in [(0, 10), (10, 3_000_001), (3_000_001, 3_000_002), (3_000_002, 5_000_000)] {
            write(writer.as_mut(), from, &bytes[..to]).await;
            let found = writer.read(to as u64).await.unwrap().unwrap();
            assert_eq!(read(found).await, bytes[..to], "the first {to}");
        }
        writer.suspend(5_000_000).await.unwrap();
        let mut writer = files.resume("one", 5_000_000, &[]).await.unwrap().unwrap();
        write(writer.as_mut(), 5_000_000, &bytes).await;
        let digest = Digest::sha256(&bytes);
        let place = writer.place(&digest);
        writer.commit(&digest, bytes.len() as u64).await.unwrap();
        let found = files.open(&place, 0, bytes.len() as u64).await.unwrap().unwrap();
        assert!(read(found).await == bytes);
        assert_eq!(files.size(&place).await.unwrap(), Some(bytes.len() as u64));
    }

    #[tokio::test]
    async fn bytes_that_nobody_answered_for_are_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let files = BlobFiles::open(directory.path()).unwrap();
        let (bytes, other) = (bytes(3_000_000), vec![b'x'; 2_500_000]);
        let mut writer = files.begin("one").await.unwrap();
        write(writer.as_mut(), 0, &other).await;
        for position in [2_000_000, 1_500_001, 0] {
            write(writer.as_mut(), position, &bytes).await;
        }
        let digest = Digest::sha256(&bytes);
        let place = writer.place(&digest);
        writer.commit(&digest, bytes.len() as u64).await.unwrap();
        let found = files.open(&place, 0, bytes.len() as u64).await.unwrap().unwrap();
        assert!(read(found).await == bytes);
    }

    #[tokio::test]
    async fn an_upload_of_which_bytes_were_lost_does_not_go_on() {
        let directory = tempfile::tempdir().unwrap();
        let files = BlobFiles::open(directory.path()).unwrap();
        let mut writer = FileWriter::new(&files, "one", None);
        writer.way = Way::Direct(Direct::of_full_disk());
        assert!(writer.write(0, vec![0; 700_000].into()).await.is_ok(), "it is on its way");
        for _ in 0..2 {
            let error = writer.suspend(700_000).await.unwrap_err();
            assert!(error.to_string().contains("uploads/one"), "{error}");
        }
        assert!(writer.write(700_000, vec![0; 700_000].into()).await.is_err());
        assert!(writer.write_at_once(700_000, b"more").is_none_or(|written| written.is_err()));
        assert!(writer.suspend(0).await.is_ok(), "it is thrown away");
        assert!(Box::new(writer).commit(&Digest::sha256(b""), 700_000).await.is_err());
    }
}
