//! `delete`

use anyhow::Result;
use clap::Args;
use oci::{Digest, Tag};
use ops::delete::{DeleteReport, DeleteRequest, Deleted};
use serde::Serialize;

use crate::printer::{Document, Text, count};
use crate::session::Session;

/// Take a tag away, or a manifest by its digest, and say what refers to it
///
/// REPO:TAG takes the tag away; what it points to stays. REPO@DIGEST takes the manifest away, with every tag that points to
/// it. What refers to a manifest is named and stays: it is found again when the same content is put back.
///
/// Example: supercargo delete registry.example/shop:1.0-rc.1 --dry-run
#[derive(Args, Debug)]
pub(crate) struct DeleteArguments {
    /// The tag, or the manifest by its digest
    #[arg(value_name = "REF")]
    reference: String,

    /// Say what would be taken away and what refers to it, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl DeleteArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let request = DeleteRequest { reference: session.reference(&self.reference)?, dry_run: self.dry_run };
        let report = ops::delete::delete(&session.context, &request).await?;
        session.print(&DeleteDocument::new(report, self.dry_run))
    }
}

/// What was taken away. The names of the fields are a public interface.
#[derive(Serialize)]
struct DeleteDocument {
    dry_run: bool,
    repository: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<Tag>,
    manifest: Digest,
    manifest_deleted: bool,
    referrers: Vec<ReferrerShape>,
    attachment_tags: Vec<Tag>,
}

#[derive(Serialize)]
struct ReferrerShape {
    digest: Digest,
    artifact_type: Option<String>,
}

impl DeleteDocument {
    fn new(report: DeleteReport, dry_run: bool) -> Self {
        let (tag, manifest_deleted) = match report.deleted {
            Deleted::Tag(tag) => (Some(tag), false),
            Deleted::Manifest(_) => (None, true),
        };
        let referrers = report
            .referrers
            .into_iter()
            .map(|referrer| ReferrerShape { digest: referrer.digest, artifact_type: referrer.artifact_type });
        Self {
            dry_run,
            repository: report.location,
            tag,
            manifest: report.manifest.digest,
            manifest_deleted,
            referrers: referrers.collect(),
            attachment_tags: report.attachments,
        }
    }
}

impl Document for DeleteDocument {
    fn command(&self) -> &'static str {
        "delete"
    }

    fn text(&self, text: &mut Text) {
        let verb = if self.dry_run { "would delete" } else { "deleted" };
        let Self { repository, manifest, .. } = self;
        match &self.tag {
            Some(tag) => text.line(format_args!("{verb} tag {tag} of {repository}, which pointed to {manifest}")),
            None => text.line(format_args!("{verb} manifest {manifest} of {repository}")),
        }
        let about = self.referrers.len() + self.attachment_tags.len();
        if about > 0 {
            let stay = if about == 1 { "stays" } else { "stay" };
            text.line(format_args!("{} about it {stay}:", count(about, "artifact")));
        }
        for referrer in &self.referrers {
            let kind = referrer.artifact_type.as_deref().unwrap_or("no type");
            text.line(format_args!("  {}  {kind}", referrer.digest));
        }
        for tag in &self.attachment_tags {
            text.line(format_args!("  tag {tag}"));
        }
    }
}
