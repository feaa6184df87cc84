//! Moves a body from one socket to another through a pipe, within the kernel.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice as splice_once};
use store::SocketBody;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::send::{self, Sent, room};
use crate::exchange::gate::HELD_BYTES;
use crate::exchange::{Failure, Gate, within};

/// Size of the pipe in bytes, what an ordinary user may ask for.
const PIPE_BYTES: usize = 1024 * 1024;

/// Sends the `length` bytes of `from` to `to`, the last only when the gate is open. After the last byte the source's
/// connection goes back to its pool.
pub(super) async fn splice(
    mut from: SocketBody,
    length: u64,
    gate: Option<&Gate>,
    to: &TcpStream,
    timeout: Duration,
    count: impl Fn(u64),
) -> Result<Sent, Failure> {
    let ahead = std::mem::take(&mut from.buffered);
    let mut left = length.saturating_sub(ahead.len() as u64);
    let held = if gate.is_some() { HELD_BYTES } else { 0 };
    if let Some(gate) = gate.filter(|_| left == 0) {
        // Everything has come already, its last byte included.
        gate.passed().await;
    }
    match send::bytes(to, &ahead, timeout, &count).await? {
        Sent::Whole => {}
        other => return Ok(other),
    }
    if left > 0 {
        let (reader, writer) = pipe().map_err(|error| Failure::Broken(error.into()))?;
        while left > 0 {
            tokio::task::coop::consume_budget().await;
            if let Some(gate) = gate.filter(|_| left <= held) {
                gate.passed().await;
            }
            let wanted = if left > held { left - held } else { left };
            let filled = match fill(&from.socket, &writer, wanted, timeout).await {
                Ok(filled) => filled,
                // The source has announced as many bytes as there should be: one that ends before has broken off.
                Err(error) => return Err(Failure::Content(from.failed(error))),
            };
            match drain(&reader, to, filled, timeout, &count).await? {
                Sent::Whole => left -= filled as u64,
                other => return Ok(other),
            }
        }
    }
    from.recycle();
    Ok(Sent::Whole)
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    // Refused when this user has many pipes: a small one does the same work in more steps.
    let _ = fcntl_setpipe_size(&writer, PIPE_BYTES);
    Ok((reader, writer))
}

/// Moves what has come from the socket into the pipe, which must be empty: only then does "would block" speak of the socket.
/// Waiting too long is an error of the source here, not of the host we send to.
async fn fill(from: &TcpStream, pipe: &OwnedFd, most: u64, timeout: Duration) -> io::Result<usize> {
    let wanted = usize::try_from(most).unwrap_or(usize::MAX).min(PIPE_BYTES);
    let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
    loop {
        match from.try_io(Interest::READABLE, || Ok(splice_once(from, None, pipe, None, wanted, flags)?)) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                within(timeout, from.readable()).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            }
            outcome => return outcome,
        }
    }
}

/// Moves everything in the pipe to the socket.
async fn drain(
    pipe: &OwnedFd,
    to: &TcpStream,
    mut filled: usize,
    timeout: Duration,
    count: &impl Fn(u64),
) -> Result<Sent, Failure> {
    let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
    while filled > 0 {
        match to.try_io(Interest::WRITABLE, || Ok(splice_once(pipe, None, to, None, filled, flags)?)) {
            Ok(moved) => {
                count(moved as u64);
                filled -= moved;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if !room(to, timeout).await? {
                    return Ok(Sent::Early);
                }
            }
            Err(error) => return Ok(Sent::Broken(error)),
        }
    }
    Ok(Sent::Whole)
}
