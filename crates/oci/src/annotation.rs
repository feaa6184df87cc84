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
/// Where there is more to find about the image.
pub const URL: &str = "org.opencontainers.image.url";
/// Where its documentation is.
pub const DOCUMENTATION: &str = "org.opencontainers.image.documentation";
/// Who holds the copyright. The specification has no key for it; this is the one that is found in images.
pub const COPYRIGHT: &str = "org.opencontainers.image.copyright";
/// Digest of the base image.
pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// BuildKit: what a child of an index is, `attestation-manifest` for attestations.
pub const BUILDKIT_REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// BuildKit: the digest of the sibling that an attestation child is about.
pub const BUILDKIT_REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// containerd: the whole name of an entry of an OCI layout's `index.json`.
pub const CONTAINERD_IMAGE_NAME: &str = "io.containerd.image.name";

/// Labels of label-schema.org (1.0, withdrawn in favour of the keys above), which older images still carry.
pub mod label_schema {
    /// Human-readable name.
    pub const NAME: &str = "org.label-schema.name";
    /// Version of the packaged software.
    pub const VERSION: &str = "org.label-schema.version";
    /// Human-readable description.
    pub const DESCRIPTION: &str = "org.label-schema.description";
    /// SPDX licence expression; not in the schema, but in the images that follow it.
    pub const LICENSE: &str = "org.label-schema.license";
    /// Name of the distributing entity.
    pub const VENDOR: &str = "org.label-schema.vendor";
    /// Where there is more to find about the image.
    pub const URL: &str = "org.label-schema.url";
    /// Where its documentation is.
    pub const USAGE: &str = "org.label-schema.usage";
    /// Where the source is.
    pub const VCS_URL: &str = "org.label-schema.vcs-url";
    /// Revision of the source.
    pub const VCS_REF: &str = "org.label-schema.vcs-ref";
    /// When the content was made, RFC 3339.
    pub const BUILD_DATE: &str = "org.label-schema.build-date";
}

/// Labels without a name space.
///
/// `maintainer` is what the Dockerfile reference puts in the place of its instruction MAINTAINER. The others say what they seem
/// to say only where [`COMPONENT`](plain::COMPONENT) stands beside them: the certification of the vendor who writes that one
/// demands them, and elsewhere a label `version` may be the version of anything.
pub mod plain {
    /// Who made the image.
    pub const MAINTAINER: &str = "maintainer";
    /// Who holds the copyright.
    pub const COPYRIGHT: &str = "copyright";
    /// The component that an image of this convention is built from.
    pub const COMPONENT: &str = "com.redhat.component";
    /// Name of the image.
    pub const NAME: &str = "name";
    /// Version of the packaged software.
    pub const VERSION: &str = "version";
    /// Name of the distributing entity.
    pub const VENDOR: &str = "vendor";
    /// One line about the image.
    pub const SUMMARY: &str = "summary";
    /// Human-readable description.
    pub const DESCRIPTION: &str = "description";
    /// Where there is more to find about the image.
    pub const URL: &str = "url";
    /// Revision of the source.
    pub const VCS_REF: &str = "vcs-ref";
    /// When the content was made, RFC 3339.
    pub const BUILD_DATE: &str = "build-date";
}
