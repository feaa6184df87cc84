//! Removing what a layout no longer needs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use graph::{CollectionPlan, Inventory, NodeId};
use oci::Digest;

use super::{Layout, LayoutStore};
use crate::collection::{self, Collected};
use crate::content_files::{ContentFiles as _, inventory};
use crate::error::StoreError;

/// A layout that nobody else is writing to, so that what an inventory found unused stays unused until it is removed. Other
/// processes that want to write wait until this is dropped.
#[derive(Debug)]
pub struct LayoutCollection<'a> {
    store: &'a LayoutStore,
}

impl LayoutStore {
    /// Keeps other processes from writing to the layout, in order to collect. The store must have been opened to write.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when another process is at work in the layout.
    pub async fn begin_collection(&self) -> Result<LayoutCollection<'_>, StoreError> {
        self.run(|layout| {
            layout.make()?;
            collection::take_alone(layout.session.get(), &layout.path, &layout.location)
        })
        .await?;
        Ok(LayoutCollection { store: self })
    }
}

/// Everything that a layout has, for a plan of what goes.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// Manifests, blobs and tags.
    pub inventory: Inventory,
    /// What the layout lists without a name for its own sake. What is about something else is not.
    pub pinned: BTreeSet<NodeId>,
    /// What was written at or after a moment, as somebody may be about to name it.
    pub recent: BTreeSet<NodeId>,
}

impl LayoutStore {
    /// Returns everything the layout has, with what was written since a moment; without one, everything counts as that.
    ///
    /// # Errors
    /// When the layout cannot be read whole: what cannot be read cannot be known to be unused.
    pub async fn holdings(&self, since: Option<SystemTime>) -> Result<Holdings, StoreError> {
        self.run(move |layout| layout.holdings(since)).await
    }
}

impl LayoutCollection<'_> {
    /// Returns everything the layout has, and the roots that no tag names, which a plan has to be told of.
    ///
    /// # Errors
    /// When the layout cannot be read whole: what cannot be read cannot be known to be unused.
    pub async fn inventory(&self) -> Result<(Inventory, Vec<NodeId>), StoreError> {
        self.store.run(Layout::inventory).await
    }

    /// Removes what `plan` says, which was made of this inventory: entries of `index.json` first, files after them.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when a program that does not heed the lock has given a name to something that was to go; nothing is
    /// removed then. When a file cannot be removed; the others before it are.
    pub async fn apply(&self, plan: &CollectionPlan) -> Result<Collected, StoreError> {
        let plan = plan.clone();
        self.store.run(move |layout| layout.apply(&plan)).await
    }
}

impl Drop for LayoutCollection<'_> {
    fn drop(&mut self) {
        if let Some(lock) = self.store.layout.session.get() {
            // At worst others wait until this process ends.
            let _ = lock.downgrade(&self.store.layout.path);
        }
    }
}

impl Layout {
    fn inventory(&self) -> Result<(Inventory, Vec<NodeId>), StoreError> {
        let (inventory, others) = self.listed()?;
        let roots = self.roots()?.into_iter().map(|(_, root)| NodeId::manifest(root.digest));
        Ok((inventory, roots.chain(others).collect()))
    }

    fn holdings(&self, since: Option<SystemTime>) -> Result<Holdings, StoreError> {
        let (inventory, others) = self.listed()?;
        let nameless = self.roots()?.into_iter().filter(|(tag, _)| tag.is_none()).map(|(_, root)| root.digest);
        let is_about =
            |digest: &Digest| inventory.graph.manifest(digest).is_some_and(|found| found.subject().is_some());
        let roots = nameless.filter(|digest| !is_about(digest)).map(NodeId::manifest);
        let pinned = roots.chain(others).collect();
        let mut recent = BTreeSet::new();
        for (digest, _) in self.blobs.list()? {
            let written = self.blobs.written(&digest)?;
            if since.is_none_or(|since| written.is_none_or(|written| written >= since)) {
                recent.extend([NodeId::manifest(digest), NodeId::blob(digest)]);
            }
        }
        Ok(Holdings { inventory, pinned, recent })
    }

    /// Returns everything there is, and what is listed and no manifest: that is somebody's all the same.
    fn listed(&self) -> Result<(Inventory, Vec<NodeId>), StoreError> {
        let index = self.index(&mut self.state())?;
        let (manifests, others): (Vec<_>, Vec<_>) =
            index.entries().partition(|entry| entry.descriptor.manifest_kind().is_some());
        let starts = manifests.iter().map(|entry| entry.descriptor.digest);
        let graph = inventory(&*self.blobs, starts, &self.location)?;
        let tags: BTreeMap<_, _> =
            index.entries().filter_map(|entry| Some((entry.tag.clone()?, entry.descriptor.digest))).collect();
        let others = others.iter().map(|entry| NodeId::blob(entry.descriptor.digest)).collect();
        Ok((Inventory { graph, tags }, others))
    }

    fn apply(&self, plan: &CollectionPlan) -> Result<Collected, StoreError> {
        let dead: BTreeSet<Digest> = collection::dead(plan).into_iter().collect();
        let named: BTreeSet<_> = plan.untag.iter().collect();
        let mut renamed = None;
        self.change_index(|index| {
            let dying = index.entries().filter(|entry| dead.contains(&entry.descriptor.digest));
            renamed = dying.filter_map(|entry| entry.tag.clone()).find(|tag| !named.contains(tag));
            if renamed.is_some() {
                return Ok(false);
            }
            // What is about something that stays is listed without a name.
            let is_listed = |digest: &Digest| {
                let manifest = self.blobs.manifest(digest, &self.location);
                plan.keep.contains(&NodeId::manifest(*digest))
                    && manifest.is_ok_and(|manifest| manifest.is_some_and(|manifest| manifest.subject().is_some()))
            };
            let mut changed = false;
            for tag in &plan.untag {
                changed |= index.remove_tag(tag, is_listed)?;
            }
            for digest in &dead {
                changed |= index.remove(digest);
            }
            Ok(changed)
        })?;
        if let Some(tag) = renamed {
            return Err(StoreError::Refused {
                location: self.location.clone(),
                action: "to be collected".to_owned(),
                reason: format!("another program has set tag {tag} meanwhile"),
                status: None,
            });
        }
        let collected = collection::remove_files(&self.blobs, plan)?;
        self.state().scan = None;
        Ok(collected)
    }
}
