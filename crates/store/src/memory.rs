//! A store in memory, for tests, the tour's registries and property tests.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use oci::{Descriptor, Digest, Manifest, Tag};

use crate::body::{BlobBody, BlobSource, Meter, Verifier};
use crate::error::StoreError;
use crate::store::{Identity, Put, Referrers, Store, SubjectIndexed};

/// How many requests may usefully be under way at once: none ever waits, so the number only bounds what is held.
const CONCURRENCY: usize = 16;

/// A repository in memory. It keeps what it was given for as long as it lives, and answers for referrers itself.
///
/// No lock is held while anything is awaited.
#[derive(Debug)]
pub struct MemoryStore {
    location: String,
    content: RwLock<Content>,
}

#[derive(Debug, Default)]
struct Content {
    manifests: HashMap<Digest, Manifest>,
    blobs: HashMap<Digest, Bytes>,
    tags: BTreeMap<Tag, Digest>,
    /// The manifests about a subject, in the order of their digests.
    referrers: HashMap<Digest, BTreeSet<Digest>>,
}

impl Content {
    fn insert(&mut self, manifest: &Manifest) {
        if let Some(subject) = manifest.subject() {
            self.referrers.entry(subject.digest).or_default().insert(*manifest.digest());
        }
        self.manifests.insert(*manifest.digest(), manifest.clone());
    }
}

impl MemoryStore {
    /// Returns an empty store. `location` is what it is called in messages.
    pub fn new(location: impl Into<String>) -> Self {
        Self { location: location.into(), content: RwLock::default() }
    }

    // A panic elsewhere cannot leave the maps half-changed: every change below is one that does not panic midway.
    fn read(&self) -> RwLockReadGuard<'_, Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Content> {
        self.content.write().unwrap_or_else(PoisonError::into_inner)
    }

    async fn receive(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        meter: &Meter,
        moved: &mut u64,
    ) -> Result<Bytes, StoreError> {
        let mut verifier = Verifier::new(descriptor, &self.location);
        let mut chunks = source.open(0).await?.into_stream();
        let mut bytes = BytesMut::new();
        while let Some(chunk) = chunks.try_next().await? {
            verifier.update(&chunk)?;
            bytes.extend_from_slice(&chunk);
            meter.advance(chunk.len() as u64);
            *moved += chunk.len() as u64;
        }
        verifier.finish()?;
        Ok(bytes.freeze())
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn location(&self) -> &str {
        &self.location
    }

    fn identity(&self) -> Identity {
        Identity::Opaque
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        let content = self.read();
        let manifest = content.tags.get(tag).and_then(|digest| content.manifests.get(digest));
        Ok(manifest.map(Manifest::descriptor))
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        Ok(self.read().manifests.get(digest).map(Manifest::descriptor))
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        Ok(self.read().manifests.get(digest).cloned())
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<SubjectIndexed, StoreError> {
        self.write().insert(manifest);
        Ok(SubjectIndexed::Yes)
    }

    async fn tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), StoreError> {
        let mut content = self.write();
        content.insert(manifest);
        content.tags.insert(tag.clone(), *manifest.digest());
        Ok(())
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        Ok(self.read().tags.keys().cloned().collect())
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        let content = self.read();
        let digests = content.referrers.get(subject).into_iter().flatten();
        let listed = digests
            .filter_map(|digest| content.manifests.get(digest))
            .map(Manifest::referrer_descriptor)
            .filter(|listed| artifact_type.is_none_or(|wanted| listed.artifact_type.as_deref() == Some(wanted)));
        Ok(Referrers::Listed(listed.collect()))
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        Ok(self.read().blobs.get(digest).map(|bytes| bytes.len() as u64))
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        let Some(mut bytes) = self.read().blobs.get(&descriptor.digest).cloned() else { return Ok(None) };
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Ok(Some(BlobBody::from_bytes(bytes.split_off(skipped))))
    }

    async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        meter: &Meter,
    ) -> Result<Put, StoreError> {
        if let Some(found) = self.stat_blob(&descriptor.digest).await? {
            return if found == descriptor.size {
                Ok(Put::AlreadyThere)
            } else {
                let Descriptor { digest, size: expected, .. } = *descriptor;
                Err(StoreError::Size { location: self.location.clone(), digest, expected, found })
            };
        }
        let mut moved = 0;
        let bytes = self.receive(descriptor, source, meter, &mut moved).await.inspect_err(|_| meter.rewind(moved))?;
        self.write().blobs.insert(descriptor.digest, bytes);
        Ok(Put::Stored)
    }

    async fn adopt_blob(&self, _descriptor: &Descriptor, _from: &Identity) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn delete_manifest(&self, digest: &Digest) -> Result<bool, StoreError> {
        let mut content = self.write();
        let Some(manifest) = content.manifests.remove(digest) else { return Ok(false) };
        content.tags.retain(|_, tagged| tagged != digest);
        if let Some(subject) = manifest.subject()
            && let Some(listed) = content.referrers.get_mut(&subject.digest)
        {
            listed.remove(digest);
        }
        Ok(true)
    }

    async fn delete_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        Ok(self.write().tags.remove(tag).is_some())
    }

    async fn delete_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        Ok(self.write().blobs.remove(digest).is_some())
    }
}
