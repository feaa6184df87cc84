//! `candidates`

use anyhow::Result;
use clap::Args;
use ops::candidates::CandidateRow;
use ops::project::OpenProject;
use ops::resolve::resolution::Update;
use serde::Serialize;

use super::locking::ChoiceArguments;
use crate::printer::{Document, Table, Text};
use crate::session::Session;

/// Show every version of an image and why an update would take it or not
///
/// Example: supercargo candidates query
#[derive(Args, Debug)]
pub(crate) struct CandidatesArguments {
    /// The image, as the project calls it
    #[arg(value_name = "NAME")]
    name: String,

    #[command(flatten)]
    choice: ChoiceArguments,
}

impl CandidatesArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let open = OpenProject::read(&session.settings.project)?;
        let options = self.choice.options(session, Update::All)?;
        let rows = ops::candidates::candidates(&session.context, &open, &self.name, &options).await?;
        let candidates = rows.into_iter().map(CandidateShape::of).collect();
        session.print(&CandidatesDocument { name: self.name, candidates })
    }
}

/// The versions of an image. The names of the fields are a public interface.
#[derive(Serialize)]
struct CandidatesDocument {
    name: String,
    candidates: Vec<CandidateShape>,
}

#[derive(Clone, Serialize)]
struct CandidateShape {
    version: String,
    tag: String,
    chosen: bool,
    code: &'static str,
    reason: String,
}

impl CandidateShape {
    fn of(row: CandidateRow) -> Self {
        let CandidateRow { version, tag, chosen, code, reason } = row;
        Self { version, tag, chosen, code, reason }
    }
}

impl Document for CandidatesDocument {
    fn command(&self) -> &'static str {
        "candidates"
    }

    fn text(&self, text: &mut Text) {
        let mut table = Table::new(&["", "VERSION", "TAG", "REASON"]);
        for candidate in &self.candidates {
            let mark = if candidate.chosen { "*" } else { "" };
            table.row([mark, &candidate.version, &candidate.tag, &candidate.reason]);
        }
        text.table(&table);
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.candidates.clone())
    }
}
