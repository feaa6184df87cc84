//! `lock`, `lock merge`

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use ops::Destination;
use ops::lock::LockRequest;
use ops::project::OpenProject;
use ops::resolve::resolution::Update;

use super::locking::{self, ChoiceArguments};
use crate::session::Session;

/// Choose a version of every image of the project and write Supercargo.lock
///
/// What is locked stays as long as the project still wants it: a new release changes nothing (see `update`), and where nothing
/// has to change no registry is asked.
///
/// The lock is the same from wherever it is made: the registry, a mirror of it (`[registries]` in Supercargo.toml, or --from), or a
/// layout or an archive of the project.
///
/// Example: supercargo lock --check
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LockArguments {
    #[command(subcommand)]
    command: Option<LockCommand>,

    /// Only tell whether the lock is up to date: exit code 1 when it is not; no registry is asked
    #[arg(long)]
    check: bool,

    /// Read the repositories from a copy: HOST/PREFIX/, oci:DIR or oci-archive:FILE
    #[arg(long, value_name = "PLACE", conflicts_with = "check")]
    from: Option<String>,

    /// Show what would change and write nothing
    #[arg(long, conflicts_with = "check")]
    dry_run: bool,

    #[command(flatten)]
    choice: ChoiceArguments,
}

#[derive(Debug, Subcommand)]
enum LockCommand {
    /// Merge two locks that come from one: a merge driver for git
    ///
    /// Example: git config merge.supercargo.driver 'supercargo lock merge %O %A %B'
    Merge {
        /// The lock that both come from
        base: PathBuf,
        /// Our lock, which becomes the merged one
        ours: PathBuf,
        /// Their lock
        theirs: PathBuf,
    },
}

impl LockArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        if let Some(LockCommand::Merge { base, ours, theirs }) = &self.command {
            return Ok(ops::diff::merge(base, ours, theirs)?);
        }
        let open = OpenProject::read(&session.settings.project)?;
        if self.check {
            let reasons = ops::lock::stale(&open);
            if !reasons.is_empty() || open.lock_text.is_none() {
                return Err(ops::lock::stale_error(&open, &reasons).into());
            }
            session.printer.note("the lock is up to date");
            return Ok(());
        }
        let options = self.choice.options(session, Update::Needed)?;
        let request = LockRequest { options, dry_run: self.dry_run };
        let report = match &self.from {
            Some(place) => {
                let place = if place.ends_with('/') {
                    session.destination(place)?
                } else {
                    Destination::Exactly(session.reference(place)?)
                };
                ops::lock::lock_from(&session.context, &open, &request, &place).await?
            }
            None => ops::lock::lock(&session.context, &open, &request).await?,
        };
        locking::print(session, "lock", &report, self.dry_run)
    }
}
