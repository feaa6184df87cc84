//! Which images of a project a command takes, by their groups.

use anyhow::Result;
use clap::Args;
use ops::OpsError;
use ops::project::Scope;
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

/// Switches of commands that take the images of a member of a workspace in the member's directory.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct ScopeArguments {
    /// In the directory of a member: take the images of the whole workspace
    #[arg(long)]
    workspace: bool,
}

impl ScopeArguments {
    /// Returns which images are wanted.
    pub(super) const fn scope(self) -> Scope {
        if self.workspace { Scope::Workspace } else { Scope::Here }
    }
}

/// Refuses the switches where no project is moved: images that are named have no groups.
pub(super) fn refuse_without_project(arguments: &GroupArguments, scope: ScopeArguments) -> Result<()> {
    if arguments.all_groups || !arguments.groups.is_empty() {
        return Err(OpsError::usage("--group and --all-groups are about the images of a project", None).into());
    }
    if scope.workspace {
        return Err(OpsError::usage("--workspace is about the images of a project", None).into());
    }
    Ok(())
}
