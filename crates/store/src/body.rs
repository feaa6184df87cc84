//! The bytes of a blob on their way.
//!
//! Where both ends allow it, bytes move inside the kernel (file to socket, socket to socket); so a body says what it is and
//! not only yields chunks. Every other consumer takes [`BlobBody::into_stream`].

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use oci::{Descriptor, Digest};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::error::StoreError;

/// Bytes read at once from a file or a socket.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// A stream of chunks.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>>;

/// Where the bytes of a blob can be had, as often as an interrupted transfer needs them again.
#[async_trait]
pub trait BlobSource: Send + Sync {
    /// Returns the bytes from `offset` to the end.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the source does not have the blob, and whatever reading it brings.
    async fn open(&self, offset: u64) -> Result<BlobBody, StoreError>;
}

/// Counts bytes as they move. Read from another task as often as a display likes.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<AtomicU64>);

impl Meter {
    /// Adds bytes.
    pub fn advance(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes bytes back that have to be moved again.
    pub fn rewind(&self, bytes: u64) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the number of bytes moved.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The rest of a blob from some offset.
pub struct BlobBody {
    /// Bytes that are to come.
    pub length: u64,
    /// What they come from.
    pub content: Content,
}

/// What the bytes of a body come from.
pub enum Content {
    /// Memory.
    Memory(Bytes),
    /// A range of a file that nobody changes.
    File(FileRange),
    /// A plain socket, without TLS or an encoding: the bytes on it are the bytes of the blob.
    Socket(SocketBody),
    /// Anything else.
    Stream(ByteStream),
}

/// A range of a file that nobody changes, such as a blob of a layout.
pub struct FileRange {
    /// The file.
    pub file: File,
    /// Where the range begins, in bytes.
    pub offset: u64,
}

/// The body of an HTTP/1.1 response that is being read from a plain socket.
pub struct SocketBody {
    /// Bytes of the body that were read together with the header.
    pub buffered: Bytes,
    /// The socket, on which `length - buffered.len()` bytes are to come.
    pub socket: TcpStream,
    /// How long nothing, or next to nothing, may come.
    pub timeout: Duration,
    /// Called with the socket after the last byte has been taken from it, so that the connection can be used again.
    pub recycle: Option<Box<dyn FnOnce(TcpStream) + Send>>,
    /// Makes of what was read already and of the socket a stream that asks for the rest when the connection breaks.
    pub resuming: Option<Box<dyn FnOnce(Bytes, TcpStream) -> ByteStream + Send>>,
    /// The store, for messages.
    pub location: String,
    /// The blob, for messages.
    pub digest: Digest,
}

impl std::fmt::Debug for BlobBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.content {
            Content::Memory(_) => "memory",
            Content::File(_) => "file",
            Content::Socket(_) => "socket",
            Content::Stream(_) => "stream",
        };
        write!(f, "BlobBody({} bytes from {kind})", self.length)
    }
}

impl BlobBody {
    /// Returns a body of bytes in memory.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self { length: bytes.len() as u64, content: Content::Memory(bytes) }
    }

    /// Returns a body of a file's `length` bytes from `offset`.
    pub const fn from_file(file: File, offset: u64, length: u64) -> Self {
        Self { length, content: Content::File(FileRange { file, offset }) }
    }

    /// Returns a body of a stream that should yield `length` bytes.
    pub fn from_stream(length: u64, stream: ByteStream) -> Self {
        Self { length, content: Content::Stream(stream) }
    }

    /// Returns the bytes as a stream of chunks of at most [`CHUNK_BYTES`], except where a stream was put in. A file that
    /// is shorter than it should be ends the stream early, and the consumer counts; a connection that ends early is an
    /// error, for the other end has announced more.
    pub fn into_stream(self) -> ByteStream {
        match self.content {
            Content::Memory(bytes) => stream::once(async move { Ok(bytes) }).boxed(),
            Content::Stream(stream) => stream,
            Content::File(range) => file_stream(range, self.length),
            Content::Socket(body) => socket_stream(body, self.length),
        }
    }

    /// Returns the bytes as a stream that ends with an error unless they are the content that `descriptor` names. The body
    /// must begin at offset 0. A chunk beyond the descriptor's size is not passed on.
    pub fn into_verified_stream(self, descriptor: &Descriptor, location: &str) -> ByteStream {
        let verifier = Verifier::new(descriptor, location);
        stream::try_unfold((self.into_stream(), Some(verifier)), async |(mut stream, verifier)| {
            let Some(mut verifier) = verifier else { return Ok(None) };
            match stream.try_next().await? {
                Some(chunk) => {
                    verifier.update(&chunk)?;
                    Ok(Some((chunk, (stream, Some(verifier)))))
                }
                None => verifier.finish().map(|()| None),
            }
        })
        .boxed()
    }

    /// Reads the whole content into memory, after checking that it is not larger than `limit` bytes, and verifies it.
    ///
    /// # Errors
    /// [`StoreError::Size`] when the descriptor's size exceeds `limit` or the content has another size,
    /// [`StoreError::Digest`] when it is other content.
    pub async fn into_bytes(self, descriptor: &Descriptor, location: &str, limit: usize) -> Result<Bytes, StoreError> {
        if descriptor.size > limit as u64 {
            return Err(StoreError::Size {
                location: location.to_owned(),
                digest: descriptor.digest,
                expected: limit as u64,
                found: descriptor.size,
            });
        }
        let chunks = self.into_verified_stream(descriptor, location);
        let bytes = chunks.try_fold(BytesMut::new(), async |mut all, chunk| {
            all.extend_from_slice(&chunk);
            Ok(all)
        });
        Ok(bytes.await?.freeze())
    }
}

