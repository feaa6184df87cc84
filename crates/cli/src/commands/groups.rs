//! Which images of a project a command takes, by their groups.

use anyhow::Result;
use clap::Args;
use ops::OpsError;
use ops::resolve::project::Groups;

/// Switches of commands that move the images of a project.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct GroupArguments {
    /// Take the images of this group too; may be given several times. Without it: those that are in no group
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,

    /// Take the images of all groups
    #[arg(long, conflicts_with = "groups")]
    all_groups: bool,
}

impl GroupArguments {
    /// Returns the groups that are wanted.
    pub(super) fn groups(&self) -> Groups {
        if self.all_groups { Groups::All } else { Groups::Named(self.groups.iter().cloned().collect()) }
    }
}

/// Refuses the switches where no project is moved: images that are named have no groups.
pub(super) fn refuse_without_project(arguments: &GroupArguments) -> Result<()> {
    if arguments.all_groups || !arguments.groups.is_empty() {
        return Err(OpsError::usage("--group and --all-groups are about the images of a project", None).into());
    }
    Ok(())
}
