//! `store`

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use oci::{Digest, RepositoryName, Tag};
use ops::content::{prune, size, verify};
use ops::{OpsError, PruneOptions, PruneReport, StoreSize, VerifyReport};
use serde::Serialize;

use crate::printer::{ByteSize, Document, Table, Text, count};
use crate::session::Session;

/// Look after the local content store
///
/// Example: supercargo store size
#[derive(Args, Debug)]
pub(crate) struct StoreArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what the store holds
    ///
    /// Example: supercargo store size
    Size,
    /// Remove what no name needs, and manifests that are kept to save requests
    ///
    /// Example: supercargo store prune --dry-run
    Prune {
        /// Leave the manifests that are kept to save requests
        #[arg(long)]
        keep_cached_manifests: bool,

        /// Say what would be removed, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Hash every file; a damaged one is named, and the exit code is 6
    ///
    /// Example: supercargo store verify
    Verify,
}

impl StoreArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        match self.action {
            Action::Size => session.print(&SizeDocument::new(size(&session.context).await?)),
            Action::Prune { keep_cached_manifests, dry_run } => {
                let options = PruneOptions { keep_cached_manifests, dry_run };
                session.print(&PruneDocument::new(prune(&session.context, options).await?, dry_run))
            }
            Action::Verify => {
                let report = verify(&session.context).await?;
                let document = VerifyDocument::new(&report);
                session.print(&document)?;
                match &document.damaged[..] {
                    [] => Ok(()),
                    damaged => Err(OpsError::Integrity {
                        location: "the local content store".to_owned(),
                        message: format!("{} damaged", count(damaged.len(), "file")),
                    }
                    .into()),
                }
            }
        }
    }
}

/// What the store holds. The names of the fields are a public interface.
#[derive(Serialize)]
struct SizeDocument {
    names: u64,
    blobs: u64,
    blob_bytes: u64,
    cached_manifests: u64,
    cached_bytes: u64,
}

impl SizeDocument {
    const fn new(size: StoreSize) -> Self {
        let StoreSize { names, blobs, blob_bytes, cached_manifests, cached_bytes } = size;
        Self { names, blobs, blob_bytes, cached_manifests, cached_bytes }
    }
}

impl Document for SizeDocument {
    fn command(&self) -> &'static str {
        "store-size"
    }

    fn text(&self, text: &mut Text) {
        let mut table = Table::new(&["WHAT", "COUNT", "SIZE"]).right(1).right(2);
        table.row(["names", &self.names.to_string(), ""]);
        table.row(["content", &self.blobs.to_string(), &ByteSize(self.blob_bytes).to_string()]);
        let cached = ByteSize(self.cached_bytes).to_string();
        table.row(["cached manifests", &self.cached_manifests.to_string(), &cached]);
        text.table(&table);
    }
}

/// What was pruned. The names of the fields are a public interface.
#[derive(Serialize)]
struct PruneDocument {
    dry_run: bool,
    content_files: u64,
    content_bytes: u64,
    cached_manifests: u64,
    cached_bytes: u64,
    untagged: Vec<UntaggedShape>,
}

#[derive(Serialize)]
struct UntaggedShape {
    name: RepositoryName,
    tag: Tag,
}

impl PruneDocument {
    fn new(report: PruneReport, dry_run: bool) -> Self {
        Self {
            dry_run,
            content_files: report.content.files,
            content_bytes: report.content.bytes,
            cached_manifests: report.cached.files,
            cached_bytes: report.cached.bytes,
            untagged: report.untagged.into_iter().map(|(name, tag)| UntaggedShape { name, tag }).collect(),
        }
    }
}

impl Document for PruneDocument {
    fn command(&self) -> &'static str {
        "store-prune"
    }

    fn text(&self, text: &mut Text) {
        let verb = if self.dry_run { "would remove" } else { "removed" };
        for untagged in &self.untagged {
            text.line(format_args!("{verb} tag store:{}:{}", untagged.name, untagged.tag));
        }
        text.line(format_args!(
            "{verb} {} files of content ({}) and {} cached manifests ({})",
            self.content_files,
            ByteSize(self.content_bytes),
            self.cached_manifests,
            ByteSize(self.cached_bytes)
        ));
    }
}

/// What a check found. The names of the fields are a public interface.
#[derive(Serialize)]
struct VerifyDocument {
    files: u64,
    bytes: u64,
    damaged: Vec<DamageShape>,
}

#[derive(Clone, Serialize)]
struct DamageShape {
    path: PathBuf,
    digest: Digest,
    reason: String,
}

impl VerifyDocument {
    fn new(report: &VerifyReport) -> Self {
        let damaged = report.damaged.iter().map(|damage| DamageShape {
            path: damage.path.clone(),
            digest: damage.digest,
            reason: damage.error.to_string(),
        });
        Self { files: report.files, bytes: report.bytes, damaged: damaged.collect() }
    }
}

impl Document for VerifyDocument {
    fn command(&self) -> &'static str {
        "store-verify"
    }

    fn text(&self, text: &mut Text) {
        for damage in &self.damaged {
            text.line(format_args!("damaged: {}", damage.reason));
        }
        text.line(format_args!("hashed {} files ({})", self.files, ByteSize(self.bytes)));
    }
}
