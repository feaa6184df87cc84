//! Removing what no name needs.

use std::collections::BTreeSet;

use graph::{CollectionPlan, Inventory, NodeId};
use oci::{Digest, RepositoryName, Tag};

use super::{ContentStore, Inner};
use crate::collection::{self, Collected};
use crate::content_files::{ContentFiles as _, inventory};
use crate::error::StoreError;

/// What is pruned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PruneOptions {
    /// Leave the manifests that are kept between runs.
    pub keep_cached_manifests: bool,
    /// Say what would be removed and remove nothing.
    pub dry_run: bool,
}

/// What was pruned, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// Manifests and blobs that no name needs.
    pub content: Collected,
    /// Manifests that were kept between runs.
    pub cached: Collected,
    /// Attachment tags whose subject no name needs.
    pub untagged: Vec<(RepositoryName, Tag)>,
}

impl ContentStore {
    /// Removes what no name needs: content that is neither tagged, nor a root, nor part of one, nor about one.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when another process uses names of the store at this moment, and [`StoreError::File`] when
    /// something cannot be read or removed. An interrupted pruning leaves nothing incomplete and may be repeated.
    pub async fn prune(&self, options: PruneOptions) -> Result<PruneReport, StoreError> {
        self.run(move |store| {
            store.begin_session()?;
            collection::take_alone(store.session.get(), &store.root, &store.location)?;
            let outcome = store.prune(options);
            if let Some(lock) = store.session.get() {
                lock.downgrade(&store.root)?;
            }
            outcome
        })
        .await
    }
}

/// What a pruning does.
struct PrunePlan {
    collection: CollectionPlan,
    untag: Vec<(RepositoryName, Tag)>,
}

impl Inner {
    fn prune(&self, options: PruneOptions) -> Result<PruneReport, StoreError> {
        let plan = self.plan(None)?;
        let mut report = PruneReport { untagged: plan.untag.clone(), ..PruneReport::default() };
        let cached = if options.keep_cached_manifests { Vec::new() } else { self.cache.list()? };
        report.cached.files = cached.len() as u64;
        report.cached.bytes = cached.iter().map(|(_, size)| size).sum();
        if options.dry_run {
            for digest in collection::dead(&plan.collection) {
                if let Some(size) = self.blobs.stat(&digest)? {
                    report.content.files += 1;
                    report.content.bytes += size;
                }
            }
            return Ok(report);
        }
        for (name, tag) in &plan.untag {
            self.names.change(name, |name| name.tags.remove(tag).is_some())?;
        }
        let dead: BTreeSet<Digest> = collection::dead(&plan.collection).into_iter().collect();
        for (subject, referrer) in self.referrers.all()? {
            // An entry whose manifest is gone, after it was found damaged perhaps, is no list.
            if dead.contains(&referrer) || self.blobs.stat(&referrer)?.is_none() {
                self.referrers.remove(&subject, &referrer)?;
            }
        }
        report.content = collection::remove_files(&self.blobs, &plan.collection)?;
        for (digest, _) in cached {
            self.cache.remove(&digest)?;
        }
        self.blobs.staging().remove_if_empty();
        Ok(report)
    }

    /// Tells whether names other than `name` need this content.
    pub(super) fn is_needed_beside(&self, name: &RepositoryName, digest: &Digest) -> Result<bool, StoreError> {
        let keep = self.plan(Some(name))?.collection.keep;
        Ok(keep.contains(&NodeId::manifest(*digest)) || keep.contains(&NodeId::blob(*digest)))
    }

    /// Returns what lives, as far as names other than `except` say, and what does not.
    fn plan(&self, except: Option<&RepositoryName>) -> Result<PrunePlan, StoreError> {
        let mut roots = BTreeSet::new();
        let mut attached = Vec::new();
        for name in self.names.list()?.into_iter().filter(|name| Some(name) != except) {
            let content = self.names.read(&name)?;
            roots.extend(content.roots.iter().map(|root| root.digest));
            for (tag, descriptor) in content.tags {
                match tag.attached_to() {
                    Some((subject, _)) => attached.push((name.clone(), tag, subject, descriptor.digest)),
                    None => {
                        roots.insert(descriptor.digest);
                    }
                }
            }
        }
        let named = roots.iter().copied().chain(attached.iter().map(|(_, _, _, digest)| *digest));
        let graph = inventory(&*self.blobs, named.collect::<Vec<_>>(), &self.location)?;
        // Each name has its own tags, so they are not the inventory's; what an attachment tag names is a root once its
        // subject lives, and may bring further subjects to life.
        let inventory = Inventory { graph, ..Inventory::default() };
        loop {
            let collection = CollectionPlan::new(&inventory, roots.iter().copied().map(NodeId::manifest));
            let lives = |subject: &Digest| {
                [NodeId::manifest(*subject), NodeId::blob(*subject)].iter().any(|id| collection.keep.contains(id))
            };
            let (living, dead): (Vec<_>, Vec<_>) = attached.iter().partition(|(_, _, subject, _)| lives(subject));
            let before = roots.len();
            roots.extend(living.iter().map(|(_, _, _, digest)| *digest));
            if roots.len() == before {
                let untag = dead.into_iter().map(|(name, tag, _, _)| (name.clone(), tag.clone())).collect();
                return Ok(PrunePlan { collection, untag });
            }
        }
    }
}
