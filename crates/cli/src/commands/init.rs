//! `init`

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::printer::{Document, Text};
use crate::session::Session;

/// Make a project in this directory
///
/// Example: supercargo init --name jaeger
#[derive(Args, Debug)]
pub(crate) struct InitArguments {
    /// What the application is called [default: the name of the directory]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Show what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl InitArguments {
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        let request = ops::init::InitRequest { name: self.name, dry_run: self.dry_run };
        let report = ops::init::init(&session.settings.project, &request)?;
        let file = report.file.display().to_string();
        session.print(&InitDocument { file, content: self.dry_run.then_some(report.text), images: Vec::new() })
    }
}

/// The project that was made. The names of the fields are a public interface.
#[derive(Serialize)]
struct InitDocument {
    file: String,
    content: Option<String>,
    images: Vec<String>,
}

impl Document for InitDocument {
    fn command(&self) -> &'static str {
        "init"
    }

    fn text(&self, text: &mut Text) {
        match &self.content {
            Some(content) => content.lines().for_each(|line| text.line(format_args!("{line}"))),
            None => text.line(format_args!("{}", self.file)),
        }
    }
}
