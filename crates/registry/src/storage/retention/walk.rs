//! The tags of a repository, the newest first, and what the rules say of them.

use async_trait::async_trait;
use oci::{Digest, Tag};

use super::due::NEVER;
use super::{Condemned, Why};
use crate::retention::{Fate, TagJudge};
use crate::storage::database::{Connection, Database, Operation, Row, StorageError};

/// Most tags that are read together.
const PAGE: i64 = 1000;

/// A walk over the tags of a repository. A tag that is pushed meanwhile is newer than all that are still to come, so that it changes
/// nothing that is said of them.
pub(super) struct Walk<'r> {
    repository: i64,
    judge: TagJudge<'r>,
    /// The last tag and when it was pushed; `None` at the beginning.
    behind: Option<(i64, String)>,
    is_over: bool,
    /// When a tag that stays may go, in milliseconds since 1970.
    pub(super) due_at: i64,
}

impl<'r> Walk<'r> {
    pub(super) const fn new(repository: i64, judge: TagJudge<'r>) -> Self {
        Self { repository, judge, behind: None, is_over: false, due_at: NEVER }
    }

    /// Returns the tags of the next page that go if nothing else is found; `None` at the end.
    pub(super) async fn next(&mut self, database: &Database) -> Result<Option<Vec<Condemned>>, StorageError> {
        if self.is_over {
            return Ok(None);
        }
        let page = database.read(Page { repository: self.repository, behind: self.behind.clone() }).await?;
        let last = page.last().map(|(tag, _, pushed_at)| (*pushed_at, tag.to_string()));
        self.is_over = i64::try_from(page.len()).is_ok_and(|count| count < PAGE);
        self.behind = last.or(self.behind.take());
        let mut condemned = Vec::new();
        for (tag, digest, pushed_at) in page {
            let why = match self.judge.next(&tag, pushed_at) {
                Fate::Goes { pulled_within, pushed_within } => Why::Rule { pulled_within, pushed_within },
                Fate::Young { until } => {
                    self.due_at = self.due_at.min(until);
                    continue;
                }
                Fate::Stays => match tag.attached_to() {
                    Some((subject, _)) => Why::Attached(subject),
                    None => continue,
                },
            };
            condemned.push(Condemned { tag, digest, pushed_at, why });
        }
        Ok(Some(condemned))
    }
}

struct Page {
    repository: i64,
    behind: Option<(i64, String)>,
}

#[async_trait]
impl Operation for Page {
    type Outcome = Vec<(Tag, Digest, i64)>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT name, digest, pushed_at FROM tag WHERE repository = $1 AND (pushed_at, name) < ($2, $3) \
                   ORDER BY pushed_at DESC, name DESC LIMIT $4";
        // No tag is pushed later than that.
        let (pushed_at, name) = self.behind.as_ref().map_or((i64::MAX, ""), |(at, name)| (*at, name));
        let rows = connection.rows(sql, &[self.repository.into(), pushed_at.into(), name.into(), PAGE.into()]).await?;
        let tag = |text: String| text.parse().map_err(|_| StorageError::Damaged("a tag"));
        let read = |row: &Row| Ok((tag(row.text(0)?)?, row.digest(1)?, row.integer(2)?));
        rows.iter().map(read).collect()
    }
}
