//! Says of an image what became of it: yanked, deprecated, at the end of its life, superseded.

use std::sync::Arc;

use oci::mark::ARTIFACT_TYPE;
use oci::{Annotations, Descriptor, Mark, MediaType, Platform, Reference, Timestamp, annotation};
use transfer::Progress;

use crate::artifact::{Content, assemble};
use crate::attach::About;
use crate::context::Context;
use crate::error::OpsError;

/// What to say of what.
#[derive(Clone, Debug)]
pub struct MarkRequest {
    /// The image or index.
    pub reference: Reference,
    /// Of an index, the image for this platform; without one the mark counts for all of its images.
    pub platform: Option<Platform>,
    /// What to say.
    pub mark: Mark,
    /// The time of the mark.
    pub now: Option<Timestamp>,
    /// Whether to make it and put nothing.
    pub dry_run: bool,
}

/// What was said of what.
#[derive(Clone, Debug)]
pub struct MarkReport {
    /// Where it is.
    pub location: String,
    /// The artifact that says it.
    pub artifact: Descriptor,
    /// What it is about.
    pub subject: Descriptor,
}

/// Attaches a life cycle mark to an image (docs/formats/lifecycle.md). Marks that are there stay.
///
/// Cancelling leaves a blob without a manifest, or an artifact that no list names; a repetition makes another mark, of another time.
///
/// # Errors
/// [`OpsError::Usage`] when the mark says nothing or is too long, or the reference names a layer; otherwise as
/// [`attach`](fn@crate::attach::attach).
pub async fn mark(
    context: &Context,
    request: &MarkRequest,
    progress: Arc<dyn Progress>,
) -> Result<MarkReport, OpsError> {
    let body = request.mark.to_json().map_err(|error| OpsError::usage(error.to_string(), None))?;
    let about = About::find(context, &request.reference, request.platform.as_ref()).await?;
    if about.subject.manifest_kind().is_none() {
        return Err(OpsError::usage(format!("`{}` is a layer, which has no life of its own", request.reference), None));
    }
    let layer = Descriptor::of(MediaType::JSON, &body);
    let created = request.now.map(|now| (annotation::CREATED.to_owned(), now.to_string()));
    let annotations: Annotations = created.into_iter().collect();
    let layers = vec![(Content::Memory(body.into()), layer)];
    let artifact = assemble(ARTIFACT_TYPE, &annotations, layers, Some(&about.subject))?;
    if !request.dry_run {
        about.put(context, &artifact, &*progress).await?;
    }
    Ok(MarkReport { location: about.location, artifact: artifact.manifest.descriptor(), subject: about.subject })
}
