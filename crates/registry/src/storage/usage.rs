//! How much each repository has: counted by every change, in its own transaction.

use async_trait::async_trait;
use graph::Space;
use oci::{Digest, RepositoryName};

use super::Storage;
use super::database::{Connection, Operation, StorageError};

impl Storage {
    /// Counts anew what every repository has, and returns those of which something else was counted: none, unless there is a fault. Reads all
    /// of the metadata.
    ///
    /// # Errors
    /// What the database brings.
    pub async fn miscounted(&self) -> Result<Vec<RepositoryName>, StorageError> {
        self.metadata().read(Miscounted).await
    }
}

/// What a repository has, or what is added to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Bytes of its manifests, and of its blobs, each of them once.
    pub(crate) bytes: i64,
    pub(crate) blobs: i64,
    pub(crate) manifests: i64,
    pub(crate) tags: i64,
}

/// Adds to what a repository has.
pub(super) async fn grow(connection: &mut Connection<'_>, repository: i64, by: Usage) -> Result<(), StorageError> {
    let sql = "INSERT INTO repository_usage (repository, bytes, blobs, manifests, tags) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (repository) DO UPDATE SET bytes = repository_usage.bytes + excluded.bytes, \
               blobs = repository_usage.blobs + excluded.blobs, \
               manifests = repository_usage.manifests + excluded.manifests, \
               tags = repository_usage.tags + excluded.tags";
    let values = [repository.into(), by.bytes.into(), by.blobs.into(), by.manifests.into(), by.tags.into()];
    connection.execute(sql, &values).await?;
    Ok(())
}

/// Takes another size of a blob or of a manifest over into the counters of every repository that has it. It is called after good bytes
/// have come in the place of bad ones: the size that a digest has was not the one that was noted.
pub(super) async fn resize(
    connection: &mut Connection<'_>,
    space: Space,
    digest: &Digest,
    size: i64,
) -> Result<(), StorageError> {
    let (noted, others) = match space {
        Space::Blob => (
            "SELECT repository_blob.repository, blob.size FROM blob \
             JOIN repository_blob ON repository_blob.digest = blob.digest WHERE blob.digest = $1 AND blob.size <> $2",
            "UPDATE blob SET size = $2 WHERE digest = $1 AND size <> $2",
        ),
        Space::Manifest => (
            "SELECT repository, size FROM manifest WHERE digest = $1 AND size <> $2",
            "UPDATE manifest SET size = $2 WHERE digest = $1 AND size <> $2",
        ),
    };
    let values = [digest.into(), size.into()];
    for row in connection.rows(noted, &values).await? {
        let bytes = size - row.integer(1)?;
        grow(connection, row.integer(0)?, Usage { bytes, ..Usage::default() }).await?;
    }
    connection.execute(others, &values).await?;
    Ok(())
}

/// What the tables say that every repository has.
const COUNTED: &str = "SELECT repository.id AS repository, \
     CAST((SELECT COALESCE(SUM(blob.size), 0) FROM repository_blob JOIN blob ON blob.digest = repository_blob.digest \
     WHERE repository_blob.repository = repository.id) \
     + (SELECT COALESCE(SUM(manifest.size), 0) FROM manifest WHERE manifest.repository = repository.id) AS BIGINT) AS bytes, \
     (SELECT COUNT(*) FROM repository_blob WHERE repository_blob.repository = repository.id) AS blobs, \
     (SELECT COUNT(*) FROM manifest WHERE manifest.repository = repository.id) AS manifests, \
     (SELECT COUNT(*) FROM tag WHERE tag.repository = repository.id) AS tags FROM repository";

/// Counts everything anew.
pub(super) async fn recount(connection: &mut Connection<'_>) -> Result<(), StorageError> {
    connection.execute("DELETE FROM repository_usage", &[]).await?;
    let sql = format!("INSERT INTO repository_usage (repository, bytes, blobs, manifests, tags) {COUNTED}");
    connection.execute_made(sql, &[]).await?;
    Ok(())
}

/// Finds the repositories of which something else is counted than is there.
struct Miscounted;

#[async_trait]
impl Operation for Miscounted {
    type Outcome = Vec<RepositoryName>;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        // A repository of which nothing was ever counted has nothing.
        let sql = format!(
            "SELECT repository.name FROM ({COUNTED}) AS counted JOIN repository ON repository.id = counted.repository \
             LEFT JOIN repository_usage ON repository_usage.repository = counted.repository \
             WHERE COALESCE(repository_usage.bytes, 0) <> counted.bytes \
             OR COALESCE(repository_usage.blobs, 0) <> counted.blobs \
             OR COALESCE(repository_usage.manifests, 0) <> counted.manifests \
             OR COALESCE(repository_usage.tags, 0) <> counted.tags ORDER BY repository.name"
        );
        let rows = connection.rows_made(sql, &[]).await?;
        rows.iter().map(|row| row.text(0)?.parse().map_err(|_| StorageError::Damaged("a name"))).collect()
    }
}
