//! What the fuzz targets reach of what is private: parsers of bytes from outside, each with a way back where there is one.

use axum::http::{HeaderMap, StatusCode};
use oci::Digest;

pub use crate::access::fuzzing::{Caller, caller, open, seal};
pub use crate::storage::fuzzing::{entry, place, sealed, segment};

use crate::conditions;

/// Returns whether a change may be made to what is there, as its conditions say; the status of the answer where they cannot be read.
///
/// # Errors
/// The status.
pub fn is_expected(headers: &HeaderMap, current: Option<&Digest>) -> Result<bool, StatusCode> {
    let expected = conditions::expected(headers).map_err(|error| error.status)?;
    Ok(expected.holds(current))
}

/// Returns the status of the answer to a request for content, where its conditions do not want that.
///
/// # Errors
/// The status, too, where the answer is an error.
pub fn unwanted(headers: &HeaderMap, digest: &Digest) -> Result<Option<StatusCode>, StatusCode> {
    let unwanted = conditions::unwanted(headers, digest).map_err(|error| error.status)?;
    Ok(unwanted.map(|response| response.status()))
}
