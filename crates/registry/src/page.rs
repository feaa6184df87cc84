//! Answers that come in pages (RFC 8288, `rel="next"`).

use axum::http::HeaderValue;

use crate::error::{ApiError, Code};
use crate::query::{Query, encode};

/// Returns how many entries are asked for with `n`, at most `limit`.
///
/// # Errors
/// 400 when `n` is not a number.
pub(crate) fn size(query: &Query, limit: usize) -> Result<usize, ApiError> {
    match query.get("n") {
        None => Ok(limit),
        Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(text.parse().map_or(limit, |wanted: usize| wanted.min(limit)))
        }
        Some(_) => Err(ApiError::bad_request(Code::Unsupported, "`n` is not a number")),
    }
}

/// Returns the `Link` to the next page.
pub(crate) fn next(path: &str, parameters: &[(&str, &str)]) -> Result<HeaderValue, ApiError> {
    let query: Vec<String> = parameters.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
    HeaderValue::try_from(format!("<{path}?{}>; rel=\"next\"", query.join("&"))).map_err(ApiError::internal)
}
