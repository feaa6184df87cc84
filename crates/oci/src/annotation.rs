//! Annotation keys (image-spec, "Pre-Defined Annotation Keys") and our own, which begin with `vnd.supercargo.`.

/// The name under which an entry of an OCI layout's `index.json` is tagged.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// When the content was made, RFC 3339.
pub const CREATED: &str = "org.opencontainers.image.created";
/// Version of the packaged software.
pub const VERSION: &str = "org.opencontainers.image.version";
/// Revision of the source.
pub const REVISION: &str = "org.opencontainers.image.revision";
/// Where the source is.
pub const SOURCE: &str = "org.opencontainers.image.source";
/// SPDX licence expression.
pub const LICENSES: &str = "org.opencontainers.image.licenses";
/// Name of the distributing entity.
pub const VENDOR: &str = "org.opencontainers.image.vendor";
/// Human-readable title.
pub const TITLE: &str = "org.opencontainers.image.title";
/// Human-readable description.
pub const DESCRIPTION: &str = "org.opencontainers.image.description";
/// Who made the image.
pub const AUTHORS: &str = "org.opencontainers.image.authors";
/// Reference of the base image.
pub const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// Digest of the base image.
pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// BuildKit: what a child of an index is, `attestation-manifest` for attestations.
pub const BUILDKIT_REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// BuildKit: the digest of the sibling that an attestation child is about.
pub const BUILDKIT_REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";
