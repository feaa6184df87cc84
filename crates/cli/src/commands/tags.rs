//! `tags`

use anyhow::Result;
use clap::Args;
use oci::Tag;
use ops::tags::{TagsReport, TagsRequest};
use serde::Serialize;

use super::reference;
use crate::printer::{Document, Text, count};
use crate::session::Session;

/// List the tags of a repository
///
/// Tags that tools make to attach something (sha256-….sig, fallback tags) are left out unless --attachments is given.
#[derive(Args, Debug)]
pub(crate) struct TagsArguments {
    /// The repository, layout, archive or name
    #[arg(value_name = "REPO")]
    repository: String,

    /// List the tags that attach something too
    #[arg(long)]
    attachments: bool,
}

impl TagsArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let request = TagsRequest { repository: reference(&self.repository)? };
        let TagsReport { location, mut tags, attachments } = ops::tags::tags(&session.context, &request).await?;
        if self.attachments {
            tags.extend(attachments);
        } else if !attachments.is_empty() {
            let left_out = count(attachments.len(), "attachment tag");
            session.printer.note(&format!("{left_out} left out; --attachments lists them too"));
        }
        let tags = tags.into_iter().map(|tag| TagShape { tag }).collect();
        session.print(&TagsDocument { repository: location, tags })
    }
}

/// The tags of a repository. The names of the fields are a public interface.
#[derive(Serialize)]
struct TagsDocument {
    repository: String,
    tags: Vec<TagShape>,
}

#[derive(Clone, Serialize)]
struct TagShape {
    tag: Tag,
}

impl Document for TagsDocument {
    fn command(&self) -> &'static str {
        "tags"
    }

    fn text(&self, text: &mut Text) {
        for shape in &self.tags {
            text.line(format_args!("{}", shape.tag));
        }
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.tags.clone())
    }
}
