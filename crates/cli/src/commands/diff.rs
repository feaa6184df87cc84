//! `diff`

use anyhow::Result;
use clap::Args;
use ops::diff::LockSource;
use serde::Serialize;

use super::locking::ChangeShape;
use crate::exit::AnswerIsNo;
use crate::printer::{Document, Text};
use crate::session::Session;

/// Show what is different between two locks
///
/// A and B are files, or revisions of the project's git history. Without B the lock is compared as it is now.
///
/// Example: supercargo diff HEAD~3
#[derive(Args, Debug)]
pub(crate) struct DiffArguments {
    /// A lock, or a revision
    #[arg(value_name = "A")]
    from: String,

    /// Another lock, or another revision [default: the lock as it is]
    #[arg(value_name = "B")]
    to: Option<String>,

    /// End with exit code 1 when there is a difference
    #[arg(long)]
    exit_code: bool,
}

impl DiffArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let from = LockSource::parse(&self.from);
        let to = self.to.as_deref().map_or(LockSource::Current, LockSource::parse);
        let difference = ops::diff::diff(&session.settings.project, &from, &to).await?;
        let document = DiffDocument { changes: difference.images.iter().map(ChangeShape::of).collect() };
        session.print(&document)?;
        if self.exit_code && !document.changes.is_empty() {
            return Err(AnswerIsNo.into());
        }
        Ok(())
    }
}

/// What is different between two locks. The names of the fields are a public interface.
#[derive(Serialize)]
struct DiffDocument {
    changes: Vec<ChangeShape>,
}

impl Document for DiffDocument {
    fn command(&self) -> &'static str {
        "diff"
    }

    fn text(&self, text: &mut Text) {
        let mut table = ChangeShape::table();
        self.changes.iter().for_each(|change| change.row(&mut table));
        text.table(&table);
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.changes.clone())
    }
}
