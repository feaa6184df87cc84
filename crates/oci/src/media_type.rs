//! Media types and what a manifest of that type is.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::MEDIA_TYPE_MAX_BYTES;

/// A media type without parameters, `type/subtype` (RFC 6838 section 4.2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaType(Cow<'static, str>);

/// What a manifest is, by its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ManifestKind {
    /// Config and layers: OCI image manifest, docker schema 2, or the former OCI artifact manifest.
    Image,
    /// A list of manifests: OCI image index or docker manifest list.
    Index,
}

impl MediaType {
    /// OCI image manifest.
    pub const OCI_MANIFEST: Self = Self(Cow::Borrowed("application/vnd.oci.image.manifest.v1+json"));
    /// OCI image index.
    pub const OCI_INDEX: Self = Self(Cow::Borrowed("application/vnd.oci.image.index.v1+json"));
    /// OCI artifact manifest, withdrawn before image-spec 1.1 but found in registries; read and kept.
    pub const OCI_ARTIFACT: Self = Self(Cow::Borrowed("application/vnd.oci.artifact.manifest.v1+json"));
    /// Docker image manifest, version 2, schema 2.
    pub const DOCKER_MANIFEST: Self = Self(Cow::Borrowed("application/vnd.docker.distribution.manifest.v2+json"));
    /// Docker manifest list.
    pub const DOCKER_LIST: Self = Self(Cow::Borrowed("application/vnd.docker.distribution.manifest.list.v2+json"));
    /// OCI image configuration.
    pub const OCI_CONFIG: Self = Self(Cow::Borrowed("application/vnd.oci.image.config.v1+json"));
    /// Docker image configuration.
    pub const DOCKER_CONFIG: Self = Self(Cow::Borrowed("application/vnd.docker.container.image.v1+json"));
    /// The empty JSON object `{}` (image-spec, "Guidance for an Empty Descriptor").
    pub const EMPTY_JSON: Self = Self(Cow::Borrowed("application/vnd.oci.empty.v1+json"));
    /// Uncompressed layer.
    pub const OCI_LAYER: Self = Self(Cow::Borrowed("application/vnd.oci.image.layer.v1.tar"));
    /// Layer compressed with gzip.
    pub const OCI_LAYER_GZIP: Self = Self(Cow::Borrowed("application/vnd.oci.image.layer.v1.tar+gzip"));
    /// Layer compressed with zstd.
    pub const OCI_LAYER_ZSTD: Self = Self(Cow::Borrowed("application/vnd.oci.image.layer.v1.tar+zstd"));
    /// Bytes of no known type.
    pub const OCTET_STREAM: Self = Self(Cow::Borrowed("application/octet-stream"));
    /// Any JSON.
    pub const JSON: Self = Self(Cow::Borrowed("application/json"));

    /// The media types of manifests that are asked for, in the order of preference.
    pub const MANIFESTS: [Self; 5] =
        [Self::OCI_INDEX, Self::OCI_MANIFEST, Self::DOCKER_LIST, Self::DOCKER_MANIFEST, Self::OCI_ARTIFACT];

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what a manifest of this type is, or `None` when it names no manifest supercargo understands.
    pub fn manifest_kind(&self) -> Option<ManifestKind> {
        match self {
            _ if *self == Self::OCI_INDEX || *self == Self::DOCKER_LIST => Some(ManifestKind::Index),
            _ if *self == Self::OCI_MANIFEST || *self == Self::DOCKER_MANIFEST || *self == Self::OCI_ARTIFACT => {
                Some(ManifestKind::Image)
            }
            _ => None,
        }
    }

    /// Tells whether layers of this type may be missing from a registry and lie at the descriptor's URLs
    /// (image-spec, "Non-Distributable Layers"; docker's foreign layers).
    pub fn is_non_distributable(&self) -> bool {
        self.0.starts_with("application/vnd.oci.image.layer.nondistributable.v1.")
            || self.0.starts_with("application/vnd.docker.image.rootfs.foreign.")
    }

    /// Tells whether this is the configuration of a runnable image, OCI or docker.
    pub fn is_image_config(&self) -> bool {
        *self == Self::OCI_CONFIG || *self == Self::DOCKER_CONFIG
    }

    /// Reads the value of a `Content-Type` header: parameters such as `; charset=utf-8` are dropped.
    ///
    /// # Errors
    /// [`MediaTypeError`] when what is left is not a media type.
    pub fn from_content_type(header: &str) -> Result<Self, MediaTypeError> {
        header.split(';').next().unwrap_or_default().trim().parse()
    }
}

impl FromStr for MediaType {
    type Err = MediaTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let restricted = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphanumeric())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        match text.split_once('/') {
            Some((kind, subtype)) if text.len() <= MEDIA_TYPE_MAX_BYTES && restricted(kind) && restricted(subtype) => {
                Ok(Self(Cow::Owned(text.to_owned())))
            }
            _ => Err(MediaTypeError(text.chars().take(80).collect())),
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Text that is not a media type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a media type (type/subtype)", crate::text::printable(.0))]
pub struct MediaTypeError(String);
