//! What the tour shows, in its order: first what lies around an image, then an application of images.

mod artifacts;
mod jaeger;

use std::path::PathBuf;

use anyhow::{Result, bail};
use oci::{Digest, Reference};
use ops::OpsError;
use ops::tour::{Scene, Stage};

use super::step::{Stagehand, Step};
use crate::arguments::Format;
use crate::exit::Exit;
use crate::printer;
use crate::session::Session;

/// What the tour has shown.
pub(super) struct Shown {
    /// The commands, in their order.
    pub(super) steps: Vec<Step>,
    /// What each act proves.
    pub(super) proven: Vec<String>,
}

/// Runs the tour.
pub(super) async fn run(session: &Session, keep: Option<PathBuf>) -> Result<Shown> {
    let scene = Scene::open(keep).await?;
    let mut guide = Guide {
        session,
        stagehand: Stagehand::new(scene.directory().to_owned(), scene.home().to_owned())?,
        steps: Vec::new(),
    };
    let stage = Stage::open(scene.home()).await?;
    let application = ops::tour::write_application(scene.directory()).await?;
    let artifacts = guide.show_artifacts(&stage, &application).await?;
    guide.say(&artifacts)?;
    guide.say("")?;
    let jaeger = guide.show_jaeger(&stage, scene.directory()).await?;
    guide.say(&jaeger)?;
    stage.close().await;
    Ok(Shown { steps: guide.steps, proven: vec![artifacts, jaeger] })
}

struct Guide<'a> {
    session: &'a Session,
    stagehand: Stagehand,
    steps: Vec<Step>,
}

impl Guide<'_> {
    /// Runs a command that has to succeed.
    async fn run(&mut self, words: &[&str]) -> Result<()> {
        self.take(words, Exit::Done, usize::MAX).await
    }

    /// Runs a command that has to end as `expected`.
    async fn run_expecting(&mut self, words: &[&str], expected: Exit) -> Result<()> {
        self.take(words, expected, usize::MAX).await
    }

    /// Runs a command that has to succeed, and shows no more than `lines` of what it prints.
    async fn run_showing(&mut self, words: &[&str], lines: usize) -> Result<()> {
        self.take(words, Exit::Done, lines).await
    }

    async fn take(&mut self, words: &[&str], expected: Exit, lines: usize) -> Result<()> {
        let step = self.stagehand.run(words, expected).await?;
        self.print(&step.transcript(lines))?;
        self.steps.push(step);
        Ok(())
    }

    /// Returns the digest that the last command has printed.
    fn last_digest(&self) -> Result<Digest> {
        match self.steps.last().map(|step| step.stdout.trim().parse()) {
            Some(Ok(digest)) => Ok(digest),
            _ => bail!("the last command did not print a digest"),
        }
    }

    fn say(&self, text: &str) -> Result<()> {
        self.print(&format!("{text}\n"))
    }

    /// In JSON the steps are printed at the end, as one document.
    fn print(&self, text: &str) -> Result<()> {
        if self.session.settings.format == Format::Table { printer::write(text.as_bytes()) } else { Ok(()) }
    }
}

fn parse(text: &str) -> Result<Reference, OpsError> {
    Ok(text.parse::<Reference>()?)
}
