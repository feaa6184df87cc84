//! The answer to a request: its header, and its body still on the way.

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION};
use http::{HeaderMap, StatusCode};
use oci::MediaType;
use reqwest::Url;

use super::pace::Pace;
use super::{Failure, Shown};
use crate::direct;
use crate::syntax::location;

/// Most bytes of a body nobody wants that are read so that its connection can be used again.
const DISCARD_MAX_BYTES: usize = 64 * 1024;

/// An answer. Dropping it closes the connection unless the body has been read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// What was asked, after redirects.
    pub(crate) url: Url,
    /// What the request has shown.
    pub(crate) shown: Shown,
    pub(crate) body: AnswerBody,
}

/// The body of an answer.
pub(crate) enum AnswerBody {
    Empty,
    /// It was to be read ahead and has more bytes than that may take.
    Excessive,
    /// Bytes that were read too early, and what follows them.
    Ahead(Bytes, Box<AnswerBody>),
    Direct(direct::Body),
    Tls {
        response: reqwest::Response,
        pace: Pace,
    },
}

impl std::fmt::Debug for Answer {
    /// Shows neither the URL nor the header, nor the body: all of them may hold what is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Answer {
    /// Returns a header field as text.
    pub(crate) fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the length that the header states.
    pub(crate) fn stated_length(&self) -> Option<u64> {
        let text = self.header(CONTENT_LENGTH)?;
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
    }

    /// Returns the media type without its parameters.
    pub(crate) fn media_type(&self) -> Option<MediaType> {
        MediaType::from_content_type(self.header(CONTENT_TYPE)?).ok()
    }

    /// Tells whether it is a web page, as of a login or of a proxy in between.
    pub(crate) fn is_page(&self) -> bool {
        self.media_type().is_some_and(|media_type| media_type.as_str() == "text/html")
    }

    /// Returns the digest that a header states, where it is one that we read.
    pub(crate) fn digest(&self, name: &HeaderName) -> Option<oci::Digest> {
        self.header(name)?.trim().parse().ok()
    }

    /// Returns where `Location` leads.
    pub(crate) fn location(&self) -> Result<Url, Failure> {
        let target = self.header(LOCATION).ok_or_else(|| Failure::Protocol("it names no location".to_owned()))?;
        location::resolve(&self.url, target).map_err(|error| Failure::Protocol(error.to_string()))
    }

    /// Returns the next bytes of the body, `None` after the last.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        if let AnswerBody::Ahead(bytes, rest) = &mut self.body {
            let bytes = std::mem::take(bytes);
            self.body = std::mem::replace(rest, AnswerBody::Empty);
            return Ok(Some(bytes));
        }
        match &mut self.body {
            AnswerBody::Empty | AnswerBody::Excessive | AnswerBody::Ahead(..) => Ok(None),
            AnswerBody::Direct(body) => body.chunk().await,
            AnswerBody::Tls { response, pace } => {
                let length = |chunk: &reqwest::Result<Option<Bytes>>| {
                    chunk.as_ref().ok().and_then(Option::as_ref).map_or(0, Bytes::len)
                };
                let chunk = pace.wait(response.chunk(), length).await?;
                chunk.map_err(|error| Failure::Broken(error.without_url().into()))
            }
        }
    }

    /// Adds the next bytes of the body to a buffer, at most so many. Returns how many, `None` after the last.
    pub(crate) async fn chunk_into(&mut self, to: &mut Vec<u8>, at_most: usize) -> Result<Option<usize>, Failure> {
        if let AnswerBody::Direct(body) = &mut self.body
            && body.length().is_some()
        {
            return body.chunk_into(to, at_most).await;
        }
        let Some(mut chunk) = self.chunk().await? else { return Ok(None) };
        let rest = chunk.split_off(chunk.len().min(at_most));
        if !rest.is_empty() {
            self.unread(rest);
        }
        to.extend_from_slice(&chunk);
        Ok(Some(chunk.len()))
    }

    /// Puts bytes back that were read too early.
    pub(crate) fn unread(&mut self, bytes: Bytes) {
        let rest = std::mem::replace(&mut self.body, AnswerBody::Empty);
        self.body = AnswerBody::Ahead(bytes, Box::new(rest));
    }

    /// Puts bytes back that were read too early, where a body of its own connection stays one.
    pub(crate) fn put_back(&mut self, bytes: Bytes) {
        let is_back = if let AnswerBody::Direct(body) = &mut self.body { body.put_back(&bytes) } else { false };
        if !is_back {
            self.unread(bytes);
        }
    }

    /// Reads the body. `None` when it has more than `limit` bytes. One that repeats a credential of the request is a failure: whatever
    /// is wrong with it would be told with what it says.
    pub(crate) async fn read(self, limit: usize) -> Result<Option<Bytes>, Failure> {
        let shown = self.shown.clone();
        match self.read_any(limit).await? {
            Some(body) if shown.is_repeated_in(&body) => {
                Err(Failure::Protocol("it repeats the credentials that it was shown".to_owned()))
            }
            body => Ok(body),
        }
    }

    /// As [`Answer::read`], whatever the body repeats.
    pub(crate) async fn read_any(mut self, limit: usize) -> Result<Option<Bytes>, Failure> {
        let too_long = self.stated_length().is_some_and(|length| length > limit as u64);
        if too_long || matches!(self.body, AnswerBody::Excessive) {
            return Ok(None);
        }
        let Some(first) = self.chunk().await? else { return Ok(Some(Bytes::new())) };
        // Most bodies come in one piece, which then needs no copy.
        let mut all: Option<BytesMut> = None;
        let mut length = first.len();
        while let Some(chunk) = self.chunk().await? {
            length += chunk.len();
            if length > limit {
                return Ok(None);
            }
            all.get_or_insert_with(|| BytesMut::from(&first[..])).extend_from_slice(&chunk);
        }
        if length > limit {
            return Ok(None);
        }
        Ok(Some(all.map_or(first, BytesMut::freeze)))
    }

    /// Reads the body now, so that [`Answer::read`] with the same limit cannot fail any more.
    pub(crate) async fn read_ahead(self, limit: usize) -> Result<Self, Failure> {
        let (status, headers, url, shown) = (self.status, self.headers.clone(), self.url.clone(), self.shown.clone());
        let body = match self.read(limit).await? {
            Some(bytes) if bytes.is_empty() => AnswerBody::Empty,
            Some(bytes) => AnswerBody::Ahead(bytes, Box::new(AnswerBody::Empty)),
            None => AnswerBody::Excessive,
        };
        Ok(Self { status, headers, url, shown, body })
    }

    /// Returns the answer without its body.
    pub(crate) fn without_body(status: StatusCode, headers: HeaderMap, url: Url) -> Self {
        Self { status, headers, url, shown: Shown::default(), body: AnswerBody::Empty }
    }

    /// Reads a short body away, so that the connection can be used again.
    pub(crate) async fn discard(self) {
        // That it could not be read hurts nobody: the connection is closed then.
        let _ = self.read(DISCARD_MAX_BYTES).await;
    }
}
