//! `vendor`

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use oci::{Reference, Selector};
use ops::project::{OpenProject, Scope};
use ops::resolve::project::Groups;
use ops::sources::{vendor_destination, vendor_directory};
use ops::{Destination, OpsError};

use super::copying::{self, CopySwitches};
use crate::session::Session;

/// Keep everything that the project locks in a directory beside it
///
/// The directory is an OCI image layout with each image under the name that the project gives it, everything attached to them, and the
/// lock. It is found by the other commands when it is called `vendor` and lies beside Supercargo.toml, or when `vendor` in `[project]`
/// names it. They read locked images there before they ask a registry; with --offline they ask none.
///
/// Example: supercargo vendor && supercargo verify --offline
#[derive(Args, Debug)]
pub(crate) struct VendorArguments {
    /// The directory [default: what `vendor` in `[project]` says, or else vendor]
    #[arg(value_name = "DIR")]
    layout: Option<PathBuf>,

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
        let (all, whole, place) = (Groups::All, Scope::Workspace, Destination::Exactly(place));
        copying::run_project("vendor", session, &self.switches, &all, whole, place, None).await?;
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
