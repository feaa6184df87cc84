//! What a registry says of its own past: how its tags have moved, and which there were at a time.

use std::collections::BTreeMap;

use oci::{Digest, Tag, Timestamp};

/// A move of a tag, as its registry has noted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagMove {
    /// When.
    pub at: Timestamp,
    /// What the tag named from then on, or until then where it was removed.
    pub digest: Digest,
    /// Whether the tag was removed.
    pub removed: bool,
    /// The number of the move, where the registry counts them.
    pub number: Option<u64>,
    /// Who did it, where the registry says so.
    pub actor: Option<String>,
}

/// The tags of a repository at a time, as its registry has noted them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagsThen {
    /// When the first tag was set that the registry knows of. It knows nothing of what was before.
    pub begins: Option<Timestamp>,
    /// The tags.
    pub tags: BTreeMap<Tag, TagThen>,
}

/// A tag at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagThen {
    /// What it named.
    pub digest: Digest,
    /// Since when.
    pub since: Timestamp,
}
