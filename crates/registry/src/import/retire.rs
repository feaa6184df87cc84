//! Removing from the source what the registry has.

use std::io;

use futures_util::TryStreamExt as _;

use super::report::Report;
use super::source::Source;
use super::walk::walked;
use crate::storage::{Storage, StorageError};

/// Files that are looked at and removed at once.
const TOGETHER: usize = 8;

/// Why the source still has something.
pub(super) enum RetireError {
    /// It could not be read or written.
    Source(io::Error),
    /// It could not be found out whether the registry has it.
    Storage(StorageError),
}

/// Removes every file from the source whose bytes the registry keeps as a blob. Manifests and what names them stay.
pub(super) async fn retire(storage: &Storage, source: Source, report: &Report) -> Result<(), RetireError> {
    let files = walked(move |each| {
        source.contents(&mut |digest, tree, path| Ok(each((digest, tree.clone(), path.to_owned()))))
    });
    let removed =
        files.map_err(RetireError::Source).try_for_each_concurrent(TOGETHER, |(digest, tree, path)| async move {
            if storage.has_bytes(&digest).await.map_err(RetireError::Storage)? {
                let removed = tokio::task::spawn_blocking(move || tree.remove(&path)).await;
                removed.map_err(|_| RetireError::Storage(StorageError::Ended))?.map_err(RetireError::Source)?;
                report.add(|imported| imported.removed += 1);
            }
            Ok(())
        });
    removed.await
}
