//! A connection whose other end may not keep an answer waiting for ever.
//!
//! The kernel knows best whether somebody reads: it sees every byte that is acknowledged, and gives a connection up on which none was for too long.
//! A writer sees less of it, for he is only woken when a good part of a large buffer is free again: who reads slowly, but reads, might be taken
//! by him for somebody who does not read at all. So he is more patient than the kernel, and there for those who read next to nothing.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// For how many times as long as nothing may be acknowledged a writer may find the buffer full: with the usual minute, an hour.
const FULL_TIMES: u32 = 60;

/// A connection that fails once its other end has taken nothing for too long of what is to be written to it. Who asks and never reads
/// would hold a connection, a file and what is buffered for as long as he likes.
pub(super) struct Patience<T> {
    connection: T,
    most: Duration,
    /// When it ends; armed while there is something that cannot be written.
    end: Pin<Box<Sleep>>,
    is_waiting: bool,
}

impl<T> Patience<T> {
    /// Returns a connection on which nothing may wait longer than `most` to be written: what [`limit`] says.
    pub(super) fn new(connection: T, most: Duration) -> Self {
        Self { connection, most, end: Box::pin(tokio::time::sleep(most)), is_waiting: false }
    }

    /// Returns what came of an attempt to write, and fails when there were too many without success.
    fn limit<O>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<O>>) -> Poll<io::Result<O>> {
        if written.is_ready() {
            self.is_waiting = false;
            return written;
        }
        if !self.is_waiting {
            self.is_waiting = true;
            // A moment that cannot be reckoned is one that never comes.
            if let Some(end) = Instant::now().checked_add(self.most) {
                self.end.as_mut().reset(end);
            }
        }
        self.end.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Has the kernel give a connection up on which the other end has acknowledged nothing for `most` of what it was sent, or has shut its window for as
/// long. Returns how long a writer may wait on it.
pub(super) fn limit(stream: &TcpStream, most: Duration) -> Duration {
    if is_limited_by_the_kernel(stream, most) { most.saturating_mul(FULL_TIMES) } else { most }
}

#[cfg(target_os = "linux")]
fn is_limited_by_the_kernel(stream: &TcpStream, most: Duration) -> bool {
    // Zero would be what the system thinks right.
    let milliseconds = u32::try_from(most.as_millis()).unwrap_or(u32::MAX).max(1);
    rustix::net::sockopt::set_tcp_user_timeout(stream, milliseconds).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn is_limited_by_the_kernel(_stream: &TcpStream, _most: Duration) -> bool {
    false
}

impl<T: Read + Unpin> Read for Patience<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_read(context, buffer)
    }
}

impl<T: Write + Unpin> Write for Patience<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write(context, bytes);
        self.limit(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write_vectored(context, slices);
        self.limit(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.connection).poll_flush(context);
        self.limit(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.connection).poll_shutdown(context);
        self.limit(context, closed)
    }
}
