//! Whether a blob is there (distribution-spec, "Checking if content exists in the registry").

use http::{Method, StatusCode};
use oci::Digest;
use store::StoreError;

use crate::absence::{self, Sought};
use crate::auth::Access;
use crate::host::{Call, Context};
use crate::repository::Repository;

/// Returns the size of a blob.
pub(crate) async fn stat(repository: &Repository, digest: &Digest) -> Result<Option<u64>, StoreError> {
    let action = format!("the request for blob {digest}");
    stat_as(repository, digest, repository.context(&action, Access::Pull)).await
}

/// As [`stat`], on behalf of something larger.
pub(crate) async fn stat_as(
    repository: &Repository,
    digest: &Digest,
    context: Context<'_>,
) -> Result<Option<u64>, StoreError> {
    let url = repository.url(&format!("blobs/{digest}")).await?;
    // A registry that does not state the length here may do so where the blob itself is asked for, which then is not read.
    for method in [Method::HEAD, Method::GET] {
        let is_head = method == Method::HEAD;
        let outcome = repository.registry().call(Call::new(method, url.clone(), context)).await;
        let outcome = match outcome {
            // Some deny HEAD whatever it asks for.
            Ok(answer) if is_head && answer.status == StatusCode::FORBIDDEN => {
                answer.discard().await;
                continue;
            }
            outcome => outcome,
        };
        let answer = absence::unless_absent(repository, Sought::Blob, outcome, &context).await?;
        let Some(answer) = answer else { return Ok(None) };
        match answer.status {
            StatusCode::OK => {
                if let Some(length) = answer.stated_length() {
                    return Ok(Some(length));
                }
            }
            StatusCode::METHOD_NOT_ALLOWED => {}
            _ => return Err(context.refused(answer).await),
        }
    }
    Err(context.protocol("it does not state the size of the blob"))
}
