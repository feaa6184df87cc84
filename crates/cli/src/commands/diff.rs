//! `diff`

use anyhow::Result;
use clap::Args;
use oci::{Digest, Reference};
use ops::OpsError;
use ops::diff::LockSource;
use ops::diff::image::{ImageSheet, ImagesReport};
use serde::Serialize;

use super::describe::one_platform;
use super::difference::DifferenceShape;
use super::locking::ChangeShape;
use crate::exit::AnswerIsNo;
use crate::printer::{ByteSize, Document, Table, Text};
use crate::session::Session;

/// Show what is different between two locks, or two images
///
/// A and B are locks: files, or revisions of the project's git history. Without B the lock is compared as it is now. Or both are
/// references of images: then layers, sizes and settings are compared, of indexes those of the platform, or of their first images.
///
/// Examples: supercargo diff HEAD~3, supercargo diff registry.example/app:1.0 registry.example/app:1.1
#[derive(Args, Debug)]
pub(crate) struct DiffArguments {
    /// A lock, a revision, or an image
    #[arg(value_name = "A")]
    from: String,

    /// Another lock, revision or image [default: the lock as it is]
    #[arg(value_name = "B")]
    to: Option<String>,

    /// End with exit code 1 when there is a difference
    #[arg(long)]
    exit_code: bool,
}

impl DiffArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let document = match (image(&self.from), self.to.as_deref().map(image)) {
            (Some(from), Some(Some(to))) => {
                let platform = one_platform(&session.settings.platforms)?;
                DiffDocument::of_images(
                    &ops::diff::image::images(&session.context, &from, &to, platform.as_ref()).await?,
                )
            }
            // A branch may be called as a registry is: alone it can only be a revision.
            (_, None) | (None, Some(None)) => {
                let from = LockSource::parse(&self.from);
                let to = self.to.as_deref().map_or(LockSource::Current, LockSource::parse);
                let difference = ops::diff::diff(&session.settings.project, &from, &to).await?;
                DiffDocument { changes: difference.images.iter().map(ChangeShape::of).collect(), images: None }
            }
            _ => return Err(OpsError::usage("an image is compared with an image, a lock with a lock", None).into()),
        };
        session.print(&document)?;
        if self.exit_code && !document.is_empty() {
            return Err(AnswerIsNo.into());
        }
        Ok(())
    }
}

/// Reads the reference of an image; `None` for what is a file, or a revision.
fn image(text: &str) -> Option<Reference> {
    if std::path::Path::new(text).exists() {
        return None;
    }
    text.parse().ok()
}

/// What is different between two locks, or two images. The names of the fields are a public interface.
#[derive(Serialize)]
struct DiffDocument {
    changes: Vec<ChangeShape>,
    images: Option<ImagesShape>,
}

#[derive(Clone, Serialize)]
struct ImagesShape {
    from: SheetShape,
    to: SheetShape,
    #[serde(flatten)]
    difference: DifferenceShape,
}

#[derive(Clone, Serialize)]
struct SheetShape {
    digest: Option<Digest>,
    bytes: u64,
    version: Option<String>,
    created: Option<String>,
    revision: Option<String>,
}

/// A line of `jsonl`.
#[derive(Serialize)]
#[serde(untagged)]
enum Item {
    Change(ChangeShape),
    Images(ImagesShape),
}

impl DiffDocument {
    fn of_images(report: &ImagesReport) -> Self {
        let images = ImagesShape {
            from: SheetShape::of(&report.from),
            to: SheetShape::of(&report.to),
            difference: DifferenceShape::of(&report.difference),
        };
        Self { changes: Vec::new(), images: Some(images) }
    }

    /// Tells whether there is no difference. Images may say otherwise when they were made, and be the same in all else.
    fn is_empty(&self) -> bool {
        let same = |images: &ImagesShape| images.difference.is_empty() && images.from.digest == images.to.digest;
        self.changes.is_empty() && self.images.as_ref().is_none_or(same)
    }
}

impl SheetShape {
    fn of(sheet: &ImageSheet) -> Self {
        let ImageSheet { digest, bytes, version, created, revision } = sheet.clone();
        Self { digest, bytes, version, created, revision }
    }

    fn rows(&self) -> [(&'static str, String); 5] {
        let told = |fact: &Option<String>| fact.clone().unwrap_or_else(|| "-".to_owned());
        [
            ("digest", self.digest.map_or_else(|| "-".to_owned(), |digest| digest.to_string())),
            ("size", ByteSize(self.bytes).to_string()),
            ("version", told(&self.version)),
            ("created", told(&self.created)),
            ("revision", told(&self.revision)),
        ]
    }
}

impl Document for DiffDocument {
    fn command(&self) -> &'static str {
        "diff"
    }

    fn text(&self, text: &mut Text) {
        let mut table = ChangeShape::table();
        self.changes.iter().for_each(|change| change.row(&mut table));
        text.table(&table);
        let Some(images) = &self.images else { return };
        let mut table = Table::new(&["", "FROM", "TO"]);
        for ((name, from), (_, to)) in images.from.rows().into_iter().zip(images.to.rows()) {
            if from != to {
                table.row([name.to_owned(), from, to]);
            }
        }
        text.table(&table);
        images.difference.text(text);
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        let changes = self.changes.iter().cloned().map(Item::Change);
        Some(changes.chain(self.images.clone().map(Item::Images)).collect())
    }
}
