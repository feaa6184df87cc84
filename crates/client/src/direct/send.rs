//! Sends bytes, a file or a stream to a socket, and notices when the other side answers before it has taken everything.

use std::fs::File;
use std::io;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use rustix::fs::sendfile;
use rustix::net::{RecvFlags, recv};
use store::body::ByteStream;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::exchange::failure::too_long;
use crate::exchange::{Failure, within};

/// Most bytes handed to the kernel at once: other tasks of this thread wait meanwhile.
const SEND_BYTES: usize = 1024 * 1024;

/// How sending ended.
#[derive(Debug)]
pub(super) enum Sent {
    /// Everything has been sent.
    Whole,
    /// The other side answers already, or has closed the connection.
    Early,
    /// The connection broke. There may be an answer that says why.
    Broken(io::Error),
}

impl Sent {
    /// Returns the failure that a connection without an answer is.
    pub(super) fn broken(self) -> Option<Failure> {
        match self {
            Self::Broken(error) => Some(Failure::Broken(error.into())),
            Self::Whole | Self::Early => None,
        }
    }
}

/// Sends bytes.
pub(super) async fn bytes(
    socket: &TcpStream,
    mut rest: &[u8],
    timeout: Duration,
    count: impl Fn(u64),
) -> Result<Sent, Failure> {
    while !rest.is_empty() {
        match socket.try_write(rest) {
            Ok(written) => {
                count(written as u64);
                rest = &rest[written..];
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !room(socket, timeout).await? {
                    return Ok(Sent::Early);
                }
            }
            Err(error) => return Ok(Sent::Broken(error)),
        }
    }
    Ok(Sent::Whole)
}

/// Sends `length` bytes of a file from `offset`, within the kernel.
pub(super) async fn file(
    socket: &TcpStream,
    file: &File,
    mut offset: u64,
    length: u64,
    timeout: Duration,
    count: impl Fn(u64),
) -> Result<Sent, Failure> {
    let (start, end) = (offset, offset.saturating_add(length));
    while offset < end {
        tokio::task::coop::consume_budget().await;
        let wanted = usize::try_from(end - offset).unwrap_or(usize::MAX).min(SEND_BYTES);
        let sent = socket.try_io(Interest::WRITABLE, || Ok(sendfile(socket, file, Some(&mut offset), wanted)?));
        match sent {
            Ok(0) => return Err(Failure::Short(offset - start)),
            Ok(sent) => count(sent as u64),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !room(socket, timeout).await? {
                    return Ok(Sent::Early);
                }
            }
            Err(error) => return Ok(Sent::Broken(error)),
        }
    }
    Ok(Sent::Whole)
}

/// Sends a stream, which must yield exactly `length` bytes.
pub(super) async fn stream(
    socket: &TcpStream,
    mut chunks: ByteStream,
    length: u64,
    timeout: Duration,
    count: impl Fn(u64),
) -> Result<Sent, Failure> {
    let mut left = length;
    while let Some(chunk) = within(timeout, chunks.try_next()).await?.map_err(Failure::Content)? {
        let Some(after) = left.checked_sub(chunk.len() as u64) else {
            return Err(too_long(length));
        };
        left = after;
        match bytes(socket, &chunk, timeout, &count).await? {
            Sent::Whole => {}
            other => return Ok(other),
        }
    }
    if left == 0 { Ok(Sent::Whole) } else { Err(Failure::Short(length - left)) }
}

/// Waits until more can be written. Returns false when the other side has said something first.
pub(super) async fn room(socket: &TcpStream, timeout: Duration) -> Result<bool, Failure> {
    loop {
        let ready = within(timeout, socket.ready(Interest::READABLE | Interest::WRITABLE)).await?;
        let ready = ready.map_err(|error| Failure::Broken(error.into()))?;
        if ready.is_readable() && has_input(socket) {
            return Ok(false);
        }
        if ready.is_writable() {
            return Ok(true);
        }
    }
}

/// Tells whether there is something to read, be it the end.
fn has_input(socket: &TcpStream) -> bool {
    let mut byte = [0; 1];
    let peek = || Ok(recv(socket, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT)?);
    !matches!(socket.try_io(Interest::READABLE, peek), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
