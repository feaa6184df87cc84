//! `artifacts`

mod tree;

use anyhow::Result;
use clap::Args;
use ops::OpsError;
use ops::artifacts::ArtifactsRequest;

use super::describe::one_platform;
use crate::printer::count;
use crate::session::Session;

/// Show what refers to an image, at any depth, as a tree
///
/// What refers to the image, to its children and layers, and to all of that. Referrers are found by the registry's list and by
/// fallback tags; what is attached by tags such as sha256-….sig and BuildKit's attestations are shown too.
///
/// Example: supercargo artifacts registry.example/shop:1.0 --type application/spdx+json
#[derive(Args, Debug)]
pub(crate) struct ArtifactsArguments {
    /// The image
    #[arg(value_name = "REF")]
    image: String,

    /// Only artifacts of this type, and what leads to them
    #[arg(long = "type", value_name = "TYPE")]
    artifact_type: Option<String>,
}

impl ArtifactsArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let request = ArtifactsRequest {
            reference: session.reference(&self.image)?,
            platform: one_platform(&session.settings.platforms)?,
            artifact_type: self.artifact_type,
        };
        let report = ops::artifacts::artifacts(&session.context, &request).await?;
        session.print(&tree::TreeDocument::new(&report))?;
        match &report.losses[..] {
            [] => Ok(()),
            [first, ..] => Err(OpsError::Integrity {
                location: report.location,
                message: match report.losses.len() {
                    1 => format!("{}, which {} names, is missing", first.node, first.named_by.digest),
                    more => format!("{} and {} are missing", first.node, count(more - 1, "other node")),
                },
            }
            .into()),
        }
    }
}
