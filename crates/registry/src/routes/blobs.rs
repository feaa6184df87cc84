//! Blobs: GET with ranges, HEAD, DELETE (distribution-spec end-2, end-10).

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use oci::Digest;

use crate::conditions;
use crate::context::Context;
use crate::error::{ApiError, Code};
use crate::head::ContentHead;
use crate::outgoing;
use crate::range::Requested;
use crate::routes::{CONTENT_DIGEST, empty};
use crate::storage::StoredBlob;

pub(crate) async fn get(context: &Context<'_>, digest: &Digest) -> Result<Response, ApiError> {
    let blob = stored(context, digest).await?;
    if let Some(unwanted) = conditions::unwanted(context.headers, digest)? {
        return Ok(unwanted);
    }
    let size = blob.size;
    let (status, first, length) = match requested(context, size) {
        Requested::Whole => (StatusCode::OK, 0, size),
        Requested::Part { first, last } => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Requested::Unsatisfiable => {
            let error =
                ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, Code::SizeInvalid, "the blob has no such bytes");
            let range = HeaderValue::try_from(format!("bytes */{size}")).map_err(ApiError::internal)?;
            return Err(error.header(CONTENT_RANGE, range));
        }
    };
    // It may have been deleted since.
    let rest = context.storage().open_blob(&context.name, digest, &blob, first).await?;
    let rest = rest.ok_or_else(|| ApiError::blob_unknown(digest))?;
    let mut response = found(&blob.head, length);
    *response.status_mut() = status;
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {first}-{}/{size}", first + length - 1);
        response.headers_mut().insert(CONTENT_RANGE, HeaderValue::try_from(range).map_err(ApiError::internal)?);
    }
    *response.body_mut() = if length == 0 { Body::empty() } else { outgoing::body(rest, length, context.outlet) };
    Ok(response)
}

pub(crate) async fn head(context: &Context<'_>, digest: &Digest) -> Result<Response, ApiError> {
    let blob = context.storage().blob(&context.name, digest).await?;
    // Nobody sees the body of the error, which alone would tell whether there is such a repository.
    let blob = blob.ok_or_else(|| ApiError::blob_unknown(digest))?;
    match conditions::unwanted(context.headers, digest)? {
        Some(unwanted) => Ok(unwanted),
        None => Ok(found(&blob.head, blob.size)),
    }
}

async fn stored(context: &Context<'_>, digest: &Digest) -> Result<Arc<StoredBlob>, ApiError> {
    let blob = context.storage().blob(&context.name, digest).await?;
    match blob {
        Some(blob) => Ok(blob),
        None => Err(context.absent(ApiError::blob_unknown(digest)).await),
    }
}

pub(crate) async fn delete(context: &Context<'_>, digest: &Digest) -> Result<Response, ApiError> {
    if context.storage().remove_blob(&context.name, digest).await?? {
        Ok(empty(StatusCode::ACCEPTED))
    } else {
        Err(context.absent(ApiError::blob_unknown(digest)).await)
    }
}

fn requested(context: &Context<'_>, size: u64) -> Requested {
    match context.header(RANGE) {
        // A condition on a validator, none of which was given out: the whole is always a right answer.
        Some(range) if !context.headers.contains_key(IF_RANGE) => Requested::parse(range, size),
        _ => Requested::Whole,
    }
}

fn found(head: &ContentHead, length: u64) -> Response {
    let mut response = empty(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, head.content_type.clone());
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_DIGEST, head.digest.clone());
    headers.insert(ETAG, head.entity_tag.clone());
    response
}
