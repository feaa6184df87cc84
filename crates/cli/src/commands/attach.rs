//! `attach`

use anyhow::Result;
use clap::Args;
use oci::MediaType;
use ops::artifact::{ArtifactRequest, FileRequest};
use ops::attach::AttachRequest;
use serde::Serialize;

use super::describe::{Pointer, one_platform};
use crate::printer::{Document, Text};
use crate::session::Session;

/// Attach files to an image, to another artifact, or to a layer by its digest
///
/// Makes an image manifest with an empty config, the files as layers, and the image as its subject. Where the registry keeps no
/// lists of referrers, the fallback tag is brought up to date. Prints the digest of the artifact.
///
/// Example: supercargo attach registry.example/shop:1.0 --type application/spdx+json sbom.json
#[derive(Args, Debug)]
pub(crate) struct AttachArguments {
    /// What the artifact is about; with --platform, the image of an index
    #[arg(value_name = "REF")]
    subject: String,

    /// Type of the artifact, as in application/spdx+json
    #[arg(long = "type", value_name = "TYPE")]
    artifact_type: MediaType,

    /// Annotation of the artifact; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = annotation)]
    annotation: Vec<(String, String)>,

    /// The files, each with its media type if that is known
    #[arg(value_name = "FILE[:MEDIATYPE]")]
    files: Vec<String>,

    /// Say which artifact would be made, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Reads an annotation.
pub(super) fn annotation(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

impl AttachArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let files = self.files.iter().map(|file| FileRequest::parse(file)).collect::<Result<_, _>>()?;
        let annotations = self.annotation.into_iter().collect();
        let request = AttachRequest {
            subject: session.reference(&self.subject)?,
            platform: one_platform(&session.settings.platforms)?,
            artifact: ArtifactRequest { artifact_type: self.artifact_type.to_string(), annotations, files },
            dry_run: self.dry_run,
        };
        let report = ops::attach::attach(&session.context, &request, session.progress()).await?;
        session.print(&AttachDocument {
            dry_run: request.dry_run,
            repository: report.location,
            artifact_type: request.artifact.artifact_type,
            manifest: Pointer::from(&report.artifact),
            subject: Pointer::from(&report.subject),
        })
    }
}

/// What was attached. The names of the fields are a public interface.
#[derive(Serialize)]
struct AttachDocument {
    dry_run: bool,
    repository: String,
    artifact_type: String,
    manifest: Pointer,
    subject: Pointer,
}

impl Document for AttachDocument {
    fn command(&self) -> &'static str {
        "attach"
    }

    fn text(&self, text: &mut Text) {
        text.line(format_args!("{}", self.manifest.digest));
    }
}
