//! `install`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use oci::Digest;
use ops::install::{InstallReport, InstallRequest};
use serde::Serialize;

use super::describe::Pointer;
use crate::printer::{Document, Table, Text};
use crate::session::Session;

/// Fetch somebody's application: its project and its lock
///
/// Writes Supercargo.toml and Supercargo.lock as they were published, after checking that they belong to the application, and
/// never over files that are there. Supercargo.installed says where the application was found: its images come from there
/// when their own registries cannot be reached.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct InstallArguments {
    /// The application, as `publish` printed it
    #[arg(value_name = "REF")]
    application: String,

    /// Directory for the files; it is made if it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: PathBuf,

    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

const EXAMPLES: &str = "Example:
  supercargo install registry.example/shop:1.0 --to shop";

impl InstallArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let request = InstallRequest {
            reference: session.reference(&self.application)?,
            directory: self.to,
            dry_run: self.dry_run,
        };
        let report = ops::install::install(&session.context, &request).await?;
        session.print(&InstallDocument::new(&report, self.dry_run))
    }
}

/// What was fetched. The names of the fields are a public interface.
#[derive(Serialize)]
struct InstallDocument {
    dry_run: bool,
    reference: String,
    name: Option<String>,
    version: Option<String>,
    index: Pointer,
    images: Vec<ImageShape>,
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct ImageShape {
    name: String,
    version: String,
    repository: String,
    digest: Digest,
}

impl InstallDocument {
    fn new(report: &InstallReport, dry_run: bool) -> Self {
        let images = report.application.lock.images.iter().map(|(name, image)| ImageShape {
            name: name.clone(),
            version: image.version.clone(),
            repository: image.repository.to_string(),
            digest: image.digest,
        });
        Self {
            dry_run,
            reference: report.reference.to_string(),
            name: report.application.project.name.clone(),
            version: report.application.project.version.clone(),
            index: Pointer::from(&report.index),
            images: images.collect(),
            files: report.files.clone(),
        }
    }
}

impl Document for InstallDocument {
    fn command(&self) -> &'static str {
        "install"
    }

    fn text(&self, text: &mut Text) {
        let mut table = Table::new(&["IMAGE", "VERSION", "FROM"]);
        for image in &self.images {
            table.row([&image.name, &image.version, &image.repository]);
        }
        text.table(&table);
        for file in &self.files {
            let wrote = if self.dry_run { "would write" } else { "wrote" };
            text.line(format_args!("{wrote} {}", file.display()));
        }
    }
}
