//! The local content store as a whole: its size, what no name needs, and whether it is sound.

use store::content_store::{PruneOptions, PruneReport, StoreSize, VerifyReport};

use crate::context::Context;
use crate::error::OpsError;

/// Returns what the local content store holds.
///
/// # Errors
/// What the store brings.
pub async fn size(context: &Context) -> Result<StoreSize, OpsError> {
    Ok(context.content_store()?.size().await?)
}

/// Removes what no name needs; with `dry_run` says what that would be.
///
/// # Errors
/// What the store brings: it refuses while another process writes to it.
pub async fn prune(context: &Context, options: PruneOptions) -> Result<PruneReport, OpsError> {
    Ok(context.content_store()?.prune(options).await?)
}

/// Hashes every file of the local content store. Damage is part of the report.
///
/// # Errors
/// What the store brings.
pub async fn verify(context: &Context) -> Result<VerifyReport, OpsError> {
    Ok(context.content_store()?.verify().await?)
}
