//! A layout as a [`Store`].

use async_trait::async_trait;
use oci::{Descriptor, Digest, Manifest, Tag};

use super::{INDEX, Layout, LayoutStore};
use crate::blob_directory::HardLinks;
use crate::blocking;
use crate::body::{BlobBody, BlobSource, Meter};
use crate::content_files::ContentFiles as _;
use crate::error::StoreError;
use crate::store::{Identity, Put, Referrers, Store, SubjectIndexed};

/// How many requests may usefully be under way at once. Each waits for the disk on a thread of its own, and a blob in the
/// making holds a buffer of [`CHUNK_BYTES`](crate::body::CHUNK_BYTES).
pub(crate) const CONCURRENCY: usize = 16;

#[async_trait]
impl Store for LayoutStore {
    fn location(&self) -> &str {
        &self.layout.location
    }

    fn identity(&self) -> Identity {
        Identity::Directory(self.layout.path.clone())
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    async fn roots(&self) -> Result<Option<Vec<(Option<Tag>, Descriptor)>>, StoreError> {
        self.run(|layout| layout.roots().map(Some)).await
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        let tag = tag.clone();
        self.run(move |layout| {
            let index = layout.index(&mut layout.state())?;
            Ok(index.resolve(&tag, &layout.path.join(INDEX))?.cloned())
        })
        .await
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        let digest = *digest;
        self.run(move |layout| layout.blobs.stat_manifest(&digest, &layout.location)).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        let digest = *digest;
        self.run(move |layout| layout.blobs.manifest(&digest, &layout.location)).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<SubjectIndexed, StoreError> {
        let manifest = manifest.clone();
        self.run(move |layout| layout.put_manifest(&manifest)).await?;
        Ok(SubjectIndexed::Yes)
    }

    async fn tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), StoreError> {
        let (tag, manifest) = (tag.clone(), manifest.clone());
        self.run(move |layout| {
            layout.put_manifest(&manifest)?;
            layout.change_index(|index| index.set_tag(&tag, &manifest.descriptor())).map(drop)
        })
        .await
    }

    async fn keep_root(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let descriptor = manifest.descriptor();
        self.run(move |layout| layout.change_index(|index| index.add(&descriptor)).map(drop)).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        self.run(|layout| {
            let index = layout.index(&mut layout.state())?;
            let mut tags: Vec<Tag> = index.entries().filter_map(|entry| entry.tag.clone()).collect();
            tags.sort();
            tags.dedup();
            Ok(tags)
        })
        .await
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        let subject = *subject;
        let listed =
            self.run(move |layout| layout.scanned(|scan, _| scan.referrers(&subject, &layout.location))).await?;
        let wanted = |listed: &Descriptor| artifact_type.is_none() || listed.artifact_type.as_deref() == artifact_type;
        Ok(Referrers::Listed(listed.into_iter().filter(wanted).collect()))
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let digest = *digest;
        self.run(move |layout| layout.blobs.stat(&digest)).await
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        let digest = descriptor.digest;
        self.run(move |layout| layout.blobs.body(&digest, offset)).await
    }

    async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        meter: &Meter,
    ) -> Result<Put, StoreError> {
        if !self.layout.is_made() {
            self.run(Layout::make).await?;
        }
        self.layout.blobs.put_blob(descriptor, &self.layout.location, source, meter).await
    }

    async fn adopt_blob(&self, descriptor: &Descriptor, from: &Identity) -> Result<bool, StoreError> {
        let Identity::Directory(from) = from.clone() else { return Ok(false) };
        let descriptor = descriptor.clone();
        self.run(move |layout| {
            layout.make()?;
            layout.blobs.adopt(&descriptor, &from, HardLinks::OfReadOnlyFiles)
        })
        .await
    }

    async fn delete_manifest(&self, digest: &Digest) -> Result<bool, StoreError> {
        let digest = *digest;
        self.run(move |layout| layout.delete_manifest(&digest)).await
    }

    async fn delete_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        let tag = tag.clone();
        self.run(move |layout| layout.delete_tag(&tag)).await
    }

    async fn delete_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        let digest = *digest;
        self.run(move |layout| {
            layout.require_writes()?;
            let removed = layout.blobs.remove(&digest)?;
            layout.blobs.sync()?;
            Ok(removed)
        })
        .await
    }

    async fn finish(&self) -> Result<(), StoreError> {
        let layout = std::sync::Arc::clone(&self.layout);
        blocking::run(move || {
            if !layout.state().unlisted.is_empty() {
                layout.change_index(|_| Ok(false))?;
            }
            if layout.writes { layout.settle() } else { Ok(()) }
        })
        .await
    }
}
