//! `tour`

mod script;
mod step;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::printer::{Document, Text};
use crate::session::Session;

/// Show the main job on two small registries in this process
///
/// Each real command is printed, run, and its output shown. /// Makes an application with artifacts, copies it, proves it, breaks it and shows the failure. Needs nothing but this
/// program, and leaves nothing behind.
#[derive(Args, Debug)]
pub(crate) struct TourArguments {
    /// Work in this directory, which must not exist yet, and leave the layouts there
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl TourArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let shown = script::run(session, self.keep).await?;
        session.print(&TourDocument { steps: shown.steps, proven: shown.proven })
    }
}

/// What the tour has shown. The names of the fields are a public interface.
#[derive(Serialize)]
struct TourDocument {
    steps: Vec<step::Step>,
    proven: String,
}

impl Document for TourDocument {
    fn command(&self) -> &'static str {
        "tour"
    }

    /// The steps were printed as they were taken.
    fn text(&self, text: &mut Text) {
        text.line(format_args!("{}", self.proven));
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.steps.clone())
    }
}
