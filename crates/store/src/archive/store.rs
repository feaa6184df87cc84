//! An archive as a [`Store`].

use std::sync::Arc;

use async_trait::async_trait;
use oci::{Descriptor, Digest, Manifest, Tag};

use super::{Archive, ArchiveStore, Writing};
use crate::blocking;
use crate::body::{BlobBody, BlobSource, Meter};
use crate::error::StoreError;
use crate::layout::CONCURRENCY;
use crate::receive::{BlobSink as _, receive};
use crate::store::{Identity, Put, Referrers, Store, SubjectIndexed};

impl ArchiveStore {
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Archive) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let archive = Arc::clone(&self.archive);
        blocking::run(move || work(&archive)).await
    }

    fn writing(&self) -> Result<&Writing, StoreError> {
        self.archive.writing.as_ref().ok_or_else(|| StoreError::Unsupported {
            location: self.location().to_owned(),
            action: "be changed: an archive is only written as a whole",
        })
    }

    /// Runs work that changes the archive as a whole, while nothing is being put.
    async fn run_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Archive, &Writing) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let gate = Arc::clone(&self.writing()?.gate).write_owned().await;
        self.run(move |archive| {
            let _gate = gate;
            match &archive.writing {
                Some(writing) => work(archive, writing),
                // Seen above.
                None => Err(StoreError::Unsupported {
                    location: archive.contents.location().to_owned(),
                    action: "be changed",
                }),
            }
        })
        .await
    }

    /// Puts a manifest unless it is there, and says to the list what `list` says.
    async fn add_manifest(
        &self,
        manifest: &Manifest,
        list: impl FnOnce(&Archive) -> Result<bool, StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let writing = self.writing()?;
        let guard = Arc::new(Arc::clone(&writing.gate).read_owned().await);
        let (writer, manifest) = (Arc::clone(&writing.writer), manifest.clone());
        self.run(move |archive| {
            let size = manifest.bytes().len() as u64;
            if archive.contents.files().stat(manifest.digest())? != Some(size) {
                let mut entry = writer.begin(manifest.digest(), size, guard)?;
                entry.write(manifest.bytes())?;
                entry.commit()?;
            }
            archive.contents.added(&manifest)?;
            list(archive)?;
            writer.mark_changed();
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Store for ArchiveStore {
    fn location(&self) -> &str {
        self.archive.contents.location()
    }

    fn identity(&self) -> Identity {
        Identity::Opaque
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    async fn roots(&self) -> Result<Option<Vec<(Option<Tag>, Descriptor)>>, StoreError> {
        self.run(|archive| archive.contents.roots().map(Some)).await
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        self.archive.contents.resolve(tag)
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        let digest = *digest;
        self.run(move |Archive { contents, .. }| contents.files().stat_manifest(&digest, contents.location())).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        let digest = *digest;
        self.run(move |Archive { contents, .. }| contents.files().manifest(&digest, contents.location())).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<SubjectIndexed, StoreError> {
        self.add_manifest(manifest, |_| Ok(false)).await?;
        Ok(SubjectIndexed::Yes)
    }

    async fn tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), StoreError> {
        let (tag, descriptor) = (tag.clone(), manifest.descriptor());
        self.add_manifest(manifest, move |archive| archive.contents.change(|index| index.set_tag(&tag, &descriptor)))
            .await
    }

    async fn keep_root(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let descriptor = manifest.descriptor();
        self.add_manifest(manifest, move |archive| archive.contents.change(|index| index.add(&descriptor))).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        Ok(self.archive.contents.tags())
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        let subject = *subject;
        let mut listed = self.run(move |archive| archive.contents.referrers(&subject)).await?;
        listed.retain(|listed| artifact_type.is_none() || listed.artifact_type.as_deref() == artifact_type);
        Ok(Referrers::Listed(listed))
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let digest = *digest;
        self.run(move |archive| archive.contents.files().stat(&digest)).await
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        let digest = descriptor.digest;
        self.run(move |archive| archive.contents.files().body(&digest, offset)).await
    }

    async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        meter: &Meter,
    ) -> Result<Put, StoreError> {
        let writing = self.writing()?;
        let Descriptor { digest, size, .. } = *descriptor;
        let guard = Arc::new(Arc::clone(&writing.gate).read_owned().await);
        if self.archive.contents.files().stat(&digest)? == Some(size) {
            return Ok(Put::AlreadyThere);
        }
        let writer = Arc::clone(&writing.writer);
        let begin = move || writer.begin(&digest, size, Arc::clone(&guard));
        receive(descriptor, self.location(), source, meter, begin).await?;
        Ok(Put::Stored)
    }

    async fn adopt_blob(&self, _descriptor: &Descriptor, _from: &Identity) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn delete_manifest(&self, digest: &Digest) -> Result<bool, StoreError> {
        let digest = *digest;
        self.run_alone(move |Archive { contents, .. }, writing| {
            if contents.files().stat_manifest(&digest, contents.location())?.is_none() {
                return Ok(false);
            }
            contents.change(|index| Ok(index.remove(&digest)))?;
            contents.forget_scan();
            writing.writer.remove(&digest)
        })
        .await
    }

    async fn delete_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        let tag = tag.clone();
        self.run_alone(move |Archive { contents, .. }, writing| {
            let is_referrer = |digest: &Digest| {
                let manifest = contents.files().manifest(digest, contents.location());
                manifest.is_ok_and(|manifest| manifest.is_some_and(|manifest| manifest.subject().is_some()))
            };
            let removed = contents.change(|index| index.remove_tag(&tag, is_referrer))?;
            writing.writer.mark_changed();
            Ok(removed)
        })
        .await
    }

    async fn delete_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        let digest = *digest;
        self.run_alone(move |_, writing| writing.writer.remove(&digest)).await
    }

    async fn finish(&self) -> Result<(), StoreError> {
        if self.archive.writing.is_none() {
            return Ok(());
        }
        self.run_alone(|Archive { contents, .. }, writing| writing.writer.finish(contents)).await
    }
}
