//! HTTP/1.1 as bytes: heads that are read and written unchanged but for what a fault changes, and bodies by their framing.

use std::fmt::Write as _;
use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Largest head, in bytes.
const HEAD_MAX_BYTES: usize = 64 * 1024;

/// Most headers of a head.
const HEADERS_MAX: usize = 100;

/// Largest body that is read into memory to be changed.
const BODY_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Header names and values, in their order and spelling.
pub(super) type Headers = Vec<(String, String)>;

/// Returns the value of the first header of this name.
pub(super) fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Tells whether the connection ends after this message.
pub(super) fn closes(headers: &Headers) -> bool {
    header(headers, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
}

/// Sets a header, in the place of every other of its name.
pub(super) fn set_header(headers: &mut Headers, name: &str, value: &str) {
    headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
    headers.push((name.to_owned(), value.to_owned()));
}

/// The first line and the headers of a request.
#[derive(Clone, Debug)]
pub(super) struct RequestHead {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Headers,
}

/// The first line and the headers of a response.
#[derive(Clone, Debug)]
pub(super) struct ResponseHead {
    pub(super) status: u16,
    pub(super) headers: Headers,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

impl RequestHead {
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Self> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(bytes).map_err(invalid)?;
        Ok(Self {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            headers: owned(request.headers),
        })
    }

    pub(super) fn encode(&self) -> Bytes {
        encode(&format!("{} {} HTTP/1.1", self.method, self.target), &self.headers)
    }

    pub(super) fn framing(&self) -> Framing {
        // A request without either header has no body.
        stated_framing(&self.headers).unwrap_or(Framing::Length(0))
    }
}

impl ResponseHead {
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Self> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        response.parse(bytes).map_err(invalid)?;
        Ok(Self { status: response.code.unwrap_or_default(), headers: owned(response.headers) })
    }

    pub(super) fn encode(&self) -> Bytes {
        encode(&format!("HTTP/1.1 {} testkit", self.status), &self.headers)
    }

    pub(super) fn framing(&self, method: &str) -> Framing {
        if method == "HEAD" || self.status < 200 || matches!(self.status, 204 | 304) {
            return Framing::Length(0);
        }
        stated_framing(&self.headers).unwrap_or(Framing::UntilClose)
    }
}

fn stated_framing(headers: &Headers) -> Option<Framing> {
    if header(headers, "transfer-encoding").is_some_and(|value| value.to_ascii_lowercase().contains("chunked")) {
        return Some(Framing::Chunked);
    }
    header(headers, "content-length")?.trim().parse().ok().map(Framing::Length)
}

fn owned(headers: &[httparse::Header<'_>]) -> Headers {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect()
}

fn encode(first: &str, headers: &Headers) -> Bytes {
    let mut head = format!("{first}\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    head.into()
}

fn invalid(error: httparse::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// A reader of heads and bodies.
#[derive(Debug)]
pub(super) struct Reader<R> {
    inner: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, buffer: BytesMut::new() }
    }

    /// Reads a head up to its empty line; `None` at the end of the connection.
    pub(super) async fn head(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                return Ok(Some(self.buffer.split_to(end + 4).freeze()));
            }
            // The beginning of a TLS connection has no such end: whoever tries TLS first waits for an answer.
            if self.buffer.len() > HEAD_MAX_BYTES || self.buffer.first().is_some_and(|byte| !byte.is_ascii_alphabetic())
            {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no HTTP"));
            }
            if self.inner.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Reads at most `limit` bytes; none at the end of the connection.
    async fn some(&mut self, limit: u64) -> io::Result<Bytes> {
        if self.buffer.is_empty() {
            self.buffer.reserve(64 * 1024);
            self.inner.read_buf(&mut self.buffer).await?;
        }
        let count = usize::try_from(limit).unwrap_or(usize::MAX).min(self.buffer.len());
        Ok(self.buffer.split_to(count).freeze())
    }

    async fn line(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                return Ok(self.buffer.split_to(end + 2).freeze());
            }
            if self.buffer.len() > HEAD_MAX_BYTES || self.inner.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Passes a body on with the framing it has, `seen` counting its bytes.
    pub(super) async fn relay<W: Destination>(
        &mut self,
        framing: Framing,
        to: &mut W,
        seen: &mut u64,
    ) -> io::Result<()> {
        match framing {
            Framing::Length(length) => self.relay_exactly(length, to, seen).await,
            Framing::UntilClose => loop {
                let bytes = self.some(u64::MAX).await?;
                if bytes.is_empty() {
                    return Ok(());
                }
                *seen += bytes.len() as u64;
                to.content(bytes).await?;
            },
            Framing::Chunked => loop {
                let line = self.line().await?;
                let size = chunk_size(&line)?;
                to.frame(line).await?;
                if size == 0 {
                    return self.relay_trailers(to).await;
                }
                self.relay_exactly(size, to, seen).await?;
                to.frame(self.line().await?).await?;
            },
        }
    }

    async fn relay_exactly<W: Destination>(&mut self, length: u64, to: &mut W, seen: &mut u64) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            let bytes = self.some(left).await?;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= bytes.len() as u64;
            *seen += bytes.len() as u64;
            to.content(bytes).await?;
        }
        Ok(())
    }

    async fn relay_trailers<W: Destination>(&mut self, to: &mut W) -> io::Result<()> {
        loop {
            let line = self.line().await?;
            let last = line.as_ref() == b"\r\n";
            to.frame(line).await?;
            if last {
                return Ok(());
            }
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn chunk_size(line: &[u8]) -> io::Result<u64> {
    let text = String::from_utf8_lossy(line);
    let digits = text.split([';', '\r']).next().unwrap_or_default().trim();
    u64::from_str_radix(digits, 16).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Where the parts of a body go.
pub(super) trait Destination {
    /// Takes bytes of the body.
    async fn content(&mut self, bytes: Bytes) -> io::Result<()>;
    /// Takes bytes that frame the body.
    async fn frame(&mut self, bytes: Bytes) -> io::Result<()>;
}

/// Writes a body as it came.
pub(super) struct Verbatim<'a, W>(pub(super) &'a mut W);

impl<W: AsyncWrite + Unpin> Destination for Verbatim<'_, W> {
    async fn content(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0.write_all(&bytes).await
    }

    async fn frame(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0.write_all(&bytes).await
    }
}

/// Writes the beginning of a body, and fails where more comes.
pub(super) struct Beginning<'a, W> {
    pub(super) to: &'a mut W,
    pub(super) left: u64,
}

impl<W: AsyncWrite + Unpin> Destination for Beginning<'_, W> {
    async fn content(&mut self, mut bytes: Bytes) -> io::Result<()> {
        let too_many = bytes.len() as u64 > self.left;
        bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= bytes.len() as u64;
        self.to.write_all(&bytes).await?;
        if too_many { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    async fn frame(&mut self, bytes: Bytes) -> io::Result<()> {
        self.to.write_all(&bytes).await
    }
}

/// Keeps a body without its framing.
impl Destination for BytesMut {
    async fn content(&mut self, bytes: Bytes) -> io::Result<()> {
        if self.len() + bytes.len() > BODY_MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the body is too long to be changed"));
        }
        self.extend_from_slice(&bytes);
        Ok(())
    }

    async fn frame(&mut self, _bytes: Bytes) -> io::Result<()> {
        Ok(())
    }
}
