//! Manifests: what a repository has under a tag or a digest.

mod content;
mod guard;
mod put;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use graph::Space;
use oci::{Descriptor, Digest, RepositoryName};

use super::Storage;
use super::collect::{Keeping, Stay, give_up, later, later_children, later_referrers};
use super::database::{Connection, Operation, StorageError, Touched};
use super::events::{Told, tell};
use super::journal::note_manifest;
use super::tags::Mover;
use super::usage::{Usage, grow};
use super::{holds, pulls, repositories, retention, tags};
use crate::events::EventKind;
use crate::head::ContentHead;
use crate::immutability::Immutability;
use crate::route::ManifestName;

pub(super) use put::{Come, insert};
pub(crate) use put::{Condition, PutManifest, Refused};

/// A manifest that a repository has.
#[derive(Clone, Debug)]
pub(crate) struct StoredManifest {
    pub(crate) descriptor: Descriptor,
    pub(crate) bytes: Bytes,
    pub(crate) head: ContentHead,
}

impl Storage {
    /// Returns a manifest if the repository has it: its descriptor, and its bytes as they came.
    pub(crate) async fn manifest(
        &self,
        repository: &RepositoryName,
        name: &ManifestName,
    ) -> Result<Option<Arc<StoredManifest>>, StorageError> {
        let answers = self.remembered().map(|remembered| &remembered.manifests);
        let recalled = answers.map(|answers| answers.recall(repository, name, |until| self.is_promised(until)));
        let before = match recalled {
            Some(Ok(manifest)) => return Ok(Some(manifest)),
            Some(Err(before)) => Some(before),
            None => None,
        };
        let keeping = self.keeping();
        let find = Find { repository: repository.clone(), name: name.clone(), keeping };
        // Boxed, so that what is remembered takes no more memory for it.
        let Some((manifest, stay)) = Box::pin(self.metadata().read(find)).await? else { return Ok(None) };
        let manifest = Arc::new(manifest);
        if stay != Stay::Uncertain {
            if let Some((answers, before)) = answers.zip(before) {
                answers.remember(before, (repository, name), &manifest, stay);
            }
            return Ok(Some(manifest));
        }
        // Whoever is told that it is there builds on it, so it must stay for a while.
        let promise = Promise { repository: repository.clone(), digest: manifest.descriptor.digest, keeping };
        self.counts().promises.one();
        Ok(Box::pin(self.metadata().write(promise)).await?.then_some(manifest))
    }

    /// Puts a manifest and points tags to it, all or nothing. Returns what is missing of what it is made of, where that may be.
    pub(crate) async fn put_manifest(&self, put: PutManifest) -> Result<Result<Vec<Digest>, Refused>, StorageError> {
        let keeping = self.keeping_of(&put.repository);
        self.metadata().write(put::Put { put, keeping }).await
    }

    /// Removes a tag, or a manifest and every tag that points to it. Returns false when it was not there.
    pub(crate) async fn remove_manifest(&self, remove: RemoveManifest) -> Result<Result<bool, Refused>, StorageError> {
        let keeping = self.keeping_of(&remove.repository);
        self.metadata().write(Remove { remove, keeping }).await
    }
}

/// A tag to remove, or a manifest with every tag that points to it.
pub(crate) struct RemoveManifest {
    pub(crate) repository: RepositoryName,
    pub(crate) name: ManifestName,
    /// What must be true of what is there.
    pub(crate) condition: Condition,
    /// Which tags are not removed.
    pub(crate) immutable: Immutability,
    /// The name of the user who removes it.
    pub(crate) actor: Option<String>,
}

struct Find {
    repository: RepositoryName,
    name: ManifestName,
    keeping: Keeping,
}

#[async_trait]
impl Operation for Find {
    /// The manifest, and for how long it stays. Held by a tag or another manifest it is as far as one look shows.
    type Outcome = Option<(StoredManifest, Stay)>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let repository = self.repository.as_str().into();
        let row = match &self.name {
            ManifestName::Digest(digest) => {
                let sql = "SELECT manifest.digest, manifest.media_type, content.bytes, manifest.kept_until, \
                           CASE WHEN EXISTS (SELECT 1 FROM tag WHERE tag.repository = repository.id \
                           AND tag.digest = manifest.digest) OR EXISTS (SELECT 1 FROM edge \
                           WHERE edge.repository = repository.id AND edge.space = 1 AND edge.child = manifest.digest) \
                           THEN 1 ELSE 0 END FROM repository \
                           JOIN manifest ON manifest.repository = repository.id \
                           JOIN content ON content.digest = manifest.digest \
                           WHERE repository.name = $1 AND manifest.digest = $2 AND content.bad_since IS NULL";
                connection.row(sql, &[repository, digest.into()]).await?
            }
            ManifestName::Tag(tag) => {
                let sql = "SELECT manifest.digest, manifest.media_type, content.bytes, manifest.kept_until, 1 \
                           FROM repository JOIN tag ON tag.repository = repository.id \
                           JOIN manifest ON manifest.repository = repository.id AND manifest.digest = tag.digest \
                           JOIN content ON content.digest = manifest.digest \
                           WHERE repository.name = $1 AND tag.name = $2 AND content.bad_since IS NULL";
                connection.row(sql, &[repository, tag.as_str().into()]).await?
            }
        };
        let Some(row) = row else { return Ok(None) };
        let bytes = Bytes::from(row.bytes(2)?);
        let descriptor = Descriptor::new(row.media_type(1)?, row.digest(0)?, bytes.len() as u64);
        let head = ContentHead::of_type(descriptor.media_type.as_str(), &descriptor.digest);
        let head = head.map_err(|_| StorageError::Damaged("a media type"))?;
        let stay = self.keeping.stay(row.integer(4)? != 0, connection.now().await?, row.integer(3)?);
        Ok(Some((StoredManifest { descriptor, bytes, head }, stay)))
    }
}

