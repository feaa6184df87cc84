//! Taking the bytes of a blob from wherever they come, verified on the way.
//!
//! The bytes are hashed and written by one thread that may wait, in one buffer, from the first byte to the last: bytes of a
//! plain socket or a file are read by that thread itself, and bytes of a stream reach it through a bounded channel. When a
//! connection breaks, the rest is asked for, and the hash goes on where it was.

mod pump;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use oci::Descriptor;

use crate::blocking;
use crate::body::{BlobBody, BlobSource, ByteStream, CHUNK_BYTES, Content, Meter, SocketBody, Verifier, broken};
use crate::error::StoreError;
use crate::pace::PROGRESS_BYTES;

/// How often in a row the rest of a blob is asked for and next to nothing comes, after a connection broke.
const FRUITLESS_MAX: usize = 2;

/// Blobs from this size on are gone on with in a later run; smaller ones come again in less time than that takes to look for.
pub(crate) const RESUMED_MIN_BYTES: u64 = 4 * 1024 * 1024;

/// Chunks of a stream that may wait to be written.
const CHUNKS_WAITING_MAX: usize = 4;

/// Where the bytes of one blob go. It is used by one thread that may wait.
pub(crate) trait BlobSink: Send + 'static {
    /// Adds bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError>;

    /// Gives to `add` what an earlier run has left of the content, which then counts as written, and returns how many bytes that
    /// are. Nothing has been written before.
    fn resume(&mut self, add: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>) -> Result<u64, StoreError> {
        let _ = add;
        Ok(0)
    }

    /// Says that what was written is of no use to a later run.
    fn discard(&mut self) {}

    /// Makes the content that of `file` without moving bytes, if that can be done. Nothing has been written before.
    fn share(&mut self, file: &File) -> bool {
        let _ = file;
        false
    }

    /// Makes the content visible; it has been verified. Dropping the sink instead leaves nothing that anybody takes for it.
    fn commit(self) -> Result<(), StoreError>;
}

/// Moves a blob from `source` into the sink that `begin` makes, and commits it when it is the content that `descriptor`
/// names. `location` is the store it goes to, for messages. On failure the meter is put back to where it was.
///
/// Of a large blob an earlier run may have left a beginning; the rest is asked for then. Where the whole is not the blob, or the source
/// does not give its rest, everything is asked for once more.
///
/// Dropping the future ends the work soon; the sink is dropped with it, or committed if everything had come.
pub(crate) async fn receive<S: BlobSink>(
    descriptor: &Descriptor,
    location: &str,
    source: &dyn BlobSource,
    meter: &Meter,
    begin: impl Fn() -> Result<S, StoreError> + Clone + Send + 'static,
) -> Result<(), StoreError> {
    let mut resumed = 0;
    match receive_from(descriptor, location, source, meter, begin.clone(), &mut resumed).await {
        Err(
            StoreError::Digest { .. }
            | StoreError::Size { .. }
            | StoreError::Protocol { .. }
            | StoreError::Refused { .. },
        ) if resumed > 0 => receive_from(descriptor, location, source, meter, begin, &mut resumed).await,
        outcome => outcome,
    }
}

/// Does what [`receive`] says once. `resumed` becomes the number of bytes that an earlier run has left.
async fn receive_from<S: BlobSink>(
    descriptor: &Descriptor,
    location: &str,
    source: &dyn BlobSource,
    meter: &Meter,
    begin: impl Fn() -> Result<S, StoreError> + Send + 'static,
    resumed: &mut u64,
) -> Result<(), StoreError> {
    let mut reception = Reception {
        begin,
        sink: None,
        verifier: Verifier::new(descriptor, location),
        count: Count { meter: meter.clone(), seen: 0 },
        size: descriptor.size,
    };
    if descriptor.size >= RESUMED_MIN_BYTES {
        reception = blocking::run(move || reception.resume()).await?;
    }
    *resumed = reception.count.seen;
    let mut fruitless = 0;
    loop {
        let before = reception.count.seen;
        let body = match source.open(before).await {
            Ok(body) => body,
            Err(error) => {
                // A source that cannot be reached may be able to go on later.
                if !matches!(error, StoreError::Unreachable { .. }) {
                    reception.discard();
                }
                return Err(error);
            }
        };
        if body.length != descriptor.size - before {
            reception.discard();
            return Err(wrong_size(descriptor, location, before + body.length));
        }
        let Some((unfinished, trouble)) = take(body, reception).await? else { return Ok(()) };
        let came = unfinished.count.seen - before;
        fruitless = if came < PROGRESS_BYTES { fruitless + 1 } else { 0 };
        // A source that just ends and gives nothing more has nothing more; a connection that broke may be luckier.
        if fruitless > FRUITLESS_MAX || came == 0 && trouble.is_none() {
            return Err(trouble.unwrap_or_else(|| wrong_size(descriptor, location, unfinished.count.seen)));
        }
        reception = unfinished;
    }
}

