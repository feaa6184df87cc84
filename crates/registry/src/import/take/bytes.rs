//! The bytes of a blob.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use oci::{Digest, Hasher};
use store::body::CHUNK_BYTES;

use super::Taken;
use crate::import::tree::Found;
use crate::quota::Quotas;
use crate::route::UploadId;
use crate::storage::{BlobWriter, StorageError, milliseconds};

/// How long it may take from the last note of a place to the row that names it.
const ADDED_WITHIN: Duration = Duration::from_secs(30);

/// Why a blob is not taken.
#[derive(Debug)]
pub(super) enum Missing {
    /// The repository does not have it.
    Absent,
    /// It is not what it should be, or cannot be read.
    Flawed(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("it is missing"),
            Self::Flawed(reason) => f.write_str(reason),
        }
    }
}

impl From<io::Error> for Missing {
    fn from(error: io::Error) -> Self {
        Self::Flawed(error.to_string())
    }
}

impl Taken<'_> {
    /// Takes a blob of so many bytes, unless it is there.
    pub(super) async fn blob(&self, digest: Digest, size: u64) -> Result<Result<(), Missing>, StorageError> {
        let number = digest.value().first().copied().unwrap_or_default();
        let stripe = self.take.stripes.get(usize::from(number) % self.take.stripes.len());
        let _alone = match stripe {
            Some(stripe) => Some(stripe.lock().await),
            None => None,
        };
        let storage = &self.take.storage;
        if storage.blob(&self.name, &digest).await?.is_some() {
            return Ok(Ok(()));
        }
        let _permit = self.take.files.acquire().await.map_err(|_| StorageError::Ended)?;
        let source = Arc::clone(&self.source);
        let found = tokio::task::spawn_blocking(move || source.blob(&digest)).await.map_err(|_| StorageError::Ended)?;
        let found = match found {
            Ok(Some(found)) if found.size == size => found,
            Ok(Some(found)) => {
                return Ok(Err(Missing::Flawed(format!("it has {} bytes where {size} should be", found.size))));
            }
            Ok(None) => return Ok(Err(Missing::Absent)),
            Err(error) => return Ok(Err(error.into())),
        };
        // Others may have brought the same bytes. Before a repository gets those it has to show that it had them.
        if storage.has_bytes(&digest).await? {
            let mut file = found.file.try_clone().map_err(reading)?;
            if let Err((missing, _)) = verify(found, digest).await? {
                return Ok(Err(missing));
            }
            if storage.adopt_blob(&self.name, &digest).await? {
                return Ok(Ok(()));
            }
            // They share where they read.
            file.rewind().map_err(reading)?;
            return self.bring(digest, Found { file, size, changed_at: 0 }).await;
        }
        self.bring(digest, found).await
    }

    /// Brings the bytes of a file into a place of ours.
    async fn bring(&self, digest: Digest, found: Found) -> Result<Result<(), Missing>, StorageError> {
        let (storage, size) = (&self.take.storage, found.size);
        let id = UploadId::random();
        let writer = storage.blobs().begin(&id.to_string()).await?;
        let place = writer.place(&digest);
        // Should this process end before the blob is known, this says what to remove.
        storage.note_place(id, None, &self.name, &place).await?;
        let linked = self.links() && storage.blobs().link(found.file.try_clone().map_err(reading)?, &place).await?;
        let brought = if linked { verify(found, digest).await } else { copy(writer, found, digest).await };
        let outcome = match brought {
            Ok(Ok(())) => {
                // The look at the bytes may have taken long, and nodes throw away what lay untouched for too long.
                let noted_at = storage.note_place(id, Some(0), &self.name, &place).await?.ok_or(StorageError::Late)?;
                let until = noted_at.saturating_add(milliseconds(ADDED_WITHIN));
                let added = storage.add_blob(&self.name, &digest, size, &place, until, &Quotas::default()).await?;
                // No quota is held against an import, for whoever runs it is who sets them.
                added.map_err(|_| StorageError::Damaged("what may be added"))?;
                storage.complete_session(id).await?;
                self.take.report.add(|imported| {
                    imported.blobs += 1;
                    imported.linked += u64::from(linked);
                    imported.bytes += size;
                });
                return Ok(Ok(()));
            }
            Ok(Err((missing, state))) => (Ok(Err(missing)), state),
            Err(error) => (Err(error), None),
        };
        storage.end_session(id, outcome.1).await?;
        outcome.0
    }
}