struct Remove {
    remove: RemoveManifest,
    keeping: Keeping,
}

#[async_trait]
impl Operation for Remove {
    type Outcome = Result<bool, Refused>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let wanted = &self.remove;
        let Some(repository) = repositories::find(connection, &wanted.repository).await? else { return Ok(Ok(false)) };
        let current = match &wanted.name {
            ManifestName::Tag(tag) => tags::resolve(connection, repository, tag).await?,
            // What is bad can be removed too.
            ManifestName::Digest(digest) => present(connection, repository, digest).await?.map(|_| *digest),
        };
        let Some(digest) = current else { return Ok(Ok(false)) };
        if !wanted.condition.holds(Some(&digest)) {
            return Ok(Err(Refused::Condition));
        }
        if let Some(refused) = guard::refuse_removal(connection, repository, wanted, &digest).await? {
            return Ok(Err(refused));
        }
        let mover = Mover { at: connection.now().await?, actor: wanted.actor.as_deref() };
        match &wanted.name {
            ManifestName::Tag(tag) => {
                tags::remove(connection, repository, tag.as_str(), mover).await?;
                keep(connection, repository, &digest, mover.at + self.keeping.untagged()).await?;
            }
            ManifestName::Digest(_) => remove(connection, repository, &digest, mover, &self.keeping).await?,
        }
        Ok(Ok(true))
    }

    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Repositories(vec![self.remove.repository.clone()])
    }
}

/// What a repository has under the digest of a manifest.
pub(super) struct Present {
    /// The media type under which it came last.
    pub(super) media_type: String,
    /// Whether its bytes are marked as bad. Then it is not served, as if it were not there, and whoever puts it heals it.
    pub(super) is_bad: bool,
}

/// Returns what a repository has under the digest of a manifest.
pub(super) async fn present(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
) -> Result<Option<Present>, StorageError> {
    let sql = "SELECT manifest.media_type, CASE WHEN content.digest IS NULL OR content.bad_since IS NOT NULL THEN 1 ELSE 0 END \
               FROM manifest LEFT JOIN content ON content.digest = manifest.digest \
               WHERE manifest.repository = $1 AND manifest.digest = $2";
    let row = connection.row(sql, &[repository.into(), digest.into()]).await?;
    row.map(|row| Ok(Present { media_type: row.text(0)?, is_bad: row.integer(1)? != 0 })).transpose()
}

/// Tells whether a repository has a manifest that is served. One that is marked as bad is not.
pub(super) async fn has(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
) -> Result<bool, StorageError> {
    Ok(present(connection, repository, digest).await?.is_some_and(|found| !found.is_bad))
}

/// Keeps a manifest for a lease.
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
        keep(connection, repository, &self.digest, kept_until).await
    }

    /// What was promised stays promised.
    fn touched(&self, _outcome: &Self::Outcome) -> Touched {
        Touched::Nothing
    }
}

/// Keeps a manifest until a time, and has it reviewed then. Returns false when it is not there.
pub(super) async fn keep(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
    kept_until: i64,
) -> Result<bool, StorageError> {
    let sql = "UPDATE manifest SET kept_until = CASE WHEN kept_until < $3 THEN $3 ELSE kept_until END \
               WHERE repository = $1 AND digest = $2";
    let found = connection.execute(sql, &[repository.into(), digest.into(), kept_until.into()]).await? > 0;
    if found {
        later(connection, repository, Space::Manifest, digest, kept_until).await?;
    }
    Ok(found)
}

/// Removes a manifest and every tag that points to it. What it is made of stays for a lease; what refers to it goes as soon as
/// nothing else keeps it.
pub(super) async fn remove(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
    mover: Mover<'_>,
    keeping: &Keeping,
) -> Result<(), StorageError> {
    let at = mover.at;
    let it = [repository.into(), digest.into()];
    for row in connection.rows("SELECT name FROM tag WHERE repository = $1 AND digest = $2", &it).await? {
        tags::remove(connection, repository, &row.text(0)?, mover).await?;
    }
    let sql = "DELETE FROM manifest WHERE repository = $1 AND digest = $2 RETURNING media_type, size";
    if let Some(row) = connection.row(sql, &it).await? {
        note_manifest(connection, repository, digest, None).await?;
        let (media_type, size) = (row.text(0)?, row.integer(1)?);
        grow(connection, repository, Usage { manifests: -1, bytes: -size, ..Usage::default() }).await?;
        let (media_type, size) = (Some(media_type.as_str()), Some(size));
        let told = Told { digest: Some(digest), media_type, size, actor: mover.actor, ..Told::default() };
        tell(connection, EventKind::ManifestDeleted, repository, told).await?;
    }
    holds::remove_all(connection, repository, digest).await?;
    pulls::forget(connection, repository, digest).await?;
    retention::due(connection, repository).await?;
    later_children(connection, repository, digest, at + keeping.lease()).await?;
    connection.execute("DELETE FROM edge WHERE repository = $1 AND parent = $2", &it).await?;
    later_referrers(connection, repository, digest, at).await?;
    let sql = "DELETE FROM content WHERE digest = $1 \
               AND NOT EXISTS (SELECT 1 FROM manifest WHERE digest = $1) RETURNING place";
    if let Some(row) = connection.row(sql, &[digest.into()]).await?
        && let Some(place) = row.optional_text(0)?
    {
        give_up(connection, &place).await?;
    }
    Ok(())
}
