//! Repositories: a name, and a number for it in all other tables.

use async_trait::async_trait;
use oci::RepositoryName;

use super::Storage;
use super::database::{Connection, Operation, StorageError};
use super::journal::note_repository;

impl Storage {
    /// Tells whether there is a repository of this name.
    pub(crate) async fn has_repository(&self, name: &RepositoryName) -> Result<bool, StorageError> {
        self.metadata().read(Has(name.clone())).await
    }
}

struct Has(RepositoryName);

#[async_trait]
impl Operation for Has {
    type Outcome = bool;

    const IS_ONE_STATEMENT: bool = true;

    async fn run(&self, connection: &mut Connection<'_>) -> Result<Self::Outcome, StorageError> {
        Ok(find(connection, &self.0).await?.is_some())
    }
}

/// Returns the number of a repository if there is one.
pub(super) async fn find(connection: &mut Connection<'_>, name: &RepositoryName) -> Result<Option<i64>, StorageError> {
    let row = connection.row("SELECT id FROM repository WHERE name = $1", &[name.as_str().into()]).await?;
    row.map(|row| row.integer(0)).transpose()
}

/// Returns the name of the repository of a number.
pub(super) async fn name(connection: &mut Connection<'_>, repository: i64) -> Result<RepositoryName, StorageError> {
    let row = connection.row("SELECT name FROM repository WHERE id = $1", &[repository.into()]).await?;
    let text = row.ok_or(StorageError::Damaged("a repository"))?.text(0)?;
    text.parse().map_err(|_| StorageError::Damaged("a name"))
}

/// Returns the number of a repository, which is made if there is none.
pub(super) async fn find_or_make(connection: &mut Connection<'_>, name: &RepositoryName) -> Result<i64, StorageError> {
    if let Some(found) = find(connection, name).await? {
        return Ok(found);
    }
    let sql = "INSERT INTO repository (id, name) SELECT COALESCE(MAX(id), 0) + 1, $1 FROM repository RETURNING id";
    let row = connection.row(sql, &[name.as_str().into()]).await?;
    let repository = row.ok_or(StorageError::Damaged("a repository"))?.integer(0)?;
    note_repository(connection, repository).await?;
    Ok(repository)
}
