//! What the journal says: one thing of the database, as it became by one change.

use oci::{Digest, MediaType, RepositoryName, Tag};
use serde::{Deserialize, Serialize};

/// One thing as it is, or that it is no more.
///
/// Things are told apart by [`Entry::key`]. What is said last of a thing is what counts; no entry needs another one to make sense.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(crate) enum Entry {
    /// There is a repository. It never goes.
    Repository {
        /// Its name.
        repository: RepositoryName,
    },
    /// A blob has bytes in a place, or none any more.
    Blob {
        /// The blob.
        digest: Digest,
        /// Where they are.
        #[serde(skip_serializing_if = "Option::is_none")]
        kept: Option<KeptBlob>,
    },
    /// A repository has a blob, or has it no more.
    Link {
        /// The repository.
        repository: RepositoryName,
        /// The blob.
        digest: Digest,
        /// Whether it has it.
        is_there: bool,
    },
    /// A repository has a manifest, or has it no more.
    Manifest {
        /// The repository.
        repository: RepositoryName,
        /// The manifest.
        digest: Digest,
        /// What is known of it beside its bytes.
        #[serde(skip_serializing_if = "Option::is_none")]
        kept: Option<KeptManifest>,
    },
    /// A tag was moved. That never changes again.
    Move {
        /// The repository.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
        /// The number of the move, from 1 on, for each tag of a repository.
        #[serde(rename = "move")]
        number: i64,
        /// The manifest that it names since; nothing when the tag was removed.
        #[serde(skip_serializing_if = "Option::is_none")]
        digest: Option<Digest>,
        /// When, in milliseconds since 1970.
        at: i64,
        /// The user who moved it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        actor: Option<String>,
    },
    /// A pin or a hold is on a manifest, or no more.
    Hold {
        /// The repository.
        repository: RepositoryName,
        /// The manifest.
        digest: Digest,
        /// Which of the two: a word.
        kind: String,
        /// What is known of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        kept: Option<KeptHold>,
    },
}

/// Where the bytes of a blob are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptBlob {
    /// How many there are.
    pub(crate) size: u64,
    /// Their place.
    pub(crate) place: String,
}

/// What is known of a manifest beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptManifest {
    /// The media type under which it came last.
    pub(crate) media_type: MediaType,
    /// When it came, in milliseconds since 1970.
    pub(crate) at: i64,
    /// The place of its bytes. Nothing when they had gone before they could be put there: an entry that comes later says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
}

/// What is known of a pin or a hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptHold {
    /// Why it is there.
    pub(crate) reason: String,
    /// The user who has set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) actor: Option<String>,
    /// When, in milliseconds since 1970.
    pub(crate) at: i64,
    /// When it ends, in milliseconds since 1970; one that does not end has the greatest number.
    pub(crate) expires_at: i64,
}

impl Entry {
    /// Returns what tells the thing apart from every other. In the order of the keys come repositories, manifests, blobs, links, and
    /// moves, those of a tag by their numbers, and holds.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Repository { repository } => format!("1 {repository}"),
            Self::Blob { digest, .. } => format!("3 {digest}"),
            Self::Manifest { repository, digest, .. } => format!("2 {repository} {digest}"),
            Self::Link { repository, digest, .. } => format!("4 {repository} {digest}"),
            Self::Move { repository, tag, number, .. } => format!("5 {repository} {tag} {number:019}"),
            Self::Hold { repository, digest, kind, .. } => format!("6 {repository} {digest} {kind}"),
        }
    }

    /// Tells whether the thing is there. Of what is not, nothing needs to be said in a whole state.
    pub(crate) const fn is_there(&self) -> bool {
        match self {
            Self::Repository { .. } | Self::Move { .. } => true,
            Self::Blob { kept, .. } => kept.is_some(),
            Self::Link { is_there, .. } => *is_there,
            Self::Manifest { kept, .. } => kept.is_some(),
            Self::Hold { kept, .. } => kept.is_some(),
        }
    }
}
