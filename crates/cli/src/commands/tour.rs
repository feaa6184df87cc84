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
/// Each real command is printed, run, and its output shown. First an image with artifacts is copied, proven, broken, and the
/// failure shown. Then the files of a deployment become an application that is locked, updated, published and moved, and the
/// release that broke it is found. Needs nothing but this program and, for the last step, `grep`; leaves nothing behind.
///
/// Example: supercargo tour --keep shop
#[derive(Args, Debug)]
pub(crate) struct TourArguments {
    /// Work in this directory, which must not exist yet, and leave layouts and project there
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
    proven: Vec<String>,
}

impl Document for TourDocument {
    fn command(&self) -> &'static str {
        "tour"
    }

    /// The steps were printed as they were taken.
    fn text(&self, _: &mut Text) {}

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.steps.clone())
    }
}
