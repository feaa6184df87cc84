//! Removing what a layout no longer needs.

use std::collections::BTreeMap;

use graph::{CollectionPlan, Inventory, NodeId};

use super::{Layout, LayoutStore};
use crate::collection::{self, Collected};
use crate::content_files::inventory;
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
    /// When a file cannot be removed; the others before it are.
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
        let index = self.index(&mut self.state())?;
        let listed = index.entries().filter(|entry| entry.descriptor.manifest_kind().is_some());
        let graph = inventory(&*self.blobs, listed.map(|entry| entry.descriptor.digest), &self.location)?;
        let tags: BTreeMap<_, _> =
            index.entries().filter_map(|entry| Some((entry.tag.clone()?, entry.descriptor.digest))).collect();
        let mut pinned: Vec<NodeId> =
            self.roots()?.into_iter().map(|(_, root)| NodeId::manifest(root.digest)).collect();
        // What is listed and is no manifest is somebody's all the same.
        let others = index.entries().filter(|entry| entry.descriptor.manifest_kind().is_none());
        pinned.extend(others.map(|entry| NodeId::blob(entry.descriptor.digest)));
        Ok((Inventory { graph, tags }, pinned))
    }

    fn apply(&self, plan: &CollectionPlan) -> Result<Collected, StoreError> {
        self.change_index(|index| {
            let mut changed = false;
            for tag in &plan.untag {
                changed |= index.remove_tag(tag, |_| false)?;
            }
            for digest in collection::dead(plan) {
                changed |= index.remove(&digest);
            }
            Ok(changed)
        })?;
        let collected = collection::remove_files(&self.blobs, plan)?;
        self.state().scan = None;
        Ok(collected)
    }
}
