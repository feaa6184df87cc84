//! One connection and what has been read ahead on it.

use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use reqwest::Url;
use rustix::net::{RecvFlags, recv};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::exchange::pace::Pace;
use crate::exchange::{Failure, within};
use crate::syntax::response_head::{HEAD_MAX_BYTES, ResponseHead};

/// Bytes read at once while a header is awaited.
const HEAD_READ_BYTES: usize = 8 * 1024;

/// A plain connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    ahead: BytesMut,
}

impl Connection {
    /// Makes a connection to the host of a URL.
    pub(super) async fn open(url: &Url, timeout: Duration) -> Result<Self, Failure> {
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default().unwrap_or(80);
        let stream = within(timeout, TcpStream::connect((host, port)))
            .await
            .and_then(|connected| connected.map_err(|error| Failure::Connect(error.into())))
            .map_err(|failure| match failure {
                Failure::Stalled(limit) => Failure::Connect(format!("no answer within {} s", limit.as_secs()).into()),
                failure => failure,
            })?;
        // Requests are written whole, so waiting for more would only cost time.
        stream.set_nodelay(true).map_err(|error| Failure::Connect(error.into()))?;
        Ok(Self::new(stream))
    }

    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, ahead: BytesMut::new() }
    }

    /// Returns a connection on which something has been read ahead.
    pub(super) fn with(stream: TcpStream, ahead: &[u8]) -> Self {
        Self { stream, ahead: BytesMut::from(ahead) }
    }

    /// Puts bytes before those that have been read ahead.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        let mut all = BytesMut::with_capacity(bytes.len() + self.ahead.len());
        all.extend_from_slice(bytes);
        all.extend_from_slice(&self.ahead);
        self.ahead = all;
    }

    pub(super) const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Tells whether the connection is open and silent, as one that waits for a request must be. Asks the kernel: what the
    /// runtime knows may be older than the other side's goodbye.
    pub(super) fn is_idle(&self) -> bool {
        let mut byte = [0; 1];
        let peeked = recv(&self.stream, &mut byte[..], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        self.ahead.is_empty() && matches!(peeked, Err(rustix::io::Errno::AGAIN))
    }

    /// Returns what has been read ahead.
    pub(super) const fn ahead(&mut self) -> &mut BytesMut {
        &mut self.ahead
    }

    /// Takes the connection apart.
    pub(super) fn into_parts(self) -> (TcpStream, BytesMut) {
        (self.stream, self.ahead)
    }

    /// Reads more. Returns the number of bytes, 0 when the other side has closed the connection.
    pub(super) async fn read(&mut self, at_most: usize, pace: &mut Pace) -> Result<usize, Failure> {
        self.ahead.reserve(at_most);
        let mut limited = (&mut self.stream).take(at_most as u64);
        let read = pace.wait(limited.read_buf(&mut self.ahead), |read| read.as_ref().map_or(0, |read| *read)).await?;
        read.map_err(|error| Failure::Broken(error.into()))
    }

    /// Reads what has not been read ahead into a buffer. Returns the number of bytes, 0 when the other side has closed the connection.
    pub(super) async fn read_into(
        &mut self,
        to: &mut Vec<u8>,
        at_most: usize,
        pace: &mut Pace,
    ) -> Result<usize, Failure> {
        let mut limited = (&mut self.stream).take(at_most as u64);
        let read = pace.wait(limited.read_buf(to), |read| read.as_ref().map_or(0, |read| *read)).await?;
        read.map_err(|error| Failure::Broken(error.into()))
    }

    /// Reads the head of a response and leaves what follows it in the buffer. All of it has to come in time.
    pub(super) async fn read_head(&mut self, bodiless: bool, timeout: Duration) -> Result<ResponseHead, Failure> {
        within(timeout, self.whole_head(bodiless, timeout)).await?
    }

    async fn whole_head(&mut self, bodiless: bool, timeout: Duration) -> Result<ResponseHead, Failure> {
        let mut pace = Pace::new(timeout);
        let mut seen = 0;
        loop {
            // Parse when a line that may be the empty one has come, not at every byte of a slow header.
            if ends_line(&self.ahead[seen..]) || self.ahead.len() >= HEAD_MAX_BYTES {
                let head = ResponseHead::parse(&self.ahead, bodiless)
                    .map_err(|error| Failure::Protocol(format!("the answer cannot be read: {error}")))?;
                if let Some(head) = head {
                    self.ahead.advance(head.length);
                    return Ok(head);
                }
            }
            seen = self.ahead.len();
            if self.read(HEAD_READ_BYTES, &mut pace).await? == 0 {
                return Err(Failure::ended_early());
            }
        }
    }
}

fn ends_line(bytes: &[u8]) -> bool {
    bytes.contains(&b'\n')
}
