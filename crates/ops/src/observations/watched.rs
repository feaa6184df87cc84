//! A repository of a registry whose answers about tags are noted.

use std::sync::Arc;

use async_trait::async_trait;
use oci::{Descriptor, Digest, Manifest, RegistryReference, Tag, Timestamp};
use store::history::{TagMove, TagsThen};
use store::tag_list::TagList;
use store::{BlobBody, BlobSource, Identity, Meter, Put, Referrers, Store, StoreError, SubjectIndexed, Untagged};

use super::Observer;

/// A repository whose answers are noted.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    store: S,
    repository: RegistryReference,
    observer: Arc<Observer>,
}

impl<S> Watched<S> {
    pub(crate) const fn new(store: S, repository: RegistryReference, observer: Arc<Observer>) -> Self {
        Self { store, repository, observer }
    }
}

#[async_trait]
impl<S: Store> Store for Watched<S> {
    fn location(&self) -> &str {
        self.store.location()
    }

    fn identity(&self) -> Identity {
        self.store.identity()
    }

    fn concurrency(&self) -> usize {
        self.store.concurrency()
    }

    fn backlog(&self) -> usize {
        self.store.backlog()
    }

    async fn roots(&self) -> Result<Option<Vec<(Option<Tag>, Descriptor)>>, StoreError> {
        self.store.roots().await
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        let found = self.store.resolve(tag).await?;
        self.observer.note_tag(&self.repository, tag, found.as_ref().map(|found| found.digest));
        Ok(found)
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        self.store.stat_manifest(digest).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        self.store.manifest(digest).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<SubjectIndexed, StoreError> {
        self.store.put_manifest(manifest).await
    }

    async fn tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), StoreError> {
        self.store.tag(tag, manifest).await?;
        self.observer.note_tag(&self.repository, tag, Some(*manifest.digest()));
        Ok(())
    }

    async fn keep_root(&self, manifest: &Manifest) -> Result<(), StoreError> {
        self.store.keep_root(manifest).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        let known = self.observer.cursors(&self.repository);
        let TagList { tags, cursors } = self.store.tags_from(&known).await?;
        self.observer.note_list(&self.repository, &tags);
        if cursors != known {
            self.observer.note_cursors(&self.repository, cursors);
        }
        Ok(tags)
    }

    async fn tag_history(&self, tag: &Tag) -> Result<Option<Vec<TagMove>>, StoreError> {
        self.store.tag_history(tag).await
    }

    async fn tags_beginning_with(&self, prefix: &str) -> Result<Option<Vec<Tag>>, StoreError> {
        // Some of the tags: what is not among them may be there all the same, so nothing is noted.
        self.store.tags_beginning_with(prefix).await
    }

    async fn tags_then(&self, at: Timestamp) -> Result<Option<TagsThen>, StoreError> {
        self.store.tags_then(at).await
    }

    async fn tag_in_place_of(
        &self,
        tag: &Tag,
        manifest: &Manifest,
        expected: Option<&Digest>,
    ) -> Result<bool, StoreError> {
        let was_set = self.store.tag_in_place_of(tag, manifest, expected).await?;
        if was_set {
            self.observer.note_tag(&self.repository, tag, Some(*manifest.digest()));
        }
        Ok(was_set)
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        self.store.referrers(subject, artifact_type).await
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        self.store.stat_blob(digest).await
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        self.store.open_blob(descriptor, offset).await
    }

    async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        meter: &Meter,
    ) -> Result<Put, StoreError> {
        self.store.put_blob(descriptor, source, meter).await
    }

    async fn adopt_blob(&self, descriptor: &Descriptor, from: &Identity) -> Result<bool, StoreError> {
        self.store.adopt_blob(descriptor, from).await
    }

    async fn delete_manifest(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.store.delete_manifest(digest).await
    }

    async fn delete_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        let was_there = self.store.delete_tag(tag).await?;
        self.observer.note_tag(&self.repository, tag, None);
        Ok(was_there)
    }

    async fn delete_tag_of(&self, tag: &Tag, manifest: &Digest) -> Result<Untagged, StoreError> {
        let outcome = self.store.delete_tag_of(tag, manifest).await?;
        if outcome != Untagged::Moved {
            self.observer.note_tag(&self.repository, tag, None);
        }
        Ok(outcome)
    }

    async fn delete_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.store.delete_blob(digest).await
    }

    async fn finish(&self) -> Result<(), StoreError> {
        self.store.finish().await
    }
}

#[cfg(test)]
mod tests;
