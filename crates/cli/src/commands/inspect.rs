//! `inspect`

mod sheet;

use anyhow::Result;
use clap::Args;
use ops::OpsError;
use ops::inspect::InspectRequest;

use super::describe::one_platform;
use super::reference;
use crate::printer::{self, count};
use crate::session::Session;

/// Show what an image is: digest, platforms, layers, identity and what is attached
///
/// With --platform the image of an index for that platform is shown.
#[derive(Args, Debug)]
pub(crate) struct InspectArguments {
    /// The image
    #[arg(value_name = "REF")]
    image: String,

    /// Write the manifest exactly as it is, and nothing else
    #[arg(long)]
    raw: bool,
}

impl InspectArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let request =
            InspectRequest { reference: reference(&self.image)?, platform: one_platform(&session.settings.platforms)? };
        if self.raw {
            return printer::write(ops::inspect::manifest(&session.context, &request).await?.bytes());
        }
        let report = ops::inspect::inspect(&session.context, &request).await?;
        session.print(&sheet::Sheet::new(&report))?;
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
