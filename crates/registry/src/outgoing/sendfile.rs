//! Bytes from a file to a socket inside the kernel, below an HTTP server that knows nothing of it.
//!
//! hyper takes the body of a response as pieces of memory and hands them, as they are, to what writes to the socket. So the body of a
//! file yields stand-ins: pieces of one buffer of zeroes that nobody ever reads, as long as the bytes for which they stand; and puts
//! what they stand for, file and position, into a queue of the connection. What writes to the socket ([`Transport`]) knows the stand-ins
//! by their address and has the kernel send from the file that is first in the queue.
//!
//! That no zero is ever sent does not rest on how hyper works today. Everything that stands in the queue must be in the pieces of every
//! write, byte for byte; if it is not, because a stand-in was copied, cut off, or came to another connection, that write fails before it
//! sends anything, and the connection ends. hyper 1.12 never copies a body when told to write pieces as they are
//! (`http1::Builder::writev`): `WriteBuf` then keeps them in a list, of 16 at most, and gives 64 to one write.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::HttpBody;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use rustix::io::{Errno, ReadWriteFlags};
use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Bytes of one piece of a file: so many are looked for in memory at once.
const PIECE_BYTES: usize = 1024 * 1024;
/// The distance at which it is looked whether bytes are in memory. The kernel reads in larger steps.
const PROBE_BYTES: u64 = 64 * 1024;
/// Bytes read at once from a disk.
const READ_BYTES: usize = 256 * 1024;

/// What stands for the bytes of files. Never written and never read, so it takes no memory either.
static STAND_IN: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(vec![0; PIECE_BYTES]));

fn is_stand_in(slice: &[u8]) -> bool {
    !slice.is_empty() && STAND_IN.as_ptr_range().contains(&slice.as_ptr())
}

/// What a connection is to send from files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outlet(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    pieces: VecDeque<Piece>,
    /// The bytes of all of them.
    bytes: u64,
}

#[derive(Debug)]
struct Piece {
    file: Arc<File>,
    offset: u64,
    length: usize,
}

impl Outlet {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a body of a file's `length` bytes from `offset`. It must be sent on the connection of this outlet, and as it is. When the
    /// file turns out to be shorter the connection breaks.
    pub(crate) fn body(&self, file: File, offset: u64, length: u64) -> axum::body::Body {
        let body = FileBody { outlet: self.clone(), file: Arc::new(file), offset, left: length, reading: None };
        axum::body::Body::new(body.map_err(axum::Error::new))
    }
}

/// The rest of a file, as stand-ins.
struct FileBody {
    outlet: Outlet,
    file: Arc<File>,
    offset: u64,
    left: u64,
    /// The next piece on its way from the disk into memory.
    reading: Option<JoinHandle<io::Result<()>>>,
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        if self.reading.is_none() && !is_in_memory(&self.file, self.offset, length) {
            let (file, offset) = (Arc::clone(&self.file), self.offset);
            self.reading = Some(tokio::task::spawn_blocking(move || read_ahead(&file, offset, length)));
        }
        if let Some(reading) = &mut self.reading {
            let read = ready!(Pin::new(reading).poll(context));
            self.reading = None;
            read.map_err(io::Error::other).and_then(|read| read)?;
        }
        let piece = Piece { file: Arc::clone(&self.file), offset: self.offset, length };
        self.offset += length as u64;
        self.left -= length as u64;
        let mut queue = self.outlet.lock();
        queue.bytes += length as u64;
        queue.pieces.push_back(piece);
        Poll::Ready(Some(Ok(Frame::data(STAND_IN.slice(..length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Tells whether bytes of a file can be sent without waiting for a disk, as far as a look here and there shows. What is behind the end of
/// the file can. Where the file system cannot tell, nothing is.
fn is_in_memory(file: &File, offset: u64, length: usize) -> bool {
    let end = offset + length as u64;
    let step = usize::try_from(PROBE_BYTES).unwrap_or(usize::MAX);
    (offset..end).step_by(step).chain([end - 1]).all(|position| {
        let mut byte = [0];
        let probed = rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut byte)], position, ReadWriteFlags::NOWAIT);
        probed.is_ok()
    })
}

/// Reads bytes of a file so that they are in memory.
fn read_ahead(file: &File, offset: u64, length: usize) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES.min(length)];
    let (mut position, end) = (offset, offset + length as u64);
    while position < end {
        match file.read_at(&mut buffer, position) {
            Ok(0) => break,
            Ok(count) => position += count as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A socket that sends from files what stands in the queue of its outlet.
pub(crate) struct Transport {
    stream: TokioIo<TcpStream>,
    outlet: Outlet,
}

impl Transport {
    /// Returns the transport of a connection, and its outlet.
    pub(crate) fn new(stream: TcpStream) -> (Self, Outlet) {
        let outlet = Outlet::default();
        (Self { stream: TokioIo::new(stream), outlet: outlet.clone() }, outlet)
    }
}

impl Read for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Transport {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, outlet } = &mut *self;
        let mut queue = outlet.lock();
        let stands_in = slices.iter().filter(|slice| is_stand_in(slice)).map(|slice| slice.len() as u64).sum::<u64>();
        if stands_in != queue.bytes {
            return Poll::Ready(Err(misplaced()));
        }
        let Some(first) = slices.iter().position(|slice| is_stand_in(slice)) else {
            return Pin::new(stream).poll_write_vectored(context, slices);
        };
        // The position was found in the slices.
        let (before, rest) = slices.split_at(first);
        let socket = stream.inner();
        if before.iter().any(|slice| !slice.is_empty()) {
            // What follows goes into the same packet.
            let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
            return when_writable(socket, context, || {
                rustix::net::sendmsg(socket, before, &mut SendAncillaryBuffer::default(), flags)
            });
        }
        let wanted = rest.first().map_or(0, |slice| slice.len());
        let Some(piece) = queue.pieces.front_mut() else { return Poll::Ready(Err(misplaced())) };
        let wanted = wanted.min(piece.length);
        let mut offset = piece.offset;
        let sent = ready!(when_writable(socket, context, || rustix::fs::sendfile(
            socket,
            &piece.file,
            Some(&mut offset),
            wanted
        )))?;
        if sent == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        piece.offset += sent as u64;
        piece.length -= sent;
        if piece.length == 0 {
            queue.pieces.pop_front();
        }
        queue.bytes -= sent as u64;
        Poll::Ready(Ok(sent))
    }

    /// Called when everything has been written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outlet.lock().bytes > 0 {
            return Poll::Ready(Err(misplaced()));
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

fn misplaced() -> io::Error {
    io::Error::other("what stands for the bytes of a file is not where it should be")
}

/// Does something that a socket may not have room for, as soon as it has some.
fn when_writable(
    socket: &TcpStream,
    context: &mut Context<'_>,
    mut write: impl FnMut() -> Result<usize, Errno>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(socket.poll_write_ready(context))?;
        match socket.try_io(Interest::WRITABLE, || write().map_err(io::Error::from)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            written => return Poll::Ready(written),
        }
    }
}

#[cfg(test)]
#[path = "sendfile/tests.rs"]
mod tests;
