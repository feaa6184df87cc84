//! `serve retention`

use anyhow::Result;
use oci::{Digest, RepositoryName, Tag, Timestamp};
use ops::registry::{RetentionReason, TagVerdict};
use ops::serve::{JudgedTags, Prepared};
use serde::Serialize;

use crate::printer::{Document, Table, Text, count};
use crate::session::Session;

/// Milliseconds of a second.
const SECOND: i64 = 1000;

/// Shows which tags go by the rules of retention, and why.
pub(super) async fn run(prepared: &Prepared, session: &Session) -> Result<()> {
    let judged = ops::serve::judge_tags(prepared).await?;
    let retention = &prepared.configuration.options.retention;
    if retention.need_pulls() && judged.pulls_since.is_none() {
        session.printer.note(
            "pulls are counted from the next start of the registry on; until then nothing goes for the want of them",
        );
    }
    session.print(&RetentionDocument::new(judged))
}

/// Which tags go. The names of the fields are a public interface.
#[derive(Serialize)]
struct RetentionDocument {
    /// Since when pulls are counted.
    pulls_since: Option<String>,
    tags: Vec<VerdictShape>,
}

/// A tag that rules take away.
#[derive(Clone, Serialize)]
struct VerdictShape {
    repository: RepositoryName,
    tag: Tag,
    digest: Digest,
    goes: bool,
    /// `rule`, `subject-gone`, `pulled`, `held` or `immutable`.
    reason: &'static str,
    pushed: Option<String>,
    pulled: Option<String>,
}

impl VerdictShape {
    fn new(verdict: TagVerdict) -> Self {
        let TagVerdict { repository, tag, digest, pushed_at, pulled_at, reason } = verdict;
        Self {
            repository,
            tag,
            digest,
            goes: reason.goes(),
            reason: word(reason),
            pushed: moment(pushed_at),
            pulled: pulled_at.and_then(moment),
        }
    }
}

const fn word(reason: RetentionReason) -> &'static str {
    match reason {
        RetentionReason::Rule => "rule",
        RetentionReason::SubjectGone => "subject-gone",
        RetentionReason::Pulled => "pulled",
        RetentionReason::Pushed => "pushed",
        RetentionReason::Held => "held",
        RetentionReason::Immutable => "immutable",
    }
}

/// Returns a time in milliseconds since 1970, to the second.
fn moment(milliseconds: i64) -> Option<String> {
    Timestamp::from_seconds(milliseconds.div_euclid(SECOND)).map(|time| time.to_string())
}

impl RetentionDocument {
    fn new(judged: JudgedTags) -> Self {
        Self {
            pulls_since: judged.pulls_since.and_then(moment),
            tags: judged.tags.into_iter().map(VerdictShape::new).collect(),
        }
    }
}

impl Document for RetentionDocument {
    fn command(&self) -> &'static str {
        "serve-retention"
    }

    fn text(&self, text: &mut Text) {
        let mut table = Table::new(&["", "TAG", "PUSHED", "PULLED", "WHY"]);
        for verdict in &self.tags {
            let why = match verdict.reason {
                "rule" => "no rule keeps it",
                "subject-gone" => "what it was attached to has gone",
                "pulled" => "asked for not long ago",
                "held" => "pinned, or on legal hold",
                _ => "immutable",
            };
            let tag = format!("{}:{}", verdict.repository, verdict.tag);
            let time = |time: &Option<String>| time.clone().unwrap_or_else(|| "-".to_owned());
            let goes = if verdict.goes { "goes" } else { "stays" };
            table.row([goes, &tag, &time(&verdict.pushed), &time(&verdict.pulled), why]);
        }
        if !self.tags.is_empty() {
            text.table(&table);
        }
        let going = self.tags.iter().filter(|verdict| verdict.goes).count();
        text.line(format_args!("{} to remove", count(going, "tag")));
    }

    fn items(&self) -> Option<Vec<impl Serialize>> {
        Some(self.tags.clone())
    }
}
