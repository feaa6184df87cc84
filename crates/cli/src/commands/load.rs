//! `load`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use ops::OpsError;
use ops::archive::LoadRequest;

use super::copying::{self, CopySwitches};
use crate::session::Session;

/// Load every image of an archive, with everything attached to them
///
/// Each image keeps the tag that it has in the archive. The archive of a project goes where `copy DST` would bring the project; what
/// `save --since` left out of it has to be at the destination, and is asked for before anything is written.
///
/// Example: supercargo load shop.tar.zst registry.example/mirror/
#[derive(Args, Debug)]
pub(crate) struct LoadArguments {
    /// The archive, plain or compressed with zstd
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Where the images go
    #[arg(value_name = "DST")]
    destination: String,

    #[command(flatten)]
    switches: CopySwitches,
}

impl LoadArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        if !session.settings.platforms.is_empty() {
            return Err(OpsError::usage(
                "an archive is loaded whole",
                format!("supercargo copy oci-archive:{}:TAG DST --platform P", self.file.display()),
            )
            .into());
        }
        let request = LoadRequest {
            file: self.file,
            destination: session.destination(&self.destination)?,
            options: self.switches.options(session),
            dry_run: self.switches.dry_run,
        };
        let report = ops::archive::load(&session.context, &request, session.progress()).await?;
        copying::print("load", session, report, self.switches.dry_run)
    }
}
