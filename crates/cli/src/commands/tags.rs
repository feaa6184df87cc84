//! `tags`

use anyhow::Result;
use clap::Args;
use oci::Tag;
use ops::tags::{TagReading, TagsReport, TagsRequest};
use serde::Serialize;

use crate::printer::{Document, Table, Text, count};
use crate::session::Session;

/// List the tags of a repository
///
/// With --explain the registry is asked what tags that move name, at most 64 tags in all: the one whose digest an exact version has
/// too is shown beside it. No manifest is read for that.
///
/// Tags that tools make to attach something (sha256-….sig, fallback tags) are left out unless --attachments is given.
///
/// Example: supercargo tags docker.io/library/postgres --explain
#[derive(Args, Debug)]
pub(crate) struct TagsArguments {
    /// The repository, layout, archive or name
    #[arg(value_name = "REPO")]
    repository: String,

    /// Only those that begin with this: a few requests, where the registry has shown that it lists tags in their order
    #[arg(long, value_name = "TEXT", conflicts_with = "explain")]
    prefix: Option<String>,

    /// List the tags that attach something too
    #[arg(long)]
    attachments: bool,

    /// Say how each tag is read: what it names, which version, and of what
    #[arg(long)]
    explain: bool,
}

impl TagsArguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let request = TagsRequest {
            repository: session.reference(&self.repository)?,
            prefix: self.prefix,
            explain: self.explain,
        };
        let TagsReport { location, mut tags, attachments, readings, unasked } =
            ops::tags::tags(&session.context, &request).await?;
        if self.attachments {
            tags.extend(attachments);
        } else if !attachments.is_empty() {
            let left_out = count(attachments.len(), "attachment tag");
            session.printer.note(&format!("{left_out} left out; --attachments lists them too"));
        }
        if unasked > 0 {
            let (unasked, most) = (count(unasked, "moving tag"), ops::tags::TAGS_ASKED_MAX);
            session.printer.note(&format!("{unasked} not looked up; {most} tags are asked what they name"));
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
    same_as: Option<Tag>,
}

impl ReadingShape {
    fn of(reading: &TagReading) -> Self {
        let TagReading { kind, version, track, update, same_as } = reading.clone();
        Self { kind, version, track, update, same_as }
    }
}

/// Returns the columns that are shown.
fn columns<'a>(all: &[&'a str], is_shown: impl Fn(usize) -> bool) -> Vec<&'a str> {
    all.iter().enumerate().filter(|(column, _)| is_shown(*column)).map(|(_, text)| *text).collect()
}

impl Document for TagsDocument {
    fn command(&self) -> &'static str {
        "tags"
    }

    fn text(&self, text: &mut Text) {
        let is_named = |tag: &TagShape| tag.read.as_ref().is_some_and(|read| read.same_as.is_some());
        let has_names = self.tags.iter().any(is_named);
        let header = ["TAG", "KIND", "VERSION", "SAME AS", "UPDATE", "TRACK"];
        let shown = |column: usize| has_names || header[column] != "SAME AS";
        let mut table = Table::new(&columns(&header, shown));
        for TagShape { tag, read } in &self.tags {
            let Some(read) = read else {
                text.line(format_args!("{tag}"));
                continue;
            };
            let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
            let (version, track) = (or_dash(read.version.as_deref()), or_dash(read.track.as_deref()));
            let tag_or_dash = |tag: &Option<Tag>| or_dash(tag.as_ref().map(Tag::as_str));
            let (same_as, update) = (tag_or_dash(&read.same_as), tag_or_dash(&read.update));
            let row = [tag.as_str(), &read.kind, &version, &same_as, &update, &track];
            table.row(columns(&row, shown));
        }
        text.table(&table);
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.tags.clone())
    }
}
