//! A store with the habits of real registries, good and bad, that keeps a log of what it was asked.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use oci::{Descriptor, Digest, Manifest, Tag};
use store::{BlobBody, BlobSource, Identity, MemoryStore, Meter, Put, Referrers, Store, StoreError, SubjectIndexed};

/// A store in memory with habits.
#[derive(Debug)]
pub(crate) struct Quirky {
    pub inner: MemoryStore,
    /// Keeps no lists of referrers.
    pub no_referrers: bool,
    /// Answers that a manifest was stored and throws it away.
    pub drops: BTreeSet<Digest>,
    /// Stores a manifest but leaves it out of the list of referrers.
    pub unlisted: BTreeSet<Digest>,
    /// Cannot be reached when asked for the referrers of these.
    pub fails_referrers: BTreeSet<Digest>,
    /// Lists this for that subject, whether it is there or not.
    pub also_lists: Option<(Digest, Descriptor)>,
    /// Lists these for every subject.
    pub strangers: Vec<Descriptor>,
    pub log: Mutex<Vec<String>>,
}

impl Quirky {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            inner: MemoryStore::new(name),
            no_referrers: false,
            drops: BTreeSet::new(),
            unlisted: BTreeSet::new(),
            fails_referrers: BTreeSet::new(),
            also_lists: None,
            strangers: Vec::new(),
            log: Mutex::default(),
        }
    }

    pub(crate) fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }

    /// Returns what was asked since the last call, sorted.
    pub(crate) fn taken_log(&self) -> Vec<String> {
        let mut log = std::mem::take(&mut *self.log.lock().unwrap());
        log.sort();
        log
    }

    fn note(&self, line: impl Into<String>) {
        self.log.lock().unwrap().push(line.into());
    }
}

#[async_trait]
impl Store for Quirky {
    fn location(&self) -> &str {
        self.inner.location()
    }

    fn identity(&self) -> Identity {
        self.inner.identity()
    }

    fn concurrency(&self) -> usize {
        8
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        self.note(format!("head tag {tag}"));
        self.inner.resolve(tag).await
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        self.note(format!("head manifest {digest}"));
        self.inner.stat_manifest(digest).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        self.note(format!("get manifest {digest}"));
        self.inner.manifest(digest).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<SubjectIndexed, StoreError> {
        self.note(format!("put manifest {}", manifest.digest()));
        if self.drops.contains(manifest.digest()) {
            return Ok(SubjectIndexed::Yes);
        }
        let indexed = self.inner.put_manifest(manifest).await?;
        Ok(if self.no_referrers && manifest.subject().is_some() { SubjectIndexed::No } else { indexed })
    }

    async fn tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), StoreError> {
        self.note(format!("put tag {tag}"));
        self.inner.tag(tag, manifest).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        self.note("list tags");
        self.inner.tags().await
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        self.note(format!("list referrers {subject}"));
        if self.fails_referrers.contains(subject) {
            return Err(StoreError::Unreachable {
                location: self.location().to_owned(),
                reason: "the second page did not come".to_owned(),
                source: None,
            });
        }
        if self.no_referrers {
            return Ok(Referrers::Unsupported);
        }
        let Referrers::Listed(mut listed) = self.inner.referrers(subject, artifact_type).await? else {
            return Ok(Referrers::Unsupported);
        };
        listed.retain(|descriptor| !self.unlisted.contains(&descriptor.digest));
        listed.extend(self.strangers.iter().cloned());
        listed.extend(self.also_lists.iter().filter(|(about, _)| about == subject).map(|(_, listed)| listed.clone()));
        Ok(Referrers::Listed(listed))
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        self.note(format!("head blob {digest}"));
        self.inner.stat_blob(digest).await
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        self.note(format!("get blob {}", descriptor.digest));
        self.inner.open_blob(descriptor, offset).await
    }

    async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        meter: &Meter,
    ) -> Result<Put, StoreError> {
        self.note(format!("put blob {}", descriptor.digest));
        self.inner.put_blob(descriptor, source, meter).await
    }

    async fn adopt_blob(&self, descriptor: &Descriptor, from: &Identity) -> Result<bool, StoreError> {
        self.inner.adopt_blob(descriptor, from).await
    }

    async fn delete_manifest(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.inner.delete_manifest(digest).await
    }

    async fn delete_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        self.inner.delete_tag(tag).await
    }

    async fn delete_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        self.inner.delete_blob(digest).await
    }
}
