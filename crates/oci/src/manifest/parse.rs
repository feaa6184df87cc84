//! Bytes to view, within the limits.
//!
//! JSON nesting is bounded by `serde_json` (128 levels); everything else by [`crate::limits`].

use bytes::Bytes;
use serde::Deserialize;

use super::{ImageManifest, Index, Manifest, ManifestError, View};
use crate::descriptor::{Annotations, Descriptor};
use crate::digest::Digest;
use crate::limits::{DESCRIPTOR_URLS_MAX, DESCRIPTORS_MAX, MANIFEST_MAX_BYTES};
use crate::media_type::{ManifestKind, MediaType};

/// Every field of every manifest type. A field given twice is an error of the parser.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<Annotations>,
    // Docker schema 1, recognised so that it can be refused by name.
    fs_layers: Option<serde::de::IgnoredAny>,
}

pub(super) fn parse(
    bytes: Bytes,
    delivered: Option<&MediaType>,
    expected: Option<&Digest>,
) -> Result<Manifest, ManifestError> {
    if bytes.len() > MANIFEST_MAX_BYTES {
        return Err(ManifestError::TooLarge { found: bytes.len() });
    }
    let digest = match expected {
        Some(expected) => {
            expected.verify(&bytes)?;
            *expected
        }
        None => Digest::sha256(&bytes),
    };
    let document: Document = crate::json::object(&bytes)?;
    let media_type = media_type(&document, delivered)?;
    let view = view(document, &media_type)?;
    check_descriptors(&view)?;
    Ok(Manifest { bytes, digest, media_type, view })
}

/// What the transport said and what the document says must agree; either may be silent, and when both are the fields decide.
fn media_type(document: &Document, delivered: Option<&MediaType>) -> Result<MediaType, ManifestError> {
    // A transport that knows nothing says so in one of these two ways.
    let delivered = delivered.filter(|t| **t != MediaType::OCTET_STREAM && t.as_str() != "application/json");
    let media_type = match (delivered, document.media_type.as_deref().filter(|stated| !stated.is_empty())) {
        (Some(delivered), Some(stated)) if delivered.as_str() != stated => {
            return Err(ManifestError::TypeMismatch {
                delivered: delivered.clone(),
                stated: stated.chars().take(160).collect(),
            });
        }
        (Some(delivered), _) => delivered.clone(),
        (None, Some(stated)) => stated.parse().map_err(|_| ManifestError::NoType)?,
        (None, None) if document.manifests.is_some() => MediaType::OCI_INDEX,
        (None, None) if document.layers.is_some() || document.config.is_some() => MediaType::OCI_MANIFEST,
        (None, None) => return Err(ManifestError::NoType),
    };
    Ok(media_type)
}

fn view(document: Document, media_type: &MediaType) -> Result<View, ManifestError> {
    let kind = media_type.manifest_kind().ok_or_else(|| ManifestError::UnknownType(media_type.clone()))?;
    // The former artifact manifest states no schema version.
    let version = if *media_type == MediaType::OCI_ARTIFACT {
        document.schema_version.unwrap_or(2)
    } else {
        document.schema_version.unwrap_or(0)
    };
    if version != 2 || document.fs_layers.is_some() {
        return Err(ManifestError::SchemaVersion { found: if document.fs_layers.is_some() { 1 } else { version } });
    }
    let image_fields = document.layers.is_some() || document.config.is_some() || document.blobs.is_some();
    if image_fields && document.manifests.is_some() {
        return Err(ManifestError::Ambiguous);
    }
    let annotations = document.annotations.unwrap_or_default();
    match kind {
        ManifestKind::Index if image_fields => Err(ManifestError::Ambiguous),
        ManifestKind::Image if document.manifests.is_some() => Err(ManifestError::Ambiguous),
        ManifestKind::Index => Ok(View::Index(Index {
            artifact_type: document.artifact_type,
            manifests: document.manifests.unwrap_or_default(),
            subject: document.subject,
            annotations,
        })),
        ManifestKind::Image => Ok(View::Image(ImageManifest {
            artifact_type: document.artifact_type,
            config: document.config,
            layers: document.layers.or(document.blobs).unwrap_or_default(),
            subject: document.subject,
            annotations,
        })),
    }
}

fn check_descriptors(view: &View) -> Result<(), ManifestError> {
    let (descriptors, others) = match view {
        View::Image(image) => {
            (&image.layers, usize::from(image.config.is_some()) + usize::from(image.subject.is_some()))
        }
        View::Index(index) => (&index.manifests, usize::from(index.subject.is_some())),
    };
    let found = descriptors.len() + others;
    if found > DESCRIPTORS_MAX {
        return Err(ManifestError::TooManyDescriptors { found });
    }
    match descriptors.iter().map(|descriptor| descriptor.urls.len()).find(|&urls| urls > DESCRIPTOR_URLS_MAX) {
        Some(found) => Err(ManifestError::TooManyUrls { found }),
        None => Ok(()),
    }
}
