//! One name of the content store as a [`Store`].

use std::sync::Arc;

use async_trait::async_trait;
use oci::{Descriptor, Digest, Manifest, RepositoryName, Tag};

use super::{ContentStore, Inner};
use crate::blob_directory::HardLinks;
use crate::body::{BlobBody, BlobSource, Meter};
use crate::content_files::ContentFiles as _;
use crate::error::StoreError;
use crate::layout::CONCURRENCY;
use crate::store::{Identity, Put, Referrers, Store, SubjectIndexed};

/// What the content store keeps under one name. Content is shared by all names: what one has, another need not be given, and
/// what is listed as referring to something is so whatever the name. Removing content under one name leaves what others need.
#[derive(Clone, Debug)]
pub struct NamedStore {
    store: ContentStore,
    name: RepositoryName,
    location: String,
}

impl NamedStore {
    pub(super) fn new(store: ContentStore, name: RepositoryName) -> Self {
        let location = format!("store:{name}");
        Self { store, name, location }
    }

    /// Returns the name.
    pub const fn name(&self) -> &RepositoryName {
        &self.name
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &RepositoryName, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (name, location) = (self.name.clone(), self.location.clone());
        let work = move |store: &Inner| {
            store.begin_session()?;
            work(store, &name, &location)
        };
        self.store.run(work).await
    }
}

impl Inner {
    fn put_manifest(&self, manifest: &Manifest) -> Result<(), StoreError> {
        self.blobs.put_manifest(manifest)?;
        match manifest.subject() {
            Some(subject) => {
                let _lock = self.names.lock()?;
                self.referrers.add(&subject.digest, manifest.digest())
            }
            None => Ok(()),
        }
    }

    fn referrers(&self, subject: &Digest, location: &str) -> Result<Vec<Descriptor>, StoreError> {
        let mut listed = Vec::new();
        for digest in self.referrers.of(subject)? {
            let Some(manifest) = self.blobs.manifest(&digest, location)? else {
                let what = format!("manifest {digest}, which is listed as referring to {subject}");
                return Err(StoreError::Missing { location: location.to_owned(), what });
            };
            if manifest.subject().is_some_and(|found| found.digest == *subject) {
                listed.push(manifest.referrer_descriptor());
            }
        }
        Ok(listed)
    }

    fn roots(&self, name: &RepositoryName) -> Result<Vec<(Option<Tag>, Descriptor)>, StoreError> {
        let content = self.names.read(name)?;
        let mut roots = Vec::new();
        for (tag, descriptor) in content.tags {
            let is_root = match tag.attached_to() {
                Some((subject, _)) => self.blobs.stat(&subject)?.is_none(),
                None => !tag.is_attachment(),
            };
            if is_root {
                roots.push((Some(tag), descriptor));
            }
        }
        roots.extend(content.roots.into_iter().map(|root| (None, root)));
        Ok(roots)
    }

    /// Removes content from the store unless another name needs it.
    fn remove_unless_needed(&self, digest: &Digest, name: &RepositoryName) -> Result<(), StoreError> {
        if self.is_needed_beside(name, digest)? {
            return Ok(());
        }
        if let Ok(Some(manifest)) = self.blobs.manifest(digest, &self.location)
            && let Some(subject) = manifest.subject()
        {
            let _lock = self.names.lock()?;
            self.referrers.remove(&subject.digest, digest)?;
        }
        self.blobs.remove(digest)?;
        self.blobs.sync()
    }
}

#[async_trait]
impl Store for NamedStore {
    fn location(&self) -> &str {
        &self.location
    }

    fn identity(&self) -> Identity {
        Identity::Directory(self.store.root().to_owned())
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    async fn roots(&self) -> Result<Option<Vec<(Option<Tag>, Descriptor)>>, StoreError> {
        self.run(|store, name, _| store.roots(name).map(Some)).await
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        let tag = tag.clone();
        self.run(move |store, name, _| Ok(store.names.read(name)?.tags.remove(&tag))).await
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        let digest = *digest;
        self.run(move |store, _, location| store.blobs.stat_manifest(&digest, location)).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        let digest = *digest;
        self.run(move |store, _, location| store.blobs.manifest(&digest, location)).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<SubjectIndexed, StoreError> {
        let manifest = manifest.clone();
        self.run(move |store, _, _| store.put_manifest(&manifest)).await?;
        Ok(SubjectIndexed::Yes)
    }

    async fn tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), StoreError> {
        let (tag, manifest) = (tag.clone(), manifest.clone());
        self.run(move |store, name, _| {
            store.put_manifest(&manifest)?;
            store.blobs.sync()?;
            let descriptor = manifest.descriptor();
            store.names.change(name, |name| {
                name.roots.retain(|root| root.digest != descriptor.digest);
                name.tags.insert(tag, descriptor.clone()) != Some(descriptor)
            })?;
            Ok(())
        })
        .await
    }

    async fn keep_root(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let descriptor = manifest.descriptor();
        self.run(move |store, name, _| {
            store.blobs.sync()?;
            store.names.change(name, |name| {
                let known = name.tags.values().chain(&name.roots).any(|known| known.digest == descriptor.digest);
                if !known {
                    name.roots.push(descriptor);
                }
                !known
            })?;
            Ok(())
        })
        .await
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        self.run(|store, name, _| Ok(store.names.read(name)?.tags.into_keys().collect())).await
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        let subject = *subject;
        let mut listed = self.run(move |store, _, location| store.referrers(&subject, location)).await?;
        listed.retain(|listed| artifact_type.is_none() || listed.artifact_type.as_deref() == artifact_type);
        Ok(Referrers::Listed(listed))
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let digest = *digest;
        self.run(move |store, _, _| store.blobs.stat(&digest)).await
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        let digest = descriptor.digest;
        self.run(move |store, _, _| store.blobs.body(&digest, offset)).await
    }

    async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        meter: &Meter,
    ) -> Result<Put, StoreError> {
        if self.store.inner.session.get().is_none() {
            self.run(|_, _, _| Ok(())).await?;
        }
        self.store.inner.blobs.put_blob(descriptor, &self.location, source, meter).await
    }

    async fn adopt_blob(&self, descriptor: &Descriptor, from: &Identity) -> Result<bool, StoreError> {
        let Identity::Directory(from) = from.clone() else { return Ok(false) };
        let descriptor = descriptor.clone();
        // A layout's file may be changed in its place by whoever made it, and everything that uses this store with it.
        self.run(move |store, _, _| store.blobs.adopt(&descriptor, &from, HardLinks::Never)).await
    }

    async fn delete_manifest(&self, digest: &Digest) -> Result<bool, StoreError> {
        let digest = *digest;
        self.run(move |store, name, location| {
            let there = store.blobs.stat_manifest(&digest, location)?.is_some();
            let named = store.names.change(name, |name| name.remove(&digest))?;
            if there || named {
                store.remove_unless_needed(&digest, name)?;
            }
            Ok(there || named)
        })
        .await
    }

    async fn delete_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        let tag = tag.clone();
        self.run(move |store, name, _| store.names.change(name, |name| name.tags.remove(&tag).is_some())).await
    }

    async fn delete_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        let digest = *digest;
        self.run(move |store, name, _| {
            let there = store.blobs.stat(&digest)?.is_some();
            if there {
                store.remove_unless_needed(&digest, name)?;
            }
            Ok(there)
        })
        .await
    }

    async fn finish(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.store.inner);
        crate::blocking::run(move || {
            inner.blobs.sync()?;
            inner.blobs.staging().remove_if_empty();
            Ok(())
        })
        .await
    }
}
