//! `add`

use anyhow::Result;
use clap::Args;
use ops::edit::AddRequest;
use ops::lock::LockRequest;
use ops::project::OpenProject;
use ops::resolve::resolution::Update;

use super::locking::{self, ChoiceArguments};
use crate::session::Session;

/// Add an image to the project and lock it
///
/// Without a requirement the project will want what goes with the newest release, or with the tag that is named. The rest of
/// Supercargo.toml stays as it is, comments and all.
///
/// Example: supercargo add docker.io/library/python@^3.12 --variant slim
#[derive(Args, Debug)]
pub(crate) struct AddArguments {
    /// The repository, perhaps with a requirement or with a tag that shows what is meant
    #[arg(value_name = "REPO[@REQ]|REPO:TAG")]
    repository: String,

    /// What the project calls it [default: the last part of the repository's name]
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,

    /// What stands in its tags beside the version, such as alpine
    #[arg(long, value_name = "VARIANT")]
    variant: Option<String>,

    /// How its tags are made, as in '{version}-{os}'
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "variant")]
    tag: Option<String>,

    /// A group it belongs to
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,

    /// Show what would change and write nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    choice: ChoiceArguments,
}

impl AddArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let open = OpenProject::read(&session.settings.project)?;
        let (repository, requirement) = match self.repository.split_once('@') {
            Some((repository, requirement)) => (repository.to_owned(), Some(requirement.to_owned())),
            None => (self.repository.clone(), None),
        };
        let request = AddRequest {
            repository,
            requirement,
            name: self.name,
            variant: self.variant,
            template: self.tag,
            groups: self.group,
        };
        let options = LockRequest { options: self.choice.options(session, Update::Needed)?, dry_run: self.dry_run };
        let report = ops::edit::add(&session.context, &open, &request, &options).await?;
        locking::print(session, "add", &report.lock, self.dry_run)
    }
}
