//! What the tour shows, in its order.

use std::path::PathBuf;

use anyhow::{Result, bail};
use oci::{Digest, Reference};
use ops::tour::{Application, Scene, Stage};
use ops::{Context, ContextOptions, OpsError};

use super::step::{Stagehand, Step};
use crate::arguments::Format;
use crate::exit::Exit;
use crate::printer;
use crate::session::Session;

/// What the tour has shown.
pub(super) struct Shown {
    /// The commands, in their order.
    pub(super) steps: Vec<Step>,
    /// What they prove.
    pub(super) proven: String,
}

/// Runs the tour.
pub(super) async fn run(session: &Session, keep: Option<PathBuf>) -> Result<Shown> {
    let scene = Scene::open(keep).await?;
    let guide = Guide {
        session,
        stagehand: Stagehand::new(scene.directory().to_owned(), scene.home().to_owned())?,
        steps: Vec::new(),
    };
    let stage = Stage::open().await?;
    let application = ops::tour::write_application(scene.directory()).await?;
    guide.show(&stage, &application).await
}

struct Guide<'a> {
    session: &'a Session,
    stagehand: Stagehand,
    steps: Vec<Step>,
}

impl Guide<'_> {
    async fn show(mut self, stage: &Stage, application: &Application) -> Result<Shown> {
        let source = format!("{}/shop", stage.source());
        let destination = format!("{}/shop", stage.destination());
        let (from, to) = (format!("{source}:1.0"), format!("{destination}:1.0"));

        self.say(&format!(
            "# Two registries run in this process, {} and {}. ./shop is an OCI layout with an index\n\
             # of two images. Beside it lie an SBOM, a signature and a review.",
            stage.source(),
            stage.destination()
        ))?;
        self.run(&["push", "oci:shop:1.0", &from]).await?;
        self.say("\n# An SBOM of each image, a signature of one SBOM and of the index, and a review of a layer.")?;
        let sbom = ["--type", "application/spdx+json", "sbom.json:application/spdx+json"];
        for platform in ["linux/amd64", "linux/arm64"] {
            self.run(&[&["attach", &from, "--platform", platform][..], &sbom].concat()).await?;
        }
        let sbom = self.last_digest()?;
        let signature = ["--type", "application/vnd.example.signature", "signature.sig"];
        for subject in [&format!("{source}@{sbom}"), &from] {
            self.run(&[&["attach", subject][..], &signature].concat()).await?;
        }
        let layer = format!("{source}@{}", application.shared_layer);
        self.run(&["attach", &layer, "--type", "application/vnd.example.review", "layer.md"]).await?;
        self.say("\n# An older tool attaches by the name of a tag.")?;
        let tag =
            format!("{source}:{}", oci::Tag::convention(&application.index, oci::name::ConventionSuffix::Signature));
        self.run(&["push", "signature.sig", &tag, "--type", "application/vnd.example.signature"]).await?;

        self.say("\n# All of it is one graph, and it moves whole.")?;
        self.run(&["copy", &from, &to]).await?;
        self.run(&["artifacts", &to]).await?;
        // With nothing of the user's, as the commands.
        let context = &Context::new(ContextOptions::default());
        let same = ops::tour::compare(context, &parse(&from)?, &parse(&to)?).await?;

        self.say("\n# Once more: nothing is left to move.")?;
        self.run(&["copy", &from, &to]).await?;

        self.say(
            "\n# Now the first registry loses the layer that both images share. A copy of what is left must fail.",
        )?;
        ops::tour::lose_blob(context, &parse(&source)?, &application.shared_layer).await?;
        let broken = format!("{}/broken:1.0", stage.destination());
        self.run_expecting(&["copy", &from, &broken], Exit::Integrity).await?;
        self.say("\n# What arrived before is whole.")?;
        self.run(&["copy", &to, "oci:kept:1.0"]).await?;
        self.say("")?;
        Ok(Shown {
            proven: format!(
                "proven: {} nodes and {} edges arrived, a second copy moved nothing, and a loss was refused with exit code 6",
                same.nodes, same.edges
            ),
            steps: self.steps,
        })
    }

    /// Runs a command that has to succeed.
    async fn run(&mut self, words: &[&str]) -> Result<()> {
        self.run_expecting(words, Exit::Done).await
    }

    async fn run_expecting(&mut self, words: &[&str], expected: Exit) -> Result<()> {
        let step = self.stagehand.run(words, expected).await?;
        self.print(&step.transcript())?;
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