/// Checks bytes that stream by against the descriptor that names them.
#[derive(Debug)]
pub struct Verifier {
    descriptor: Descriptor,
    location: String,
    hasher: oci::Hasher,
    seen: u64,
}

impl Verifier {
    /// Begins a check. `location` is where the bytes come from, for messages.
    pub fn new(descriptor: &Descriptor, location: &str) -> Self {
        Self {
            descriptor: descriptor.clone(),
            location: location.to_owned(),
            hasher: descriptor.digest.algorithm().hasher(),
            seen: 0,
        }
    }

    /// Adds the next bytes.
    ///
    /// # Errors
    /// [`StoreError::Size`] as soon as there are more bytes than the descriptor says.
    pub fn update(&mut self, chunk: &[u8]) -> Result<(), StoreError> {
        self.seen += chunk.len() as u64;
        if self.seen > self.descriptor.size {
            return Err(self.wrong_size());
        }
        self.hasher.update(chunk);
        Ok(())
    }

    /// Ends the check.
    ///
    /// # Errors
    /// [`StoreError::Size`] when bytes are missing, [`StoreError::Digest`] when they are other bytes.
    pub fn finish(self) -> Result<(), StoreError> {
        if self.seen != self.descriptor.size {
            return Err(self.wrong_size());
        }
        let found = self.hasher.finish();
        self.descriptor.digest.expect(found).map_err(|source| StoreError::Digest { location: self.location, source })
    }

    fn wrong_size(&self) -> StoreError {
        StoreError::Size {
            location: self.location.clone(),
            digest: self.descriptor.digest,
            expected: self.descriptor.size,
            found: self.seen,
        }
    }
}

fn file_stream(range: FileRange, length: u64) -> ByteStream {
    let file = Arc::new(range.file);
    stream::try_unfold((file, range.offset, length), async |(file, offset, left)| {
        if left == 0 {
            return Ok(None);
        }
        let reader = Arc::clone(&file);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = BytesMut::zeroed(wanted);
            let count = reader.read_at(&mut chunk, offset)?;
            chunk.truncate(count);
            Ok::<_, std::io::Error>(chunk.freeze())
        });
        let chunk = read.await.map_err(std::io::Error::other).and_then(|chunk| chunk).map_err(|source| {
            StoreError::File { action: "cannot read a blob from", path: "the file of a store".into(), source }
        })?;
        if chunk.is_empty() {
            return Ok(None);
        }
        let count = chunk.len() as u64;
        Ok(Some((chunk, (file, offset + count, left - count))))
    })
    .boxed()
}

fn socket_stream(mut body: SocketBody, length: u64) -> ByteStream {
    if let Some(resuming) = body.resuming.take() {
        return resuming(body.buffered, body.socket);
    }
    stream::try_unfold((Some(body), length), async |(body, left)| {
        let Some(mut body) = body else { return Ok(None) };
        if left == 0 {
            body.recycle();
            return Ok(None);
        }
        let chunk = if body.buffered.is_empty() {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_BYTES);
            let mut chunk = BytesMut::with_capacity(wanted);
            (&mut body.socket).take(wanted as u64).read_buf(&mut chunk).await.map_err(|source| body.failed(source))?;
            chunk.freeze()
        } else {
            body.buffered.split_to(body.buffered.len().min(usize::try_from(left).unwrap_or(usize::MAX)))
        };
        if chunk.is_empty() {
            return Err(body.failed(std::io::ErrorKind::UnexpectedEof.into()));
        }
        let count = chunk.len() as u64;
        Ok(Some((chunk, (Some(body), left - count))))
    })
    .boxed()
}

impl SocketBody {
    /// Gives the socket back after the last byte has been taken from it.
    pub fn recycle(mut self) {
        if let Some(recycle) = self.recycle.take() {
            recycle(self.socket);
        }
    }

    /// Returns the error of a connection that broke.
    pub fn failed(&self, source: std::io::Error) -> StoreError {
        broken(&self.location, &self.digest, source)
    }
}

/// Returns the error of a connection that broke while a blob was read from it.
pub(crate) fn broken(location: &str, digest: &Digest, source: std::io::Error) -> StoreError {
    StoreError::Unreachable {
        location: location.to_owned(),
        reason: format!("the connection broke while blob {digest} was read"),
        source: Some(Box::new(source)),
    }
}
