//! What an import asks of the database beside what clients ask.

use async_trait::async_trait;
use oci::{Digest, RepositoryName, Tag};

use super::collect::Keeping;
use super::database::{Connection, Operation, StorageError, Touched};
use super::manifests::{has, keep};
use super::tags::Mover;
use super::{Storage, pulls, repositories, repository_blobs, tags};
use crate::events::EventKind;
use crate::immutability::Immutability;
use crate::route::UploadId;

/// Who moved a tag whose time is that of a file of the directory it was imported from.
const ACTOR: &str = "import (time of a file)";
/// Most uploads that are ended in one go.
const DEAD_MAX: i64 = 1000;

/// A tag to take over from another registry.
pub(crate) struct TagImport {
    pub(crate) repository: RepositoryName,
    pub(crate) tag: Tag,
    pub(crate) digest: Digest,
    /// Since when it names that, in milliseconds since 1970.
    pub(crate) at: i64,
    /// What it named before, the earliest first, and since when.
    pub(crate) past: Vec<(Digest, i64)>,
    /// Which tags are not moved.
    pub(crate) immutable: Immutability,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImportedTag {
    /// It names the manifest now, after so many moves.
    Moved(u64),
    /// It named the manifest before.
    Same,
    /// It stays as it was: somebody else moved it here, or removed it.
    Kept,
    /// It is immutable here, and names another manifest.
    Immutable,
    /// The repository does not have the manifest.
    Missing,
}

impl Storage {
    /// Gives a repository a blob that another one has. Returns false when none has it.
    pub(crate) async fn adopt_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool, StorageError> {
        self.metadata().write(Adopt { repository: repository.clone(), digest: *digest, keeping: self.keeping() }).await
    }

    /// Tells whether bytes of a blob are kept, whichever repository has it.
    pub(crate) async fn has_bytes(&self, digest: &Digest) -> Result<bool, StorageError> {
        self.metadata().read(Known { digest: *digest }).await
    }

    /// Points a tag to a manifest as it was elsewhere. A tag that was moved or removed here otherwise than by an import stays.
    pub(crate) async fn import_tag(&self, import: TagImport) -> Result<ImportedTag, StorageError> {
        let keeping = self.keeping_of(&import.repository);
        self.metadata().write(ImportTag { import, keeping }).await
    }

    /// Removes what uploads left that were about to become blobs when their process ended. Where other processes are at work, nothing
    /// is done: theirs look the same.
    pub(crate) async fn end_dead_sessions(&self) -> Result<(), StorageError> {
        if self.0.lock.is_none() {
            return Ok(());
        }
        loop {
            let dead = self.sessions().read(Dead).await?;
            if dead.is_empty() {
                return Ok(());
            }
            for id in dead {
                self.end_session(id, None).await?;
            }
        }
    }
}

/// Whether there is a good blob.
struct Known {
    digest: Digest,
}

#[async_trait]
impl Operation for Known {
    type Outcome = bool;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT 1 FROM blob WHERE digest = $1 AND bad_since IS NULL";
        Ok(connection.row(sql, &[(&self.digest).into()]).await?.is_some())
    }
}

struct Adopt {
    repository: RepositoryName,
    digest: Digest,
    keeping: Keeping,
}

#[async_trait]
impl Operation for Adopt {
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let known = Known { digest: self.digest }.run(connection).await?;
        if known {
            let kept_until = self.keeping.promised(connection.now().await?);
            repository_blobs::link(connection, &self.repository, &self.digest, kept_until, EventKind::BlobPushed)
                .await?;
        }
        Ok(known)
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Repositories(vec![self.repository.clone()])
    }
}

struct ImportTag {
    import: TagImport,
    keeping: Keeping,
}

#[async_trait]
impl Operation for ImportTag {
    type Outcome = ImportedTag;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let TagImport { repository: name, tag, digest, at, past, immutable } = &self.import;
        let Some(repository) = repositories::find(connection, name).await? else { return Ok(ImportedTag::Missing) };
        if !has(connection, repository, digest).await? {
            return Ok(ImportedTag::Missing);
        }
        let current = tags::resolve(connection, repository, tag).await?;
        if current == Some(*digest) {
            return Ok(ImportedTag::Same);
        }
        let sql =
            "SELECT actor, moved_at FROM tag_move WHERE repository = $1 AND name = $2 ORDER BY number DESC LIMIT 1";
        let last = connection.row(sql, &[repository.into(), tag.as_str().into()]).await?;
        let last = last.map(|row| Ok::<_, StorageError>((row.optional_text(0)?, row.integer(1)?))).transpose()?;
        if current.is_some() && immutable.covers(name, tag.as_str()) {
            return Ok(ImportedTag::Immutable);
        }
        let since = match last {
            Some((actor, moved_at)) if actor.as_deref() == Some(ACTOR) => moved_at,
            Some(_) => return Ok(ImportedTag::Kept),
            None => i64::MIN,
        };
        // A clock that was ahead must not keep later moves in the future.
        let now = connection.now().await?;
        let before = past.iter().filter(|(_, moved)| *moved > since && moved < at);
        let mut count = 0;
        let mover = |at: i64| Mover { at: at.min(now), actor: Some(ACTOR) };
        let kept_until = now + self.keeping.untagged();
        for (digest, at) in before {
            // Whoever hears of events hears of what changes here now, and not of what was elsewhere.
            let (before, _) = tags::point(connection, repository, tag, digest, mover(*at)).await?;
            if let Some(before) = before {
                keep(connection, repository, &before, kept_until).await?;
            }
            count += 1;
        }
        if let Some(before) = tags::set(connection, repository, tag, digest, mover(*at)).await? {
            keep(connection, repository, &before, kept_until).await?;
        }
        // Nobody knows who has pulled it where it comes from.
        pulls::note(connection, name, digest).await?;
        Ok(ImportedTag::Moved(count + 1))
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Repositories(vec![self.import.repository.clone()])
    }
}

/// Uploads that were about to become blobs.
struct Dead;

#[async_trait]
impl Operation for Dead {
    type Outcome = Vec<UploadId>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT id FROM upload WHERE place IS NOT NULL ORDER BY id LIMIT $1";
        let rows = connection.rows(sql, &[DEAD_MAX.into()]).await?;
        rows.iter().map(|row| row.text(0)?.parse().map_err(|_| StorageError::Damaged("an upload"))).collect()
    }
}
