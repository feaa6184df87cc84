//! Taking over what another registry keeps.

use registry::{Import, ImportError, Imported};

use super::prepare::Prepared;
use super::server::open_storage;
use crate::error::OpsError;

/// Takes over what is in a directory. A registry whose database is in a directory must not be served meanwhile; one whose database is on a
/// server may.
///
/// # Errors
/// [`OpsError::Usage`] when the source cannot be imported in this way, [`OpsError::File`] when it cannot be read; otherwise as
/// [`open_storage`], and what the database or the place of the blobs brings. What was taken stays, and another import takes the rest.
pub async fn import(prepared: &Prepared, import: &Import) -> Result<Imported, OpsError> {
    let storage = open_storage(prepared).await?;
    let imported = storage.import(import).await.map_err(|error| failed(prepared, error))?;
    storage.keep_journal().await.map_err(|source| failed(prepared, source.into()))?;
    Ok(imported)
}

/// Tells what an import would take over, and changes nothing.
///
/// # Errors
/// As [`import`].
pub async fn rehearse(prepared: &Prepared, import: &Import) -> Result<Imported, OpsError> {
    import.rehearse().await.map_err(|error| failed(prepared, error))
}

fn failed(prepared: &Prepared, error: ImportError) -> OpsError {
    let usage = |error: ImportError, help: &str| OpsError::usage(error.to_string(), help.to_owned());
    match error {
        ImportError::Source { path, source } => OpsError::File { action: "cannot read", path, source },
        ImportError::Storage(source) => {
            OpsError::Storage { root: prepared.configuration.root.clone().unwrap_or_default(), source }
        }
        error @ ImportError::Nameless(_) => usage(error, "supercargo serve import SOURCE --as REPOSITORY"),
        error @ ImportError::Named(_) => usage(error, "supercargo serve import SOURCE --prefix PREFIX"),
        error => usage(error, "supercargo serve import --help"),
    }
}
