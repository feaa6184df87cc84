//! Which repository has which blob.

use std::sync::Arc;

use async_trait::async_trait;
use graph::Space;
use oci::{Digest, RepositoryName};

use super::Storage;
use super::collect::{Keeping, Stay, give_up, give_up_bytes, later};
use super::database::{Connection, Operation, StorageError, Touched};
use super::events::{Told, tell};
use super::journal::{note_blob, note_link};
use super::usage::{Usage, grow, resize};
use super::{Refused, holds, quotas, repositories};
use crate::events::EventKind;
use crate::head::ContentHead;
use crate::quota::Quotas;

/// A blob that a repository has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredBlob {
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Where its bytes are.
    pub(crate) place: String,
    pub(crate) head: ContentHead,
}

impl Storage {
    /// Returns a blob if the repository has it.
    pub(crate) async fn blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Arc<StoredBlob>>, StorageError> {
        let answers = self.remembered().map(|remembered| &remembered.blobs);
        let recalled = answers.map(|answers| answers.recall(repository, digest, |until| self.is_promised(until)));
        let before = match recalled {
            Some(Ok(blob)) => return Ok(Some(blob)),
            Some(Err(before)) => Some(before),
            None => None,
        };
        let keeping = self.keeping();
        let find = Find { repository: repository.clone(), digest: *digest, keeping };
        // Boxed, so that what is remembered takes no more memory for it.
        let Some((blob, stay)) = Box::pin(self.metadata().read(find)).await? else { return Ok(None) };
        let blob = Arc::new(blob);
        if stay != Stay::Uncertain {
            if let Some((answers, before)) = answers.zip(before) {
                answers.remember(before, (repository, digest), &blob, stay);
            }
            return Ok(Some(blob));
        }
        // Whoever is told that it is there builds on it, so it must stay for a while.
        let promise = Promise { repository: repository.clone(), digest: *digest, keeping };
        self.counts().promises.one();
        Ok(Box::pin(self.metadata().write(promise)).await?.then_some(blob))
    }

    /// Gives a repository the blob whose bytes have been put into a place. If there is such a blob already, that is the one
    /// it gets, and the place is given up. It is given up as well when a quota does not allow the blob. After `until` it is too late:
    /// somebody may be about to remove what lies there.
    pub(crate) async fn add_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size: u64,
        place: &str,
        until: i64,
        quotas: &Quotas,
    ) -> Result<Result<(), Refused>, StorageError> {
        let add = Add {
            repository: repository.clone(),
            digest: *digest,
            size,
            place: place.to_owned(),
            until,
            keeping: self.keeping(),
            quotas: quotas.clone(),
        };
        let kept = self.metadata().write(add).await?;
        if kept.as_ref().is_ok_and(|kept| kept == place) {
            return Ok(Ok(()));
        }
        self.blobs().remove(place).await?;
        Ok(kept.map(drop))
    }

    /// Tells whether a blob is in a place.
    pub(super) async fn is_used(&self, place: &str) -> Result<bool, StorageError> {
        self.metadata().read(Used { place: place.to_owned() }).await
    }

    /// Takes a blob from a repository, unless a legal hold is on what names it. Returns false when it did not have it.
    pub(crate) async fn remove_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Result<bool, Refused>, StorageError> {
        self.metadata().write(Remove { repository: repository.clone(), digest: *digest }).await
    }
}

struct Find {
    repository: RepositoryName,
    digest: Digest,
    keeping: Keeping,
}

