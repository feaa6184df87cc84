//! Archives that leave out what whoever gets them has already.
//!
//! Such an archive holds every manifest and index of the project as it is locked, and of the blobs exactly those that the baseline, an
//! earlier lock, does not have. It names the baseline by the digest of its text. Before it is loaded the destination has to show every
//! blob that was left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use graph::node::{child_id, content_edges};
use graph::{Graph, Space, WalkOptions};
use oci::{Descriptor, Digest, Manifest, Selector, Tag};
use resolve::lock::{Lock, LockedImage};
use store::{BlobBody, BlobSource, Identity, Meter, Put, Referrers, Store, StoreError, SubjectIndexed};
use transfer::{NoCache, RootRequest};

use crate::carried::CarriedLock;
use crate::context::Context;
use crate::error::{OpsError, Told};
use crate::sources::Sources;

/// Most blobs that are listed when a baseline is not there.
const LISTED_MAX: usize = 20;

/// Blobs that are taken to be there, with their sizes in bytes.
pub(crate) type Had = Arc<BTreeMap<Digest, u64>>;

/// Returns what names a baseline: the digest of its text.
pub(crate) fn digest(lock: &Lock) -> Digest {
    Digest::sha256(lock.text().as_bytes())
}

/// Returns the blobs of the images that the baseline has. Its manifests are read where they still are; of those that cannot be had any
/// more, what the lock says of them counts: configurations and layers. So too little may be taken to be there, never too much.
///
/// # Errors
/// What the stores of the images bring.
pub(crate) async fn had(
    context: &Context,
    baseline: &Lock,
    images: &[(&String, &LockedImage, Arc<dyn Store>)],
    sources: &mut Sources<'_>,
    walk: WalkOptions,
) -> Result<Had, OpsError> {
    let mut known = BTreeSet::new();
    for old in baseline.images.values() {
        known.extend(old.platforms.iter().flat_map(|platform| platform.layers.iter().chain(&platform.config)).copied());
        let roots = std::iter::once(old.digest).chain(old.artifacts.iter().map(|artifact| artifact.digest));
        if let Ok(store) = sources.of_former(&old.digest, &old.repository).await {
            // What was read until something could not be is known all the same.
            let _ = content(context, &*store, roots.collect(), &mut known).await;
        }
    }
    let mut had = BTreeMap::new();
    for (_, locked, store) in images {
        let graph = closure(&**store, locked.digest, walk, &*context.manifest_cache()).await?;
        let blobs = graph.nodes().filter(|(id, _)| id.space == Space::Blob && known.contains(&id.digest));
        had.extend(blobs.map(|(id, node)| (id.digest, node.descriptor.size)));
    }
    Ok(Arc::new(had))
}

/// Adds the blobs of manifests, and of those below them, as far as they can be read.
async fn content(
    context: &Context,
    store: &dyn Store,
    mut pending: Vec<Digest>,
    known: &mut BTreeSet<Digest>,
) -> Result<(), OpsError> {
    let cache = context.manifest_cache();
    let mut seen: BTreeSet<Digest> = BTreeSet::new();
    while let Some(digest) = pending.pop() {
        if !seen.insert(digest) {
            continue;
        }
        let Some(descriptor) = store.stat_manifest(&digest).await? else { continue };
        let Some(manifest) = transfer::explore::fetch_manifest(store, &descriptor, &*cache).await? else { continue };
        for (_, part) in content_edges(&manifest) {
            match child_id(part).space {
                Space::Manifest => pending.push(part.digest),
                Space::Blob => {
                    known.insert(part.digest);
                }
            }
        }
    }
    Ok(())
}

async fn closure(
    store: &dyn Store,
    digest: Digest,
    walk: WalkOptions,
    cache: &dyn transfer::ManifestCache,
) -> Result<Graph, OpsError> {
    let selector = Selector { tag: None, digest: Some(digest) };
    let roots = [RootRequest { selector, ..RootRequest::default() }];
    Ok(transfer::explore::closure_of(store, &roots, walk, cache).await?.graph)
}

