//! Whether a registry that denies something means that it is not there.
//!
//! Some answer 401 or 403 where the specification wants 404. In a repository that can be read, by who asks here, that counts as absent
//! if what surely is not there is answered so as well. Where the repository itself is denied nobody can tell, and it stays denied.

use http::{Method, StatusCode};
use store::StoreError;

use crate::auth::Access;
use crate::doctor::{absent_digest, absent_tag};
use crate::exchange::Answer;
use crate::host::{Call, Context};
use crate::manifests::ACCEPTED;
use crate::profile::{Found, Quirk};
use crate::refusal;
use crate::repository::Repository;
use crate::syntax::complaint::Complaint;

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
        Ok(answer) if answer.status == StatusCode::FORBIDDEN => {
            let complaint = refusal::complaint(answer).await;
            let error = refusal::error_of(StatusCode::FORBIDDEN, &complaint, context.location, context.action);
            (error, complaint)
        }
        Ok(answer) => return Ok(Some(answer)),
        Err(error @ StoreError::Denied { .. }) => (error, Complaint::default()),
        Err(error) => return Err(error),
    };
    if ABSENT_CODES.iter().any(|code| complaint.has(code)) || is_meant(repository, sought, context).await? {
        return Ok(None);
    }
    Err(error)
}

/// Tells whether a denial means here that something is not there.
async fn is_meant(repository: &Repository, sought: Sought, context: &Context<'_>) -> Result<bool, StoreError> {
    let registry = repository.registry();
    if !is_readable(repository).await? {
        return Ok(false);
    }
    let quirk = match sought {
        Sought::Manifest => Quirk::AbsentTagDenied,
        Sought::Blob => Quirk::AbsentBlobDenied,
    };
    if let Some(known) = registry.has(quirk) {
        return Ok(known);
    }
    let place = match sought {
        Sought::Manifest => format!("manifests/{}", absent_tag()),
        Sought::Blob => format!("blobs/{}", absent_digest()),
    };
    let call = Call::new(Method::HEAD, repository.url(&place).await?, *context);
    let status = status_of(registry.call(call.with(http::header::ACCEPT, ACCEPTED)).await).await?;
    let found = match status {
        401 | 403 => Found::Quirk(quirk),
        404 => Found::Standard,
        _ => return Ok(false),
    };
    registry.note(quirk.ability(), found, format!("HEAD {place} answered {status}"));
    Ok(found != Found::Standard)
}

/// Tells whether a repository can be read. Its list of tags is asked for where nothing else has shown it.
async fn is_readable(repository: &Repository) -> Result<bool, StoreError> {
    let learned = &repository.registry().learned;
    if let Some(known) = learned.is_readable(repository.name()) {
        return Ok(known);
    }
    let context = Context { without_permit: true, ..repository.context("the list of tags", Access::Pull) };
    let call = Call::new(Method::GET, repository.url("tags/list?n=1").await?, context);
    // One that is not there is not denied either.
    let is_readable = matches!(status_of(repository.registry().call(call).await).await?, 200 | 404);
    learned.learn_readable(repository.name(), is_readable);
    Ok(is_readable)
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
