//! Requests, put together before they are sent.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

/// Kinds of manifests that are asked for: all that registries know.
pub const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";

/// A request as bytes, and the status that is expected. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Request {
    parts: Arc<[Arc<[u8]>]>,
    expected: u16,
    /// The answer says how long a body would be, and brings none.
    head_only: bool,
}

impl Request {
    /// Returns a request without a body. `path` begins with a slash; `headers` are whole lines.
    pub fn new(method: &str, address: SocketAddr, path: &str, headers: &[&str], expected: u16) -> Self {
        Self::assemble(method, address, path, headers, expected, &[])
    }

    /// Returns a request with a body in parts, which are shared and not copied.
    pub fn with_body(
        method: &str,
        address: SocketAddr,
        path: &str,
        headers: &[&str],
        expected: u16,
        body: &[Arc<[u8]>],
    ) -> Self {
        let length: usize = body.iter().map(|part| part.len()).sum();
        let length = format!("Content-Length: {length}");
        Self::assemble(method, address, path, &[headers, &[&length]].concat(), expected, body)
    }

    fn assemble(
        method: &str,
        address: SocketAddr,
        path: &str,
        headers: &[&str],
        expected: u16,
        body: &[Arc<[u8]>],
    ) -> Self {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {ACCEPT}\r\n");
        for line in headers {
            // Writing to a text does not fail.
            let _ = write!(head, "{line}\r\n");
        }
        head.push_str("\r\n");
        let head: Arc<[u8]> = head.into_bytes().into();
        let parts = std::iter::once(head).chain(body.iter().cloned()).collect();
        Self { parts, expected, head_only: method == "HEAD" }
    }

    /// Returns what is to be sent, in order.
    pub(super) fn parts(&self) -> &[Arc<[u8]>] {
        &self.parts
    }

    pub(super) const fn expected(&self) -> u16 {
        self.expected
    }

    pub(super) const fn head_only(&self) -> bool {
        self.head_only
    }

    /// Returns the first line, for messages.
    pub(super) fn line(&self) -> String {
        let head = self.parts.first().map_or(&[][..], |head| head);
        let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
        String::from_utf8_lossy(line).into_owned()
    }
}
