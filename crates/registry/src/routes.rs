//! The handlers, one module for each kind of resource.

pub(crate) mod blobs;
pub(crate) mod extensions;
pub(crate) mod history;
pub(crate) mod holds;
pub(crate) mod manifests;
pub(crate) mod mount;
pub(crate) mod operations;
pub(crate) mod referrers;
pub(crate) mod tags;
pub(crate) mod uploads;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use oci::Digest;

use crate::error::ApiError;

/// The digest of what a response holds or what a request has made (distribution-spec, "Pulling manifests").
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Returns a response without a body.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Returns a response with a JSON document.
pub(crate) fn json(document: String) -> Response {
    let mut response = empty(StatusCode::OK);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(document.len()));
    *response.body_mut() = Body::from(document);
    response
}

/// Returns the value of a header that holds a digest.
pub(crate) fn digest_value(digest: &Digest) -> Result<HeaderValue, ApiError> {
    HeaderValue::try_from(digest.to_string()).map_err(ApiError::internal)
}

/// Returns the response to the making of `digest`, which is at `location` now.
pub(crate) fn created(location: &str, digest: &Digest) -> Result<Response, ApiError> {
    let mut response = empty(StatusCode::CREATED);
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::try_from(location).map_err(ApiError::internal)?);
    headers.insert(CONTENT_DIGEST, digest_value(digest)?);
    Ok(response)
}
