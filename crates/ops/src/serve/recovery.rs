//! What can be done about a registry that has lost something.

use registry::{Audit, Bad, Clock, Reindex, Reindexed, Scrub, Scrubbed, Storage, StorageError};

use super::prepare::Prepared;
use super::server::{inspect_blobs, open_blobs, open_storage};
use crate::error::OpsError;

/// Makes the database of a registry anew from what lies beside it.
///
/// # Errors
/// [`OpsError::Usage`] when there is a database and it may not be set aside, [`OpsError::Storage`] when the directory cannot be used or a
/// process serves it, [`OpsError::Place`] when the database or the bucket cannot be reached, or refuses.
pub async fn reindex(prepared: &Prepared, reindex: &Reindex) -> Result<Reindexed, OpsError> {
    let configuration = &prepared.configuration;
    let keeping = configuration.collect.keeping;
    if let Some(url) = &prepared.postgres {
        let blobs = open_blobs(prepared).await?;
        let place = configuration.database_url().unwrap_or_default();
        return Storage::reindex_postgres(url, blobs, keeping, reindex).await.map_err(|source| match source {
            StorageError::NotEmpty => OpsError::usage(format!("there is something in the database {place}"), None),
            source => OpsError::Place { place, source },
        });
    }
    let root = configuration.root.clone().unwrap_or_default();
    let reindexed = match prepared.bucket {
        Some(_) => {
            let blobs = open_blobs(prepared).await?;
            Storage::reindex_directory_with(&root, blobs, Clock::system(), keeping, reindex).await
        }
        None => Storage::reindex_directory(&root, Clock::system(), keeping, reindex).await,
    };
    reindexed.map_err(|source| match source {
        StorageError::NotEmpty => OpsError::usage(
            format!("there is a database in {}", root.display()),
            "supercargo serve reindex --replace    (sets it aside)".to_owned(),
        ),
        source => OpsError::Storage { root, source },
    })
}

/// Looks at everything that a registry keeps, and says what should not be so. Nothing is changed, and the registry may be serving
/// meanwhile.
///
/// # Errors
/// [`OpsError::Inspect`] when the directory cannot be read, or another version of this program has been at work there;
/// [`OpsError::Place`] when the database or the bucket cannot be reached, or refuses.
pub async fn audit(prepared: &Prepared) -> Result<Audit, OpsError> {
    let configuration = &prepared.configuration;
    let keeping = configuration.collect.keeping;
    if let Some(url) = &prepared.postgres {
        let blobs = inspect_blobs(prepared)?;
        let audited = async { Storage::inspect_postgres(url, blobs, keeping).await?.audit().await };
        let place = configuration.database_url().unwrap_or_default();
        return audited.await.map_err(|source| OpsError::Place { place, source });
    }
    let root = configuration.root.clone().unwrap_or_default();
    let blobs = inspect_blobs(prepared)?;
    let audited = async { Storage::inspect(&root, blobs, Clock::system(), keeping).await?.audit().await };
    audited.await.map_err(|source| OpsError::Inspect { root: root.clone(), source })
}

/// Reads every byte of a registry, and marks what is bad. `on_bad` is told of it at once. A registry whose database is in a directory must not
/// be served meanwhile. Where another node is reading, nothing is read.
///
/// # Errors
/// As [`open_storage`], and what the database or the place of the blobs brings.
pub async fn scrub(
    prepared: &Prepared,
    scrub: &Scrub,
    on_bad: impl Fn(&Bad) + Send + Sync,
) -> Result<Scrubbed, OpsError> {
    let storage = open_storage(prepared).await?;
    let root = prepared.configuration.root.clone().unwrap_or_default();
    let scrubbed = storage.scrub(scrub, on_bad).await.map_err(|source| OpsError::Storage { root, source })?;
    Ok(scrubbed.unwrap_or_default())
}
