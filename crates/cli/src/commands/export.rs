//! `export`

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use ops::export::ExportFormat;
use ops::project::OpenProject;
use serde::Serialize;

use super::groups::{GroupArguments, Usually};
use crate::arguments::Format;
use crate::printer::{self, Document, Text, count, warn};
use crate::session::Session;

/// Write the locked images as a list of another tool
///
/// imgpkg gets every locked image. docker-lock gets those that Dockerfiles, Compose files and Kubernetes manifests among the project's
/// targets name, compose an override file that pins the services of its Compose files. `supercargo init --from` reads all of them.
#[derive(Args, Debug)]
#[command(after_help = "Example: supercargo export --as compose --output compose.lock.yaml")]
pub(crate) struct ExportArguments {
    /// Whose list it is to be
    #[arg(long = "as", value_enum, value_name = "TOOL")]
    tool: Tool,

    /// The file to write [default: the standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    groups: GroupArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tool {
    /// ImagesLock (.imgpkg/images.yml)
    Imgpkg,
    /// docker-lock.json
    DockerLock,
    /// An override file for Compose
    Compose,
}

impl ExportArguments {
    pub(crate) fn run(self, session: &Session) -> Result<()> {
        let open = OpenProject::read(&session.settings.project)?;
        let format = match self.tool {
            Tool::Imgpkg => ExportFormat::Imgpkg,
            Tool::DockerLock => ExportFormat::DockerLock,
            Tool::Compose => ExportFormat::Compose,
        };
        let report = ops::export::export(&open, &self.groups.groups(Usually::All), format, self.output.as_deref())?;
        for left_out in &report.left_out {
            warn(&format!("{left_out} has no place in this list"));
        }
        let output = self.output.map(|path| path.display().to_string());
        let document = ExportDocument {
            content: output.is_none().then_some(report.text),
            output,
            images: report.images,
            left_out: report.left_out,
        };
        match &document.content {
            // As it is: docker-lock writes tabs, which a line for people would escape.
            Some(content) if session.settings.format == Format::Table => printer::write(content.as_bytes())?,
            _ => session.print(&document)?,
        }
        session.printer.note(&count(document.images, "image"));
        Ok(())
    }
}

/// A list that was made. The names of the fields are a public interface.
#[derive(Serialize)]
struct ExportDocument {
    output: Option<String>,
    content: Option<String>,
    images: usize,
    left_out: Vec<String>,
}

impl Document for ExportDocument {
    fn command(&self) -> &'static str {
        "export"
    }

    fn text(&self, text: &mut Text) {
        if let Some(output) = &self.output {
            text.line(format_args!("{output}"));
        }
    }
}
