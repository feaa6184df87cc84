//! `hold`, `unhold`

use anyhow::Result;
use clap::Args;
use ops::lock::LockRequest;
use ops::project::OpenProject;
use ops::resolve::resolution::{ResolutionOptions, Update};

use super::locking;
use crate::session::Session;

/// Keep images as they are locked, whatever is updated
///
/// Example: supercargo hold storage
#[derive(Args, Debug)]
pub(crate) struct HoldArguments {
    #[command(flatten)]
    names: Names,
}

/// Let images move again
///
/// Example: supercargo unhold storage
#[derive(Args, Debug)]
pub(crate) struct UnholdArguments {
    #[command(flatten)]
    names: Names,
}

#[derive(Args, Debug)]
struct Names {
    /// The images, as the project calls them
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,

    /// Show what would change and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl HoldArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        self.names.run(session, "hold", true).await
    }
}

impl UnholdArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        self.names.run(session, "unhold", false).await
    }
}

impl Names {
    async fn run(self, session: &Session, command: &'static str, hold: bool) -> Result<()> {
        let open = OpenProject::read(&session.settings.project)?;
        let options = ResolutionOptions { update: Update::Needed, ..locking::options(session) };
        let request = LockRequest { options, dry_run: self.dry_run };
        let report = ops::edit::hold(&session.context, &open, &self.names, hold, &request).await?;
        locking::print(session, command, &report.lock, self.dry_run)
    }
}
