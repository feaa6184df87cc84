//! Why a copy did not succeed.

use graph::{Loss, ProofReport, WalkError};
use oci::{Digest, ManifestError};
use store::StoreError;

/// Why a copy did not succeed. In every case the destination's root tag is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The image that was asked for is not there.
    #[error("{location} has no {name}")]
    NotFound {
        /// The store.
        location: String,
        /// The tag or digest.
        name: String,
    },
    /// Something that a parent or a list of referrers names is not there.
    #[error("{location} lacks {} that {} names{}", losses[0].node, losses[0].named_by.digest, more(losses.len() - 1))]
    Lost {
        /// The source.
        location: String,
        /// What is missing and who names it; never empty.
        losses: Vec<Loss>,
    },
    /// Something that is known to belong to an image is not shown with it.
    #[error("{location} does not show {}, which belongs to what is copied{}", digests[0], more(digests.len() - 1))]
    Withheld {
        /// The source.
        location: String,
        /// What is not shown; never empty.
        digests: Vec<Digest>,
    },
    /// What was copied is not all there.
    #[error("{location} does not show everything that was copied to it: {}", describe(report))]
    Unproven {
        /// The destination.
        location: String,
        /// What is missing.
        report: Box<ProofReport>,
    },
    /// The source's graph is not one.
    #[error("{location}: {source}")]
    Walk {
        /// The source.
        location: String,
        /// What is wrong with it.
        source: WalkError,
    },
    /// The tag under which a list of referrers has to be kept names something else.
    #[error("{location} keeps no lists of referrers, and `{tag}`, where the list belongs, names an image")]
    FallbackTaken {
        /// The store.
        location: String,
        /// The tag.
        tag: oci::Tag,
    },
    /// A manifest made here is not valid.
    #[error("cannot make a manifest")]
    Manifest(#[from] ManifestError),
    /// No child of an index is for a platform that was asked for.
    #[error("{digest} has nothing for {wanted}; it has {available}")]
    NoPlatform {
        /// The index.
        digest: Digest,
        /// What was asked for.
        wanted: String,
        /// What there is.
        available: String,
    },
    /// A blob that another image shares could not be moved; the other image's error has the cause.
    #[error("blob {digest}, which another image shares, could not be moved: {reason}")]
    SharedBlob {
        /// The blob.
        digest: Digest,
        /// What happened.
        reason: String,
    },
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(", and {count} more") }
}

fn describe(report: &ProofReport) -> String {
    let nodes = report.missing_nodes.iter().map(|id| format!("{id} is missing"));
    let edges = report
        .missing_edges
        .iter()
        .map(|edge| format!("{} is not listed as referring to {}", edge.from.digest, edge.to.digest));
    let tags = report.wrong_tags.iter().map(|(tag, found)| match found {
        Some(found) => format!("tag {tag} points to {found}"),
        None => format!("tag {tag} is missing"),
    });
    let all: Vec<String> = nodes.chain(edges).chain(tags).collect();
    let shown = all.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
    format!("{shown}{}", more(all.len().saturating_sub(3)))
}

impl TransferError {
    /// Returns every digest that is missing at the source or unproven at the destination.
    pub fn digests(&self) -> Vec<Digest> {
        match self {
            Self::Lost { losses, .. } => losses.iter().map(|loss| loss.node.digest).collect(),
            Self::Withheld { digests, .. } => digests.clone(),
            Self::Unproven { report, .. } => {
                let nodes = report.missing_nodes.iter().map(|id| id.digest);
                nodes.chain(report.missing_edges.iter().map(|edge| edge.from.digest)).collect()
            }
            _ => Vec::new(),
        }
    }
}
