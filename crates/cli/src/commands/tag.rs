//! `tag`

use anyhow::Result;
use clap::Args;
use oci::{Digest, Tag};
use ops::tag::TagRequest;
use serde::Serialize;

use super::describe::{Pointer, one_platform, pinned};
use crate::printer::{Document, Text};
use crate::session::Session;

/// Give an image further tags where it is
///
/// Example: supercargo tag registry.example/shop:1.0.3 1.0 latest
#[derive(Args, Debug)]
pub(crate) struct TagArguments {
    /// The image
    #[arg(value_name = "REF")]
    image: String,

    /// The tags
    #[arg(value_name = "TAG", required = true)]
    tags: Vec<Tag>,

    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl TagArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let request = TagRequest {
            reference: session.reference(&self.image)?,
            platform: one_platform(&session.settings.platforms)?,
            tags: self.tags,
            dry_run: self.dry_run,
        };
        let report = ops::tag::tag(&session.context, &request).await?;
        let tags = report.tags.into_iter().map(|(tag, before)| TagShape {
            reference: pinned(&report.location, Some(&tag), &report.image.digest),
            tag,
            before: before.map(|descriptor| descriptor.digest),
        });
        let tags = tags.collect();
        session.print(&TagDocument { dry_run: self.dry_run, image: Pointer::from(&report.image), tags })
    }
}

/// What was tagged. The names of the fields are a public interface.
#[derive(Serialize)]
struct TagDocument {
    dry_run: bool,
    image: Pointer,
    tags: Vec<TagShape>,
}

#[derive(Clone, Serialize)]
struct TagShape {
    reference: String,
    tag: Tag,
    before: Option<Digest>,
}

impl Document for TagDocument {
    fn command(&self) -> &'static str {
        "tag"
    }

    fn text(&self, text: &mut Text) {
        for TagShape { reference, before, .. } in &self.tags {
            match before {
                Some(before) if *before != self.image.digest => text.line(format_args!("{reference} (was {before})")),
                _ => text.line(format_args!("{reference}")),
            }
        }
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.tags.clone())
    }
}