#[async_trait]
impl Operation for Find {
    /// The blob, and for how long it stays. Manifests hold it that name it.
    type Outcome = Option<(StoredBlob, Stay)>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT blob.size, blob.place, repository_blob.kept_until, \
                   CASE WHEN EXISTS (SELECT 1 FROM edge WHERE edge.repository = repository.id AND edge.space = 0 \
                   AND edge.child = repository_blob.digest) THEN 1 ELSE 0 END FROM repository \
                   JOIN repository_blob ON repository_blob.repository = repository.id \
                   JOIN blob ON blob.digest = repository_blob.digest \
                   WHERE repository.name = $1 AND repository_blob.digest = $2 AND blob.bad_since IS NULL";
        let row = connection.row(sql, &[self.repository.as_str().into(), (&self.digest).into()]).await?;
        let Some(row) = row else { return Ok(None) };
        let head = ContentHead::blob(&self.digest).map_err(|_| StorageError::Damaged("a digest"))?;
        let blob = StoredBlob { size: row.size(0)?, place: row.text(1)?, head };
        let stay = self.keeping.stay(row.integer(3)? != 0, connection.now().await?, row.integer(2)?);
        Ok(Some((blob, stay)))
    }
}

/// Keeps a blob for a lease.
struct Promise {
    repository: RepositoryName,
    digest: Digest,
    keeping: Keeping,
}

#[async_trait]
impl Operation for Promise {
    /// Whether it is still there.
    type Outcome = bool;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Some(repository) = repositories::find(connection, &self.repository).await? else { return Ok(false) };
        let kept_until = self.keeping.promised(connection.now().await?);
        let sql = "UPDATE repository_blob SET kept_until = $3 WHERE repository = $1 AND digest = $2";
        let values = [repository.into(), (&self.digest).into(), kept_until.into()];
        Ok(connection.execute(sql, &values).await? > 0)
    }

    /// What was promised stays promised.
    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

struct Add {
    repository: RepositoryName,
    digest: Digest,
    size: u64,
    place: String,
    until: i64,
    keeping: Keeping,
    quotas: Quotas,
}

#[async_trait]
impl Operation for Add {
    /// Where it is now.
    type Outcome = Result<String, Refused>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let now = connection.now().await?;
        if now > self.until {
            return Err(StorageError::Late);
        }
        let size = i64::try_from(self.size).map_err(|_| StorageError::Damaged("a size"))?;
        let wanted = Wanted { quotas: &self.quotas, repository: &self.repository, digest: &self.digest, size };
        if let Some(refused) = wanted.refuse(connection).await? {
            return Ok(Err(refused));
        }
        let sql = "SELECT place, bad_since FROM blob WHERE digest = $1";
        let found = connection.row(sql, &[(&self.digest).into()]).await?;
        let good = match found {
            Some(row) if row.optional_integer(1)?.is_none() => Some(row.text(0)?),
            Some(row) => {
                // What is there is bad; these bytes are not.
                give_up(connection, &row.text(0)?).await?;
                resize(connection, Space::Blob, &self.digest, size).await?;
                None
            }
            None => None,
        };
        let place = if let Some(place) = good {
            place
        } else {
            let sql = "INSERT INTO blob (digest, size, place) VALUES ($1, $2, $3) ON CONFLICT (digest) \
                       DO UPDATE SET size = excluded.size, place = excluded.place, bad_since = NULL";
            connection.execute(sql, &[(&self.digest).into(), size.into(), self.place.as_str().into()]).await?;
            note_blob(connection, &self.digest, Some((size, &self.place))).await?;
            self.place.clone()
        };
        link(connection, &self.repository, &self.digest, self.keeping.promised(now), EventKind::BlobPushed).await?;
        Ok(Ok(place))
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Repositories(vec![self.repository.clone()])
    }
}

/// A blob that a repository is to have.
pub(super) struct Wanted<'w> {
    pub(super) quotas: &'w Quotas,
    pub(super) repository: &'w RepositoryName,
    pub(super) digest: &'w Digest,
    /// In bytes.
    pub(super) size: i64,
}

impl Wanted<'_> {
    /// Returns why the repository may not have it. What it has already it may have.
    pub(super) async fn refuse(&self, connection: &mut Connection<'_>) -> Result<Option<Refused>, StorageError> {
        if self.quotas.of(self.repository).next().is_none() {
            return Ok(None);
        }
        let sql = "SELECT 1 FROM repository JOIN repository_blob ON repository_blob.repository = repository.id \
                   WHERE repository.name = $1 AND repository_blob.digest = $2";
        let values = [self.repository.as_str().into(), self.digest.into()];
        if connection.row(sql, &values).await?.is_some() {
            return Ok(None);
        }
        let wanted = Usage { blobs: 1, bytes: self.size, ..Usage::default() };
        quotas::refuse(connection, self.quotas, self.repository, wanted).await
    }
}

