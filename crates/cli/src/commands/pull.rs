//! `pull`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use oci::Digest;
use ops::pull::{PullFilesRequest, PulledFiles, into_content_store, pull_files};
use serde::Serialize;

use super::copying::{self, CopySwitches};
use super::describe::{Pointer, one_platform, pinned};
use crate::printer::{ByteSize, Document, Table, Text};
use crate::session::Session;

/// Bring an image into the local content store, or an artifact's files into a directory
///
/// The local content store keeps the image as store:HOST/REPO:TAG, with everything attached to it; a port is written as
/// HOST__PORT. With --output the layers of an artifact that have a title become files, under those titles.
///
/// Example: supercargo pull registry.example/shop:1.0
#[derive(Args, Debug)]
pub(crate) struct PullArguments {
    /// The image or artifact
    #[arg(value_name = "REF")]
    image: String,

    /// Write the files of an artifact into this directory
    #[arg(short, long, value_name = "DIR", conflicts_with_all = super::copying::ABOUT_GRAPHS)]
    output: Option<PathBuf>,

    #[command(flatten)]
    switches: CopySwitches,
}

impl PullArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let image = session.reference(&self.image)?;
        let Some(directory) = self.output else {
            copying::run("pull", session, &self.switches, into_content_store(image.clone())?).await?;
            if !self.switches.dry_run
                && let Err(error) = ops::pull::remember(&session.context, &image).await
            {
                session.printer.note(&format!("what was learnt of the image cannot be kept: {error}"));
            }
            return Ok(());
        };
        let request = PullFilesRequest {
            reference: image,
            platform: one_platform(&session.settings.platforms)?,
            directory,
            dry_run: self.switches.dry_run,
        };
        let pulled = pull_files(&session.context, &request, session.progress()).await?;
        session.print(&FilesDocument::new(&pulled, request.dry_run))
    }
}

/// The files of an artifact. The names of the fields are a public interface.
#[derive(Serialize)]
struct FilesDocument {
    dry_run: bool,
    reference: String,
    digest: Digest,
    files: Vec<FileShape>,
}

#[derive(Clone, Serialize)]
struct FileShape {
    path: String,
    #[serde(flatten)]
    pointer: Pointer,
    was_there: bool,
}

impl FilesDocument {
    fn new(pulled: &PulledFiles, dry_run: bool) -> Self {
        let files = pulled.files.iter().map(|file| FileShape {
            path: file.path.to_string_lossy().into_owned(),
            pointer: Pointer::from(&file.descriptor),
            was_there: file.was_there,
        });
        Self {
            dry_run,
            reference: pinned(&pulled.location, None, &pulled.artifact.digest),
            digest: pulled.artifact.digest,
            files: files.collect(),
        }
    }
}

impl Document for FilesDocument {
    fn command(&self) -> &'static str {
        "pull-files"
    }

    fn text(&self, text: &mut Text) {
        let mut table = Table::new(&["FILE", "SIZE", "DIGEST"]).right(1);
        for file in &self.files {
            table.row([&file.path, &ByteSize(file.pointer.bytes).to_string(), &file.pointer.digest.to_string()]);
        }
        text.table(&table);
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.files.clone())
    }
}
