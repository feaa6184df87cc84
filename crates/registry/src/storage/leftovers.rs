//! What a process that was killed leaves behind.

use std::time::Duration;

use super::audit::{Now, upload_of};
use super::database::StorageError;
use super::{Storage, milliseconds};
use crate::route::UploadId;

/// Where bytes are that are under way.
const UPLOADS: &str = "uploads";
/// Names that are looked at together.
const PAGE: usize = 1000;
/// How long bytes stay at least of which no session knows: a request with its blob takes less.
const STRAY: Duration = Duration::from_hours(24);

impl Storage {
    /// Removes what was received of an upload with which nobody will go on. A node that was killed may have written more than the
    /// session knows of.
    pub(crate) async fn remove_received(&self, id: UploadId) -> Result<(), StorageError> {
        let named = format!("{UPLOADS}/{id}");
        // The first that can be of this upload comes right behind its name without the last character.
        let mut after = named.strip_suffix(|_: char| true).unwrap_or_default().to_owned();
        loop {
            let page = self.blobs().list(UPLOADS, &after, PAGE).await?;
            for listed in page.iter().filter(|listed| listed.place.starts_with(&named)) {
                self.blobs().remove(&listed.place).await?;
            }
            let Some(last) = page.last().filter(|last| last.place.starts_with(&named)) else { return Ok(()) };
            after.clone_from(&last.place);
        }
    }

    /// Removes bytes of uploads that ended with their request, and with the process before that: no session knows of them. So it
    /// does with what was to become a part of the journal. Nobody else may be at work on the same bytes.
    pub(super) async fn remove_leftovers(&self) -> Result<(), StorageError> {
        self.remove_unclaimed(i64::MAX).await
    }

    /// Does the same where others may be at work: with bytes that were not written to for longer than an upload may rest, and than any
    /// request takes.
    pub(crate) async fn remove_strays(&self, lifetime: Duration) -> Result<(), StorageError> {
        let now = self.metadata().read(Now).await?;
        self.remove_unclaimed(now.saturating_sub(milliseconds(lifetime.max(STRAY)))).await
    }

    async fn remove_unclaimed(&self, before: i64) -> Result<(), StorageError> {
        let mut after = String::new();
        loop {
            let page = self.blobs().list(UPLOADS, &after, PAGE).await?;
            for listed in page.iter().filter(|listed| milliseconds(listed.changed) < before) {
                let is_claimed = match upload_of(&listed.place) {
                    Some(id) => self.has_session(id).await?,
                    None => false,
                };
                if !is_claimed {
                    self.blobs().remove(&listed.place).await?;
                }
            }
            let Some(last) = page.last().filter(|_| page.len() == PAGE) else { return Ok(()) };
            after.clone_from(&last.place);
        }
    }
}
