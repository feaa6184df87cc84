//! `push`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use oci::{MediaType, Reference};
use ops::OpsError;
use ops::artifact::{ArtifactRequest, FileRequest};
use ops::copy::CopyRequest;
use ops::push::PushRequest;
use serde::Serialize;

use super::attach::annotation;
use super::copying::{self, CopySwitches};
use super::describe::{Pointer, pinned};
use crate::printer::{Document, Text};
use crate::session::Session;

/// Push an image from this machine, or a file or directory as an artifact
///
/// SRC is a reference to a layout, an archive or the local content store (oci:DIR, oci-archive:FILE, docker-archive:FILE,
/// store:NAME), which is copied with everything attached to it; or a path, of which the file, or every file below it, becomes a
/// layer of an artifact.
///
/// Example: supercargo push oci:shop:1.0 registry.example/shop:1.0
#[derive(Args, Debug)]
pub(crate) struct PushArguments {
    /// The image, file or directory
    #[arg(value_name = "SRC")]
    source: String,

    /// Where it goes
    #[arg(value_name = "REF")]
    destination: String,

    /// Type of the artifact, as in application/vnd.example.report.v1+json
    #[arg(long = "type", value_name = "TYPE")]
    artifact_type: Option<MediaType>,

    /// Annotation of the artifact; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = annotation)]
    annotation: Vec<(String, String)>,

    #[command(flatten)]
    switches: CopySwitches,
}

impl PushArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        match self.image(session)? {
            Some(image) => {
                let destination = session.destination(&self.destination)?;
                let request = CopyRequest { pairs: vec![(image, destination)], ..CopyRequest::default() };
                copying::run("push", session, &self.switches, request).await
            }
            None => self.push_files(session).await,
        }
    }

    /// Returns the image, unless the source is a path.
    fn image(&self, session: &Session) -> Result<Option<Reference>> {
        let transports = ["oci:", "oci-archive:", "docker-archive:", "store:"];
        if !transports.iter().any(|transport| self.source.starts_with(transport)) {
            return Ok(None);
        }
        if self.artifact_type.is_some() || !self.annotation.is_empty() {
            return Err(
                OpsError::usage("an image is pushed as it is: it takes neither --type nor --annotation", None).into()
            );
        }
        session.reference(&self.source).map(Some)
    }

    async fn push_files(self, session: &Session) -> Result<()> {
        if self.switches.are_about_graphs() {
            return Err(OpsError::usage("of the switches of a copy, files take --dry-run only", None).into());
        }
        let mut file = FileRequest::parse(&self.source)?;
        if let Err(source) = file.path.metadata() {
            return Err(self.no_such_path(file.path, source));
        }
        let Some(artifact_type) = self.artifact_type else {
            let help = format!(
                "supercargo push {} {} --type application/vnd.example.report.v1",
                self.source, self.destination
            );
            return Err(OpsError::usage("an artifact needs a type", help).into());
        };
        let files = if file.path.is_dir() {
            FileRequest::of_directory(&file.path, file.media_type.as_ref())?
        } else {
            file.media_type.get_or_insert(MediaType::OCTET_STREAM);
            vec![file]
        };
        let request = PushRequest {
            artifact: ArtifactRequest {
                artifact_type: artifact_type.to_string(),
                annotations: self.annotation.into_iter().collect(),
                files,
            },
            destination: session.reference(&self.destination)?,
            dry_run: self.switches.dry_run,
        };
        let report = ops::push::push(&session.context, &request, session.progress()).await?;
        session.print(&PushDocument {
            dry_run: request.dry_run,
            reference: pinned(&report.location, report.tag.as_ref(), &report.artifact.digest),
            artifact_type: request.artifact.artifact_type,
            manifest: Pointer::from(&report.artifact),
        })
    }

    /// What is no path may be meant as an image in a registry.
    fn no_such_path(&self, path: PathBuf, source: std::io::Error) -> anyhow::Error {
        if self.source.parse::<Reference>().is_ok() {
            let help = format!("supercargo copy {} {}", self.source, self.destination);
            return OpsError::usage(format!("there is no file `{}`", self.source), help).into();
        }
        OpsError::File { action: "cannot read", path, source }.into()
    }
}

/// An artifact that was pushed. The names of the fields are a public interface.
#[derive(Serialize)]
struct PushDocument {
    dry_run: bool,
    reference: String,
    artifact_type: String,
    manifest: Pointer,
}

impl Document for PushDocument {
    fn command(&self) -> &'static str {
        "push-files"
    }

    fn text(&self, text: &mut Text) {
        text.line(format_args!("{}", self.reference));
    }
}
