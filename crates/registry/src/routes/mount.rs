//! Taking a blob from another repository (distribution-spec end-11).

use std::sync::Arc;

use async_trait::async_trait;
use oci::{Descriptor, Digest, MediaType, RepositoryName};
use store::{BlobBody, BlobSource, Meter, Store, StoreError};

use crate::access::Action;
use crate::context::Context;
use crate::error::ApiError;

/// Takes a blob from the repository `from`, or from any whose blobs the caller may read. Returns false when it is in none.
pub(crate) async fn mount(
    context: &Context<'_>,
    digest: &Digest,
    from: Option<&RepositoryName>,
) -> Result<bool, ApiError> {
    let repositories = &context.shared.repositories;
    let sources = match from {
        Some(from) => vec![from.clone()],
        None => repositories.names().await?,
    };
    for name in sources.iter().filter(|name| context.grant.allows(name, Action::Pull)) {
        let Some(source) = repositories.open(name, false).await? else { continue };
        let Some(size) = source.stat_blob(digest).await? else { continue };
        if *name == context.name {
            return Ok(true);
        }
        let descriptor = Descriptor::new(MediaType::OCTET_STREAM, *digest, size);
        let target = context.repository_or_new().await?;
        if !target.adopt_blob(&descriptor, &source.identity()).await? {
            target.put_blob(&descriptor, &Other { source, descriptor: descriptor.clone() }, &Meter::default()).await?;
        }
        return Ok(true);
    }
    Ok(false)
}

/// A blob of another repository.
struct Other {
    source: Arc<dyn Store>,
    descriptor: Descriptor,
}

#[async_trait]
impl BlobSource for Other {
    async fn open(&self, offset: u64) -> Result<BlobBody, StoreError> {
        let missing = || StoreError::Missing {
            location: self.source.location().to_owned(),
            what: format!("blob {}", self.descriptor.digest),
        };
        self.source.open_blob(&self.descriptor, offset).await?.ok_or_else(missing)
    }
}
