//! Manifests and indexes: the received bytes and a checked view of them (image-spec, "Image Manifest", "Image Index").

mod error;
mod parse;

use bytes::Bytes;

pub use error::ManifestError;

use crate::descriptor::{Annotations, Descriptor};
use crate::digest::{Algorithm, Digest};
use crate::media_type::{ManifestKind, MediaType};

/// A manifest or index: the bytes that were received or made, their digest, and what they say.
///
/// The bytes are never re-serialised. The view is parsed once, within the limits of [`crate::limits`].
#[derive(Clone, Debug)]
pub struct Manifest {
    bytes: Bytes,
    digest: Digest,
    media_type: MediaType,
    view: View,
}

/// What a manifest says.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one view for each manifest, and a manifest is shared, not moved"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// Config and layers.
    Image(ImageManifest),
    /// A list of manifests.
    Index(Index),
}

/// The view of an OCI image manifest, a docker schema 2 manifest or the former OCI artifact manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageManifest {
    /// Type of the artifact, where it is one.
    pub artifact_type: Option<String>,
    /// The configuration; artifacts may have none.
    pub config: Option<Descriptor>,
    /// Layers, or the blobs of an artifact, in order.
    pub layers: Vec<Descriptor>,
    /// What this manifest is about.
    pub subject: Option<Descriptor>,
    /// Annotations.
    pub annotations: Annotations,
}

/// The view of an OCI image index or a docker manifest list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Type of the artifact, where it is one.
    pub artifact_type: Option<String>,
    /// The children, in order.
    pub manifests: Vec<Descriptor>,
    /// What this index is about.
    pub subject: Option<Descriptor>,
    /// Annotations.
    pub annotations: Annotations,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// `media_type` is what the transport said (a `Content-Type`, a descriptor); `None` leaves it to the bytes.
    /// `expected` is the digest asked for; without it the manifest is named by sha256. Size is checked first, then the
    /// digest, then the syntax, so hostile bytes are not parsed before they are known to be the ones meant.
    ///
    /// # Errors
    /// [`ManifestError`] says what is wrong and with which value.
    pub fn parse(
        bytes: Bytes,
        media_type: Option<&MediaType>,
        expected: Option<&Digest>,
    ) -> Result<Self, ManifestError> {
        parse::parse(bytes, media_type, expected)
    }

    /// Makes the manifest whose content is `bytes`, which this program has written itself, named by `algorithm`.
    ///
    /// # Errors
    /// As [`Manifest::parse`]: what we write is held to the same rules.
    pub fn from_new(bytes: Bytes, media_type: &MediaType, algorithm: Algorithm) -> Result<Self, ManifestError> {
        let digest = algorithm.digest(&bytes);
        Self::parse(bytes, Some(media_type), Some(&digest))
    }

    /// Returns the bytes, exactly as received.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the digest of the bytes.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns the media type.
    pub const fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// Returns what the manifest says.
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// Returns what the manifest is.
    pub const fn kind(&self) -> ManifestKind {
        match self.view {
            View::Image(_) => ManifestKind::Image,
            View::Index(_) => ManifestKind::Index,
        }
    }

    /// Returns a descriptor of this manifest: type, digest, size and, for an artifact, its type.
    pub fn descriptor(&self) -> Descriptor {
        let mut descriptor = Descriptor::new(self.media_type.clone(), self.digest, self.bytes.len() as u64);
        descriptor.artifact_type = self.artifact_type().map(str::to_owned);
        descriptor
    }

    /// Returns the descriptor of this manifest as a list of referrers holds it: with the artifact type (which falls back to
    /// the config's media type) and the annotations (distribution-spec, "Listing Referrers").
    pub fn referrer_descriptor(&self) -> Descriptor {
        let mut descriptor = self.descriptor();
        descriptor.annotations = self.annotations().clone();
        if descriptor.artifact_type.is_none() {
            descriptor.artifact_type = self.config().map(|config| config.media_type.to_string());
        }
        descriptor
    }

    /// Returns the artifact type that the manifest states; an empty one states nothing (distribution-spec, "Listing
    /// Referrers").
    pub fn artifact_type(&self) -> Option<&str> {
        let stated = match &self.view {
            View::Image(image) => image.artifact_type.as_deref(),
            View::Index(index) => index.artifact_type.as_deref(),
        };
        stated.filter(|kind| !kind.is_empty())
    }

    /// Returns the annotations.
    pub const fn annotations(&self) -> &Annotations {
        match &self.view {
            View::Image(image) => &image.annotations,
            View::Index(index) => &index.annotations,
        }
    }

    /// Returns what this manifest is about.
    pub const fn subject(&self) -> Option<&Descriptor> {
        match &self.view {
            View::Image(image) => image.subject.as_ref(),
            View::Index(index) => index.subject.as_ref(),
        }
    }

    /// Returns the configuration of an image manifest.
    pub const fn config(&self) -> Option<&Descriptor> {
        match &self.view {
            View::Image(image) => image.config.as_ref(),
            View::Index(_) => None,
        }
    }

    /// Returns the layers of an image manifest; an index has none.
    pub fn layers(&self) -> &[Descriptor] {
        match &self.view {
            View::Image(image) => &image.layers,
            View::Index(_) => &[],
        }
    }

    /// Returns the children of an index; an image manifest has none.
    pub fn children(&self) -> &[Descriptor] {
        match &self.view {
            View::Image(_) => &[],
            View::Index(index) => &index.manifests,
        }
    }
}

impl PartialEq for Manifest {
    /// Two manifests are the same when their bytes and type are.
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.media_type == other.media_type && self.bytes == other.bytes
    }
}

impl Eq for Manifest {}
