//! Several places read as if they were one repository.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::{BoxFuture, FutureExt as _};
use oci::{Descriptor, Digest, Manifest, Tag};
use store::{BlobBody, Identity, Referrers, Store, StoreError};

/// One repository that is read from several places, the first before the others. It cannot be changed.
#[derive(Debug)]
pub(crate) struct Places {
    location: String,
    /// Where the bytes are.
    stores: Vec<Arc<dyn Store>>,
    /// What its tags point to, where the places do not say it.
    names: Option<BTreeMap<Tag, Digest>>,
}

impl Places {
    /// Returns the part of a place that belongs to one repository: what `names` point to.
    pub(crate) fn part(location: String, place: Arc<dyn Store>, names: BTreeMap<Tag, Digest>) -> Self {
        Self { location, stores: vec![place], names: Some(names) }
    }

    /// Returns a place of which some blobs lie elsewhere.
    pub(crate) fn completed(place: Arc<dyn Store>, others: Vec<Arc<dyn Store>>) -> Self {
        let location = place.location().to_owned();
        let places = std::iter::once(place).chain(others).collect();
        Self { location, stores: places, names: None }
    }

    /// Asks the places for something, one after the other, until one has it.
    async fn first<T>(
        &self,
        asks: impl Iterator<Item = BoxFuture<'_, Result<Option<T>, StoreError>>> + Send,
    ) -> Result<Option<T>, StoreError> {
        for ask in asks {
            if let Some(found) = ask.await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl Store for Places {
    fn location(&self) -> &str {
        &self.location
    }

    fn identity(&self) -> Identity {
        match &self.stores[..] {
            [place] => place.identity(),
            _ => Identity::Opaque,
        }
    }

    fn concurrency(&self) -> usize {
        self.stores.iter().map(|place| place.concurrency()).min().unwrap_or(1)
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        let Some(names) = &self.names else {
            return self.first(self.stores.iter().map(|place| place.resolve(tag))).await;
        };
        match names.get(tag) {
            Some(digest) => self.stat_manifest(digest).await,
            // What is attached to an image by a tag is found by that.
            None if tag.is_attachment() => self.first(self.stores.iter().map(|place| place.resolve(tag))).await,
            None => Ok(None),
        }
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        self.first(self.stores.iter().map(|place| place.stat_manifest(digest))).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        self.first(self.stores.iter().map(|place| place.manifest(digest))).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        let asks = self
            .stores
            .iter()
            .map(|place| async move { Ok(Some(place.tags().await?).filter(|tags| !tags.is_empty())) }.boxed());
        let listed = self.first(asks).await?.unwrap_or_default();
        Ok(match &self.names {
            Some(names) => names.keys().cloned().chain(listed.into_iter().filter(Tag::is_attachment)).collect(),
            None => listed,
        })
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        let asks = self.stores.iter().map(|place| {
            let listed = async move {
                match place.referrers(subject, artifact_type).await? {
                    Referrers::Unsupported => Ok(None),
                    listed @ Referrers::Listed(_) => Ok(Some(listed)),
                }
            };
            listed.boxed()
        });
        Ok(self.first(asks).await?.unwrap_or(Referrers::Unsupported))
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        self.first(self.stores.iter().map(|place| place.stat_blob(digest))).await
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        self.first(self.stores.iter().map(|place| place.open_blob(descriptor, offset))).await
    }

    fn distrust(&self, digest: &Digest) -> bool {
        self.stores.iter().any(|place| place.distrust(digest))
    }
}