/// Why the bytes of a file were not taken, and what the place of the blobs needs to throw away what was written of them.
type Stopped = (Missing, Option<Vec<u8>>);

/// Reads a file to its end, and holds it against a digest.
async fn verify(found: Found, digest: Digest) -> Result<Result<(), Stopped>, StorageError> {
    let read = tokio::task::spawn_blocking(move || {
        let (mut reader, mut hasher) = (Reader::new(found), digest.algorithm().hasher());
        while let Some(piece) = reader.next(&mut hasher)? {
            drop(piece);
        }
        reader.check(&digest, hasher)
    });
    Ok(read.await.map_err(|_| StorageError::Ended)?.map_err(|missing| (missing, None)))
}

/// Copies a file, and holds it against a digest on the way. One piece is written while the next is read.
async fn copy(
    mut writer: Box<dyn BlobWriter>,
    found: Found,
    digest: Digest,
) -> Result<Result<(), Stopped>, StorageError> {
    let size = found.size;
    let mut state = Some((Reader::new(found), digest.algorithm().hasher()));
    let (mut position, mut piece) = (0, Bytes::new());
    let read = loop {
        let Some((mut reader, mut hasher)) = state.take() else { break Ok(()) };
        let reading = tokio::task::spawn_blocking(move || match reader.next(&mut hasher)? {
            Some(piece) => Ok((piece, Some((reader, hasher)))),
            None => reader.check(&digest, hasher).map(|()| (Bytes::new(), None)),
        });
        let length = piece.len() as u64;
        if length > 0 {
            writer.write(position, piece).await?;
            position += length;
        }
        match reading.await.map_err(|_| StorageError::Ended)? {
            Ok((next, rest)) => (piece, state) = (next, rest),
            Err(missing) => break Err(missing),
        }
    };
    match read {
        Ok(()) => writer.commit(&digest, size).await.map(Ok),
        Err(missing) => Ok(Err((missing, Some(writer.suspend(0).await?).filter(|state| !state.is_empty())))),
    }
}

/// A file that is read once, and not behind the size that it had.
struct Reader {
    file: File,
    size: u64,
    read: u64,
}

impl Reader {
    fn new(found: Found) -> Self {
        Self { file: found.file, size: found.size, read: 0 }
    }

    /// Returns the next piece, which the hasher has seen; `None` at the end.
    fn next(&mut self, hasher: &mut Hasher) -> Result<Option<Bytes>, Missing> {
        let left = usize::try_from(self.size - self.read).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        let mut piece = BytesMut::zeroed(left);
        let mut filled = 0;
        while filled < left {
            match self.file.read(piece.get_mut(filled..).unwrap_or_default())? {
                0 => break,
                count => filled += count,
            }
        }
        piece.truncate(filled);
        self.read += filled as u64;
        hasher.update(&piece);
        Ok((filled > 0).then(|| piece.freeze()))
    }

    /// Tells what is wrong with what was read, if anything is.
    fn check(&self, digest: &Digest, hasher: Hasher) -> Result<(), Missing> {
        if self.read != self.size {
            return Err(Missing::Flawed(format!("it ends after {} of its {} bytes", self.read, self.size)));
        }
        let found = hasher.finish();
        if found == *digest {
            Ok(())
        } else {
            Err(Missing::Flawed(format!("it has other bytes: their digest is {found}")))
        }
    }
}

fn reading(error: io::Error) -> StorageError {
    StorageError::file("cannot read", std::path::Path::new("a file of the source"))(error)
}
