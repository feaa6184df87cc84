//! Why bytes are not a manifest.

use crate::digest::DigestError;
use crate::limits;
use crate::media_type::MediaType;
use crate::text::printable;

/// Why bytes are not a manifest that supercargo keeps.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// More bytes than a manifest may have.
    #[error("manifest has {found} bytes, the limit is {}", limits::MANIFEST_MAX_BYTES)]
    TooLarge {
        /// Its size in bytes.
        found: usize,
    },
    /// Other bytes than the digest names.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Not JSON, or a field of the wrong type.
    #[error("manifest is not valid JSON of its type")]
    Json(#[from] serde_json::Error),
    /// A schema other than version 2.
    #[error("manifest has schema version {found}, only 2 is supported")]
    SchemaVersion {
        /// The version.
        found: u64,
    },
    /// Media type that names no manifest we know.
    #[error("`{0}` is not a manifest type that supercargo understands")]
    UnknownType(MediaType),
    /// Media type that cannot be told from the bytes either.
    #[error("manifest states no media type, and its fields do not tell one")]
    NoType,
    /// The transport and the bytes disagree (CVE-2021-41190).
    #[error("manifest was delivered as `{delivered}` but says it is `{}`", printable(.stated))]
    TypeMismatch {
        /// What the transport said.
        delivered: MediaType,
        /// What the `mediaType` field says.
        stated: String,
    },
    /// Fields of an image and of an index in one document (CVE-2021-41190).
    #[error("manifest has fields of an image manifest and of an index")]
    Ambiguous,
    /// More descriptors than a manifest may have.
    #[error("manifest has {found} descriptors, the limit is {}", limits::DESCRIPTORS_MAX)]
    TooManyDescriptors {
        /// Their number.
        found: usize,
    },
    /// A descriptor with more URLs than are looked at.
    #[error("a descriptor has {found} URLs, the limit is {}", limits::DESCRIPTOR_URLS_MAX)]
    TooManyUrls {
        /// Their number.
        found: usize,
    },
}
