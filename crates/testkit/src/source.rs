//! Sources of blobs of every kind that a store must be able to take from, honest and not.

use std::io::{Seek as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use oci::Digest;
use store::body::ByteStream;
use store::{BlobBody, BlobSource, Content, SocketBody, StoreError};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Bytes of a chunk of [`Kind::Stream`]: small and odd, so that chunks fall everywhere.
const STREAM_CHUNK_BYTES: usize = 7919;

/// How the bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All at once, from memory.
    Memory,
    /// As a range of a file.
    File,
    /// As a stream of chunks of odd size.
    Stream,
    /// From a plain socket, the first of them read already.
    Socket,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Memory, Self::File, Self::Stream, Self::Socket];
}

/// A source of bytes that may say one length and yield another.
#[derive(Clone, Debug)]
pub struct TestSource {
    kind: Kind,
    bytes: Bytes,
    stated: u64,
    pause: Option<Pause>,
    opened: Arc<AtomicUsize>,
}

/// Where a source stops and waits.
#[derive(Clone, Debug)]
struct Pause {
    after: usize,
    /// Gets a permit when the source has stopped.
    reached: Arc<Semaphore>,
}

impl TestSource {
    /// Returns an honest source of this kind.
    pub fn new(kind: Kind, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let stated = bytes.len() as u64;
        Self { kind, bytes, stated, pause: None, opened: Arc::default() }
    }

    /// Returns an honest source from memory.
    pub fn memory(bytes: impl Into<Bytes>) -> Self {
        Self::new(Kind::Memory, bytes)
    }

    /// Says that it has `stated` bytes, whatever it yields. Only a stream and a socket can lie in this way.
    #[must_use]
    pub const fn stating(mut self, stated: u64) -> Self {
        self.stated = stated;
        self
    }

    /// Stops after this many bytes and yields no more until the future that reads them is dropped.
    #[must_use]
    pub fn pausing_after(mut self, bytes: usize) -> Self {
        self.kind = Kind::Stream;
        self.pause = Some(Pause { after: bytes, reached: Arc::new(Semaphore::new(0)) });
        self
    }

    /// Returns when the source has stopped. A source that never stops lets the caller wait for ever.
    pub async fn paused(&self) {
        if let Some(pause) = &self.pause {
            let permit = pause.reached.acquire().await;
            permit.expect("the semaphore is never closed").forget();
        }
    }

    /// Returns how often the source was opened.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl BlobSource for TestSource {
    async fn open(&self, offset: u64) -> Result<BlobBody, StoreError> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        let bytes = self.bytes.slice(start..);
        let length = self.stated.saturating_sub(offset);
        let content = match self.kind {
            Kind::Memory => return Ok(BlobBody::from_bytes(bytes)),
            Kind::File => return Ok(file(&self.bytes, offset)),
            Kind::Stream => Content::Stream(chunks(bytes, self.pause.clone())),
            Kind::Socket => Content::Socket(socket(bytes).await),
        };
        Ok(BlobBody { length, content })
    }
}

fn file(bytes: &Bytes, offset: u64) -> BlobBody {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    BlobBody::from_file(file, offset, bytes.len() as u64 - offset)
}

fn chunks(bytes: Bytes, pause: Option<Pause>) -> ByteStream {
    stream::unfold((bytes, 0, pause), async |(mut bytes, sent, pause)| {
        if let Some(pause) = pause.as_ref().filter(|pause| sent >= pause.after) {
            pause.reached.add_permits(1);
            std::future::pending::<()>().await;
        }
        if bytes.is_empty() {
            return None;
        }
        // A stream that is always ready would never let another task run.
        tokio::task::yield_now().await;
        let left = pause.as_ref().map_or(usize::MAX, |pause| pause.after - sent);
        let chunk = bytes.split_to(bytes.len().min(STREAM_CHUNK_BYTES).min(left));
        let sent = sent + chunk.len();
        Some((Ok(chunk), (bytes, sent, pause)))
    })
    .boxed()
}

/// A connection on which the bytes come, the first hundred of them read already, and that ends after them.
async fn socket(mut bytes: Bytes) -> SocketBody {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut sender, _) = listener.accept().await.unwrap();
    let buffered = bytes.split_to(bytes.len().min(100));
    tokio::spawn(async move {
        // A reader that has seen enough closes the connection; that is its right.
        let _ = sender.write_all(&bytes).await;
        let _ = sender.shutdown().await;
    });
    SocketBody {
        buffered,
        socket,
        timeout: Duration::from_mins(1),
        recycle: None,
        resuming: None,
        location: "a socket of a test".to_owned(),
        digest: Digest::sha256(b""),
    }
}
