//! Conditions on what is there (RFC 9110 section 13). The entity tag of content is its digest.

use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use oci::Digest;

use crate::error::{ApiError, Code};
use crate::head;
use crate::routes::empty;
use crate::storage::Condition;

/// Most entity tags that the lines of one header may name together.
const TAGS_MAX: usize = 100;

/// What an `If-Match` or `If-None-Match` names.
enum Named {
    /// `*`
    Anything,
    /// Entity tags that are digests. Others name nothing that is here.
    Digests(Vec<Digest>),
}

/// Returns the entity tag of content.
pub(crate) fn entity_tag(digest: &Digest) -> Result<HeaderValue, ApiError> {
    head::entity_tag(digest).map_err(ApiError::internal)
}

/// Returns the answer to a request for content that it does not want to have (304), or that is not what it expects (412).
pub(crate) fn unwanted(headers: &HeaderMap, digest: &Digest) -> Result<Option<Response>, ApiError> {
    let names = |named: &Named| match named {
        Named::Anything => true,
        Named::Digests(digests) => digests.contains(digest),
    };
    if named(headers, IF_MATCH)?.is_some_and(|named| !names(&named)) {
        return Err(ApiError::condition());
    }
    if named(headers, IF_NONE_MATCH)?.is_some_and(|named| names(&named)) {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        response.headers_mut().insert(ETAG, entity_tag(digest)?);
        return Ok(Some(response));
    }
    Ok(None)
}

/// Returns what a request that changes something expects to find.
///
/// # Errors
/// 400 when it names more than is looked at: a condition that is cut short is another condition.
pub(crate) fn expected(headers: &HeaderMap) -> Result<Condition, ApiError> {
    Ok(match (named(headers, IF_MATCH)?, named(headers, IF_NONE_MATCH)?) {
        (Some(Named::Anything), _) => Condition::Something,
        (Some(Named::Digests(digests)), _) => Condition::OneOf(digests),
        (None, Some(Named::Anything)) => Condition::Nothing,
        (None, Some(Named::Digests(digests))) => Condition::NoneOf(digests),
        (None, None) => Condition::None,
    })
}

fn named(headers: &HeaderMap, header: HeaderName) -> Result<Option<Named>, ApiError> {
    let mut found = 0;
    let mut digests = Vec::new();
    let values = headers.get_all(header).iter();
    for entity_tag in values.flat_map(|value| value.to_str().unwrap_or_default().split(',')).map(str::trim) {
        if entity_tag == "*" {
            return Ok(Some(Named::Anything));
        }
        found += 1;
        if found > TAGS_MAX {
            let message = format!("a condition names at most {TAGS_MAX} entity tags");
            return Err(ApiError::bad_request(Code::Unsupported, message));
        }
        let entity_tag = entity_tag.strip_prefix("W/").unwrap_or(entity_tag);
        let text = entity_tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        digests.extend(text.and_then(|text| text.parse::<Digest>().ok()));
    }
    Ok((found > 0).then_some(Named::Digests(digests)))
}
