//! HTTP/1.1 with one request a connection: either a whole answer comes, or none.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take. A server that hangs must show.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// Whether the body is sent in pieces, without saying how long it is.
    pub(super) is_streamed: bool,
}

/// An answer that came as a whole.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// Nobody took the request.
    Refused,
    /// What came of it is not known.
    Broken,
    /// Nothing came for too long.
    Late,
}

impl Request {
    pub(super) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Vec::new(), is_streamed: false }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    pub(super) fn streamed(mut self) -> Self {
        self.is_streamed = true;
        self
    }

    pub(super) fn send(&self, node: SocketAddr) -> Result<Reply, NoAnswer> {
        let mut stream = TcpStream::connect(node).map_err(|_| NoAnswer::Refused)?;
        let sent = self.write(&mut stream);
        let mut answer = Vec::new();
        // A server that refuses may answer without reading everything.
        let read = stream.read_to_end(&mut answer);
        match (sent, read) {
            (_, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => Err(NoAnswer::Late),
            _ => parse(&answer, self.method == "HEAD").ok_or(NoAnswer::Broken),
        }
    }

    fn write(&self, stream: &mut TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        let mut head = format!("{} {} HTTP/1.1\r\nhost: load\r\nconnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if self.is_streamed {
            write!(stream, "{head}transfer-encoding: chunked\r\n\r\n")?;
            for piece in self.body.chunks(40_000) {
                write!(stream, "{:x}\r\n", piece.len())?;
                stream.write_all(piece)?;
                stream.write_all(b"\r\n")?;
            }
            return stream.write_all(b"0\r\n\r\n");
        }
        write!(stream, "{head}content-length: {}\r\n\r\n", self.body.len())?;
        stream.write_all(&self.body)
    }
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Returns an answer if all of it is there.
fn parse(bytes: &[u8], is_head: bool) -> Option<Reply> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let body = bytes[end + 4..].to_vec();
    let reply = Reply { status, headers, body };
    let length = reply.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    (is_head || reply.body.len() == length).then_some(reply)
}
