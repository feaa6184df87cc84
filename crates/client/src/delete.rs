//! Removing manifests, tags and blobs (distribution-spec, "Content Management").

use http::{Method, StatusCode};
use oci::{Digest, Tag};
use store::{Store as _, StoreError};

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

/// Removes a blob.
pub(crate) async fn blob(repository: &Repository, digest: &Digest) -> Result<bool, StoreError> {
    remove(repository, &format!("blobs/{digest}"), &format!("the deletion of blob {digest}")).await
}

async fn remove(repository: &Repository, place: &str, action: &str) -> Result<bool, StoreError> {
    let context = repository.context(action, Access::Delete);
    let url = repository.url(place).await?;
    let answer = repository.registry().call(Call::new(Method::DELETE, url, context)).await?;
    let status = answer.status;
    let complaint = match status {
        StatusCode::ACCEPTED | StatusCode::OK | StatusCode::NO_CONTENT => {
            answer.discard().await;
            return Ok(true);
        }
        StatusCode::NOT_FOUND => {
            answer.discard().await;
            return Ok(false);
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
