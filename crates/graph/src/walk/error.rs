//! Why a walk cannot go on.

use oci::{Digest, MediaType};

use super::{DEPTH_MAX, NODES_MAX};

/// Why a walk cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WalkError {
    /// A root or a referrer of a type that is no manifest.
    #[error("{digest} has media type `{media_type}`, which is no manifest")]
    NotAManifest {
        /// The digest.
        digest: Digest,
        /// The media type.
        media_type: MediaType,
    },
    /// A list of referrers names something that is about something else.
    #[error("{digest} is listed as referring to {listed_for}, but {}", match .subject {
        Some(subject) => format!("its subject is {subject}"),
        None => "it has no subject".to_owned(),
    })]
    Stranger {
        /// What is listed.
        digest: Digest,
        /// For what it is listed.
        listed_for: Digest,
        /// What it says it is about.
        subject: Option<Digest>,
    },
    /// Indexes nested, or referrers chained, deeper than any application needs.
    #[error("{digest} lies more than {} levels below its root", DEPTH_MAX)]
    TooDeep {
        /// The first digest beyond the limit.
        digest: Digest,
    },
    /// More nodes than a walk may find.
    #[error("the graph has more than {} nodes", NODES_MAX)]
    TooManyNodes,
    /// A question was not answered.
    #[error("the walk was ended before every question was answered")]
    Unfinished,
}
