//! Uploads of blobs (distribution-spec end-4, end-5, end-6, end-11, end-13, end-14).

use std::sync::Arc;

use axum::http::header::{CONTENT_RANGE, LOCATION, RANGE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use oci::{Algorithm, Digest, DigestError, NameError};

use crate::context::Context;
use crate::error::{ApiError, Code};
use crate::incoming::Incoming;
use crate::range::ContentRange;
use crate::route::UploadId;
use crate::routes::mount::mount;
use crate::routes::{created, empty};
use crate::traces::{self, Described};
use crate::upload::{Upload, UploadError, receive};

const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// POST: mounts a blob, takes one whole, or begins an upload.
pub(crate) async fn begin(context: &Context<'_>, body: &mut Incoming) -> Result<Response, ApiError> {
    let options = &context.shared.options;
    if let Some(digest) = context.digest_parameter("mount")? {
        let name = |error: NameError| ApiError::bad_request(Code::NameInvalid, error.to_string());
        let from = context.query.get("from").map(|from| from.parse().map_err(name)).transpose()?;
        if options.mounts && mount(context, &digest, from.as_ref()).await? {
            return created(&context.blob_path(&digest), &digest);
        }
    } else if let Some(digest) = context.digest_parameter("digest")?
        && options.single_post
    {
        return whole(context, &digest, body).await;
    }
    let algorithm = match context.query.get("digest-algorithm") {
        None => Algorithm::Sha256,
        Some(name) => {
            name.parse().map_err(|error: DigestError| ApiError::bad_request(Code::DigestInvalid, error.to_string()))?
        }
    };
    let id = context.shared.uploads.begin(context.name.clone(), algorithm, context.owner()).await?;
    under_way(context, StatusCode::ACCEPTED, id, 0)
}

/// Takes a blob in one request. No other request can take it further.
async fn whole(context: &Context<'_>, digest: &Digest, body: &mut Incoming) -> Result<Response, ApiError> {
    let _share = context.shared.uploads.share(context.owner())?;
    let turn = context.shared.uploads.begin_whole(context.name.clone(), digest.algorithm())?;
    let received = async {
        let end = received(turn.upload(), body, 0, None).await?;
        Arc::clone(turn.upload()).finish(end, *digest).await
    };
    let received = received.await;
    turn.end().await.and(received).map_err(whole_failure)?;
    created(&context.blob_path(digest), digest)
}

/// PATCH: takes a chunk (with `Content-Range`), or a stream of any length.
pub(crate) async fn append(context: &Context<'_>, id: UploadId, body: &mut Incoming) -> Result<Response, ApiError> {
    let failed = |error| failure(context, id, error);
    let turn = context.shared.uploads.claim(&context.name, id).await.map_err(failed)?;
    let received = async {
        let chunk = chunk_position(context)?;
        let position = position(turn.received().await, chunk)?;
        received(turn.upload(), body, position, chunk.map(|chunk| chunk.length)).await
    };
    let received = received.await;
    // Also of a request that broke off, for what came of it is kept.
    turn.end().await.map_err(failed)?;
    under_way(context, StatusCode::ACCEPTED, id, received.map_err(failed)?)
}

/// PUT: takes the rest, if there is a body, and makes the whole a blob.
pub(crate) async fn complete(context: &Context<'_>, id: UploadId, body: &mut Incoming) -> Result<Response, ApiError> {
    let failed = |error| failure(context, id, error);
    let turn = context.shared.uploads.claim(&context.name, id).await.map_err(failed)?;
    let completed = async {
        let digest = context
            .digest_parameter("digest")?
            .ok_or_else(|| ApiError::bad_request(Code::DigestInvalid, "the closing request has no `digest`"))?;
        let chunk = chunk_position(context)?;
        let position = position(turn.received().await, chunk)?;
        turn.expect(digest.algorithm()).await;
        let end = received(turn.upload(), body, position, chunk.map(|chunk| chunk.length)).await?;
        Arc::clone(turn.upload()).finish(end, digest).await?;
        Ok(digest)
    };
    let completed = completed.await;
    turn.end().await.map_err(failed)?;
    let digest = completed.map_err(failed)?;
    created(&context.blob_path(&digest), &digest)
}

/// GET: says how far the upload is.
pub(crate) async fn status(context: &Context<'_>, id: UploadId) -> Result<Response, ApiError> {
    let received = context.shared.uploads.received(&context.name, id).await;
    under_way(context, StatusCode::NO_CONTENT, id, received.map_err(|error| failure(context, id, error))?)
}

/// DELETE: throws the upload away.
pub(crate) async fn cancel(context: &Context<'_>, id: UploadId) -> Result<Response, ApiError> {
    let cancelled = context.shared.uploads.cancel(&context.name, id).await;
    cancelled.map_err(|error| failure(context, id, error))?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Receives a body, which counts as a span of its own.
async fn received(
    upload: &Arc<Upload>,
    body: &mut Incoming,
    position: u64,
    length: Option<u64>,
) -> Result<u64, UploadError> {
    traces::within(|| Described::internal("receive body"), receive(upload, body, position, length)).await
}

fn chunk_position(context: &Context<'_>) -> Result<Option<ContentRange>, ApiError> {
    let invalid = || ApiError::bad_request(Code::BlobUploadInvalid, "the Content-Range is not of the form FIRST-LAST");
    let mut values = context.headers.get_all(CONTENT_RANGE).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid());
    }
    value.to_str().ok().and_then(|text| text.parse().ok()).map(Some).ok_or_else(invalid)
}

/// Returns where the body of a request belongs. Before it is read: a chunk that is out of order is refused without it.
fn position(received: Result<u64, UploadError>, chunk: Option<ContentRange>) -> Result<u64, UploadError> {
    let received = received?;
    match chunk {
        Some(chunk) if chunk.first != received => Err(UploadError::OutOfOrder { received }),
        _ => Ok(received),
    }
}

/// Returns the response to a request that leaves an upload under way.
fn under_way(context: &Context<'_>, status: StatusCode, id: UploadId, received: u64) -> Result<Response, ApiError> {
    let mut response = empty(status);
    let (location, range) = place(context, id, received)?;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(RANGE, range);
    headers.insert(UPLOAD_UUID, HeaderValue::try_from(id.to_string()).map_err(ApiError::internal)?);
    Ok(response)
}

/// Returns the `Location` and the `Range` of an upload. The form has no way to say that there are no bytes; registries say
/// `0-0` then, and so do we.
fn place(context: &Context<'_>, id: UploadId, received: u64) -> Result<(HeaderValue, HeaderValue), ApiError> {
    let range = format!("0-{}", received.saturating_sub(1));
    let location = HeaderValue::try_from(context.upload_path(id)).map_err(ApiError::internal)?;
    Ok((location, HeaderValue::try_from(range).map_err(ApiError::internal)?))
}

/// Nobody else can have closed or continued what ends with its request.
fn whole_failure(error: UploadError) -> ApiError {
    match error {
        UploadError::Other(error) => error,
        UploadError::Closed | UploadError::OutOfOrder { .. } => ApiError::upload_unknown(),
    }
}

fn failure(context: &Context<'_>, id: UploadId, error: UploadError) -> ApiError {
    match error {
        UploadError::Closed => ApiError::upload_unknown(),
        UploadError::Other(error) => error,
        UploadError::OutOfOrder { received } => {
            let message = "the chunk does not begin where the upload ends";
            let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, Code::BlobUploadInvalid, message);
            match place(context, id, received) {
                Ok((location, range)) => error.header(LOCATION, location).header(RANGE, range),
                Err(error) => error,
            }
        }
    }
}
