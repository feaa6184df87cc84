//! `publish`

use anyhow::Result;
use clap::Args;
use oci::{Digest, Tag};
use ops::project::OpenProject;
use ops::publish::{PublishReport, PublishRequest, PublishedImage};
use ops::{CopyOptions, OpsError};
use serde::Serialize;

use super::describe::{Pointer, pinned};
use super::groups::GroupArguments;
use crate::printer::{ByteSize, Document, Table, Text, count};
use crate::session::Session;

/// Publish the application of the project as one OCI index, with all of its images
///
/// All images come into the repository of REF, as they are locked and with everything that is attached to them: mounted
/// within a registry, copied otherwise. The index lists them; project and lock are an artifact about it, so `install` gives
/// them to others. The same lock gives the same digests, and publishing it again moves nothing. Without a tag the application
/// gets its version as its tag, or `latest`.
///
/// With --group, --no-group or --only-group it is an application of some images: project and lock speak of no others.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct PublishArguments {
    /// Where to: a repository, a layout or an archive
    #[arg(value_name = "REF")]
    destination: String,

    /// Ask the destination for every single blob, whatever it has already
    #[arg(long)]
    recheck: bool,

    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    groups: GroupArguments,
}

const EXAMPLES: &str = "Examples:
  supercargo publish registry.example/shop:1.0
  supercargo publish oci-archive:shop.tar.zst:1.0
  supercargo publish registry.example/shop:1.0 --no-group dev";

impl PublishArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        if !session.settings.platforms.is_empty() {
            return Err(OpsError::usage(
                "an application is published with the platforms that are locked",
                "supercargo publish REF    (without --platform)".to_owned(),
            )
            .into());
        }
        let open = ops::publish::part(OpenProject::read(&session.settings.project)?, self.groups.given().as_ref())?;
        let request = PublishRequest {
            destination: session.reference(&self.destination)?,
            options: CopyOptions { recheck: self.recheck, jobs: session.settings.jobs, ..CopyOptions::default() },
            dry_run: self.dry_run,
        };
        let report = ops::publish::publish(&session.context, &open, &request, session.progress()).await?;
        session.print(&PublishDocument::new(&report, self.dry_run))
    }
}

/// What was published. The names of the fields are a public interface.
#[derive(Serialize)]
struct PublishDocument {
    dry_run: bool,
    reference: String,
    repository: String,
    tag: Tag,
    index: Pointer,
    artifact: Pointer,
    images: Vec<ImageShape>,
    blobs: BlobCounts,
    manifests_put: usize,
}

#[derive(Serialize)]
struct ImageShape {
    name: String,
    version: String,
    tag: Option<Tag>,
    digest: Digest,
}

#[derive(Serialize)]
struct BlobCounts {
    moved: usize,
    bytes_moved: u64,
    adopted: usize,
}

impl PublishDocument {
    fn new(report: &PublishReport, dry_run: bool) -> Self {
        let image = |image: &PublishedImage| ImageShape {
            name: image.name.clone(),
            version: image.version.clone(),
            tag: image.tag.clone(),
            digest: image.digest,
        };
        Self {
            dry_run,
            reference: pinned(&report.location, Some(&report.tag), &report.index.digest),
            repository: report.location.clone(),
            tag: report.tag.clone(),
            index: Pointer::from(&report.index),
            artifact: Pointer::from(&report.artifact),
            images: report.images.iter().map(image).collect(),
            blobs: BlobCounts {
                moved: report.blobs_moved,
                bytes_moved: report.bytes_moved,
                adopted: report.blobs_adopted,
            },
            manifests_put: report.manifests_put,
        }
    }
}

impl Document for PublishDocument {
    fn command(&self) -> &'static str {
        "publish"
    }

    fn text(&self, text: &mut Text) {
        text.line(format_args!("{}", self.reference));
        let mut table = Table::new(&["IMAGE", "VERSION", "TAG"]);
        for image in &self.images {
            let tag = image.tag.as_ref().map_or("-", Tag::as_str);
            table.row([image.name.as_str(), &image.version, tag]);
        }
        text.table(&table);
        let (blobs, manifests) = (&self.blobs, count(self.manifests_put, "manifest"));
        let (moved, bytes) = (count(blobs.moved, "blob"), ByteSize(blobs.bytes_moved));
        if self.dry_run {
            text.line(format_args!("would move {moved} ({bytes}) and put {manifests}"));
        } else if blobs.moved == 0 && blobs.adopted == 0 && self.manifests_put == 0 {
            text.line(format_args!("nothing had to move"));
        } else {
            text.line(format_args!("{moved} moved ({bytes}), {} mounted, {manifests} put", blobs.adopted));
        }
    }
}
