//! What came of a question.

use bytes::Bytes;
use http::header::{AsHeaderName, LINK};
use http::{HeaderMap, StatusCode};
use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Digest, Manifest, MediaType};
use reqwest::Url;
use serde::de::DeserializeOwned;
use store::StoreError;

use super::ANSWER_MAX_BYTES;
use crate::exchange::Answer;
use crate::syntax::complaint::Complaint;
use crate::syntax::{link, location};

/// What came of a question.
pub(super) struct Reply {
    /// What was asked, for people.
    asked: String,
    /// What was answered; else why there is no answer.
    answered: Result<Answered, String>,
}

struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    url: Option<Url>,
    body: Bytes,
    complaint: Complaint,
}

impl Reply {
    /// Reads an answer. That something was denied is one, too.
    pub(super) async fn of(asked: String, outcome: Result<Answer, StoreError>) -> Self {
        let answer = match outcome {
            Ok(answer) => answer,
            Err(StoreError::Denied { .. }) => {
                let (headers, body, complaint) = (HeaderMap::new(), Bytes::new(), Complaint::default());
                let answered = Answered { status: StatusCode::UNAUTHORIZED, headers, url: None, body, complaint };
                return Self { asked, answered: Ok(answered) };
            }
            Err(error) => return Self::none(&asked, &error),
        };
        let (status, headers, url, shown) =
            (answer.status, answer.headers.clone(), Some(answer.url.clone()), answer.shown.clone());
        let body = match answer.read_any(ANSWER_MAX_BYTES).await {
            Ok(body) => body.unwrap_or_default(),
            Err(_) => return Self { asked, answered: Err("its answer broke".to_owned()) },
        };
        let complaint = if status.is_success() {
            Complaint::default()
        } else {
            Complaint::parse(&body).map(|text| shown.hide(text))
        };
        Self { asked, answered: Ok(Answered { status, headers, url, body, complaint }) }
    }

    /// Returns one without an answer.
    pub(super) fn none(asked: &str, error: &StoreError) -> Self {
        Self { asked: asked.to_owned(), answered: Err(error.to_string()) }
    }

    pub(super) fn status(&self) -> Option<u16> {
        Some(self.answered.as_ref().ok()?.status.as_u16())
    }

    pub(super) fn is_success(&self) -> bool {
        self.answered.as_ref().is_ok_and(|answered| answered.status.is_success())
    }

    /// Tells whether it says no: a status that speaks of the request, and not of credentials or of a bad day.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.status(), Some(400 | 404..=407 | 409..=424 | 426..=428 | 430..=499 | 501))
    }

    /// Tells whether it is a denial.
    pub(super) fn is_denial(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    pub(super) fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.answered.as_ref().ok()?.headers.get(name)?.to_str().ok()
    }

    /// Returns the headers, if there are any.
    pub(super) fn headers(&self) -> Option<&HeaderMap> {
        Some(&self.answered.as_ref().ok()?.headers)
    }

    /// Returns who answered, after redirects.
    pub(super) fn url(&self) -> Option<&Url> {
        self.answered.as_ref().ok()?.url.as_ref()
    }

    /// Returns the body of a success.
    fn body(&self) -> Option<&Bytes> {
        self.answered.as_ref().ok().filter(|answered| answered.status.is_success()).map(|answered| &answered.body)
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(self.body()?).ok()
    }

    /// Returns the manifest that a success holds, where it is one of this type and under this name.
    pub(super) fn manifest(&self, stated: Option<&MediaType>, name: Option<&Digest>) -> Option<Manifest> {
        let body = self.body().filter(|body| body.len() <= MANIFEST_MAX_BYTES)?;
        Manifest::parse(body.clone(), stated, name).ok()
    }

    /// Tells whether it names a next page.
    pub(super) fn has_next(&self) -> bool {
        self.header(LINK).and_then(link::next).is_some()
    }

    /// Returns the next page that it names, where that is at the same registry.
    pub(super) fn next(&self) -> Option<Url> {
        let url = self.url()?;
        let next = location::resolve(url, link::next(self.header(LINK)?)?).ok()?;
        location::same_origin(url, &next).then_some(next)
    }

    /// Returns where `Location` leads.
    pub(super) fn location(&self) -> Option<Url> {
        location::resolve(self.url()?, self.header(http::header::LOCATION)?).ok()
    }
}

impl std::fmt::Display for Reply {
    /// What was asked and what was answered, on one line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.answered {
            Err(reason) => write!(f, "{}: {reason}", self.asked),
            Ok(answered) if answered.complaint.is_empty() => {
                write!(f, "{} answered {}", self.asked, answered.status.as_u16())
            }
            Ok(answered) => write!(f, "{} answered {}: {}", self.asked, answered.status.as_u16(), answered.complaint),
        }
    }
}
