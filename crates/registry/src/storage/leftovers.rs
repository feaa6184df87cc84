//! What a process that was killed leaves behind.

use super::Storage;
use super::audit::upload_of;
use super::database::StorageError;
use crate::route::UploadId;

/// Where bytes are that are under way.
const UPLOADS: &str = "uploads";
/// Names that are looked at together.
const PAGE: usize = 1000;

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
        let mut after = String::new();
        loop {
            let page = self.blobs().list(UPLOADS, &after, PAGE).await?;
            for listed in &page {
                if let Some(id) = upload_of(&listed.place)
                    && !self.has_session(id).await?
                {
                    self.blobs().remove(&listed.place).await?;
                }
            }
            let Some(last) = page.last().filter(|_| page.len() == PAGE) else { return Ok(()) };
            after.clone_from(&last.place);
        }
    }
}
