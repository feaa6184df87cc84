//! An image with artifacts, and the copy of it.

use anyhow::Result;
use ops::tour::{Application, Stage};
use ops::{Context, ContextOptions};

use super::{Guide, parse};
use crate::exit::Exit;

impl Guide<'_> {
    /// Shows that everything around an image moves with it, and that a loss is seen. Returns what that proves.
    pub(super) async fn show_artifacts(&mut self, stage: &Stage, application: &Application) -> Result<String> {
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
        Ok(format!(
            "proven: {} nodes and {} edges arrived, a second copy moved nothing, and a loss was refused with exit code 6",
            same.nodes, same.edges
        ))
    }
}