struct Used {
    place: String,
}

#[async_trait]
impl Operation for Used {
    type Outcome = bool;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let sql = "SELECT 1 FROM blob WHERE place = $1";
        Ok(connection.row(sql, &[self.place.as_str().into()]).await?.is_some())
    }
}

struct Remove {
    repository: RepositoryName,
    digest: Digest,
}

#[async_trait]
impl Operation for Remove {
    type Outcome = Result<bool, Refused>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Some(repository) = repositories::find(connection, &self.repository).await? else { return Ok(Ok(false)) };
        if let Some((digest, reason)) = holds::legal_above_blob(connection, repository, &self.digest).await? {
            return Ok(Err(Refused::Held { digest, reason }));
        }
        unlink(connection, repository, &self.digest).await.map(Ok)
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Repositories(vec![self.repository.clone()])
    }
}

/// Gives a repository a blob that is there, and keeps it until a time whether or not anything needs it. If it did not have it, that is an
/// event of the kind.
pub(super) async fn link(
    connection: &mut Connection<'_>,
    repository: &RepositoryName,
    digest: &Digest,
    kept_until: i64,
    kind: EventKind,
) -> Result<(), StorageError> {
    let repository = repositories::find_or_make(connection, repository).await?;
    let sql = "INSERT INTO repository_blob (repository, digest, kept_until) VALUES ($1, $2, $3) \
               ON CONFLICT (repository, digest) DO UPDATE SET kept_until = excluded.kept_until \
               WHERE repository_blob.kept_until < excluded.kept_until";
    let sql_has = "SELECT 1 FROM repository_blob WHERE repository = $1 AND digest = $2";
    let is_new = connection.row(sql_has, &[repository.into(), digest.into()]).await?.is_none();
    connection.execute(sql, &[repository.into(), digest.into(), kept_until.into()]).await?;
    if is_new {
        note_link(connection, repository, digest, true).await?;
        let size = size(connection, digest).await?;
        grow(connection, repository, Usage { blobs: 1, bytes: size, ..Usage::default() }).await?;
        let told = Told { digest: Some(digest), size: Some(size), ..Told::default() };
        tell(connection, kind, repository, told).await?;
    }
    later(connection, repository, Space::Blob, digest, kept_until).await
}

/// Returns the size of a blob in bytes.
async fn size(connection: &mut Connection<'_>, digest: &Digest) -> Result<i64, StorageError> {
    let row = connection.row("SELECT size FROM blob WHERE digest = $1", &[digest.into()]).await?;
    row.ok_or(StorageError::Damaged("a blob"))?.integer(0)
}

/// Takes a blob from a repository. When that was the last that had it, its bytes are given up. Returns false when the repository
/// did not have it.
pub(super) async fn unlink(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
) -> Result<bool, StorageError> {
    let sql = "DELETE FROM repository_blob WHERE repository = $1 AND digest = $2";
    if connection.execute(sql, &[repository.into(), digest.into()]).await? == 0 {
        return Ok(false);
    }
    note_link(connection, repository, digest, false).await?;
    let size = size(connection, digest).await?;
    grow(connection, repository, Usage { blobs: -1, bytes: -size, ..Usage::default() }).await?;
    let told = Told { digest: Some(digest), size: Some(size), ..Told::default() };
    tell(connection, EventKind::BlobDeleted, repository, told).await?;
    let sql = "DELETE FROM blob WHERE digest = $1 \
               AND NOT EXISTS (SELECT 1 FROM repository_blob WHERE digest = $1) RETURNING place, size";
    if let Some(row) = connection.row(sql, &[digest.into()]).await? {
        give_up_bytes(connection, &row.text(0)?, row.integer(1)?).await?;
        note_blob(connection, digest, None).await?;
    }
    Ok(true)
}
