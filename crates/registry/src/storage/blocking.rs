//! Threads that may wait for the disk.

use super::StorageError;

/// Runs what waits for the disk where it may wait. It runs to its end also when nobody waits for it any more.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StorageError::Ended)?
}
