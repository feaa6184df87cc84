//! What a repository calls its images.

use oci::{Reference, Selector, Tag};

use crate::context::Context;
use crate::error::OpsError;

/// Whose tags to list.
#[derive(Clone, Debug)]
pub struct TagsRequest {
    /// The repository, layout, archive or name.
    pub repository: Reference,
}

/// The tags of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagsReport {
    /// Where they are.
    pub location: String,
    /// The tags that name versions, in the order of their text.
    pub tags: Vec<Tag>,
    /// The tags that tools have made to attach something (`sha256-….sig`, fallback tags), in the order of their text.
    pub attachments: Vec<Tag>,
}

/// Lists the tags of a repository.
///
/// # Errors
/// [`OpsError::NotFound`] when there are none: what does not exist has no tags either, and the protocol does not tell the
/// two apart. [`OpsError::Usage`] when the reference names an image and not a repository.
pub async fn tags(context: &Context, request: &TagsRequest) -> Result<TagsReport, OpsError> {
    let repository = request.repository.with_selector(Selector::default());
    if repository != request.repository {
        return Err(OpsError::usage(
            format!("`{}` names an image, not a repository", request.repository),
            format!("supercargo tags {repository}"),
        ));
    }
    let store = context.open_source(&repository).await?;
    let mut tags = store.tags().await?;
    if tags.is_empty() {
        return Err(OpsError::NotFound { location: store.location().to_owned(), name: "tags".to_owned() });
    }
    tags.sort();
    tags.dedup();
    let (attachments, tags) = tags.into_iter().partition(Tag::is_attachment);
    Ok(TagsReport { location: store.location().to_owned(), tags, attachments })
}
