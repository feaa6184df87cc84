//! What stands beside `/v2/`: probes and metrics. Nobody is asked who he is there.

use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;

use super::empty;
use crate::observe::{CONTENT_TYPE as METRICS_TYPE, Readiness};

const TEXT: &str = "text/plain; charset=utf-8";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `/livez`: whether the process answers.
    Live,
    /// `/readyz`: whether requests should be sent here.
    Ready,
    /// `/metrics`
    Metrics,
}

impl Operation {
    /// Returns what a path names, if it is one of these.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            "/livez" => Some(Self::Live),
            "/readyz" => Some(Self::Ready),
            "/metrics" => Some(Self::Metrics),
            _ => None,
        }
    }
}

/// Returns the answer to methods that are not for reading, if this is one.
pub(crate) fn refuse(method: &Method) -> Option<Response> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    Some(response)
}

pub(crate) fn live() -> Response {
    text(StatusCode::OK, TEXT, "ok\n".to_owned())
}

pub(crate) fn ready(readiness: Readiness) -> Response {
    let word = |is_well| if is_well { "ok" } else { "no answer" };
    let serving = if readiness.is_draining { "no, it ends" } else { "ok" };
    let body =
        format!("database: {}\nblobs: {}\nserving: {serving}\n", word(readiness.database), word(readiness.blobs));
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    text(status, TEXT, body)
}

pub(crate) fn metrics(body: String) -> Response {
    text(StatusCode::OK, METRICS_TYPE, body)
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = empty(status);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = body.into();
    response
}
