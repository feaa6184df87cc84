//! Taking a blob from another repository (distribution-spec end-11).

use oci::{Digest, RepositoryName};

use crate::context::Context;
use crate::error::ApiError;

/// Takes a blob from the repository `from`, or from any whose blobs the caller may read. Returns false when it is in none.
pub(crate) async fn mount(
    context: &Context<'_>,
    digest: &Digest,
    from: Option<&RepositoryName>,
) -> Result<bool, ApiError> {
    let storage = context.storage();
    let sources = match from {
        Some(from) => vec![from.clone()],
        None => storage.repositories_of(digest).await?,
    };
    for name in sources.iter().filter(|name| context.grant.may_mount(name)) {
        if storage.mount(&context.name, digest, name, &context.shared.options.quotas).await?? {
            return Ok(true);
        }
    }
    Ok(false)
}
