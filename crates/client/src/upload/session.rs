//! Upload sessions: opening, asking how far one is, finishing, giving up.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method, StatusCode};
use reqwest::Url;

use super::{Session, SinglePostOutcome, Trouble, Upload, content, held, is_done};
use crate::exchange::{Answer, Body, Request};
use crate::host::{Call, Context};
use crate::profile::Quirk;
use crate::repository::Repository;
use crate::syntax::location::{add_parameter, is_downgrade};

/// Fewest bytes of a chunk but the last (distribution-spec, "Pushing a blob in chunks").
pub(crate) const CHUNK_MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");

/// How fast a registry verifies an upload and puts it in its place, at least.
const COMMIT_BYTES_PER_SECOND: u64 = 16 * 1024 * 1024;

/// The type of every blob on its way.
const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Opens a session.
pub(super) async fn open(upload: &Upload<'_>) -> Result<Session, Trouble> {
    let url = upload.repository.url("blobs/uploads/").await?;
    let answer = upload.repository.registry().call(Call::new(Method::POST, url, upload.context)).await?;
    if answer.status != StatusCode::ACCEPTED {
        return Err(Trouble::Final(upload.context.refused(answer).await));
    }
    let session = session_of(upload, &answer, 0)?;
    answer.discard().await;
    Ok(session)
}

/// Sends the whole blob in one `POST`. When `learning`, a refusal that may mean the way and not the blob is no error: the
/// usual way follows. Returns also what has been learned.
pub(super) async fn post_whole(
    upload: &Upload<'_>,
    learning: bool,
) -> Result<(SinglePostOutcome, Option<bool>), Trouble> {
    let digest = upload.descriptor.digest;
    let url = upload.repository.url(&format!("blobs/uploads/?digest={digest}")).await?;
    let body = content::whole(upload, 0).await?;
    let content = if let Body::Bytes(bytes) = &body { Some(bytes.clone()) } else { None };
    let answer = send(upload, request(upload, Method::POST, url, body), None).await?;
    match answer.status {
        StatusCode::CREATED => {
            upload.accept(&answer)?;
            answer.discard().await;
            Ok((SinglePostOutcome::Done, Some(true)))
        }
        StatusCode::ACCEPTED => {
            upload.tally.settle(0);
            let session = session_of(upload, &answer, 0)?;
            answer.discard().await;
            Ok((SinglePostOutcome::Session(session, content), Some(false)))
        }
        status if learning && status.is_client_error() && !matches!(status.as_u16(), 401 | 403 | 429) => {
            upload.tally.settle(0);
            answer.discard().await;
            Ok((SinglePostOutcome::NotTried, Some(false)))
        }
        _ => Err(upload.refused(answer, None).await),
    }
}

/// Ends a session with its last bytes, and gives the blob its name.
pub(super) async fn finish(upload: &Upload<'_>, session: Session, body: Body) -> Result<(), Trouble> {
    let mut url = session.location.clone();
    add_parameter(&mut url, "digest", &upload.descriptor.digest.to_string());
    let mut request = request(upload, Method::PUT, url, body);
    // Now the whole blob is verified and put in its place, which for some is a copy of it.
    request.patience = Duration::from_secs(upload.descriptor.size / COMMIT_BYTES_PER_SECOND);
    let answer = send(upload, request, Some(&session)).await?;
    if !is_done(answer.status) {
        return Err(upload.refused(answer, Some(session)).await);
    }
    upload.accept(&answer)?;
    answer.discard().await;
    Ok(())
}

/// Makes a request with some of the blob in it.
pub(super) fn request(upload: &Upload<'_>, method: Method, url: Url, body: Body) -> Request {
    let mut request = Request::new(method, url).with(CONTENT_TYPE, OCTET_STREAM);
    request.body = body;
    request.gate.clone_from(&upload.gate);
    request.tally = upload.tally.clone();
    request
}

/// Sends one request of an upload, once.
pub(super) async fn send(upload: &Upload<'_>, request: Request, session: Option<&Session>) -> Result<Answer, Trouble> {
    let outcome = upload.repository.registry().send_once(request, &upload.context).await?;
    outcome.map_err(|failure| upload.failed(failure, session.cloned()))
}

/// Returns the session that an answer names.
pub(super) fn session_of(upload: &Upload<'_>, answer: &Answer, offset: u64) -> Result<Session, Trouble> {
    let location = answer.location().map_err(|failure| upload.context.failed(failure))?;
    if is_downgrade(&answer.url, &location) {
        let error = upload.context.protocol("it wants the upload without TLS");
        return Err(Trouble::Final(error));
    }
    let chunk_min = answer.header(CHUNK_MIN_LENGTH).and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    Ok(Session { location, offset, chunk_min })
}

/// Asks how much of the blob a session holds. `None` when it holds nothing, or cannot be used any more.
pub(super) async fn resume(upload: &Upload<'_>, session: Session) -> Option<Session> {
    if upload.repository.registry().has(Quirk::ChunksRefused) == Some(true) {
        return None;
    }
    let call = Call::new(Method::GET, session.location.clone(), upload.context);
    let answer = upload.repository.registry().call(call).await.ok()?;
    let usable = matches!(answer.status, StatusCode::NO_CONTENT | StatusCode::ACCEPTED | StatusCode::OK);
    let offset = held(&answer).filter(|&offset| usable && offset > 0 && offset <= upload.descriptor.size);
    let location = answer.location().ok().filter(|location| !is_downgrade(&answer.url, location));
    answer.discard().await;
    offset.map(|offset| Session {
        location: location.unwrap_or(session.location),
        offset,
        chunk_min: session.chunk_min,
    })
}

/// Tells a registry that a session is not needed any more. It forgets it some day in any case.
pub(crate) async fn cancel(repository: &Repository, context: Context<'_>, location: Url) {
    let mut request = Request::new(Method::DELETE, location);
    request.body = Body::Empty;
    if let Ok(Ok(answer)) = repository.registry().send_once(request, &context).await {
        answer.discard().await;
    }
}
