//! `vendor`

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use oci::{Reference, Selector};
use ops::project::{OpenProject, Scope};
use ops::sources::{vendor_destination, vendor_directory};
use ops::{Destination, OpsError};

use super::copying::{self, CopySwitches};
use super::groups::{GroupArguments, Usually};
use crate::session::Session;

/// Keep everything that the project locks in a directory beside it
///
/// The directory is an OCI image layout with each image under the name that the project gives it, everything attached to them, and the
/// lock. It is found by the other commands when it is called `vendor` and lies beside Supercargo.toml, or when `vendor` in `[project]`
/// names it. They read locked images there before they ask a registry; with --offline they ask none.
///
/// With --group, --no-group or --only-group some images are brought; what the directory has of others stays, and what it lacks is said.
///
/// Example: supercargo vendor && supercargo verify --offline
#[derive(Args, Debug)]
pub(crate) struct VendorArguments {
    /// The directory [default: what `vendor` in `[project]` says, or else vendor]
    #[arg(value_name = "DIR")]
    layout: Option<PathBuf>,

    #[command(flatten)]
    groups: GroupArguments,

    #[command(flatten)]
    switches: CopySwitches,
}

impl VendorArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        if !session.settings.platforms.is_empty() {
            return Err(OpsError::usage(
                "what is locked is vendored whole: a narrowed index is another than the one that is locked",
                "supercargo copy oci:DIR --platform P".to_owned(),
            )
            .into());
        }
        let open = OpenProject::read(&session.settings.project)?;
        let usual = vendor_directory(&open);
        let path = match self.layout {
            Some(typed) => typed,
            None => vendor_destination(&open)?,
        };
        let place = Reference::Layout { path: path.clone(), selector: Selector::default() };
        let (groups, destination) = (self.groups.groups(Usually::All), Destination::Exactly(place));
        copying::run_project("vendor", session, &self.switches, &groups, Scope::Workspace, destination, None).await?;
        if !self.switches.dry_run && self.groups.are_given() {
            let open = OpenProject::read(&session.settings.project)?;
            let lacking = ops::sources::lacking(&open, &path).await?;
            if !lacking.is_empty() {
                session.printer.note(&format!(
                    "{} lacks {}, and commands with --offline fail where they need it; supercargo vendor brings all",
                    path.display(),
                    lacking.join(", ")
                ));
            }
        }
        if !self.switches.dry_run && !is_same(&path, &usual) {
            session.printer.note(&format!(
                "the other commands look in {}; let [project] say: vendor = \"{}\"",
                usual.display(),
                path.display()
            ));
        }
        Ok(())
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
