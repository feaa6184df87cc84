//! Reading what lies in a place, and holding it against what it should be.

use futures_util::StreamExt as _;
use oci::{Algorithm, Digest};

use super::blobs::BlobStorage;
use super::database::StorageError;

/// What is wrong with the bytes in a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// Nothing is there.
    #[error("is missing")]
    Missing,
    /// There are more bytes, or fewer.
    #[error("has {found} bytes where {expected} should be")]
    Size {
        /// How many there should be.
        expected: u64,
        /// How many there are, as far as was read.
        found: u64,
    },
    /// They are others.
    #[error("has other bytes: their digest is {found}")]
    Digest {
        /// The digest that they have.
        found: Digest,
    },
}

/// What is told of bytes as they are read.
pub(super) trait Pace: Send {
    /// Returns when more may be read.
    fn read(&mut self, bytes: u64) -> impl Future<Output = ()> + Send;
}

/// Reads as fast as can be.
pub(super) struct Unpaced;

impl Pace for Unpaced {
    async fn read(&mut self, _bytes: u64) {}
}

/// Reads all bytes in a place, piece by piece, and returns what is wrong with them, if anything is.
///
/// # Errors
/// When they cannot be read, which says nothing about them.
pub(super) async fn flaw(
    blobs: &dyn BlobStorage,
    place: &str,
    digest: &Digest,
    expected: u64,
    limiter: &mut impl Pace,
) -> Result<Option<Flaw>, StorageError> {
    let Some(found) = blobs.size(place).await? else { return Ok(Some(Flaw::Missing)) };
    if found != expected {
        return Ok(Some(Flaw::Size { expected, found }));
    }
    let Some((found, length)) = hash(blobs, place, expected, digest.algorithm(), limiter).await? else {
        return Ok(Some(Flaw::Missing));
    };
    Ok(if length != expected {
        Some(Flaw::Size { expected, found: length })
    } else if found == *digest {
        None
    } else {
        Some(Flaw::Digest { found })
    })
}

/// Returns the digest of at most `length` bytes in a place, and how many there were; `None` when nothing is there.
pub(super) async fn hash(
    blobs: &dyn BlobStorage,
    place: &str,
    length: u64,
    algorithm: Algorithm,
    limiter: &mut impl Pace,
) -> Result<Option<(Digest, u64)>, StorageError> {
    let Some(body) = blobs.open_anew(place, 0, length).await? else { return Ok(None) };
    let mut hasher = algorithm.hasher();
    let mut stream = body.into_stream();
    let mut read: u64 = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(StorageError::reading)?;
        read += chunk.len() as u64;
        limiter.read(chunk.len() as u64).await;
        let hashing = tokio::task::spawn_blocking(move || {
            hasher.update(&chunk);
            hasher
        });
        hasher = hashing.await.map_err(|_| StorageError::Ended)?;
    }
    Ok(Some((hasher.finish(), read)))
}

/// Returns the bytes in a place; `None` when nothing is there, or more than `most` bytes are.
pub(super) async fn small(blobs: &dyn BlobStorage, place: &str, most: u64) -> Result<Option<Vec<u8>>, StorageError> {
    let Some(size) = blobs.size(place).await?.filter(|size| *size <= most) else { return Ok(None) };
    let Some(body) = blobs.open_anew(place, 0, size).await? else { return Ok(None) };
    let mut stream = body.into_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.map_err(StorageError::reading)?);
    }
    Ok(Some(bytes))
}
