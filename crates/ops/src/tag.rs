//! Gives an image further tags where it is.

use oci::{Descriptor, Platform, Reference, Tag};

use crate::context::Context;
use crate::error::OpsError;
use crate::found::{find_in, open_to_change};

/// Which image to give which tags.
#[derive(Clone, Debug)]
pub struct TagRequest {
    /// The image.
    pub reference: Reference,
    /// Of an index, the image for this platform.
    pub platform: Option<Platform>,
    /// The tags.
    pub tags: Vec<Tag>,
    /// Whether to look only.
    pub dry_run: bool,
}

/// What was tagged.
#[derive(Clone, Debug)]
pub struct TagReport {
    /// Where it is.
    pub location: String,
    /// The image.
    pub image: Descriptor,
    /// Each tag and what it pointed to before.
    pub tags: Vec<(Tag, Option<Descriptor>)>,
}

/// Points tags to an image, one after the other. When one fails, those before it are set.
///
/// # Errors
/// As [`find_in`], and what the store brings.
pub async fn tag(context: &Context, request: &TagRequest) -> Result<TagReport, OpsError> {
    let itself = context.open_itself(&request.reference).await?;
    let found = find_in(context, itself, &request.reference, request.platform.as_ref()).await?;
    let store = if request.dry_run { found.store } else { open_to_change(context, &request.reference).await? };
    let mut tags = Vec::new();
    for tag in &request.tags {
        let before = store.resolve(tag).await?;
        if !request.dry_run {
            store.tag(tag, &found.manifest).await?;
        }
        tags.push((tag.clone(), before));
    }
    if !request.dry_run {
        store.finish().await?;
    }
    Ok(TagReport { location: store.location().to_owned(), image: found.manifest.descriptor(), tags })
}
