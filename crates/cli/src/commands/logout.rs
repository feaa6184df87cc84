//! `logout`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use ops::credentials::Place;
use serde::Serialize;

use crate::printer::{Document, Text};
use crate::session::Session;

/// Forget what is kept for a registry
///
/// It is removed from every file in which credentials are looked for, and from the programs that those files name. What is kept
/// for a prefix of the registry's repositories stays, unless that prefix is given.
///
/// Example: supercargo logout registry.example
#[derive(Args, Debug)]
pub(crate) struct LogoutArguments {
    /// The registry, or a prefix of repositories in it
    #[arg(value_name = "HOST[/PATH]")]
    place: Place,
}

impl LogoutArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let report = ops::credentials::logout(&session.context, &self.place).await?;
        let removed = report.removed.into_iter().map(|(file, helper)| RemovedShape { file, helper });
        session.print(&LogoutDocument { place: self.place.to_string(), removed: removed.collect() })
    }
}

/// What was forgotten. The names of the fields are a public interface.
#[derive(Serialize)]
struct LogoutDocument {
    place: String,
    removed: Vec<RemovedShape>,
}

#[derive(Serialize)]
struct RemovedShape {
    file: PathBuf,
    helper: Option<String>,
}

impl Document for LogoutDocument {
    fn command(&self) -> &'static str {
        "logout"
    }

    fn text(&self, text: &mut Text) {
        for RemovedShape { file, helper } in &self.removed {
            let (place, file) = (&self.place, file.display());
            match helper {
                Some(helper) => text.line(format_args!("{place}: forgotten by {helper} ({file} names it)")),
                None => text.line(format_args!("{place}: removed from {file}")),
            }
        }
    }
}
