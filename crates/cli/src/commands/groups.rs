//! Which images of a project a command takes, by their groups.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::Args;
use ops::OpsError;
use ops::project::{OpenProject, Scope};
use ops::resolve::project::{Groups, Included};

/// Switches of commands that may take some of the images of a project.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct GroupArguments {
    /// Take the images of this group, beside those that are in none; may be given several times
    #[arg(long = "group", value_name = "GROUP", conflicts_with_all = ["all_groups", "only_groups"])]
    groups: Vec<String>,

    /// Take the images of all groups, and those that are in none
    #[arg(long, conflicts_with = "only_groups")]
    all_groups: bool,

    /// Leave this group out: images that are in no other one are not taken, unless others need them
    #[arg(long = "no-group", value_name = "GROUP")]
    no_groups: Vec<String>,

    /// Take the images of this group, and what they need, alone
    #[arg(long = "only-group", value_name = "GROUP")]
    only_groups: Vec<String>,
}

/// Which images a command takes where no group is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usually {
    /// All.
    All,
    /// Those that are in no group.
    Ungrouped,
}

impl GroupArguments {
    /// Tells whether a group is named, or all are.
    pub(super) const fn are_given(&self) -> bool {
        self.all_groups || !self.groups.is_empty() || !self.no_groups.is_empty() || !self.only_groups.is_empty()
    }

    /// Returns which images are wanted.
    pub(super) fn groups(&self, usually: Usually) -> Groups {
        let set = |names: &[String]| -> BTreeSet<String> { names.iter().cloned().collect() };
        let is_all = self.all_groups || (usually == Usually::All && self.groups.is_empty());
        let (ungrouped, included) = if !self.only_groups.is_empty() {
            (false, Included::Named(set(&self.only_groups)))
        } else if is_all {
            (true, Included::All)
        } else {
            (true, Included::Named(set(&self.groups)))
        };
        Groups { ungrouped, included, excluded: set(&self.no_groups) }
    }

    /// Returns which images are wanted of all; `None` where no group is named.
    pub(super) fn given(&self) -> Option<Groups> {
        self.are_given().then(|| self.groups(Usually::All))
    }

    /// Returns the groups of a command that takes images by their names: those of a group are named by it, and no others.
    pub(super) fn as_names(&self) -> Option<Groups> {
        let groups = self.groups(Usually::All);
        self.are_given().then_some(Groups { ungrouped: groups.ungrouped && self.groups.is_empty(), ..groups })
    }

    /// Narrows a project down to the images that are wanted; it stays as it is where no group is named.
    ///
    /// # Errors
    /// [`OpsError::NotFound`] for a group without images.
    pub(super) fn narrow(&self, open: &OpenProject) -> Result<OpenProject, OpsError> {
        self.given().map_or(Ok(open.clone()), |groups| open.narrowed(&groups, Scope::Workspace))
    }

    /// Refuses the switches beside images that are named one by one.
    ///
    /// # Errors
    /// [`OpsError::Usage`].
    pub(super) fn refuse_beside(&self, names: &[String]) -> Result<(), OpsError> {
        if self.are_given() && !names.is_empty() {
            return Err(OpsError::usage("name images or groups, not both", None));
        }
        Ok(())
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
    if arguments.are_given() {
        let message = "--group, --all-groups, --no-group and --only-group are about the images of a project";
        return Err(OpsError::usage(message, None).into());
    }
    if scope.workspace {
        return Err(OpsError::usage("--workspace is about the images of a project", None).into());
    }
    Ok(())
}
