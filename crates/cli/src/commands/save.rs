//! `save`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use ops::OpsError;
use ops::diff::LockSource;

use super::copying::{self, CopySwitches};
use super::groups::{self, GroupArguments, ScopeArguments, Usually};
use crate::session::Session;

/// Save images with everything attached to them into one archive
///
/// The archive is an OCI image layout in a tar: FILE.tar as it is, FILE.tar.zst compressed. Each image keeps its tag.
///
/// Without a REF it is the project as it is locked: each image under the name that the project gives it, and the lock itself. With
/// --since it holds, of the blobs, those that an earlier lock does not have; `load` asks for the others before it writes.
/// In the directory of a member of a workspace it is the member's images that are saved.
///
/// Example: supercargo save shop.tar.zst --since HEAD~3
#[derive(Args, Debug)]
pub(crate) struct SaveArguments {
    /// The archive to make, as in shop.tar or shop.tar.zst
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The images to save [default: the project as it is locked]
    #[arg(value_name = "REF")]
    images: Vec<String>,

    /// Leave out what this lock has: a file, or a revision of the project's git history
    #[arg(long, value_name = "LOCK", conflicts_with = "images")]
    since: Option<String>,

    #[command(flatten)]
    groups: GroupArguments,

    #[command(flatten)]
    scope: ScopeArguments,

    #[command(flatten)]
    switches: CopySwitches,
}

impl SaveArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        if self.images.is_empty() {
            return self.run_project(session).await;
        }
        groups::refuse_without_project(&self.groups, self.scope)?;
        let sources = self.images.iter().map(|image| session.reference(image)).collect::<Result<Vec<_>>>()?;
        let request = ops::archive::save(self.file, sources)?;
        copying::run("save", session, &self.switches, request).await
    }

    async fn run_project(self, session: &Session) -> Result<()> {
        let since = match &self.since {
            Some(since) => Some(LockSource::parse(since).read(&session.settings.project).await?),
            None => None,
        };
        if since.is_some() && !session.settings.platforms.is_empty() {
            return Err(OpsError::usage("--since goes with whole images: narrowed ones are new content", None).into());
        }
        let destination = ops::archive::new_archive(self.file)?;
        let (groups, scope) = (self.groups.groups(Usually::Ungrouped), self.scope.scope());
        copying::run_project("save", session, &self.switches, &groups, scope, destination, since).await
    }
}
