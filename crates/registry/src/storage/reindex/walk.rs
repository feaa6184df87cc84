//! Without a journal: what lies there is found by walking, and is given to one repository.

use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Algorithm, Manifest, RepositoryName};

use super::Reindexed;
use super::merge::Merge;
use crate::storage::Storage;
use crate::storage::blobs::Listed;
use crate::storage::database::StorageError;
use crate::storage::journal::{Entry, KeptBlob, KeptManifest, MANIFESTS, Numbered, digest_of};
use crate::storage::reading::{self, Unpaced};

/// Places that are listed at once.
const LISTED: usize = 256;
/// Where the bytes of blobs lie.
pub(super) const BLOBS: &str = "blobs";

impl Storage {
    /// Merges what lies beside the database, as if it all belonged to one repository.
    pub(super) async fn merge_walk(
        &self,
        repository: &RepositoryName,
        report: &mut Reindexed,
    ) -> Result<(), StorageError> {
        let named = vec![Entry::Repository { repository: repository.clone() }];
        self.merge_found(named).await?;
        for directory in [BLOBS, MANIFESTS] {
            let mut after = String::new();
            loop {
                let listed = self.blobs().list(directory, &after, LISTED).await?;
                let Some(last) = listed.last() else { break };
                after = last.place.clone();
                let mut entries = Vec::new();
                for listed in listed {
                    if directory == BLOBS {
                        entries.extend(self.found_blob(repository, listed).await?);
                    } else {
                        entries.extend(self.found_manifest(repository, listed, report).await?);
                    }
                }
                self.merge_found(entries).await?;
            }
        }
        Ok(())
    }

    async fn merge_found(&self, entries: Vec<Entry>) -> Result<(), StorageError> {
        let entries = entries.into_iter().map(|entry| Numbered { number: 1, entry }).collect();
        self.metadata().write(Merge { epoch: 0, entries }).await
    }

    async fn found_blob(&self, repository: &RepositoryName, listed: Listed) -> Result<Vec<Entry>, StorageError> {
        let Listed { place, size, .. } = listed;
        let digest = if let Some(digest) = digest_of(&place) {
            digest
        } else {
            // The place does not say, so the bytes have to.
            let read = reading::hash(self.blobs().as_ref(), &place, size, Algorithm::Sha256, &mut Unpaced).await?;
            let Some((digest, _)) = read else { return Ok(Vec::new()) };
            digest
        };
        let link = Entry::Link { repository: repository.clone(), digest, is_there: true };
        Ok(vec![Entry::Blob { digest, kept: Some(KeptBlob { size, place }) }, link])
    }

    async fn found_manifest(
        &self,
        repository: &RepositoryName,
        listed: Listed,
        report: &mut Reindexed,
    ) -> Result<Option<Entry>, StorageError> {
        let place = listed.place;
        let Some(digest) = digest_of(&place) else { return Ok(None) };
        let bytes = reading::small(self.blobs().as_ref(), &place, MANIFEST_MAX_BYTES as u64).await?;
        let manifest = bytes.and_then(|bytes| Manifest::parse(bytes.into(), None, Some(&digest)).ok());
        let Some(manifest) = manifest else {
            report.unreadable.add(format!("{place}: it is not the manifest that it is called"));
            return Ok(None);
        };
        let kept = KeptManifest { media_type: manifest.media_type().clone(), at: 0, place: Some(place) };
        Ok(Some(Entry::Manifest { repository: repository.clone(), digest, kept: Some(kept) }))
    }
}
