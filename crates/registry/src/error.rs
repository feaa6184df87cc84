//! What a request is answered with when it is refused (distribution-spec, "Error Codes").

use std::error::Error;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use oci::{Digest, ManifestError, RepositoryName, Tag};
use serde_json::{Value, json};
use store::StoreError;

use crate::query::QueryError;
use crate::quota::Exceeded;
use crate::route::RouteError;
use crate::storage::{Refused, StorageError};

/// Most missing descriptors that one answer names.
const MISSING_MAX: usize = 100;

/// Seconds after which a client may try again what the server could not do.
const UNAVAILABLE_SECONDS: u32 = 5;

/// The `code` of an error. The specification allows no others, except that a failure of the server has none there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    Denied,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    SizeInvalid,
    Unauthorized,
    Unsupported,
    TooManyRequests,
    Unknown,
}

impl Code {
    const fn as_str(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::Denied => "DENIED",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::SizeInvalid => "SIZE_INVALID",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Unsupported => "UNSUPPORTED",
            Self::TooManyRequests => "TOOMANYREQUESTS",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// A request that is refused: status, headers and the entries of the body.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    entries: Vec<Value>,
    /// What the operator should know and the caller should not.
    pub(crate) cause: Option<Box<dyn Error + Send + Sync>>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            entries: vec![json!({ "code": code.as_str(), "message": message.into() })],
            cause: None,
        }
    }

    pub(crate) fn bad_request(code: Code, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// Adds what a program can use to resolve the matter.
    #[must_use]
    pub(crate) fn detail(mut self, detail: impl Into<Value>) -> Self {
        if let Some(Value::Object(entry)) = self.entries.last_mut() {
            entry.insert("detail".to_owned(), detail.into());
        }
        self
    }

    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    pub(crate) fn blob_unknown(digest: &Digest) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::BlobUnknown, "the repository does not have this blob")
            .detail(json!({ "digest": digest }))
    }

    pub(crate) fn manifest_unknown(name: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::ManifestUnknown, "the repository does not have this manifest")
            .detail(json!({ "name": name.to_string() }))
    }

    /// A tag that was not there at a time, or a move that it never made.
    pub(crate) fn not_then(tag: &Tag, when: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::ManifestUnknown, format!("the tag {tag} named nothing {when}"))
            .detail(json!({ "tag": tag }))
    }

    /// A tag of which a move is lost, so that nobody knows what it named at a time.
    pub(crate) fn lost_then(tag: &Tag, when: &str) -> Self {
        let message = format!("nobody knows what the tag {tag} named {when}: a move of it is lost");
        Self::new(StatusCode::NOT_FOUND, Code::ManifestUnknown, message).detail(json!({ "tag": tag, "lost": true }))
    }

    /// A manifest that a tag named once, and that is gone.
    pub(crate) fn gone(tag: &Tag, digest: &Digest) -> Self {
        let message = format!("the tag {tag} named {digest} then, which the repository does not have any more");
        Self::new(StatusCode::GONE, Code::ManifestUnknown, message).detail(json!({ "tag": tag, "digest": digest }))
    }

    pub(crate) fn name_unknown(name: &RepositoryName) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::NameUnknown, "there is no such repository")
            .detail(json!({ "name": name }))
    }

    pub(crate) fn upload_unknown() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            Code::BlobUploadUnknown,
            "there is no such upload: it was completed, cancelled, abandoned for too long, or never begun",
        )
    }

    /// More bytes than are taken.
    pub(crate) fn too_large(limit: u64) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            Code::SizeInvalid,
            format!("more than {limit} bytes, which is the limit here"),
        )
    }

    pub(crate) fn too_many(message: &str, seconds: u32) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyRequests, message)
            .header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub(crate) fn wrong_digest(expected: &Digest, found: &Digest) -> Self {
        Self::bad_request(Code::DigestInvalid, "the content is not what its digest says")
            .detail(json!({ "expected": expected, "found": found }))
    }

    /// Descriptors of a manifest whose content is not here.
    pub(crate) fn missing_content(missing: &[Digest]) -> Self {
        let entry = |digest: &Digest| {
            json!({
                "code": Code::ManifestBlobUnknown.as_str(),
                "message": "the manifest names content that the repository does not have",
                "detail": { "digest": digest },
            })
        };
        Self {
            status: StatusCode::BAD_REQUEST,
            headers: HeaderMap::new(),
            entries: missing.iter().take(MISSING_MAX).map(entry).collect(),
            cause: None,
        }
    }

    /// More than a quota allows.
    pub(crate) fn quota(exceeded: &Exceeded) -> Self {
        let mut quota = json!({ "of": exceeded.counted.word(), "limit": exceeded.limit });
        if let (Some(namespace), Value::Object(quota)) = (&exceeded.namespace, &mut quota) {
            quota.insert("namespace".to_owned(), namespace.as_str().into());
        }
        Self::new(StatusCode::FORBIDDEN, Code::Denied, format!("this is more than is allowed: {exceeded}"))
            .detail(json!({ "quota": quota }))
    }

    /// What was there was not as the request demands (RFC 9110 section 13).
    pub(crate) fn condition() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, Code::Denied, "what is there is not what the request expects")
    }

    pub(crate) fn method(allowed: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unsupported, "this is not done here")
            .header(axum::http::header::ALLOW, HeaderValue::from_static(allowed))
    }

    /// The server's own failure.
    pub(crate) fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let mut error = Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Unknown, "the server failed");
        error.cause = Some(cause.into());
        error
    }

    /// The server cannot do it at the moment, and has done nothing.
    pub(crate) fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..Self::unavailable_without_cause() }
    }

    /// As [`ApiError::unavailable`], where the operator has heard why.
    pub(crate) fn unavailable_without_cause() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Unknown, "the server cannot do that at the moment")
            .header(RETRY_AFTER, HeaderValue::from(UNAVAILABLE_SECONDS))
    }

    pub(crate) fn into_response(self) -> Response {
        let body = json!({ "errors": self.entries }).to_string();
        let mut headers = self.headers;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

impl From<StoreError> for ApiError {
    /// What a store fails at while it serves is the server's failure, also when its content turns out to be damaged: what
    /// came from the caller has been checked before it reached the store.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unsupported { .. } => {
                Self::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unsupported, "this repository cannot do that")
            }
            error => Self::internal(error),
        }
    }
}

