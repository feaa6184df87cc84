//! An application of images: from a compose file to an update that breaks it, and to what broke it.

use std::path::Path;

use anyhow::{Result, bail};
use ops::tour::{Stage, jaeger};
use ops::{Context, ContextOptions};

use super::{Guide, parse};

/// How many lines are shown of what the copies of the releases print: they are all alike.
const LINES_OF_RELEASES: usize = 1;

/// How many lines are shown of what is rewritten.
const LINES_OF_REWRITE: usize = 4;

impl Guide<'_> {
    /// Shows the life of the application in `examples/jaeger`. Returns what that proves.
    pub(super) async fn show_jaeger(&mut self, stage: &Stage, directory: &Path) -> Result<String> {
        let host = stage.source();
        self.say("# Four images are one application. Two releases of each come into the first registry.")?;
        self.release("first", &jaeger::FIRST, directory, &host).await?;

        self.say("\n# Files of a deployment name them; that is enough to begin with.")?;
        jaeger::write_files(directory, &jaeger::DEPLOYED, &host)?;
        self.run(&["init", "--name", "jaeger", "--no-lock", "--from", "compose.yaml", "deploy", "Dockerfile"]).await?;
        self.say(
            "\n# Supercargo.toml of the example says more: what needs what, what is optional, what is too young.",
        )?;
        jaeger::write_files(directory, &[jaeger::PROJECT], &host)?;
        self.run(&["lock"]).await?;

        self.say("\n# More releases come; the last was made yesterday, too lately for this project.")?;
        self.release("later", &jaeger::LATER, directory, &host).await?;
        self.run(&["outdated"]).await?;
        self.run(&["update"]).await?;
        self.run(&["why", "query"]).await?;
        self.run_showing(&["rewrite"], LINES_OF_REWRITE).await?;

        self.say("\n# The application becomes one index, and moves to the second registry as one.")?;
        let published = format!("{host}/apps/jaeger:1.0.0");
        let relocated = format!("{}/apps/jaeger:1.0.0", stage.destination());
        self.run(&["publish", &published]).await?;
        self.run(&["copy", &published, &relocated]).await?;
        // With nothing of the user's, as the commands.
        let context = &Context::new(ContextOptions::default());
        let same = ops::tour::compare(context, &parse(&published)?, &parse(&relocated)?).await?;

        self.say("\n# Since the update traces are lost: the collector's queue has no room. Which release began it?")?;
        let mut search =
            vec!["bisect", "run", "--over", "tags", "--good", "collector:1.58.0", "--bad", "collector:1.62.0"];
        search.extend(["--", "grep", "-rq", jaeger::SETTING, "{layout}"]);
        self.run(&search).await?;
        let culprit = jaeger::culprit();
        if !self.steps.last().is_some_and(|step| step.stdout.contains(&format!("\nfirst bad  {culprit} "))) {
            bail!("the search did not find {culprit}");
        }
        self.say("")?;
        Ok(format!(
            "proven: {} nodes and {} edges of the application arrived, and the release that broke it was found",
            same.nodes, same.edges
        ))
    }

    /// Publishes releases of every image.
    async fn release(&mut self, name: &str, releases: &[jaeger::Release], directory: &Path, host: &str) -> Result<()> {
        jaeger::write_releases(&directory.join(name), releases).await?;
        let layouts = jaeger::names().map(|image| format!("oci:{name}/{image}"));
        let mut words = vec!["copy", "--all-tags"];
        words.extend(layouts.iter().map(String::as_str));
        let repositories = format!("{host}/jaegertracing/");
        words.push(&repositories);
        self.run_showing(&words, LINES_OF_RELEASES).await
    }
}
