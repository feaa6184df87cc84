//! The tables against each other.

use async_trait::async_trait;

use super::{Audit, Fault, Found, NAMES_MAX, Storage};
use crate::storage::database::{Connection, Operation, StorageError};

/// What is looked for, as the end of a query: rows of `it` with a repository, and the digest that is told of them.
const QUESTIONS: [(Option<Fault>, &str, &str); 13] = [
    (
        Some(Fault::MissingBlob),
        "digest",
        "repository_blob AS it WHERE NOT EXISTS (SELECT 1 FROM blob WHERE digest = it.digest)",
    ),
    (
        Some(Fault::MissingContent),
        "digest",
        "manifest AS it WHERE NOT EXISTS (SELECT 1 FROM content WHERE digest = it.digest)",
    ),
    (
        Some(Fault::MissingManifest),
        "digest",
        "tag AS it WHERE NOT EXISTS (SELECT 1 FROM manifest WHERE repository = it.repository AND digest = it.digest)",
    ),
    (
        Some(Fault::UnusedBlob),
        "digest",
        "(SELECT CAST(NULL AS BIGINT) AS repository, digest FROM blob) AS it \
         WHERE NOT EXISTS (SELECT 1 FROM repository_blob WHERE digest = it.digest)",
    ),
    (
        Some(Fault::UnusedContent),
        "digest",
        "(SELECT CAST(NULL AS BIGINT) AS repository, digest FROM content) AS it \
         WHERE NOT EXISTS (SELECT 1 FROM manifest WHERE digest = it.digest)",
    ),
    (
        Some(Fault::UnusedEdge),
        "parent",
        "edge AS it WHERE NOT EXISTS (SELECT 1 FROM manifest WHERE repository = it.repository AND digest = it.parent)",
    ),
    (
        Some(Fault::BadBytes),
        "digest",
        "(SELECT CAST(NULL AS BIGINT) AS repository, digest, bad_since FROM blob) AS it WHERE bad_since IS NOT NULL",
    ),
    (
        Some(Fault::BadBytes),
        "digest",
        "(SELECT CAST(NULL AS BIGINT) AS repository, digest, bad_since FROM content) AS it WHERE bad_since IS NOT NULL",
    ),
    (
        Some(Fault::UnusedHold),
        "digest",
        "hold AS it WHERE NOT EXISTS (SELECT 1 FROM manifest WHERE repository = it.repository AND digest = it.digest)",
    ),
    (
        // The first checkpoint finds every copy that is not there.
        Some(Fault::Forgotten),
        "digest",
        "(SELECT CAST(NULL AS BIGINT) AS repository, digest, is_stored FROM content) AS it WHERE is_stored = 0 \
         AND NOT EXISTS (SELECT 1 FROM journal WHERE digest = it.digest) \
         AND EXISTS (SELECT 1 FROM journal_state WHERE horizon IS NOT NULL)",
    ),
    (
        Some(Fault::Forgotten),
        "digest",
        "repository_blob AS it WHERE NOT EXISTS \
         (SELECT 1 FROM edge WHERE repository = it.repository AND space = 0 AND child = it.digest) \
         AND NOT EXISTS (SELECT 1 FROM review WHERE repository = it.repository AND space = 0 AND digest = it.digest)",
    ),
    (
        Some(Fault::Forgotten),
        "digest",
        "manifest AS it WHERE NOT EXISTS (SELECT 1 FROM tag WHERE repository = it.repository AND digest = it.digest) \
         AND NOT EXISTS (SELECT 1 FROM edge WHERE repository = it.repository AND space = 1 AND child = it.digest) \
         AND NOT EXISTS (SELECT 1 FROM manifest AS subject \
         WHERE subject.repository = it.repository AND subject.digest = it.subject) \
         AND NOT EXISTS (SELECT 1 FROM review WHERE repository = it.repository AND space = 1 AND digest = it.digest)",
    ),
    (
        None,
        "child",
        "edge AS it WHERE CASE WHEN space = 0 THEN NOT EXISTS \
         (SELECT 1 FROM repository_blob WHERE repository = it.repository AND digest = it.child) ELSE NOT EXISTS \
         (SELECT 1 FROM manifest WHERE repository = it.repository AND digest = it.child) END",
    ),
];

impl Storage {
    pub(super) async fn audit_tables(&self, audit: &mut Audit) -> Result<(), StorageError> {
        let counts = self.metadata().read(Counts).await?;
        [audit.blobs, audit.manifests, audit.tags, audit.due, audit.given_up, audit.noted] = counts;
        for (fault, column, from) in QUESTIONS {
            let found = self.metadata().read(Question { column, from }).await?;
            match fault {
                _ if found.count == 0 => {}
                Some(fault) => {
                    let noted = audit.faults.entry(fault).or_default();
                    noted.count += found.count;
                    noted.first.extend(found.first);
                    noted.first.truncate(NAMES_MAX);
                }
                None => audit.incomplete = found,
            }
        }
        Ok(())
    }
}

struct Counts;

#[async_trait]
impl Operation for Counts {
    type Outcome = [u64; 6];

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let now = connection.now().await?;
        let sql = "SELECT (SELECT COUNT(*) FROM blob), (SELECT COUNT(*) FROM manifest), (SELECT COUNT(*) FROM tag), \
                   (SELECT COUNT(*) FROM review WHERE due_at <= $1), (SELECT COUNT(*) FROM given_up), \
                   (SELECT COUNT(*) FROM journal)";
        let row = connection.row(sql, &[now.into()]).await?.ok_or(StorageError::Damaged("a count"))?;
        Ok([row.size(0)?, row.size(1)?, row.size(2)?, row.size(3)?, row.size(4)?, row.size(5)?])
    }
}

/// Counts what is looked for, and names the first.
struct Question {
    column: &'static str,
    from: &'static str,
}

#[async_trait]
impl Operation for Question {
    type Outcome = Found;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Self { column, from } = self;
        let counted = connection.rows_made(format!("SELECT COUNT(*) FROM {from}"), &[]).await?;
        let mut found = Found { count: counted.first().map_or(Ok(0), |row| row.size(0))?, first: Vec::new() };
        if found.count > 0 {
            let sql = format!(
                "SELECT (SELECT name FROM repository WHERE id = it.repository), {column} FROM {from} LIMIT {NAMES_MAX}"
            );
            for row in connection.rows_made(sql, &[]).await? {
                let digest = row.digest(1)?;
                found.first.push(match row.optional_text(0)? {
                    Some(repository) => format!("{repository}@{digest}"),
                    None => digest.to_string(),
                });
            }
        }
        Ok(found)
    }
}
