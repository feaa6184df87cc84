//! `tags`

use anyhow::Result;
use clap::Args;
use oci::Tag;
use ops::tags::{TagReading, TagsReport, TagsRequest};
use serde::Serialize;

use super::reference;
use crate::printer::{Document, Table, Text, count};
use crate::session::Session;

/// List the tags of a repository
///
/// Tags that tools make to attach something (sha256-….sig, fallback tags) are left out unless --attachments is given.
///
/// Example: supercargo tags docker.io/library/postgres --explain
#[derive(Args, Debug)]
pub(crate) struct TagsArguments {
    /// The repository, layout, archive or name
    #[arg(value_name = "REPO")]
    repository: String,

    /// List the tags that attach something too
    #[arg(long)]
    attachments: bool,

    /// Say how each tag is read: what it names, which version, and of what
    #[arg(long)]
    explain: bool,
}

impl TagsArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let request = TagsRequest { repository: reference(&self.repository)?, explain: self.explain };
        let TagsReport { location, mut tags, attachments, readings } =
            ops::tags::tags(&session.context, &request).await?;
        if self.attachments {
            tags.extend(attachments);
        } else if !attachments.is_empty() {
            let left_out = count(attachments.len(), "attachment tag");
            session.printer.note(&format!("{left_out} left out; --attachments lists them too"));
        }
        let tags =
            tags.into_iter().map(|tag| TagShape { read: readings.get(&tag).map(ReadingShape::of), tag }).collect();
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
    #[serde(flatten)]
    read: Option<ReadingShape>,
}

/// How a tag is read.
#[derive(Clone, Serialize)]
struct ReadingShape {
    kind: String,
    version: Option<String>,
    track: Option<String>,
    update: Option<Tag>,
}

impl ReadingShape {
    fn of(reading: &TagReading) -> Self {
        let TagReading { kind, version, track, update } = reading.clone();
        Self { kind, version, track, update }
    }
}

impl Document for TagsDocument {
    fn command(&self) -> &'static str {
        "tags"
    }

    fn text(&self, text: &mut Text) {
        let mut table = Table::new(&["TAG", "KIND", "VERSION", "UPDATE", "TRACK"]);
        for TagShape { tag, read } in &self.tags {
            let Some(read) = read else {
                text.line(format_args!("{tag}"));
                continue;
            };
            let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
            let (version, track) = (or_dash(read.version.as_deref()), or_dash(read.track.as_deref()));
            table.row([tag.as_str(), &read.kind, &version, &or_dash(read.update.as_ref().map(Tag::as_str)), &track]);
        }
        text.table(&table);
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.tags.clone())
    }
}
