//! Pins and legal holds: manifests that stay whether or not anything needs them.

use async_trait::async_trait;
use graph::Space;
use oci::{Digest, RepositoryName};

use super::collect::{Keeping, later};
use super::database::{Connection, Operation, Row, StorageError};
use super::journal::{KeptHold, note_hold};
use super::{Storage, manifests, repositories, retention};

/// What never ends.
const NEVER: i64 = i64::MAX;

/// What keeps a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HoldKind {
    /// A pin: the collector and retention leave it alone; who may delete it can.
    Pin,
    /// A legal hold: nobody deletes it, nor a tag that names it.
    Legal,
}

impl HoldKind {
    /// Every kind and the word for it.
    const ALL: [(Self, &'static str); 2] = [(Self::Pin, "pin"), (Self::Legal, "legal")];

    /// Returns the word for it.
    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, word)| word)
    }

    /// Returns the kind of a word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(kind, _)| *kind)
    }
}

/// A pin or a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) digest: Digest,
    pub(crate) kind: HoldKind,
    pub(crate) reason: String,
    /// The name of the user who has set it.
    pub(crate) actor: Option<String>,
    /// In milliseconds since 1970.
    pub(crate) made_at: i64,
    /// In milliseconds since 1970; `None` for one that does not end.
    pub(crate) expires_at: Option<i64>,
}

/// A pin or a hold to set; another one of the same kind on the same manifest ends.
pub(crate) struct PutHold {
    pub(crate) repository: RepositoryName,
    pub(crate) digest: Digest,
    pub(crate) kind: HoldKind,
    pub(crate) reason: String,
    pub(crate) actor: Option<String>,
    pub(crate) expires_at: Option<i64>,
}

impl Storage {
    /// Sets a pin or a hold. Returns false when the repository does not have the manifest.
    pub(crate) async fn put_hold(&self, hold: PutHold) -> Result<bool, StorageError> {
        self.metadata().write(hold).await
    }

    /// Ends a pin or a hold. Returns false when there was none.
    pub(crate) async fn remove_hold(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        kind: HoldKind,
    ) -> Result<bool, StorageError> {
        let remove =
            Remove { repository: repository.clone(), digest: *digest, kind, keeping: self.keeping_of(repository) };
        self.metadata().write(remove).await
    }

    /// Returns the pins and holds of one manifest; `None` when there is no such repository.
    pub(crate) async fn holds_of(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Vec<Hold>>, StorageError> {
        self.metadata().read(Of { repository: repository.clone(), digest: *digest }).await
    }

    /// Returns the pins and holds of a repository in the order of the manifests' digests, of those behind `after` and of at most
    /// `limit` manifests; `None` when there is no such repository.
    pub(crate) async fn holds(
        &self,
        repository: &RepositoryName,
        after: Option<Digest>,
        limit: usize,
    ) -> Result<Option<Vec<Hold>>, StorageError> {
        self.metadata().read(List { repository: repository.clone(), after, limit }).await
    }
}

#[async_trait]
impl Operation for PutHold {
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Some(repository) = repositories::find(connection, &self.repository).await? else { return Ok(false) };
        // What is bad can be held too, until it is pushed again.
        if manifests::present(connection, repository, &self.digest).await?.is_none() {
            return Ok(false);
        }
        let kept = KeptHold {
            reason: self.reason.clone(),
            actor: self.actor.clone(),
            at: connection.now().await?,
            expires_at: self.expires_at.unwrap_or(NEVER),
        };
        insert(connection, repository, &self.digest, self.kind.as_str(), &kept).await?;
        Ok(true)
    }
}

/// Sets a pin or a hold, and has the manifest reviewed when it ends.
pub(super) async fn insert(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
    kind: &str,
    kept: &KeptHold,
) -> Result<(), StorageError> {
    let sql = "INSERT INTO hold (repository, digest, kind, reason, actor, made_at, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (repository, digest, kind) DO UPDATE SET \
                   reason = excluded.reason, actor = excluded.actor, made_at = excluded.made_at, \
                   expires_at = excluded.expires_at";
    let values = [
        repository.into(),
        digest.into(),
        kind.into(),
        kept.reason.as_str().into(),
        kept.actor.as_deref().into(),
        kept.at.into(),
        kept.expires_at.into(),
    ];
    connection.execute(sql, &values).await?;
    note_hold(connection, repository, digest, kind, Some(kept)).await?;
    // When it ends, what it alone has kept goes.
    if kept.expires_at != NEVER {
        later(connection, repository, Space::Manifest, digest, kept.expires_at).await?;
    }
    Ok(())
}

/// Ends the pins and holds of a manifest that goes.
pub(super) async fn remove_all(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
) -> Result<(), StorageError> {
    let sql = "DELETE FROM hold WHERE repository = $1 AND digest = $2 RETURNING kind";
    for row in connection.rows(sql, &[repository.into(), digest.into()]).await? {
        note_hold(connection, repository, digest, &row.text(0)?, None).await?;
    }
    Ok(())
}

struct Remove {
    repository: RepositoryName,
    digest: Digest,
    kind: HoldKind,
    keeping: Keeping,
}

#[async_trait]
impl Operation for Remove {
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Some(repository) = repositories::find(connection, &self.repository).await? else { return Ok(false) };
        let sql = "DELETE FROM hold WHERE repository = $1 AND digest = $2 AND kind = $3";
        let values = [repository.into(), (&self.digest).into(), self.kind.as_str().into()];
        if connection.execute(sql, &values).await? == 0 {
            return Ok(false);
        }
        note_hold(connection, repository, &self.digest, self.kind.as_str(), None).await?;
        let kept_until = connection.now().await? + self.keeping.untagged();
        manifests::keep(connection, repository, &self.digest, kept_until).await?;
        retention::due(connection, repository).await?;
        Ok(true)
    }
}

