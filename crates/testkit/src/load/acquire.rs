//! Getting a blob into a repository, in one of the ways there are.

use std::time::Instant;

use oci::Digest;

use super::SHARED;
use super::client::Client;
use super::http::{Reply, Request};
use super::pool::{Content, below, percent};
use super::world::own;

/// How often an upload is taken up again.
const TRIES_MAX: usize = 8;

impl Client {
    /// Gets a blob into a repository. Returns since when it must be there at the latest; `None` when that is not known.
    pub(super) fn acquire(&mut self, repository: &str, content: &Content) -> Option<Instant> {
        let since = Instant::now();
        let is_there = match self.seed.next() % 6 {
            0 if self.has_blob(repository, &content.digest)? => true,
            0 | 1 => self.post(repository, content)?,
            2 => self.mount(repository, content)?,
            3 => {
                let location = self.begin(repository)?;
                self.close(&location, content, &content.bytes)?
            }
            4 => self.chunks(repository, content, false)?,
            _ => self.chunks(repository, content, true)?,
        };
        if is_there {
            self.at(repository).deleted.remove(&content.digest);
        }
        is_there.then_some(since)
    }

    fn has_blob(&mut self, repository: &str, digest: &Digest) -> Option<bool> {
        let reply = self.send(&Request::new("HEAD", format!("/v2/{repository}/blobs/{digest}")))?;
        self.expect(&reply, &[200, 404], "HEAD of a blob");
        Some(reply.status == 200)
    }

    fn post(&mut self, repository: &str, content: &Content) -> Option<bool> {
        let path = format!("/v2/{repository}/blobs/uploads/?digest={}", content.digest);
        let request = Request::new("POST", path).body(&content.bytes);
        let request = if percent(&mut self.seed, 30) { request.streamed() } else { request };
        let reply = self.send(&request)?;
        self.expect(&reply, &[201], "POST of a blob");
        Some(reply.status == 201)
    }

    fn mount(&mut self, repository: &str, content: &Content) -> Option<bool> {
        let other = u64::try_from(below(&mut self.seed, 4)).unwrap_or(0);
        let from = if percent(&mut self.seed, 50) { SHARED.to_owned() } else { own(other) };
        let path = format!("/v2/{repository}/blobs/uploads/?mount={}&from={from}", content.digest);
        let reply = self.send(&Request::new("POST", path))?;
        self.expect(&reply, &[201, 202], "mount");
        match reply.header("location").map(str::to_owned) {
            Some(location) if reply.status == 202 => self.close(&location, content, &content.bytes),
            _ => Some(reply.status == 201),
        }
    }

    fn begin(&mut self, repository: &str) -> Option<String> {
        let reply = self.send(&Request::new("POST", format!("/v2/{repository}/blobs/uploads/")))?;
        self.expect(&reply, &[202], "begin of an upload");
        reply.header("location").map(str::to_owned)
    }

    fn close(&mut self, location: &str, content: &Content, rest: &[u8]) -> Option<bool> {
        let reply = self.send(&Request::new("PUT", format!("{location}?digest={}", content.digest)).body(rest))?;
        // Of several nodes one that was killed may have held it.
        let expected: &[u16] = if self.shared.settings.nodes.len() > 1 { &[201, 404, 416] } else { &[201] };
        self.expect(&reply, expected, "end of an upload");
        Some(reply.status == 201)
    }

    /// Sends a blob in two or three pieces, and goes on where the server says it is when an answer does not come.
    fn chunks(&mut self, repository: &str, content: &Content, is_streamed: bool) -> Option<bool> {
        let location = self.begin(repository)?;
        let size = content.bytes.len();
        let step = size.div_ceil(3).max(1);
        let (mut acknowledged, mut tries) = (0, 0);
        while acknowledged < size && tries < TRIES_MAX {
            let end = (acknowledged + step).min(size);
            let piece = &content.bytes[acknowledged..end];
            let request = Request::new("PATCH", &location).body(piece);
            let request = if is_streamed {
                request.streamed()
            } else {
                request.header("content-range", format!("{acknowledged}-{}", end - 1))
            };
            match self.send(&request) {
                Some(reply) if reply.status == 202 => acknowledged = end,
                Some(reply) => {
                    self.expect(&reply, self.interrupted(), "PATCH");
                    return Some(false);
                }
                None => {
                    tries += 1;
                    acknowledged = self.resume(&location, acknowledged, end)?;
                }
            }
        }
        if acknowledged < size { Some(false) } else { self.close(&location, content, &[]) }
    }

    /// Asks how far an upload has come.
    fn resume(&mut self, location: &str, acknowledged: usize, sent: usize) -> Option<usize> {
        let reply = self.send(&Request::new("GET", location))?;
        if reply.status != 204 {
            self.expect(&reply, self.interrupted(), "GET of an upload");
            return None;
        }
        let last: usize = reply.header("range")?.split_once('-')?.1.parse().ok()?;
        let received = if last == 0 { 0 } else { last + 1 };
        if received < acknowledged || received > sent {
            self.violation(&format!("{location} has {received} bytes; {acknowledged} were acknowledged, {sent} sent"));
        }
        Some(received)
    }

    /// Returns what an upload may be answered with beside success: of several nodes, one that was killed may have held it.
    fn interrupted(&self) -> &'static [u16] {
        if self.shared.settings.nodes.len() > 1 { &[404, 416] } else { &[] }
    }

    pub(super) fn expect(&self, reply: &Reply, statuses: &[u16], what: &str) {
        if !statuses.contains(&reply.status) {
            let body = String::from_utf8_lossy(&reply.body);
            self.violation(&format!("{what} was answered with {}: {body}", reply.status));
        }
    }
}
