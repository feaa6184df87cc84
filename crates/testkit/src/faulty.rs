//! A store around a store that loses, omits and lies, and counts what it is asked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use oci::{Descriptor, Digest, Manifest, Tag};
use store::{BlobBody, BlobSource, Identity, Meter, Put, Referrers, Store, StoreError, SubjectIndexed};

use crate::source::TestSource;

/// One way in which a store is not as it should be.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The blob is not there, though it may have been put.
    LoseBlob(Digest),
    /// The manifest is not there, though it may have been put.
    LoseManifest(Digest),
    /// A manifest with this digest is acknowledged and thrown away.
    SwallowManifest(Digest),
    /// Any read of this blob yields these bytes.
    ReplaceBlob(Digest, Bytes),
    /// This manifest stands in no list of referrers.
    OmitReferrer(Digest),
    /// The list of referrers of the first holds the second as well.
    ListStranger(Digest, Box<Descriptor>),
    /// The list of referrers of this cannot be had.
    FailReferrers(Digest),
    /// Lists of referrers are not kept at all.
    NoReferrers,
    /// Lists of referrers ignore the filter.
    IgnoreFilter,
    /// Blobs are not checked when they are put.
    TrustBlobs,
    /// This tag is acknowledged and not set.
    ForgetTag(Tag),
}

/// A store around a store. Without faults it only counts.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    faults: Vec<Fault>,
    calls: Mutex<BTreeMap<&'static str, usize>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    unchecked: Mutex<BTreeMap<Digest, Bytes>>,
}

/// A call that is under way; it ends when this is dropped.
struct Call<'a>(&'a FaultyStore);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

impl FaultyStore {
    /// Returns a store with these faults around another.
    pub fn new(inner: Arc<dyn Store>, faults: impl IntoIterator<Item = Fault>) -> Self {
        Self {
            inner,
            faults: faults.into_iter().collect(),
            calls: Mutex::default(),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            unchecked: Mutex::default(),
        }
    }

    /// Returns how often a method of [`Store`] was called.
    pub fn calls(&self, method: &str) -> usize {
        self.all_calls().get(method).copied().unwrap_or(0)
    }

    /// Returns how often each method of [`Store`] was called.
    pub fn all_calls(&self) -> BTreeMap<&'static str, usize> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the calls so far.
    pub fn reset_calls(&self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.most_under_way.store(0, Ordering::SeqCst);
    }

    /// Returns how many calls were under way at once at most.
    pub fn most_under_way(&self) -> usize {
        self.most_under_way.load(Ordering::SeqCst)
    }