impl From<StorageError> for ApiError {
    /// Where it is certain that nothing was done, the client is asked to come again.
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unavailable(_) | StorageError::Late => Self::unavailable(error),
            error => Self::internal(error),
        }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Missing(missing) => Self::missing_content(&missing),
            Refused::Size { digest, stated, found } => {
                let message = "the manifest names content with another size than it has";
                let detail = json!({ "digest": digest, "stated": stated, "found": found });
                Self::bad_request(Code::ManifestInvalid, message).detail(detail)
            }
            Refused::Condition => Self::condition(),
            Refused::Permission => Self::new(StatusCode::FORBIDDEN, Code::Denied, "this is not allowed"),
            // Not 409: clients take that for a race and try again.
            Refused::Immutable { tag, digest } => {
                let message = format!("the tag {tag} is immutable: it names {digest} and is neither moved nor removed");
                Self::new(StatusCode::FORBIDDEN, Code::Denied, message).detail(json!({ "tag": tag, "digest": digest }))
            }
            Refused::Quota(exceeded) => Self::quota(&exceeded),
            Refused::Held { digest, reason } => {
                let message = format!("a legal hold is on {digest}: {reason}");
                let detail = json!({ "hold": { "digest": digest, "reason": reason } });
                Self::new(StatusCode::FORBIDDEN, Code::Denied, message).detail(detail)
            }
        }
    }
}

impl From<ManifestError> for ApiError {
    fn from(error: ManifestError) -> Self {
        let (status, code) = match &error {
            ManifestError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, Code::SizeInvalid),
            ManifestError::Digest(_) => (StatusCode::BAD_REQUEST, Code::DigestInvalid),
            _ => (StatusCode::BAD_REQUEST, Code::ManifestInvalid),
        };
        match error.source() {
            Some(source) => Self::new(status, code, format!("{error}: {source}")),
            None => Self::new(status, code, error.to_string()),
        }
    }
}

impl From<RouteError> for ApiError {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::Unknown => Self::new(StatusCode::NOT_FOUND, Code::Unsupported, "there is no such endpoint"),
            RouteError::Name(error) => Self::bad_request(Code::NameInvalid, error.to_string()),
            RouteError::Digest(error) => Self::bad_request(Code::DigestInvalid, error.to_string()),
            RouteError::Tag(error) => Self::bad_request(Code::ManifestInvalid, error.to_string()),
            RouteError::Upload => Self::upload_unknown(),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Encoding => Self::bad_request(Code::Unsupported, "the query cannot be decoded"),
            QueryError::TooMany => {
                Self::new(StatusCode::URI_TOO_LONG, Code::Unsupported, "the query has too many parameters")
            }
        }
    }
}
