//! A request.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use reqwest::Url;
use store::body::ByteStream;
use store::{BlobBody, Content, Meter, SocketBody};

use super::Gate;
use crate::credentials::Secret;

/// A request.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// On a connection that is shared with nothing else.
    pub(crate) apart: bool,
    /// What is secret in the body.
    pub(crate) secret: Option<Secret>,
    /// Counts the bytes of the body as they move.
    pub(crate) tally: Tally,
    /// What the end of the body waits at.
    pub(crate) gate: Option<Gate>,
    /// How much longer than usual the answer may take, because the other side has work to do before it.
    pub(crate) patience: Duration,
}

impl std::fmt::Debug for Request {
    /// Shows neither the query of the URL nor the header: both may hold what is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("method", &self.method).field("path", &self.url.path()).finish_non_exhaustive()
    }
}

impl Request {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Body::Empty,
            apart: false,
            secret: None,
            tally: Tally::default(),
            gate: None,
            patience: Duration::ZERO,
        }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Tells whether a length is stated even where there is no body: servers wait for one otherwise.
    pub(crate) fn states_length(&self) -> bool {
        self.body.length() > 0 || matches!(self.method, Method::POST | Method::PUT | Method::PATCH)
    }
}

/// The body of a request. Its length is always known.
pub(crate) enum Body {
    Empty,
    Bytes(Bytes),
    File { file: File, offset: u64, length: u64 },
    Socket { socket: Box<SocketBody>, length: u64 },
    Stream { stream: ByteStream, length: u64 },
}

impl Body {
    pub(crate) const fn length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } | Self::Socket { length, .. } | Self::Stream { length, .. } => *length,
        }
    }

    /// Returns the bytes as a stream.
    pub(crate) fn into_stream(self) -> ByteStream {
        match self {
            Self::Empty => futures_util::stream::empty().boxed(),
            Self::Bytes(bytes) => BlobBody::from_bytes(bytes).into_stream(),
            Self::File { file, offset, length } => BlobBody::from_file(file, offset, length).into_stream(),
            Self::Socket { socket, length } => BlobBody { length, content: Content::Socket(*socket) }.into_stream(),
            Self::Stream { stream, .. } => stream,
        }
    }
}

impl From<BlobBody> for Body {
    fn from(body: BlobBody) -> Self {
        let length = body.length;
        match body.content {
            Content::Memory(bytes) => Self::Bytes(bytes),
            Content::File(range) => Self::File { file: range.file, offset: range.offset, length },
            Content::Socket(socket) => Self::Socket { socket: Box::new(socket), length },
            Content::Stream(stream) => Self::Stream { stream, length },
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} bytes)", self.length())
    }
}

/// Counts bytes for a display, and remembers how many this transfer added, so that they can be taken back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    meter: Meter,
    moved: Arc<AtomicU64>,
}

impl Tally {
    pub(crate) fn new(meter: &Meter) -> Self {
        Self { meter: meter.clone(), moved: Arc::default() }
    }

    pub(crate) fn advance(&self, bytes: u64) {
        self.meter.advance(bytes);
        self.moved.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes counted, without those taken back.
    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// Sets the count to `kept`, what the other side has of the bytes counted.
    pub(crate) fn settle(&self, kept: u64) {
        let moved = self.moved.swap(kept, Ordering::Relaxed);
        if moved > kept {
            self.meter.rewind(moved - kept);
        } else {
            self.meter.advance(kept - moved);
        }
    }
}
