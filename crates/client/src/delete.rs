//! Removing manifests, tags and blobs (distribution-spec, "Content Management").

use http::header::IF_MATCH;
use http::{HeaderValue, Method, StatusCode};
use oci::{Digest, Tag};
use store::{Store as _, StoreError, Untagged};

use crate::auth::Access;
use crate::host::Call;
use crate::refusal;
use crate::repository::Repository;

/// Removes a manifest.
pub(crate) async fn manifest(repository: &Repository, digest: &Digest) -> Result<bool, StoreError> {
    remove(repository, &format!("manifests/{digest}"), &format!("the deletion of manifest {digest}")).await
}

/// Removes a tag.
pub(crate) async fn tag(repository: &Repository, tag: &Tag) -> Result<bool, StoreError> {
    remove(repository, &format!("manifests/{tag}"), &format!("the deletion of tag {tag}")).await
}

/// Removes a tag if it names this manifest. It is asked for right before, as few registries heed a condition; those that do
/// (`If-Match`, RFC 9110) leave no moment in between.
pub(crate) async fn tag_of(repository: &Repository, tag: &Tag, manifest: &Digest) -> Result<Untagged, StoreError> {
    match repository.resolve(tag).await? {
        None => return Ok(Untagged::Absent),
        Some(named) if named.digest != *manifest => return Ok(Untagged::Moved),
        Some(_) => {}
    }
    let (place, action) = (format!("manifests/{tag}"), format!("the deletion of tag {tag}"));
    request(repository, &place, &action, Some(manifest)).await
}

/// Removes a blob.
pub(crate) async fn blob(repository: &Repository, digest: &Digest) -> Result<bool, StoreError> {
    remove(repository, &format!("blobs/{digest}"), &format!("the deletion of blob {digest}")).await
}

async fn remove(repository: &Repository, place: &str, action: &str) -> Result<bool, StoreError> {
    Ok(request(repository, place, action, None).await? == Untagged::Removed)
}

/// Asks for something to be removed, if it is still what it is expected to be.
async fn request(
    repository: &Repository,
    place: &str,
    action: &str,
    expected: Option<&Digest>,
) -> Result<Untagged, StoreError> {
    let context = repository.context(action, Access::Delete);
    let url = repository.url(place).await?;
    let mut call = Call::new(Method::DELETE, url, context);
    let condition = expected.and_then(|digest| HeaderValue::try_from(format!("\"{digest}\"")).ok());
    let is_conditional = condition.is_some();
    if let Some(condition) = condition {
        call = call.with(IF_MATCH, condition);
    }
    let answer = repository.registry().call(call).await?;
    let status = answer.status;
    let complaint = match status {
        StatusCode::ACCEPTED | StatusCode::OK | StatusCode::NO_CONTENT => {
            answer.discard().await;
            return Ok(Untagged::Removed);
        }
        StatusCode::NOT_FOUND => {
            answer.discard().await;
            return Ok(Untagged::Absent);
        }
        StatusCode::PRECONDITION_FAILED if is_conditional => {
            answer.discard().await;
            return Ok(Untagged::Moved);
        }
        _ => refusal::complaint(answer).await,
    };
    if status == StatusCode::METHOD_NOT_ALLOWED || complaint.has("UNSUPPORTED") {
        return Err(StoreError::Refused {
            location: repository.location().to_owned(),
            action: action.to_owned(),
            reason: "this registry does not allow that to be deleted".to_owned(),
            status: Some(status.as_u16()),
        });
    }
    Err(refusal::error_of(status, &complaint, context.location, context.action))
}
