//! The body of an answer, read from our own connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use oci::Digest;
use store::SocketBody;
use store::body::ByteStream;

use super::connection::Connection;
use super::pool::Pool;
use crate::exchange::Failure;
use crate::exchange::pace::Pace;
use crate::syntax::chunked::Decoder;
use crate::syntax::response_head::{Framing, ResponseHead};

/// Most bytes read at once.
const READ_BYTES: usize = 256 * 1024;

/// Bytes read at once of a body whose length is not known.
const UNSIZED_READ_BYTES: usize = 32 * 1024;

/// The body of an answer. When its last byte has been read the connection goes back to the pool; dropped before, it is closed.
pub(crate) struct Body {
    connection: Option<Connection>,
    left: Left,
    home: Option<(Arc<Pool>, String)>,
    pace: Pace,
}

enum Left {
    Bytes(u64),
    Chunks(Decoder),
    UntilClose,
}

impl Body {
    pub(super) fn new(
        connection: Connection,
        head: &ResponseHead,
        home: Option<(Arc<Pool>, &str)>,
        timeout: Duration,
    ) -> Self {
        let left = match head.framing {
            Framing::Length(length) => Left::Bytes(length),
            Framing::Chunked => Left::Chunks(Decoder::default()),
            Framing::UntilClose => Left::UntilClose,
        };
        let home = home.map(|(pool, authority)| (pool, authority.to_owned()));
        let mut body = Self { connection: Some(connection), left, home, pace: Pace::new(timeout) };
        if matches!(body.left, Left::Bytes(0)) {
            body.finish();
        }
        body
    }

    /// Returns the next bytes, `None` after the last.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some(connection) = &mut self.connection else { return Ok(None) };
        let pace = &mut self.pace;
        loop {
            match &mut self.left {
                Left::Bytes(left) => {
                    let wanted = usize::try_from(*left).unwrap_or(usize::MAX).min(READ_BYTES);
                    if connection.ahead().is_empty() && connection.read(wanted, pace).await? == 0 {
                        return Err(Failure::ended_early());
                    }
                    let ahead = connection.ahead();
                    let count = wanted.min(ahead.len());
                    let chunk = ahead.split_to(count).freeze();
                    *left -= count as u64;
                    if *left == 0 {
                        self.finish();
                    }
                    return Ok(Some(chunk));
                }
                Left::Chunks(decoder) => {
                    let taken = decoder.decode(connection.ahead());
                    if let Some(chunk) = taken.map_err(|error| Failure::Protocol(error.to_string()))? {
                        return Ok(Some(chunk));
                    }
                    if decoder.is_done() {
                        self.finish();
                        return Ok(None);
                    }
                    if connection.read(UNSIZED_READ_BYTES, pace).await? == 0 {
                        return Err(Failure::ended_early());
                    }
                }
                Left::UntilClose => {
                    let ahead = connection.ahead();
                    if !ahead.is_empty() {
                        return Ok(Some(ahead.split().freeze()));
                    }
                    if connection.read(UNSIZED_READ_BYTES, pace).await? == 0 {
                        self.connection = None;
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Adds the next bytes of a body whose length is known to a buffer, at most so many. Returns how many, `None` after the last.
    pub(crate) async fn chunk_into(&mut self, to: &mut Vec<u8>, at_most: usize) -> Result<Option<usize>, Failure> {
        let (Some(connection), Left::Bytes(left)) = (&mut self.connection, &mut self.left) else { return Ok(None) };
        let wanted = usize::try_from(*left).unwrap_or(usize::MAX).min(at_most);
        let count = if connection.ahead().is_empty() {
            connection.read_into(to, wanted, &mut self.pace).await?
        } else {
            let count = wanted.min(connection.ahead().len());
            to.extend_from_slice(&connection.ahead().split_to(count));
            count
        };
        if count == 0 && wanted > 0 {
            return Err(Failure::ended_early());
        }
        *left -= count as u64;
        if *left == 0 {
            self.finish();
        }
        Ok(Some(count))
    }

    /// Puts bytes back that were read too early. Returns false when that cannot be done.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) -> bool {
        let (Some(connection), Left::Bytes(left)) = (&mut self.connection, &mut self.left) else { return false };
        connection.put_back(bytes);
        *left += bytes.len() as u64;
        true
    }

    /// Returns the length, where it is known.
    pub(crate) const fn length(&self) -> Option<u64> {
        match (&self.connection, &self.left) {
            (None, _) => Some(0),
            (Some(_), Left::Bytes(left)) => Some(*left),
            _ => None,
        }
    }

    /// Returns the socket with the body still on it, for one whose length is known.
    ///
    /// # Errors
    /// Gives the body back when it has no known length, or nothing is left of it.
    ///
    /// `resuming` makes a stream of what is on the socket, given back as a body, that asks for the rest when the connection breaks.
    pub(crate) fn into_socket(
        mut self,
        location: &str,
        digest: &Digest,
        resuming: impl FnOnce(Self) -> ByteStream + Send + 'static,
    ) -> Result<SocketBody, Self> {
        let Left::Bytes(left) = self.left else { return Err(self) };
        let Some(connection) = self.connection.take() else { return Err(self) };
        let (socket, mut ahead) = connection.into_parts();
        // More than was announced: leave it out, and the connection with it.
        let excess = ahead.len() as u64 > left;
        ahead.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        let home = self.home.take().filter(|_| !excess);
        let (again, timeout) = (home.clone(), self.pace.limit());
        Ok(SocketBody {
            buffered: ahead.freeze(),
            socket,
            timeout,
            resuming: Some(Box::new(move |buffered, socket| {
                let connection = Some(Connection::with(socket, &buffered));
                resuming(Self { connection, left: Left::Bytes(left), home: again, pace: Pace::new(timeout) })
            })),
            recycle: home.map(|(pool, authority)| -> Box<dyn FnOnce(_) + Send> {
                Box::new(move |socket| pool.put(&authority, Connection::new(socket)))
            }),
            location: location.to_owned(),
            digest: *digest,
        })
    }

    /// Gives the connection back after the last byte, unless more came than was announced.
    fn finish(&mut self) {
        if let (Some(mut connection), Some((pool, authority))) = (self.connection.take(), self.home.take())
            && connection.ahead().is_empty()
        {
            pool.put(&authority, connection);
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({:?} bytes)", self.length())
    }
}
