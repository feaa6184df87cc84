//! `inspect`

pub(super) mod base;
pub(super) mod identity;
mod life;
mod package;
mod sheet;

use anyhow::Result;
use clap::Args;
use ops::OpsError;
use ops::inspect::InspectRequest;

use super::describe::one_platform;
use crate::printer::{self, count};
use crate::session::Session;

/// Show what an image is: identity, origin, base, platforms, artifacts and life cycle
///
/// Every fact stands beside where it is written: in an annotation of the index, of the manifest or of the descriptor that points to it,
/// in a label or a field of the configuration, in the tag, in the registry, in an artifact. Where two of them say different things
/// both are shown, what counts more first. There is no annotation for the copyright; the keys org.opencontainers.image.copyright and
/// copyright are looked at.
///
/// What an image claims of its base is proven or contradicted by its layers, if the base is known from an earlier look, or lies in
/// the same layout or registry. Other registries are asked only with --base. Without a claim a known base is recognised by its layers.
///
/// With --platform the image of an index for that platform is shown.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct InspectArguments {
    /// The image
    #[arg(value_name = "REF")]
    image: String,

    /// Write the manifest exactly as it is, and nothing else
    #[arg(long)]
    raw: bool,

    /// Look at this image too: the base may be it
    #[arg(long, value_name = "REF", conflicts_with = "raw")]
    base: Option<String>,
}

const EXAMPLES: &str = "Examples:
  supercargo inspect registry.example/shop:1.0
  supercargo inspect registry.example/shop:1.0 --base docker.io/library/alpine:3.20";

impl InspectArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let request = InspectRequest {
            reference: session.reference(&self.image)?,
            platform: one_platform(&session.settings.platforms)?,
            base: self.base.as_deref().map(|base| session.reference(base)).transpose()?,
            now: session.now(),
        };
        if self.raw {
            return printer::write(ops::inspect::manifest(&session.context, &request).await?.bytes());
        }
        let report = ops::inspect::inspect(&session.context, &request).await?;
        session.print(&sheet::Sheet::new(&report))?;
        for note in &report.notes {
            session.printer.note(note);
        }
        if let (Some(base), None) =
            (base::unchecked(report.images.iter().filter_map(|image| image.base.as_ref())), &request.base)
        {
            session.printer.note(&format!("--base {base} compares the layers with those of the base that is claimed"));
        }
        match &report.missing[..] {
            [] => Ok(()),
            [first, ..] => Err(OpsError::Integrity {
                location: report.location,
                message: match report.missing.len() {
                    1 => format!("{first} is missing"),
                    more => format!("{first} and {} are missing", count(more - 1, "other node")),
                },
            }
            .into()),
        }
    }
}
