//! A typed pointer to content (image-spec, "OCI Content Descriptors").

use std::collections::BTreeMap;

use base64::Engine as _;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::annotation;
use crate::digest::{Digest, DigestError};
use crate::media_type::{ManifestKind, MediaType};
use crate::platform::Platform;

/// Annotations of a manifest or a descriptor.
pub type Annotations = BTreeMap<String, String>;

/// A pointer to content: its type, its name and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Type of the content.
    pub media_type: MediaType,
    /// Name of the content.
    pub digest: Digest,
    /// Size of the content in bytes.
    pub size: u64,
    /// Where non-distributable content may be downloaded. Never fetched unless the user asks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub urls: Vec<String>,
    /// Annotations of this pointer; they are not part of the content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_as_default")]
    pub annotations: Annotations,
    /// The content itself, in base64. Read it with [`Descriptor::embedded`], which checks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Type of the artifact, when the content is a manifest of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Platform of the content, when it is the child of an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// Tools written in Go write `null` for an empty collection; that says the same as its absence.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Descriptor {
    /// Returns a descriptor with the three fields that every one has.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            urls: Vec::new(),
            annotations: Annotations::new(),
            data: None,
            artifact_type: None,
            platform: None,
        }
    }

    /// Returns a descriptor of `bytes`, named by sha256.
    pub fn of(media_type: MediaType, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::sha256(bytes), bytes.len() as u64)
    }

    /// Returns the descriptor of the empty JSON object, for artifacts that need no config or no layer
    /// (image-spec, "Guidance for an Empty Descriptor").
    pub fn empty_json() -> Self {
        Self::of(MediaType::EMPTY_JSON, b"{}")
    }

    /// Returns what the content is when it is a manifest, by its media type.
    pub fn manifest_kind(&self) -> Option<ManifestKind> {
        self.media_type.manifest_kind()
    }

    /// Returns the value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str)
    }

    /// Tells whether this child of an index is a BuildKit attestation about one of its siblings.
    pub fn is_buildkit_attestation(&self) -> bool {
        self.annotation(annotation::BUILDKIT_REFERENCE_TYPE) == Some("attestation-manifest")
    }

    /// Returns the content when the descriptor carries it in `data`, after checking it against size and digest.
    ///
    /// # Errors
    /// [`EmbeddedError`] when `data` is not base64 or is not the content that the descriptor names.
    pub fn embedded(&self) -> Result<Option<Bytes>, EmbeddedError> {
        let Some(data) = &self.data else { return Ok(None) };
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(data)
            .map_err(|_| EmbeddedError::Base64 { digest: self.digest })?;
        if bytes.len() as u64 != self.size {
            return Err(EmbeddedError::Size { digest: self.digest, expected: self.size, found: bytes.len() as u64 });
        }
        self.digest.verify(&bytes)?;
        Ok(Some(bytes.into()))
    }
}

/// A `data` field that is not the content its descriptor names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// Not base64.
    #[error("the `data` of {digest} is not base64")]
    Base64 {
        /// The descriptor's digest.
        digest: Digest,
    },
    /// Another size.
    #[error("the `data` of {digest} has {found} bytes, its descriptor says {expected}")]
    Size {
        /// The descriptor's digest.
        digest: Digest,
        /// The size in the descriptor.
        expected: u64,
        /// The size of the data.
        found: u64,
    },
    /// Another digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
}