fn wrong_size(descriptor: &Descriptor, location: &str, found: u64) -> StoreError {
    let Descriptor { digest, size: expected, .. } = *descriptor;
    StoreError::Size { location: location.to_owned(), digest, expected, found }
}

/// A blob of which bytes have come, or none yet.
struct Reception<S, F> {
    begin: F,
    sink: Option<S>,
    verifier: Verifier,
    count: Count,
    size: u64,
}

/// A reception that lacks bytes, with what kept them from coming unless the source just ended.
type Unfinished<S, F> = Option<(Reception<S, F>, Option<StoreError>)>;

/// Counts the bytes of a blob, and takes them back unless the blob is whole in the end.
struct Count {
    meter: Meter,
    seen: u64,
}

impl Drop for Count {
    fn drop(&mut self) {
        self.meter.rewind(self.seen);
    }
}

impl<S: BlobSink, F: Fn() -> Result<S, StoreError>> Reception<S, F> {
    fn sink(&mut self) -> Result<&mut S, StoreError> {
        let sink = match self.sink.take() {
            Some(sink) => sink,
            None => (self.begin)()?,
        };
        Ok(self.sink.insert(sink))
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let added = self.verifier.update(bytes).and_then(|()| self.sink()?.write(bytes));
        // More than there should be, or a full disk: neither is to be gone on with.
        added.inspect_err(|_| self.discard())?;
        self.count(bytes.len());
        Ok(())
    }

    /// Takes what an earlier run has left.
    fn resume(mut self) -> Result<Self, StoreError> {
        self.sink()?;
        let (verifier, count) = (&mut self.verifier, &mut self.count);
        if let Some(sink) = &mut self.sink {
            let held = sink.resume(&mut |bytes| verifier.update(bytes))?;
            count.seen += held;
            count.meter.advance(held);
        }
        Ok(self)
    }

    fn discard(&mut self) {
        if let Some(sink) = &mut self.sink {
            sink.discard();
        }
    }

    /// Adds bytes that the sink shares with the source.
    fn add_shared(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.verifier.update(bytes)?;
        self.count(bytes.len());
        Ok(())
    }

    fn count(&mut self, bytes: usize) {
        self.count.seen += bytes as u64;
        self.count.meter.advance(bytes as u64);
    }

    /// Commits what is whole, and gives back what is not.
    fn end(mut self, trouble: Option<StoreError>) -> Result<Unfinished<S, F>, StoreError> {
        if self.count.seen < self.size {
            return Ok(Some((self, trouble)));
        }
        self.sink()?;
        let verified = self.verifier.finish();
        if let Some(mut sink) = self.sink {
            if verified.is_err() {
                sink.discard();
            }
            verified?;
            sink.commit()?;
        }
        self.count.seen = 0;
        Ok(None)
    }
}

/// Tells the thread that works on a blob to stop when the future that waits for it is dropped.
struct StopOnDrop {
    stop: Arc<AtomicBool>,
    socket: Option<Arc<std::net::TcpStream>>,
}

