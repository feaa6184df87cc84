//! What a repository calls its images.

mod floating;

use std::collections::BTreeMap;

use oci::{Reference, Selector, Tag};
use resolve::{Reading, Repository};
use store::Store;

use self::floating::Named;
use crate::context::Context;
use crate::error::OpsError;

pub use floating::TAGS_ASKED_MAX;

/// Whose tags to list.
#[derive(Clone, Debug)]
pub struct TagsRequest {
    /// The repository, layout, archive or name.
    pub repository: Reference,
    /// Only those that begin with this. They are not read: all tags of a repository are read together.
    pub prefix: Option<String>,
    /// Whether to say how each tag is read.
    pub explain: bool,
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
    /// How each of them is read, if that was asked for. All tags of a repository are read together, for one alone does not show what it means.
    pub readings: BTreeMap<Tag, TagReading>,
    /// How many of the tags that move were not looked up: no more than [`TAGS_ASKED_MAX`] tags are asked what they name.
    pub unasked: usize,
}

/// How a tag is read. The texts are for people; their form may change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagReading {
    /// `release`, `prerelease`, `floating`, `hash`, `attachment` or `other`.
    pub kind: String,
    /// The version, where there is one: `3.13.0-rc.2`, `8.7+929`.
    pub version: Option<String>,
    /// Everything but the version: `{version}-alpine3.20`. What has the same is the same image at another version.
    pub track: Option<String>,
    /// The newest release of the track, where that is newer.
    pub update: Option<Tag>,
    /// Of a tag that moves: the exact version that has the same digest, where one was found.
    pub same_as: Option<Tag>,
}

impl TagReading {
    fn of(tag: &Tag, reading: &Reading, repository: &Repository, named: &Named) -> Self {
        Self {
            kind: reading.kind.to_string(),
            version: reading.version.as_ref().map(ToString::to_string),
            track: Some(reading.track.clone()).filter(|track| !track.is_empty()),
            update: repository.update(tag).map(|(tag, _)| tag.clone()),
            same_as: named.same_as.get(tag).cloned(),
        }
    }
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
    let mut tags = match &request.prefix {
        Some(prefix) => beginning_with(&*store, prefix).await?,
        None => store.tags().await?,
    };
    if tags.is_empty() {
        let name = match &request.prefix {
            Some(prefix) => format!("tags that begin with {prefix}"),
            None => "tags".to_owned(),
        };
        return Err(OpsError::NotFound { location: store.location().to_owned(), name });
    }
    tags.sort();
    tags.dedup();
    let repository = if request.explain { Repository::read(tags.iter().cloned()) } else { Repository::default() };
    let named = floating::named(&*store, &repository).await?;
    let read = |(tag, reading): (&Tag, &Reading)| (tag.clone(), TagReading::of(tag, reading, &repository, &named));
    let readings = repository.readings().map(read).collect();
    let (attachments, tags) = tags.into_iter().partition(Tag::is_attachment);
    Ok(TagsReport { location: store.location().to_owned(), tags, attachments, readings, unasked: named.unasked })
}

/// Returns the tags that begin with a text, of all of them where the store cannot tell otherwise.
async fn beginning_with(store: &dyn Store, prefix: &str) -> Result<Vec<Tag>, OpsError> {
    if let Some(tags) = store.tags_beginning_with(prefix).await? {
        return Ok(tags);
    }
    let all = store.tags().await?.into_iter();
    Ok(all.filter(|tag| tag.as_str().starts_with(prefix)).collect())
}
