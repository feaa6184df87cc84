//! `verify`

use anyhow::Result;
use clap::Args;
use oci::Digest;
use ops::verify::{Depth, Finding, VerifiedImage, VerifyRequest, damage_error};
use serde::Serialize;

use super::groups::GroupArguments;
use super::locking;
use crate::exit::AnswerIsNo;
use crate::printer::{ByteSize, Document, Text, count};
use crate::session::Session;

/// Compare the lock with what is there: digests, platforms, artifacts
///
/// Of every image the index, the images for single platforms and all artifacts are read, and their configurations and layers have to be
/// there. Exit code 1 when something of the lock is missing, 6 when something is there and is not what its digest says. More
/// artifacts than were locked are no difference.
///
/// Example: supercargo verify --at registry.example/mirror/
#[derive(Args, Debug)]
pub(crate) struct VerifyArguments {
    /// The images, as the project calls them [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    /// Look at a copy of the project, as `copy DST` made it, and at its tags
    #[arg(long, value_name = "DST")]
    at: Option<String>,

    /// Read every byte
    #[arg(long)]
    deep: bool,

    #[command(flatten)]
    groups: GroupArguments,
}

impl VerifyArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        self.groups.refuse_beside(&self.names)?;
        let open = self.groups.narrow(&locking::current(session, false).await?)?;
        let request = VerifyRequest {
            names: self.names,
            at: self.at.map(|place| place.parse()).transpose()?,
            depth: if self.deep { Depth::Bytes } else { Depth::Presence },
        };
        let found = ops::verify::verify(&session.context, &open, &request).await?;
        let images = found.images.iter().map(ImageShape::of).collect();
        session.print(&VerifyDocument { holds: found.holds(), images })?;
        if let Some((image, finding)) = found.damage() {
            return Err(damage_error(&open, image, finding).into());
        }
        if found.holds() { Ok(()) } else { Err(AnswerIsNo.into()) }
    }
}

/// What was found. The names of the fields are a public interface.
#[derive(Serialize)]
struct VerifyDocument {
    holds: bool,
    images: Vec<ImageShape>,
}

#[derive(Clone, Serialize)]
struct ImageShape {
    name: String,
    location: String,
    digest: Digest,
    holds: bool,
    manifests: usize,
    blobs: usize,
    bytes_read: u64,
    findings: Vec<FindingShape>,
    extra_artifacts: Vec<Digest>,
}

#[derive(Clone, Serialize)]
struct FindingShape {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    message: String,
}

impl ImageShape {
    fn of(image: &VerifiedImage) -> Self {
        Self {
            name: image.name.clone(),
            location: image.location.clone(),
            digest: image.digest,
            holds: image.holds(),
            manifests: image.manifests,
            blobs: image.blobs,
            bytes_read: image.bytes_read,
            findings: image.findings.iter().map(FindingShape::of).collect(),
            extra_artifacts: image.extra_artifacts.clone(),
        }
    }
}

impl FindingShape {
    fn of(finding: &Finding) -> Self {
        let (kind, digest) = match finding {
            Finding::Missing { digest, .. } => ("missing", Some(*digest)),
            Finding::Tag { found, .. } => ("tag", *found),
            Finding::Damaged { .. } => ("damaged", None),
        };
        Self { kind, digest, message: finding.to_string() }
    }
}

impl Document for VerifyDocument {
    fn command(&self) -> &'static str {
        "verify"
    }

    fn text(&self, text: &mut Text) {
        for image in &self.images {
            if image.holds {
                let read =
                    if image.bytes_read > 0 { format!(", {} read", ByteSize(image.bytes_read)) } else { String::new() };
                let extra = image.extra_artifacts.len();
                let extra =
                    if extra > 0 { format!("; {} more than locked", count(extra, "artifact")) } else { String::new() };
                let (manifests, blobs) = (count(image.manifests, "manifest"), count(image.blobs, "blob"));
                text.line(format_args!("{}: {manifests} and {blobs} are there{read}{extra}", image.name));
            } else {
                text.line(format_args!("{}: not as it is locked, in {}", image.name, image.location));
                for finding in &image.findings {
                    text.line(format_args!("  {}", finding.message));
                }
            }
        }
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.images.clone())
    }
}
