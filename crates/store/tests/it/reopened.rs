//! A store that is opened anew for every question, as by one process after the other.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use oci::{Descriptor, Digest, Manifest, Tag};
use store::{BlobBody, BlobSource, Identity, Meter, Put, Referrers, Store, StoreError, SubjectIndexed};

/// Opens a store.
type Open = fn(&Path) -> Box<dyn Store>;

/// A store that is opened anew for every question.
#[derive(Debug)]
pub(crate) struct Reopened {
    path: PathBuf,
    location: String,
    open: Open,
}

impl Reopened {
    pub(crate) fn new(path: PathBuf, open: Open) -> Self {
        let location = open(&path).location().to_owned();
        Self { path, location, open }
    }

    fn store(&self) -> Box<dyn Store> {
        (self.open)(&self.path)
    }
}

#[async_trait]
impl Store for Reopened {
    fn location(&self) -> &str {
        &self.location
    }

    fn identity(&self) -> Identity {
        self.store().identity()
    }

    fn concurrency(&self) -> usize {
        self.store().concurrency()
    }

    async fn roots(&self) -> Result<Option<Vec<(Option<Tag>, Descriptor)>>, StoreError> {
        self.store().roots().await
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        self.store().resolve(tag).await
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        self.store().stat_manifest(digest).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        self.store().manifest(digest).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<SubjectIndexed, StoreError> {
        self.store().put_manifest(manifest).await
    }

    async fn tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), StoreError> {
        self.store().tag(tag, manifest).await
    }

    async fn keep_root(&self, manifest: &Manifest) -> Result<(), StoreError> {
        self.store().keep_root(manifest).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        self.store().tags().await
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        self.store().referrers(subject, artifact_type).await
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        self.store().stat_blob(digest).await
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        self.store().open_blob(descriptor, offset).await
    }

    async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        meter: &Meter,
    ) -> Result<Put, StoreError> {
        self.store().put_blob(descriptor, source, meter).await
    }

    async fn adopt_blob(&self, descriptor: &Descriptor, from: &Identity) -> Result<bool, StoreError> {
        self.store().adopt_blob(descriptor, from).await
    }

    async fn delete_manifest(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.store().delete_manifest(digest).await
    }

    async fn delete_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        self.store().delete_tag(tag).await
    }

    async fn delete_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.store().delete_blob(digest).await
    }

    async fn finish(&self) -> Result<(), StoreError> {
        self.store().finish().await
    }
}
