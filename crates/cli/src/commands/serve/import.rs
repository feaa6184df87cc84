//! `serve import`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use oci::RepositoryName;
use ops::registry::{Import, ImportTarget, ImportWay, Imported};
use ops::serve::Prepared;
use serde::Serialize;

use super::reindex::Shown;
use crate::exit::AnswerIsNo;
use crate::printer::{Document, Text};
use crate::session::Session;

#[derive(Args, Debug)]
pub(super) struct ImportArguments {
    /// The directory to read
    #[arg(value_name = "SOURCE")]
    source: PathBuf,

    /// The repository that an image layout becomes
    #[arg(long = "as", value_name = "REPOSITORY", conflicts_with = "prefix")]
    name: Option<RepositoryName>,

    /// Put the repositories of a registry below this name
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<RepositoryName>,

    /// Copy files (the default)
    #[arg(long, group = "way")]
    copy: bool,

    /// Give files one more name where both are on one file system, and copy elsewhere
    #[arg(long, group = "way")]
    link: bool,

    /// As --link; at the end remove from SOURCE the files of what was taken, if nothing was left out
    #[arg(long = "move", group = "way")]
    moves: bool,

    /// Take manifests too of which parts are missing or bad
    #[arg(long)]
    sparse: bool,

    /// Read and check everything, and only tell what an empty registry would take
    #[arg(long)]
    dry_run: bool,
}

impl ImportArguments {
    pub(super) async fn run(self, prepared: &Prepared, session: &Session) -> Result<()> {
        let import = Import {
            source: self.source,
            target: match (self.name, self.prefix) {
                (Some(name), _) => ImportTarget::One(name),
                (None, Some(prefix)) => ImportTarget::Below(prefix),
                (None, None) => ImportTarget::Same,
            },
            way: match (self.link, self.moves) {
                (_, true) => ImportWay::Move,
                (true, false) => ImportWay::Link,
                (false, false) => ImportWay::Copy,
            },
            sparse: self.sparse || prepared.configuration.options().sparse,
            immutable: prepared.configuration.options().immutable,
        };
        let imported = if self.dry_run {
            ops::serve::rehearse(prepared, &import).await?
        } else {
            ops::serve::import(prepared, &import).await?
        };
        let is_whole = imported.left_out.is_empty();
        if import.way == ImportWay::Move && !self.dry_run && !is_whole {
            session.printer.note("something was left out: nothing is removed from the source");
        }
        session.print(&ImportDocument::new(&imported, self.dry_run))?;
        if is_whole { Ok(()) } else { Err(AnswerIsNo.into()) }
    }
}

/// What was taken over, and what was not. The names of the fields are a public interface.
#[derive(Serialize)]
struct ImportDocument {
    form: &'static str,
    dry_run: bool,
    repositories: u64,
    tags: u64,
    moves: u64,
    manifests: u64,
    blobs: u64,
    linked: u64,
    bytes: u64,
    present: u64,
    folded: u64,
    removed: u64,
    left_out: Shown,
}

impl ImportDocument {
    fn new(imported: &Imported, dry_run: bool) -> Self {
        Self {
            form: imported.form.as_str(),
            dry_run,
            repositories: imported.repositories,
            tags: imported.tags,
            moves: imported.moves,
            manifests: imported.manifests,
            blobs: imported.blobs,
            linked: imported.linked,
            bytes: imported.bytes,
            present: imported.present,
            folded: imported.folded,
            removed: imported.removed,
            left_out: Shown::new(&imported.left_out, ToString::to_string),
        }
    }
}

impl Document for ImportDocument {
    fn command(&self) -> &'static str {
        "serve-import"
    }

    fn text(&self, text: &mut Text) {
        let Self { form, repositories, tags, manifests, blobs, bytes, .. } = self;
        let would = if self.dry_run { "would be taken from" } else { "taken from" };
        text.line(format_args!(
            "{tags} tags, {manifests} manifests and {blobs} blobs of {bytes} bytes {would} {repositories} repositories ({form})"
        ));
        let counted = [
            (self.present, "tags named the same before"),
            (self.folded, "fallback tags say nothing that is not listed anyway"),
            (self.linked, "blobs are files of the source with another name"),
            (self.removed, "files were removed from the source"),
        ];
        for (count, what) in counted.into_iter().filter(|(count, _)| *count > 0) {
            text.line(format_args!("{count} {what}"));
        }
        self.left_out.lines("left out", text);
    }
}
