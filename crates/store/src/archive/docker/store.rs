//! The output of `docker save` as a [`Store`]: what is asked is answered by the archive, what would change it is refused.

use async_trait::async_trait;
use oci::{Descriptor, Digest, Manifest, Tag};

use super::DockerArchive;
use crate::body::{BlobBody, BlobSource, Meter};
use crate::error::StoreError;
use crate::store::{Identity, Put, Referrers, Store, SubjectIndexed};

#[async_trait]
impl Store for DockerArchive {
    fn location(&self) -> &str {
        self.archive.location()
    }

    fn identity(&self) -> Identity {
        self.archive.identity()
    }

    fn concurrency(&self) -> usize {
        self.archive.concurrency()
    }

    async fn roots(&self) -> Result<Option<Vec<(Option<Tag>, Descriptor)>>, StoreError> {
        self.archive.roots().await
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        self.archive.resolve(tag).await
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        self.archive.stat_manifest(digest).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        self.archive.manifest(digest).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<SubjectIndexed, StoreError> {
        self.archive.put_manifest(manifest).await
    }

    async fn tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), StoreError> {
        self.archive.tag(tag, manifest).await
    }

    async fn keep_root(&self, manifest: &Manifest) -> Result<(), StoreError> {
        self.archive.keep_root(manifest).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        self.archive.tags().await
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        self.archive.referrers(subject, artifact_type).await
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        self.archive.stat_blob(digest).await
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        self.archive.open_blob(descriptor, offset).await
    }

    async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        meter: &Meter,
    ) -> Result<Put, StoreError> {
        self.archive.put_blob(descriptor, source, meter).await
    }

    async fn adopt_blob(&self, descriptor: &Descriptor, from: &Identity) -> Result<bool, StoreError> {
        self.archive.adopt_blob(descriptor, from).await
    }

    async fn delete_manifest(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.archive.delete_manifest(digest).await
    }

    async fn delete_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        self.archive.delete_tag(tag).await
    }

    async fn delete_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.archive.delete_blob(digest).await
    }
}
