//! Shapes that several commands print.

use oci::{Descriptor, Digest, MediaType, Platform, Selector, Tag};
use serde::Serialize;

/// A pointer to content, as it stands in the JSON of every command.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Pointer {
    /// Its media type.
    pub(super) media_type: MediaType,
    /// Its digest.
    pub(super) digest: Digest,
    /// Its size in bytes.
    pub(super) bytes: u64,
}

impl From<&Descriptor> for Pointer {
    fn from(descriptor: &Descriptor) -> Self {
        Self { media_type: descriptor.media_type.clone(), digest: descriptor.digest, bytes: descriptor.size }
    }
}

/// Returns a reference to an image at a place, with its digest, as it can be typed.
pub(super) fn pinned(location: &str, tag: Option<&Tag>, digest: &Digest) -> String {
    let selector = Selector { tag: tag.cloned(), digest: Some(*digest) };
    format!("{location}{selector}")
}

/// Returns the one platform that was asked for, if any.
///
/// # Errors
/// [`ops::OpsError::Usage`] when several were asked for.
pub(super) fn one_platform(platforms: &[Platform]) -> Result<Option<Platform>, ops::OpsError> {
    match platforms {
        [] => Ok(None),
        [platform] => Ok(Some(platform.clone())),
        [..] => Err(ops::OpsError::usage("this command is about one image, so it takes one platform", None)),
    }
}

/// Tells in a word what a manifest is.
pub(super) fn kind(media_type: &MediaType) -> &'static str {
    match media_type.manifest_kind() {
        Some(oci::ManifestKind::Index) => "index",
        Some(oci::ManifestKind::Image) => "image",
        None => "blob",
    }
}
