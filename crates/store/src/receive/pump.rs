//! The loops that move bytes into a sink, one for each kind of source. They run on a thread that may wait.

use std::io;
use std::net::TcpStream;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use tokio::sync::mpsc::Receiver;

use super::{BlobSink, Reception, Unfinished};
use crate::body::{CHUNK_BYTES, FileRange};
use crate::error::StoreError;
use crate::pace::Pace;

/// Takes the bytes of one buffer, and `trouble` if that is why there are no more.
pub(super) fn memory<S, F>(
    bytes: &Bytes,
    mut reception: Reception<S, F>,
    trouble: Option<StoreError>,
    stop: &AtomicBool,
) -> Result<Unfinished<S, F>, StoreError>
where
    S: BlobSink,
    F: Fn() -> Result<S, StoreError>,
{
    for chunk in bytes.chunks(CHUNK_BYTES) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        reception.add(chunk)?;
    }
    reception.end(trouble)
}

/// Takes a range of a file. Where the file system can share the content of two files no bytes are written, but they are
/// hashed all the same.
pub(super) fn file<S, F>(
    range: &FileRange,
    length: u64,
    mut reception: Reception<S, F>,
    stop: &AtomicBool,
) -> Result<Unfinished<S, F>, StoreError>
where
    S: BlobSink,
    F: Fn() -> Result<S, StoreError>,
{
    let failed =
        |source| StoreError::File { action: "cannot read a blob from", path: "the file of a store".into(), source };
    let whole =
        range.offset == 0 && reception.count.seen == 0 && range.file.metadata().map_err(failed)?.len() == length;
    let shared = whole && length > 0 && reception.sink()?.share(&range.file);
    let mut buffer = vec![0; buffer_bytes(length)];
    let (mut offset, mut left) = (range.offset, length);
    while left > 0 && !stop.load(Ordering::Relaxed) {
        let wanted = buffer_bytes(left);
        let count = match range.file.read_at(&mut buffer[..wanted], offset) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        };
        if shared {
            reception.add_shared(&buffer[..count])?;
        } else {
            reception.add(&buffer[..count])?;
        }
        offset += count as u64;
        left -= count as u64;
    }
    if shared && left > 0 {
        // The file was cut meanwhile, and what the sink has of it is not what was hashed.
        reception.discard();
        return Err(failed(io::ErrorKind::UnexpectedEof.into()));
    }
    reception.end(None)
}

/// Takes what was read already and the rest from the socket. `lost` is the error of a connection that broke.
pub(super) fn socket<S, F>(
    buffered: &Bytes,
    socket: &TcpStream,
    timeout: Duration,
    length: u64,
    lost: impl Fn(io::Error) -> StoreError,
    mut reception: Reception<S, F>,
    stop: &AtomicBool,
) -> Result<Unfinished<S, F>, StoreError>
where
    S: BlobSink,
    F: Fn() -> Result<S, StoreError>,
{
    let prepared = socket.set_nonblocking(false).and_then(|()| socket.set_read_timeout(Some(timeout)));
    prepared.map_err(&lost)?;
    let buffered = &buffered[..buffered.len().min(usize::try_from(length).unwrap_or(usize::MAX))];
    reception.add(buffered)?;
    let mut left = length - buffered.len() as u64;
    let mut buffer = vec![0; buffer_bytes(left)];
    let mut trouble = None;
    let mut pace = Pace::new(timeout);
    while left > 0 && !stop.load(Ordering::Relaxed) {
        let wanted = buffer_bytes(left);
        let began = Instant::now();
        // Waiting for a full buffer saves a wake-up for each segment.
        let count = match rustix::net::recv(socket, &mut buffer[..wanted], RecvFlags::WAITALL) {
            Ok((_, 0)) => {
                trouble = Some(lost(io::ErrorKind::UnexpectedEof.into()));
                break;
            }
            Ok((_, count)) => count,
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => {
                trouble = Some(lost(io::ErrorKind::TimedOut.into()));
                break;
            }
            Err(error) => {
                trouble = Some(lost(error.into()));
                break;
            }
        };
        // The time counts in which nothing else was done.
        let kept = pace.add(began.elapsed(), count as u64);
        reception.add(&buffer[..count])?;
        left -= count as u64;
        if kept.is_err() && left > 0 {
            trouble = Some(lost(io::ErrorKind::TimedOut.into()));
            break;
        }
    }
    reception.end(trouble)
}

/// Takes the chunks of a channel until its other end is dropped.
pub(super) fn channel<S, F>(
    mut chunks: Receiver<Bytes>,
    mut reception: Reception<S, F>,
) -> Result<Unfinished<S, F>, StoreError>
where
    S: BlobSink,
    F: Fn() -> Result<S, StoreError>,
{
    while let Some(chunk) = chunks.blocking_recv() {
        reception.add(&chunk)?;
    }
    reception.end(None)
}

fn buffer_bytes(left: u64) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_BYTES)
}
