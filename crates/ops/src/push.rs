//! Pushes files as an artifact of its own. Images are pushed with [`copy`](fn@crate::copy::copy).

use std::sync::Arc;

use oci::{Descriptor, Reference, Selector, Tag};
use transfer::Progress;

use crate::artifact::{ArtifactRequest, prepare};
use crate::context::Context;
use crate::error::OpsError;

/// What to push to where.
#[derive(Clone, Debug)]
pub struct PushRequest {
    /// The artifact.
    pub artifact: ArtifactRequest,
    /// Where it goes. Without a tag it can be found by its digest only.
    pub destination: Reference,
    /// Whether to make it and put nothing.
    pub dry_run: bool,
}

/// What was pushed.
#[derive(Clone, Debug)]
pub struct PushReport {
    /// Where it is.
    pub location: String,
    /// The tag that points to it.
    pub tag: Option<Tag>,
    /// The artifact's manifest.
    pub artifact: Descriptor,
}

/// Pushes files as an artifact. The tag is set last.
///
/// # Errors
/// [`OpsError::Usage`] when the destination names a digest; what the store brings.
pub async fn push(
    context: &Context,
    request: &PushRequest,
    progress: Arc<dyn Progress>,
) -> Result<PushReport, OpsError> {
    let Selector { tag, digest } = request.destination.selector();
    if digest.is_some() {
        return Err(OpsError::usage(
            format!("the destination `{}` names a digest", request.destination),
            "give it a tag, or nothing: the digest follows from the content".to_owned(),
        ));
    }
    let artifact = prepare(&request.artifact, None).await?;
    let descriptor = artifact.manifest.descriptor();
    if request.dry_run {
        let location = request.destination.with_selector(Selector::default()).to_string();
        return Ok(PushReport { location, tag, artifact: descriptor });
    }
    let store = context.open_destination(&request.destination).await?;
    artifact.put_blobs(&*store, &*progress).await?;
    if let Some(tag) = &tag {
        store.tag(tag, &artifact.manifest).await?;
    } else {
        store.put_manifest(&artifact.manifest).await?;
        store.keep_root(&artifact.manifest).await?;
    }
    progress.manifest_put(&descriptor.digest);
    store.finish().await?;
    Ok(PushReport { location: store.location().to_owned(), tag, artifact: descriptor })
}
