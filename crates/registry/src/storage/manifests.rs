//! Manifests: what a repository has under a tag or a digest.

mod content;
mod put;

use async_trait::async_trait;
use bytes::Bytes;
use oci::{Descriptor, Digest, RepositoryName};

use super::Storage;
use super::database::{Connection, Operation, StorageError};
use super::{repositories, tags};
use crate::route::ManifestName;

pub(crate) use put::{Condition, PutManifest, Refused};

/// A manifest that a repository has.
#[derive(Clone, Debug)]
pub(crate) struct StoredManifest {
    pub(crate) descriptor: Descriptor,
    pub(crate) bytes: Bytes,
}

impl Storage {
    /// Returns a manifest if the repository has it: its descriptor, and its bytes as they came.
    pub(crate) async fn manifest(
        &self,
        repository: &RepositoryName,
        name: &ManifestName,
    ) -> Result<Option<StoredManifest>, StorageError> {
        self.metadata().read(Find { repository: repository.clone(), name: name.clone() }).await
    }

    /// Puts a manifest and points tags to it, all or nothing.
    pub(crate) async fn put_manifest(&self, put: PutManifest) -> Result<Result<(), Refused>, StorageError> {
        self.metadata().write(put::Put { put, at: self.now() }).await
    }

    /// Removes a tag, or a manifest and every tag that points to it. Returns false when it was not there.
    pub(crate) async fn remove_manifest(
        &self,
        repository: &RepositoryName,
        name: &ManifestName,
        condition: Condition,
    ) -> Result<Result<bool, Refused>, StorageError> {
        let remove = Remove { repository: repository.clone(), name: name.clone(), condition, at: self.now() };
        self.metadata().write(remove).await
    }
}

struct Find {
    repository: RepositoryName,
    name: ManifestName,
}

#[async_trait]
impl Operation for Find {
    type Outcome = Option<StoredManifest>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let repository = self.repository.as_str().into();
        let row = match &self.name {
            ManifestName::Digest(digest) => {
                let sql = "SELECT manifest.digest, manifest.media_type, content.bytes FROM repository \
                           JOIN manifest ON manifest.repository = repository.id \
                           JOIN content ON content.digest = manifest.digest \
                           WHERE repository.name = $1 AND manifest.digest = $2";
                connection.row(sql, &[repository, digest.into()]).await?
            }
            ManifestName::Tag(tag) => {
                let sql = "SELECT manifest.digest, manifest.media_type, content.bytes FROM repository \
                           JOIN tag ON tag.repository = repository.id \
                           JOIN manifest ON manifest.repository = repository.id AND manifest.digest = tag.digest \
                           JOIN content ON content.digest = manifest.digest \
                           WHERE repository.name = $1 AND tag.name = $2";
                connection.row(sql, &[repository, tag.as_str().into()]).await?
            }
        };
        let Some(row) = row else { return Ok(None) };
        let bytes = Bytes::from(row.bytes(2)?);
        let descriptor = Descriptor::new(row.media_type(1)?, row.digest(0)?, bytes.len() as u64);
        Ok(Some(StoredManifest { descriptor, bytes }))
    }
}

struct Remove {
    repository: RepositoryName,
    name: ManifestName,
    condition: Condition,
    at: i64,
}

#[async_trait]
impl Operation for Remove {
    type Outcome = Result<bool, Refused>;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        let Some(repository) = repositories::find(connection, &self.repository).await? else { return Ok(Ok(false)) };
        let current = match &self.name {
            ManifestName::Tag(tag) => tags::resolve(connection, repository, tag).await?,
            ManifestName::Digest(digest) => has(connection, repository, digest).await?.then_some(*digest),
        };
        let Some(digest) = current else { return Ok(Ok(false)) };
        if !self.condition.holds(Some(&digest)) {
            return Ok(Err(Refused::Condition));
        }
        match &self.name {
            ManifestName::Tag(tag) => tags::remove(connection, repository, tag.as_str(), self.at).await?,
            ManifestName::Digest(_) => remove(connection, repository, &digest, self.at).await?,
        }
        Ok(Ok(true))
    }
}

/// Tells whether a repository has a manifest.
async fn has(connection: &mut Connection<'_>, repository: i64, digest: &Digest) -> Result<bool, StorageError> {
    let sql = "SELECT 1 FROM manifest WHERE repository = $1 AND digest = $2";
    Ok(connection.row(sql, &[repository.into(), digest.into()]).await?.is_some())
}

/// Removes a manifest and every tag that points to it.
async fn remove(
    connection: &mut Connection<'_>,
    repository: i64,
    digest: &Digest,
    at: i64,
) -> Result<(), StorageError> {
    let sql = "SELECT name FROM tag WHERE repository = $1 AND digest = $2";
    for row in connection.rows(sql, &[repository.into(), digest.into()]).await? {
        tags::remove(connection, repository, &row.text(0)?, at).await?;
    }
    let sql = "DELETE FROM manifest WHERE repository = $1 AND digest = $2";
    connection.execute(sql, &[repository.into(), digest.into()]).await?;
    let sql = "DELETE FROM content WHERE digest = $1 AND NOT EXISTS (SELECT 1 FROM manifest WHERE digest = $1)";
    connection.execute(sql, &[digest.into()]).await?;
    Ok(())
}
