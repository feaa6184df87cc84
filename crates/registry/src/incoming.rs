//! The body of a request.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::body::HttpBody as _;
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use axum::http::{HeaderMap, StatusCode};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;

use crate::error::{ApiError, Code};
use crate::memory::Share;
use crate::observe::Counts;

/// Most bytes read of a body that nobody wants.
const DRAIN_MAX_BYTES: u64 = 8 * 1024 * 1024;

/// How many times the idle timeout a body may take that is collected in memory.
const COLLECT_TIMEOUTS: u32 = 5;

/// The body of a request, read with a limit on how long it may bring nothing.
pub(crate) struct Incoming {
    body: Body,
    idle_timeout: Duration,
    length: Option<u64>,
    state: State,
    share: Share,
    received: u64,
    counts: Arc<Counts>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The client waits for leave to send the body (`Expect: 100-continue`); reading grants it.
    Expected,
    Flowing,
    Ended,
}

impl Incoming {
    pub(crate) fn new(
        body: Body,
        headers: &HeaderMap,
        idle_timeout: Duration,
        share: Share,
        counts: &Arc<Counts>,
    ) -> Self {
        let state = match headers.contains_key(EXPECT) {
            _ if body.is_end_stream() => State::Ended,
            true => State::Expected,
            false => State::Flowing,
        };
        let length =
            headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
        Self { body, idle_timeout, length, state, share, received: 0, counts: Arc::clone(counts) }
    }

    /// Returns how many bytes have been read.
    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    /// Returns the number of bytes announced by `Content-Length`. The HTTP server below makes sure that no more come.
    pub(crate) const fn announced(&self) -> Option<u64> {
        self.length
    }

    /// Returns the next bytes, at least one, or `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        while self.state != State::Ended {
            self.state = State::Flowing;
            match tokio::time::timeout(self.idle_timeout, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data()
                        && !bytes.is_empty()
                    {
                        self.received += bytes.len() as u64;
                        self.counts.received.add(bytes.len() as u64);
                        return Ok(Some(bytes));
                    }
                }
                Ok(None) => self.state = State::Ended,
                Ok(Some(Err(_))) => {
                    self.state = State::Ended;
                    return Err(ApiError::bad_request(Code::SizeInvalid, "the body broke off"));
                }
                Err(_) => {
                    self.state = State::Ended;
                    return Err(too_slow("the body brought nothing for too long"));
                }
            }
        }
        Ok(None)
    }

    /// Returns the whole body, which may have `limit` bytes. It counts as long as this lives.
    ///
    /// # Errors
    /// 413 when it has more, 503 when there is no room for it at the moment, and what [`Incoming::chunk`] says.
    pub(crate) async fn collect(&mut self, limit: usize) -> Result<Bytes, ApiError> {
        if self.length.is_some_and(|length| length > limit as u64) {
            return Err(ApiError::too_large(limit as u64));
        }
        let most = self.idle_timeout.saturating_mul(COLLECT_TIMEOUTS);
        let collected = tokio::time::timeout(most, self.collect_in_time(limit)).await;
        collected.unwrap_or_else(|_| {
            self.state = State::Ended;
            Err(too_slow("the body took too long"))
        })
    }

    async fn collect_in_time(&mut self, limit: usize) -> Result<Bytes, ApiError> {
        let mut all = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            let length = all.len() + chunk.len();
            if length > limit {
                return Err(ApiError::too_large(limit as u64));
            }
            if !self.share.grow(length) {
                return Err(ApiError::unavailable("there is no memory for another large body"));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    /// Reads what is left, within a limit, while the client gets its answer: one whose connection is closed while it still
    /// writes may never see the answer (RFC 9112 section 9.6).
    pub(crate) fn drain(mut self) {
        if self.state != State::Flowing {
            return;
        }
        tokio::spawn(async move {
            let mut left = DRAIN_MAX_BYTES;
            while left > 0
                && let Ok(Some(chunk)) = self.chunk().await
            {
                left = left.saturating_sub(chunk.len() as u64);
            }
        });
    }
}

fn too_slow(message: &str) -> ApiError {
    ApiError::new(StatusCode::REQUEST_TIMEOUT, Code::SizeInvalid, message)
}