/// What every list of holds begins with. What has ended is not shown.
macro_rules! holds {
    ($rest:literal) => {
        concat!(
            "SELECT digest, kind, reason, actor, made_at, expires_at FROM hold ",
            "WHERE repository = $1 AND expires_at > $2 AND ",
            $rest
        )
    };
}

struct Of {
    repository: RepositoryName,
    digest: Digest,
}

#[async_trait]
impl Operation for Of {
    type Outcome = Option<Vec<Hold>>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Some(repository) = repositories::find(connection, &self.repository).await? else { return Ok(None) };
        let now = connection.now().await?;
        let sql = holds!("digest = $3 ORDER BY kind");
        let rows = connection.rows(sql, &[repository.into(), now.into(), (&self.digest).into()]).await?;
        rows.iter().map(read).collect::<Result<_, _>>().map(Some)
    }
}

struct List {
    repository: RepositoryName,
    after: Option<Digest>,
    limit: usize,
}

#[async_trait]
impl Operation for List {
    type Outcome = Option<Vec<Hold>>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Some(repository) = repositories::find(connection, &self.repository).await? else { return Ok(None) };
        let now = connection.now().await?;
        let after = self.after.map_or_else(Vec::new, |digest| digest.to_bytes());
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let sql = holds!(
            "digest IN (SELECT DISTINCT digest FROM hold WHERE repository = $1 AND expires_at > $2 AND digest > $3 \
             ORDER BY digest LIMIT $4) ORDER BY digest, kind"
        );
        let values = [repository.into(), now.into(), after.as_slice().into(), limit.into()];
        let rows = connection.rows(sql, &values).await?;
        rows.iter().map(read).collect::<Result<_, _>>().map(Some)
    }
}

fn read(row: &Row) -> Result<Hold, StorageError> {
    Ok(Hold {
        digest: row.digest(0)?,
        kind: HoldKind::of(&row.text(1)?).ok_or(StorageError::Damaged("a hold"))?,
        reason: row.text(2)?,
        actor: row.optional_text(3)?,
        made_at: row.integer(4)?,
        expires_at: Some(row.integer(5)?).filter(|&time| time != NEVER),
    })
}

/// Returns until when pins and holds keep a manifest, in milliseconds since 1970; `None` when none does.
pub(super) async fn until(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
    now: i64,
) -> Result<Option<i64>, StorageError> {
    let sql = "SELECT expires_at FROM hold WHERE repository = $1 AND digest = $2 AND expires_at > $3 \
               ORDER BY expires_at DESC LIMIT 1";
    let row = connection.row(sql, &[repository.into(), digest.into(), now.into()]).await?;
    row.map(|row| row.integer(0)).transpose()
}

/// Returns the legal hold on a manifest, and its reason.
pub(super) async fn legal(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
) -> Result<Option<(Digest, String)>, StorageError> {
    let now = connection.now().await?;
    let sql = "SELECT digest, reason FROM hold \
               WHERE repository = $1 AND digest = $2 AND kind = 'legal' AND expires_at > $3";
    let row = connection.row(sql, &[repository.into(), digest.into(), now.into()]).await?;
    row.map(|row| Ok((row.digest(0)?, row.text(1)?))).transpose()
}

/// Returns a legal hold on a manifest or on an index that holds it, near or far, and its reason.
pub(super) async fn legal_above(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
) -> Result<Option<(Digest, String)>, StorageError> {
    let sql = "WITH RECURSIVE above (digest) AS (\
               SELECT digest FROM manifest WHERE repository = $1 AND digest = $2 \
               UNION SELECT edge.parent FROM edge JOIN above ON edge.child = above.digest \
               WHERE edge.repository = $1 AND edge.space = 1) \
               SELECT hold.digest, hold.reason FROM above JOIN hold ON hold.digest = above.digest \
               WHERE hold.repository = $1 AND hold.kind = 'legal' AND hold.expires_at > $3 LIMIT 1";
    find_above(connection, sql, repository, digest).await
}

/// Returns a legal hold on a manifest that names a blob, or on an index that holds such a manifest, and its reason.
pub(super) async fn legal_above_blob(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
) -> Result<Option<(Digest, String)>, StorageError> {
    let sql = "WITH RECURSIVE above (digest) AS (\
               SELECT parent FROM edge WHERE repository = $1 AND space = 0 AND child = $2 \
               UNION SELECT edge.parent FROM edge JOIN above ON edge.child = above.digest \
               WHERE edge.repository = $1 AND edge.space = 1) \
               SELECT hold.digest, hold.reason FROM above JOIN hold ON hold.digest = above.digest \
               WHERE hold.repository = $1 AND hold.kind = 'legal' AND hold.expires_at > $3 LIMIT 1";
    find_above(connection, sql, repository, digest).await
}

async fn find_above(
    connection: &mut Connection<'_>,
    sql: &'static str,
    repository: i64,
    digest: &Digest,
) -> Result<Option<(Digest, String)>, StorageError> {
    let now = connection.now().await?;
    // Most repositories have none, and a layer may stand in very many images.
    let any = "SELECT 1 FROM hold WHERE repository = $1 AND kind = 'legal' LIMIT 1";
    if connection.row(any, &[repository.into()]).await?.is_none() {
        return Ok(None);
    }
    let row = connection.row(sql, &[repository.into(), digest.into(), now.into()]).await?;
    row.map(|row| Ok((row.digest(0)?, row.text(1)?))).transpose()
}
