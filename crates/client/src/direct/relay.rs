//! Moves a body from one socket to another.
//!
//! Through memory, not through a pipe in the kernel: that would save this process a copy and cost the receiver more than that
//! where it runs on the same machine, because pages that nobody has touched since they left the disk are slow to read.

use std::io;
use std::time::Duration;

use store::SocketBody;
use tokio::net::TcpStream;

use super::send::{self, Sent};
use crate::exchange::gate::HELD_BYTES;
use crate::exchange::pace::Pace;
use crate::exchange::{Failure, Gate};

/// Most bytes in memory between the sockets: few enough to stay in the cache of a processor.
const BUFFER_BYTES: usize = 128 * 1024;

/// Sends the `length` bytes of `from` to `to`, the last only when the gate is open. After the last byte the source's
/// connection goes back to its pool.
pub(super) async fn relay(
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
    let mut pace = Pace::new(timeout);
    let mut buffer = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(BUFFER_BYTES)];
    while left > 0 {
        tokio::task::coop::consume_budget().await;
        if let Some(gate) = gate.filter(|_| left <= held) {
            gate.passed().await;
        }
        let wanted = if left > held { left - held } else { left };
        let most = usize::try_from(wanted).unwrap_or(usize::MAX).min(buffer.len());
        let read = pace.wait(read(&from.socket, &mut buffer[..most]), |read| read.as_ref().map_or(0, |read| *read));
        // Waiting too long is an error of the source here, not of the host we send to.
        let read = read.await.unwrap_or_else(|failure| Err(io::Error::new(io::ErrorKind::TimedOut, failure)));
        let filled = match read {
            Ok(filled) => filled,
            // The source has announced as many bytes as there should be: one that ends before has broken off.
            Err(error) => return Err(Failure::Content(from.failed(error))),
        };
        match send::bytes(to, &buffer[..filled], timeout, &count).await? {
            Sent::Whole => left -= filled as u64,
            other => return Ok(other),
        }
    }
    from.recycle();
    Ok(Sent::Whole)
}

/// Reads what has come.
async fn read(from: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.try_read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                from.readable().await?;
            }
            outcome => return outcome,
        }
    }
}