/// Checks that everything that an archive leaves out is in one of the places. Nothing is written.
///
/// # Errors
/// [`OpsError::Unsound`] with what is missing, and what the stores bring.
pub(crate) async fn require_baseline(
    archive: &Arc<dyn Store>,
    carried: &CarriedLock,
    baseline: &Digest,
    places: &[Arc<dyn Store>],
    walk: WalkOptions,
) -> Result<(), OpsError> {
    let mut wanted: BTreeMap<Digest, Descriptor> = BTreeMap::new();
    for locked in carried.lock.images.values() {
        let graph = closure(&**archive, locked.digest, walk, &NoCache).await?;
        for (id, node) in graph.nodes().filter(|(id, _)| id.space == Space::Blob) {
            let is_left = node.descriptor.media_type.is_non_distributable();
            if !is_left && archive.stat_blob(&id.digest).await?.is_none() {
                wanted.insert(id.digest, node.descriptor.clone());
            }
        }
    }
    let concurrency = places.iter().map(|place| place.concurrency()).min().unwrap_or(1).max(1);
    let looks = wanted.values().map(|descriptor| async move {
        for place in places {
            if place.stat_blob(&descriptor.digest).await? == Some(descriptor.size) {
                return Ok(None);
            }
        }
        Ok::<_, StoreError>(Some(descriptor))
    });
    let looks: Vec<_> = stream::iter(looks).buffered(concurrency).try_collect().await?;
    let missing: Vec<&Descriptor> = looks.into_iter().flatten().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let listed = missing.iter().take(LISTED_MAX);
    let mut lines: Vec<String> =
        listed.map(|blob| format!("  missing: {} ({} bytes)", blob.digest, blob.size)).collect();
    if missing.len() > LISTED_MAX {
        lines.push(format!("  missing: {} more", missing.len() - LISTED_MAX));
    }
    let message = format!(
        "{} leaves out what the lock {baseline} has, and {} of {} blobs of that are not at the destination; nothing was written",
        archive.location(),
        missing.len(),
        wanted.len()
    );
    Err(OpsError::Unsound(Told { message, lines, help: Some("supercargo save whole.tar".to_owned()) }))
}

/// A destination that is taken to have some blobs: what is copied there is the rest.
#[derive(Debug)]
pub(crate) struct Over {
    inner: Arc<dyn Store>,
    had: Had,
}

impl Over {
    pub(crate) fn new(inner: Arc<dyn Store>, had: Had) -> Self {
        Self { inner, had }
    }
}

#[async_trait]
impl Store for Over {
    fn location(&self) -> &str {
        self.inner.location()
    }

    fn identity(&self) -> Identity {
        self.inner.identity()
    }

    fn concurrency(&self) -> usize {
        self.inner.concurrency()
    }

    fn backlog(&self) -> usize {
        self.inner.backlog()
    }

    async fn roots(&self) -> Result<Option<Vec<(Option<Tag>, Descriptor)>>, StoreError> {
        self.inner.roots().await
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        self.inner.resolve(tag).await
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        self.inner.stat_manifest(digest).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        self.inner.manifest(digest).await
    }

    async fn put_manifest(&self, manifest: &Manifest) -> Result<SubjectIndexed, StoreError> {
        self.inner.put_manifest(manifest).await
    }

    async fn tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), StoreError> {
        self.inner.tag(tag, manifest).await
    }

    async fn keep_root(&self, manifest: &Manifest) -> Result<(), StoreError> {
        self.inner.keep_root(manifest).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        self.inner.tags().await
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        self.inner.referrers(subject, artifact_type).await
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        match self.had.get(digest) {
            Some(size) => Ok(Some(*size)),
            None => self.inner.stat_blob(digest).await,
        }
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        self.inner.open_blob(descriptor, offset).await
    }

    fn distrust(&self, digest: &Digest) -> bool {
        self.inner.distrust(digest)
    }

    async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &dyn BlobSource,
        meter: &Meter,
    ) -> Result<Put, StoreError> {
        if self.had.contains_key(&descriptor.digest) {
            return Ok(Put::AlreadyThere);
        }
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

    async fn finish(&self) -> Result<(), StoreError> {
        self.inner.finish().await
    }
}
