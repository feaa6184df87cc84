//! `update`

use anyhow::Result;
use clap::Args;
use ops::OpsError;
use ops::lock::LockRequest;
use ops::project::{OpenProject, Scope};
use ops::resolve::resolution::Update;

use super::groups::GroupArguments;
use super::locking::{self, ChoiceArguments};
use crate::session::Session;

/// Move images to the newest versions that the project wants
///
/// Without names all of them. With names these, and of the others only what they need; --group names the images of a group.
///
/// Example: supercargo update query --precise 1.76.0
#[derive(Args, Debug)]
#[command(mut_arg("groups", |groups| groups.help("Move the images of this group; may be given several times")))]
pub(crate) struct UpdateArguments {
    /// The images, as the project calls them
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// Take exactly this version, or tag, of the one image that is named
    #[arg(long, value_name = "VERSION")]
    precise: Option<String>,

    /// Take the newest there is, and change what the project wants where that excludes it
    #[arg(long, conflicts_with = "precise")]
    breaking: bool,

    /// Show what would change and write nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    choice: ChoiceArguments,

    #[command(flatten)]
    groups: GroupArguments,
}

impl UpdateArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        self.groups.refuse_beside(&self.names)?;
        let open = OpenProject::read(&session.settings.project)?;
        let names = self.names(&open)?;
        let update = names.as_ref().map_or(Update::All, |names| Update::Names(names.iter().cloned().collect()));
        let mut options = self.choice.options(session, update)?;
        match (&self.precise, &self.names[..]) {
            (None, _) => {}
            (Some(version), [name]) => {
                options.precise.insert(name.clone(), version.clone());
            }
            (Some(version), _) => {
                let help = format!("supercargo update NAME --precise {version}");
                return Err(OpsError::usage("--precise goes with one image", help).into());
            }
        }
        let report = if self.breaking {
            ops::edit::update_breaking(&session.context, &open, names.as_deref(), &options, self.dry_run).await?.lock
        } else {
            ops::lock::lock(&session.context, &open, &LockRequest { options, dry_run: self.dry_run }).await?
        };
        locking::print(session, "update", &report, self.dry_run)
    }

    /// Returns the images that are named, one by one or by their groups; `None` where none are.
    fn names(&self, open: &OpenProject) -> Result<Option<Vec<String>>, OpsError> {
        if let Some(groups) = self.groups.as_names() {
            return Ok(Some(open.wanted(&groups, Scope::Workspace)?.into_iter().map(str::to_owned).collect()));
        }
        Ok(Some(self.names.clone()).filter(|names| !names.is_empty()))
    }
}
