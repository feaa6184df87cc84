//! `remove`

use anyhow::Result;
use clap::Args;
use ops::lock::LockRequest;
use ops::project::OpenProject;
use ops::resolve::resolution::{ResolutionOptions, Update};

use super::locking;
use crate::session::Session;

/// Take images out of the project and its lock
///
/// Example: supercargo remove agent
#[derive(Args, Debug)]
pub(crate) struct RemoveArguments {
    /// The images, as the project calls them
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,

    /// Show what would change and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl RemoveArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let open = OpenProject::read(&session.settings.project)?;
        let options = ResolutionOptions { update: Update::Needed, ..locking::options(session) };
        let request = LockRequest { options, dry_run: self.dry_run };
        let report = ops::edit::remove(&session.context, &open, &self.names, &request).await?;
        locking::print(session, "remove", &report.lock, self.dry_run)
    }
}
