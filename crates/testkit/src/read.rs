//! The graph that a store holds, read one question at a time: slow, simple, and made to be believed.

use graph::walk::Closure;
use graph::{Ask, Walk, WalkError, WalkOptions};
use oci::{Descriptor, Tag};
use store::{Referrers, Store, StoreError};

/// Reads the closure of what these tags name, with everything attached to it.
///
/// # Errors
/// [`ReadError`] when the store fails, a tag is not there, or the walk cannot go on. What the store lacks is no error but
/// one of the closure's losses.
pub async fn read_tags(store: &dyn Store, tags: &[Tag]) -> Result<Closure, ReadError> {
    let mut roots = Vec::new();
    for tag in tags {
        roots.push(store.resolve(tag).await?.ok_or_else(|| ReadError::NoTag(tag.clone()))?);
    }
    read_graph(store, &roots, WalkOptions::default()).await
}

/// Reads the closure of these roots.
///
/// # Errors
/// As [`read_tags`].
pub async fn read_graph(store: &dyn Store, roots: &[Descriptor], options: WalkOptions) -> Result<Closure, ReadError> {
    let tags = store.tags().await?;
    let mut walk = Walk::new(options, &tags);
    for root in roots {
        walk.add_root(root)?;
    }
    while let Some(ask) = walk.next() {
        match ask {
            Ask::Manifest(descriptor) => {
                let manifest = store.manifest(&descriptor.digest).await?;
                walk.answer_manifest(&descriptor.digest, manifest)?;
            }
            Ask::Referrers(subject) => match store.referrers(&subject.digest, None).await? {
                Referrers::Listed(list) => walk.answer_referrers(subject, &list)?,
                Referrers::Unsupported => walk.answer_referrers(subject, &[])?,
            },
            Ask::Tag { tag, subject, suffix } => {
                let manifest = match store.resolve(&tag).await? {
                    Some(descriptor) => store.manifest(&descriptor.digest).await?,
                    None => None,
                };
                walk.answer_tag(&tag, subject, suffix, manifest)?;
            }
        }
    }
    Ok(walk.finish()?)
}

/// Why a graph could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The walk could not go on.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// A tag that was to be read is not there.
    #[error("there is no tag {0}")]
    NoTag(Tag),
}
