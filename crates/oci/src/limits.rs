//! Every bound on input, by name. A limit that is hit is an error that states the limit and the value found.

/// Largest manifest or index read, in bytes. Registries must accept at least 4 MB (distribution-spec, "Pushing Manifests").
pub const MANIFEST_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Largest image configuration read into memory, in bytes. Larger ones are still copied, as any blob is.
pub const CONFIG_MAX_BYTES: usize = 8 * 1024 * 1024;

/// Most descriptors in one manifest: layers, children, config and subject together.
pub const DESCRIPTORS_MAX: usize = 10_000;

/// Most uncompressed layers named in one image configuration: no manifest has more layers.
pub const DIFF_IDS_MAX: usize = DESCRIPTORS_MAX;

/// Most steps of building in one image configuration. Steps that made no layer stand among those that did.
pub const HISTORY_MAX: usize = 4 * DESCRIPTORS_MAX;

/// Longest life cycle mark, in bytes.
pub const MARK_MAX_BYTES: usize = 64 * 1024;

/// Longest reason in a life cycle mark, in bytes.
pub const MARK_REASON_MAX_BYTES: usize = 4096;

/// Longest package descriptor, and longest annotation that stands for one, in bytes.
pub const PACKAGE_MAX_BYTES: usize = 256 * 1024;

/// Most images that a package descriptor needs; as many that it does not go with, and that it provides.
pub const PACKAGE_EDGES_MAX: usize = 1024;

/// Longest requirement in a package descriptor, in bytes.
pub const PACKAGE_REQUIREMENT_MAX_BYTES: usize = 1024;

/// Longest name, licence, supplier and so on in a package descriptor, in bytes.
pub const PACKAGE_TEXT_MAX_BYTES: usize = 4096;

/// Longest media type, in bytes (RFC 6838 section 4.2 allows 127 a side).
pub const MEDIA_TYPE_MAX_BYTES: usize = 255;

/// Longest tag, in bytes (distribution-spec, "Pulling manifests").
pub const TAG_MAX_BYTES: usize = 128;

/// Longest repository name, in bytes. Clients limit host and name together to 255.
pub const REPOSITORY_MAX_BYTES: usize = 255;

/// Longest reference a user or a file may give, in bytes.
pub const REFERENCE_MAX_BYTES: usize = 4096;

/// Most URLs of a non-distributable layer that are looked at.
pub const DESCRIPTOR_URLS_MAX: usize = 64;

/// Most tags read from one repository.
pub const TAGS_MAX: usize = 1_000_000;

/// Most referrers read for one subject.
pub const REFERRERS_MAX: usize = 100_000;
