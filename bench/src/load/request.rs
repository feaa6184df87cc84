//! Requests, put together before they are sent.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Part;

/// Kinds of manifests that are asked for: all that registries know.
pub const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";

/// A request as bytes, and the status that is expected. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Request {
    /// The first line, for messages.
    line: Arc<str>,
    parts: Arc<[Part]>,
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
        body: &[Part],
    ) -> Self {
        let length: usize = body.iter().map(Part::length).sum();
        let length = format!("Content-Length: {length}");
        Self::assemble(method, address, path, &[headers, &[&length]].concat(), expected, body)
    }

    fn assemble(method: &str, address: SocketAddr, path: &str, headers: &[&str], expected: u16, body: &[Part]) -> Self {
        let line = format!("{method} {path} HTTP/1.1");
        let mut head = format!("{line}\r\nHost: {address}\r\nAccept: {ACCEPT}\r\n");
        for line in headers {
            // Writing to a text does not fail.
            let _ = write!(head, "{line}\r\n");
        }
        head.push_str("\r\n");
        let parts = std::iter::once(Part::new(head.into_bytes())).chain(body.iter().cloned()).collect();
        Self { line: line.into(), parts, expected, head_only: method == "HEAD" }
    }

    /// Returns what is to be sent, in order.
    pub(super) fn parts(&self) -> &[Part] {
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
        self.line.to_string()
    }
}