    fn call(&self, method: &'static str) -> Call<'_> {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(method).or_default() += 1;
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_under_way.fetch_max(now, Ordering::SeqCst);
        Call(self)
    }

    fn loses_blob(&self, digest: &Digest) -> bool {
        self.faults.iter().any(|fault| matches!(fault, Fault::LoseBlob(lost) if lost == digest))
    }

    fn loses_manifest(&self, digest: &Digest) -> bool {
        self.faults.iter().any(|fault| matches!(fault, Fault::LoseManifest(lost) if lost == digest))
    }

    fn has(&self, wanted: fn(&Fault) -> bool) -> bool {
        self.faults.iter().any(wanted)
    }

    /// Bytes that stand in the place of a blob.
    fn replacement(&self, digest: &Digest) -> Option<Bytes> {
        let replaced = self.faults.iter().find_map(|fault| match fault {
            Fault::ReplaceBlob(replaced, bytes) if replaced == digest => Some(bytes.clone()),
            _ => None,
        });
        replaced.or_else(|| self.unchecked.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned())
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn location(&self) -> &str {
        self.inner.location()
    }

    fn identity(&self) -> Identity {
        // Nobody goes around the faults.
        Identity::Opaque
    }

    fn concurrency(&self) -> usize {
        self.inner.concurrency()
    }

    async fn roots(&self) -> Result<Option<Vec<(Option<Tag>, Descriptor)>>, StoreError> {
        self.inner.roots().await
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        let _call = self.call("resolve");
        tokio::task::yield_now().await;
        self.inner.resolve(tag).await
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        let _call = self.call("stat_manifest");
        tokio::task::yield_now().await;
        if self.loses_manifest(digest) {
            return Ok(None);
        }
        self.inner.stat_manifest(digest).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        let _call = self.call("manifest");
        tokio::task::yield_now().await;
        if self.loses_manifest(digest) {
            return Ok(None);
        }
        self.inner.manifest(digest).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<SubjectIndexed, StoreError> {
        let _call = self.call("put_manifest");
        tokio::task::yield_now().await;
        let swallowed = |fault: &Fault| matches!(fault, Fault::SwallowManifest(digest) if digest == manifest.digest());
        if self.faults.iter().any(swallowed) {
            return Ok(SubjectIndexed::Yes);
        }
        let indexed = self.inner.put_manifest(manifest).await?;
        let unlisted = self.has(|fault| matches!(fault, Fault::NoReferrers)) && manifest.subject().is_some();
        Ok(if unlisted { SubjectIndexed::No } else { indexed })
    }

    async fn tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), StoreError> {
        let _call = self.call("tag");
        tokio::task::yield_now().await;
        if self.faults.iter().any(|fault| matches!(fault, Fault::ForgetTag(forgotten) if forgotten == tag)) {
            return Ok(());
        }
        self.inner.tag(tag, manifest).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        let _call = self.call("tags");
        tokio::task::yield_now().await;
        self.inner.tags().await
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        let _call = self.call("referrers");
        tokio::task::yield_now().await;
        if self.has(|fault| matches!(fault, Fault::NoReferrers)) {
            return Ok(Referrers::Unsupported);
        }
        let artifact_type = artifact_type.filter(|_| !self.has(|fault| matches!(fault, Fault::IgnoreFilter)));
        let mut listed = match self.inner.referrers(subject, artifact_type).await? {
            Referrers::Listed(listed) => listed,
            Referrers::Unsupported => return Ok(Referrers::Unsupported),
        };
        for fault in &self.faults {
            match fault {
                Fault::OmitReferrer(omitted) => listed.retain(|descriptor| descriptor.digest != *omitted),
                Fault::ListStranger(listed_for, stranger) if listed_for == subject => listed.push((**stranger).clone()),
                Fault::FailReferrers(failing) if failing == subject => {
                    return Err(StoreError::Unreachable {
                        location: self.location().to_owned(),
                        reason: "the list of referrers broke off".to_owned(),
                        source: None,
                    });
                }
                _ => {}
            }
        }
        Ok(Referrers::Listed(listed))
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let _call = self.call("stat_blob");
        tokio::task::yield_now().await;
        if self.loses_blob(digest) {
            return Ok(None);
        }
        match self.replacement(digest) {
            Some(bytes) => Ok(Some(bytes.len() as u64)),
            None => self.inner.stat_blob(digest).await,
        }
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        let _call = self.call("open_blob");
        tokio::task::yield_now().await;
        if self.loses_blob(&descriptor.digest) {
            return Ok(None);
        }
        match self.replacement(&descriptor.digest) {
            Some(bytes) => TestSource::memory(bytes).open(offset).await.map(Some),
            None => self.inner.open_blob(descriptor, offset).await,
        }
    }

    async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        meter: &Meter,
    ) -> Result<Put, StoreError> {
        let _call = self.call("put_blob");
        tokio::task::yield_now().await;
        if !self.has(|fault| matches!(fault, Fault::TrustBlobs)) {
            return self.inner.put_blob(descriptor, source, meter).await;
        }
        let chunks: Vec<Bytes> = source.open(0).await?.into_stream().try_collect().await?;
        let bytes = Bytes::from(chunks.concat());
        meter.advance(bytes.len() as u64);
        self.unchecked.lock().unwrap_or_else(PoisonError::into_inner).insert(descriptor.digest, bytes);
        Ok(Put::Stored)
    }

    async fn adopt_blob(&self, descriptor: &Descriptor, from: &Identity) -> Result<bool, StoreError> {
        let _call = self.call("adopt_blob");
        self.inner.adopt_blob(descriptor, from).await
    }

    async fn delete_manifest(&self, digest: &Digest) -> Result<bool, StoreError> {
        let _call = self.call("delete_manifest");
        self.inner.delete_manifest(digest).await
    }

    async fn delete_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        let _call = self.call("delete_tag");
        self.inner.delete_tag(tag).await
    }

    async fn delete_blob(&self, digest: &Digest) -> Result<bool, StoreError> {
        let _call = self.call("delete_blob");
        self.inner.delete_blob(digest).await
    }

    async fn finish(&self) -> Result<(), StoreError> {
        let _call = self.call("finish");
        self.inner.finish().await
    }
}