impl StopOnDrop {
    fn new() -> Self {
        Self { stop: Arc::new(AtomicBool::new(false)), socket: None }
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(socket) = self.socket.take() {
            // Wakes a thread that waits for bytes.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// Takes everything that a body has.
async fn take<S, F>(body: BlobBody, reception: Reception<S, F>) -> Result<Unfinished<S, F>, StoreError>
where
    S: BlobSink,
    F: Fn() -> Result<S, StoreError> + Send + 'static,
{
    let length = body.length;
    let guard = StopOnDrop::new();
    let stop = Arc::clone(&guard.stop);
    match body.content {
        Content::Memory(bytes) => blocking::run(move || pump::memory(&bytes, reception, None, &stop)).await,
        Content::File(range) => blocking::run(move || pump::file(&range, length, reception, &stop)).await,
        // What fits into one buffer is not worth a conversation between threads.
        Content::Stream(_) | Content::Socket(_) if length <= CHUNK_BYTES as u64 => {
            let (bytes, trouble) = gather(body.into_stream(), length).await;
            blocking::run(move || pump::memory(&bytes, reception, trouble, &stop)).await
        }
        Content::Socket(body) => from_socket(body, length, reception, guard).await,
        Content::Stream(stream) => from_stream(stream, reception).await,
    }
}

/// Returns the bytes of a stream, up to the first chunk that exceeds `length`, and the error that ended it.
async fn gather(mut stream: ByteStream, length: u64) -> (Bytes, Option<StoreError>) {
    let mut bytes = BytesMut::new();
    while bytes.len() as u64 <= length {
        match stream.next().await {
            Some(Ok(chunk)) if bytes.is_empty() && chunk.len() as u64 == length => bytes = BytesMut::from(chunk),
            Some(Ok(chunk)) => bytes.extend_from_slice(&chunk),
            Some(Err(error)) => return (bytes.freeze(), Some(error)),
            None => break,
        }
    }
    (bytes.freeze(), None)
}

async fn from_socket<S, F>(
    body: SocketBody,
    length: u64,
    reception: Reception<S, F>,
    mut guard: StopOnDrop,
) -> Result<Unfinished<S, F>, StoreError>
where
    S: BlobSink,
    F: Fn() -> Result<S, StoreError> + Send + 'static,
{
    let SocketBody { buffered, socket, timeout, recycle, location, digest, resuming: _ } = body;
    let lost = move |source| broken(&location, &digest, source);
    let socket = Arc::new(socket.into_std().map_err(&lost)?);
    guard.socket = Some(Arc::clone(&socket));
    let stop = Arc::clone(&guard.stop);
    let outcome = blocking::run({
        let socket = Arc::clone(&socket);
        move || pump::socket(&buffered, &socket, timeout, length, lost, reception, &stop)
    })
    .await;
    guard.socket = None;
    if let (Ok(None), Some(recycle), Some(socket)) = (&outcome, recycle, Arc::into_inner(socket)) {
        // A connection that cannot be used again is no failure of this blob.
        let reusable = socket.set_nonblocking(true).and_then(|()| tokio::net::TcpStream::from_std(socket));
        if let Ok(socket) = reusable {
            recycle(socket);
        }
    }
    outcome
}

async fn from_stream<S, F>(mut stream: ByteStream, reception: Reception<S, F>) -> Result<Unfinished<S, F>, StoreError>
where
    S: BlobSink,
    F: Fn() -> Result<S, StoreError> + Send + 'static,
{
    let (sender, receiver) = tokio::sync::mpsc::channel(CHUNKS_WAITING_MAX);
    let feed = async move {
        // When nobody receives any more, the other side has failed and says why.
        loop {
            let next = tokio::select! {
                next = stream.next() => next,
                () = sender.closed() => return None,
            };
            match next {
                Some(Ok(chunk)) => {
                    if sender.send(chunk).await.is_err() {
                        return None;
                    }
                }
                Some(Err(error)) => return Some(error),
                None => return None,
            }
        }
    };
    let (trouble, outcome) = tokio::join!(feed, blocking::run(move || pump::channel(receiver, reception)));
    outcome.map(|unfinished| unfinished.map(|(reception, _)| (reception, trouble)))
}
