//! A connection: one request and one answer at a time.

use std::io::{ErrorKind, Read as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, bail, ensure};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, RecvFlags, SocketFlags, SocketType, recv, sockopt};

use super::answer::Answer;
use super::body::Body;
use super::request::Request;

/// Bytes of a head, and of bodies in chunks, that are read at once.
const READ_BYTES: usize = 8 * 1024;

/// Bytes of a body that are thrown away at once. Nothing is written there, so it takes no memory.
const DISCARD_BYTES: usize = 1 << 20;

/// A socket that does not block, with what is under way on it.
pub(super) struct Connection {
    socket: TcpStream,
    request: Option<Request>,
    /// The part of the request that is being sent, and how much of it has gone.
    sent: (usize, usize),
    answer: Answer,
    /// The rest of the body; `None` before the head is whole.
    body: Option<Body>,
    buffer: Vec<u8>,
    discarded: Vec<u8>,
    received: u64,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> Result<Self> {
        let socket = connect(address).with_context(|| format!("cannot connect to {address}"))?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            request: None,
            sent: (0, 0),
            answer: Answer::default(),
            body: None,
            buffer: vec![0; READ_BYTES],
            discarded: vec![0; DISCARD_BYTES],
            received: 0,
        })
    }

    pub(super) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Returns the bytes of all bodies that came.
    pub(super) const fn received(&self) -> u64 {
        self.received
    }

    /// Returns the head of the answer that came last.
    pub(super) const fn answer(&self) -> &Answer {
        &self.answer
    }

    /// Begins a request; the answer to the one before has come.
    pub(super) fn send(&mut self, request: Request) -> Result<()> {
        self.request = Some(request);
        self.sent = (0, 0);
        self.answer.clear();
        self.body = None;
        self.write()
    }

    /// Does what can be done without waiting; tells whether the answer is whole.
    ///
    /// # Errors
    /// A connection that ends, an answer that was not expected.
    pub(super) fn work(&mut self) -> Result<bool> {
        if self.request.is_none() {
            return Ok(false);
        }
        let whole = self.write().and_then(|()| self.read());
        whole.with_context(|| self.request.as_ref().map(Request::line).unwrap_or_default())
    }

    fn write(&mut self) -> Result<()> {
        let Some(request) = &self.request else { return Ok(()) };
        while let Some(part) = request.parts().get(self.sent.0) {
            match part.send(&mut self.socket, self.sent.1) {
                Ok(count) => self.sent.1 += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("cannot send"),
            }
            if self.sent.1 >= part.length() {
                self.sent = (self.sent.0 + 1, 0);
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<bool> {
        loop {
            let came = match &self.body {
                Some(Body::Counted(left)) => {
                    let most = usize::try_from(*left).unwrap_or(usize::MAX).min(DISCARD_BYTES);
                    let buffer = self.discarded.get_mut(..most).unwrap_or_default();
                    match recv(&self.socket, buffer, RecvFlags::TRUNC) {
                        Ok((_, count)) => count,
                        Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
                        Err(error) => return Err(error).context("cannot receive"),
                    }
                }
                _ => match self.socket.read(&mut self.buffer) {
                    Ok(count) => count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                    Err(error) => return Err(error).context("cannot receive"),
                },
            };
            ensure!(came > 0, "the server has ended the connection");
            if self.take(came)? {
                return Ok(true);
            }
        }
    }

    /// Takes so many bytes that came; tells whether the answer is whole.
    fn take(&mut self, came: usize) -> Result<bool> {
        let bytes = self.buffer.get(..came).unwrap_or_default();
        let body = match &mut self.body {
            Some(body @ Body::Counted(_)) => {
                body.skip(u64::try_from(came)?)?;
                self.received += u64::try_from(came)?;
                body
            }
            Some(body) => {
                body.take(bytes)?;
                self.received += u64::try_from(came)?;
                body
            }
            None => {
                let Some(head) = self.answer.take(bytes)? else { return Ok(false) };
                let Some(request) = &self.request else { bail!("an answer to nothing") };
                let Answer { status, .. } = self.answer;
                ensure!(status == request.expected(), "status {status} where {} was expected", request.expected());
                let rest = bytes.get(head..).unwrap_or_default();
                let body = self.body.insert(Body::after(&self.answer, request.head_only())?);
                body.take(rest)?;
                self.received += u64::try_from(rest.len())?;
                body
            }
        };
        let whole = body.is_over();
        if whole {
            self.request = None;
        }
        Ok(whole)
    }
}

/// Connects without congestion control that paces (BBR): it would set a timer for every packet, on the processors of the server.
fn connect(address: SocketAddr) -> Result<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // What a connection begins with goes on setting timers.
    sockopt::set_tcp_congestion(&socket, "reno")?;
    net::connect(&socket, &address)?;
    Ok(socket.into())
}
