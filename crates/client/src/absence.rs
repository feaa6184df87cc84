//! Whether a registry that denies something means that it is not there.
//!
//! Some answer 401 or 403 where the specification wants 404. In a repository that can be read, by who asks here, that counts as absent
//! if what surely is not there is answered so as well. Where the repository itself is denied nobody can tell, and it stays denied.

use http::{Method, StatusCode};
use store::StoreError;

use crate::auth::Access;
use crate::doctor::{absent_digest, absent_tag};
use crate::exchange::Answer;
use crate::host::{Call, Context, DENIED_ELSEWHERE};
use crate::manifests::ACCEPTED;
use crate::profile::{Found, Quirk};
use crate::refusal;
use crate::repository::Repository;
use crate::syntax::complaint::Complaint;
use crate::syntax::location::same_origin;

/// Codes that say that something is not there, whatever the status (distribution-spec, "Error Codes").
const ABSENT_CODES: [&str; 4] = ["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN", "NOT_FOUND"];

/// What was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sought {
    Manifest,
    Blob,
}

/// Returns an answer about something that may be absent: `None` when it says that it is, by 404 or by a denial that means it. Every other
/// answer is returned as it is.
///
/// # Errors
/// The denial, where it is one.
pub(crate) async fn unless_absent(
    repository: &Repository,
    sought: Sought,
    outcome: Result<Answer, StoreError>,
    context: &Context<'_>,
) -> Result<Option<Answer>, StoreError> {
    let (error, complaint) = match outcome {
        Ok(answer) if answer.status == StatusCode::NOT_FOUND => {
            answer.discard().await;
            return Ok(None);
        }
        // What another host denies, to which it sent us, is not what it denies.
        Ok(answer)
            if answer.status == StatusCode::FORBIDDEN
                && same_origin(repository.registry().base().await?, &answer.url) =>
        {
            let complaint = refusal::complaint(answer).await;
            let error = refusal::error_of(StatusCode::FORBIDDEN, &complaint, context.location, context.action);
            (error, complaint)
        }
        Ok(answer) => return Ok(Some(answer)),
        Err(StoreError::Denied { location, action, reason }) if reason != DENIED_ELSEWHERE => {
            (StoreError::Denied { location, action, reason }, Complaint::default())
        }
        Err(error) => return Err(error),
    };
    if ABSENT_CODES.iter().any(|code| complaint.has(code)) || is_meant(repository, sought, context).await? {
        return Ok(None);
    }
    Err(error)
}

/// Tells whether a denial means here that something is not there. That the repository can be read is asked for after the denial: what could
/// be read before it may be denied by now.
async fn is_meant(repository: &Repository, sought: Sought, context: &Context<'_>) -> Result<bool, StoreError> {
    let registry = repository.registry();
    let quirk = match sought {
        Sought::Manifest => Quirk::AbsentTagDenied,
        Sought::Blob => Quirk::AbsentBlobDenied,
    };
    match registry.has(quirk) {
        Some(true) => return is_readable(repository).await,
        Some(false) => return Ok(false),
        None => {}
    }
    let place = match sought {
        Sought::Manifest => format!("manifests/{}", absent_tag()),
        Sought::Blob => format!("blobs/{}", absent_digest()),
    };
    // Some deny HEAD whatever it asks for.
    let call = Call::new(Method::GET, repository.url(&place).await?, *context);
    let status = status_of(registry.call(call.with(http::header::ACCEPT, ACCEPTED)).await).await?;
    let found = match status {
        401 | 403 if is_readable(repository).await? => Found::Quirk(quirk),
        404 => Found::Standard,
        _ => return Ok(false),
    };
    registry.note(quirk.ability(), found, format!("GET {place} answered {status}"));
    Ok(found != Found::Standard)
}

/// Tells whether a repository can be read now: by its list of tags or, where that is a right of its own, by a manifest that it has given before.
async fn is_readable(repository: &Repository) -> Result<bool, StoreError> {
    let registry = repository.registry();
    let context = Context { without_permit: true, ..repository.context("whether it can be read", Access::Pull) };
    let call = Call::new(Method::GET, repository.url("tags/list?n=1").await?, context);
    // One that is not there is not denied either.
    if matches!(status_of(registry.call(call).await).await?, 200 | 404) {
        return Ok(true);
    }
    let Some(name) = registry.learned.given(repository.name()) else { return Ok(false) };
    let call = Call::new(Method::GET, repository.url(&format!("manifests/{name}")).await?, context);
    Ok(status_of(registry.call(call.with(http::header::ACCEPT, ACCEPTED)).await).await? == 200)
}

/// Returns the status of an answer; a denial has one, too.
async fn status_of(outcome: Result<Answer, StoreError>) -> Result<u16, StoreError> {
    match outcome {
        Ok(answer) => {
            let status = answer.status.as_u16();
            answer.discard().await;
            Ok(status)
        }
        Err(StoreError::Denied { .. }) => Ok(StatusCode::UNAUTHORIZED.as_u16()),
        Err(error) => Err(error),
    }
}
