//! Does what a plan says, as far as it still holds.
//!
//! Nothing is removed because a plan says so: the place is looked at again, and what something needs now stays. In a layout all of
//! it happens under the layout's lock. In a registry each tag is asked for right before it is removed, and manifests are
//! removed only after a second look at all tags that are left.

use std::collections::{BTreeMap, BTreeSet};

use graph::{NodeId, RemovalPlan};
use oci::{Digest, Reference, Tag};
use store::layout::Holdings;
use store::{LayoutStore, Store, StoreError, Untagged};

use super::document::{PlanDocument, TagShape};
use super::look::{self, At};
use super::{GcRequest, Place, plan_at, plan_of, settled_before, unsupported};
use crate::context::Context;
use crate::error::OpsError;

/// What was done.
#[derive(Debug, Default)]
pub struct Applied {
    /// The place.
    pub place: String,
    /// Tags that were removed.
    pub tags: Vec<Tag>,
    /// Manifests that were removed.
    pub manifests: Vec<Digest>,
    /// Blobs that were removed; a registry removes them itself.
    pub blobs: Vec<Digest>,
    /// Number of bytes of manifests and blobs that were removed, or that a registry is free to remove now.
    pub bytes: u64,
    /// What the plan names and is left.
    pub left: Vec<Left>,
    /// What went wrong. Without `keep_going` the first failure is the last.
    pub failures: Vec<OpsError>,
}

/// Something that a plan names and that was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// What it is: `tag 1.0`, `manifest sha256:…`.
    pub what: String,
    /// Why it was left.
    pub reason: String,
}

/// Removes what is not needed: by the plan that is given, or by one that is made now.
///
/// Cancelling leaves content that nothing names, and no name of something that is not there. An interrupted removal is finished
/// with the same plan.
///
/// # Errors
/// As [`super::plan`], and [`OpsError::Usage`] when the plan was made for another place. What fails while things are removed is in
/// the report.
pub async fn apply(
    context: &Context,
    request: &GcRequest,
    given: Option<PlanDocument>,
    dry_run: bool,
    keep_going: bool,
) -> Result<Applied, OpsError> {
    let place = Place::of(request)?;
    if dry_run || place == Place::Registry {
        let store = context.open_itself(&request.place).await?;
        let plan = match given {
            Some(plan) => plan,
            None => plan_at(context, request).await?.document,
        };
        check_place(&plan, store.location())?;
        if dry_run {
            let mut done = as_planned(&plan);
            if place == Place::Registry {
                done.blobs.clear();
            }
            return Ok(done);
        }
        return Registry { context, store: &*store, plan: &plan, keep_going, done: Applied::default() }.apply().await;
    }
    let Reference::Layout { path, .. } = &request.place else { return Err(unsupported(&request.place)) };
    // Opening for writing would make a layout where there is none.
    LayoutStore::open(path)?;
    layout(context, &LayoutStore::open_or_create(path)?, request, given).await
}

fn check_place(plan: &PlanDocument, location: &str) -> Result<(), OpsError> {
    if plan.place == location {
        return Ok(());
    }
    let message = format!("the plan was made for {}, not for {location}", oci::text::printable(&plan.place));
    Err(OpsError::usage(message, format!("supercargo gc plan {location}")))
}

/// Returns the report of everything that a plan names.
fn as_planned(plan: &PlanDocument) -> Applied {
    let mut done = Applied { place: plan.place.clone(), bytes: plan.bytes, ..Applied::default() };
    for section in plan.sections() {
        done.tags.extend(section.tags.iter().map(|tag| tag.tag.clone()));
        done.manifests.extend(section.manifests.iter().map(|removal| removal.digest));
        done.blobs.extend(section.blobs.iter().map(|removal| removal.digest));
    }
    done
}

/// Collects a layout, all of it under its lock.
async fn layout(
    context: &Context,
    store: &LayoutStore,
    request: &GcRequest,
    given: Option<PlanDocument>,
) -> Result<Applied, OpsError> {
    let collection = store.begin_collection().await?;
    let held = store.holdings(settled_before(context, request.grace)).await?;
    let (document, plan, left) = match given {
        None => {
            let planned = plan_of(context, store, &held, &request.rules).await?;
            (planned.document, planned.plan.collection, Vec::new())
        }
        Some(document) => {
            check_place(&document, store.location())?;
            let (plan, left) = what_still_holds(&held, &document);
            (document, plan.collection, left)
        }
    };
    let collected = collection.apply(&plan).await?;
    drop(collection);
    store.finish().await?;
    let removed: BTreeSet<NodeId> = plan.remove.iter().copied().collect();
    let untagged: BTreeSet<&Tag> = plan.untag.iter().collect();
    let mut done = as_planned(&document);
    done.tags.retain(|tag| untagged.contains(tag));
    done.manifests.retain(|digest| removed.contains(&NodeId::manifest(*digest)));
    done.blobs.retain(|digest| removed.contains(&NodeId::blob(*digest)));
    done.bytes = collected.bytes;
    done.left = left;
    Ok(done)
}

/// Returns what of a plan that was made before can be removed now, and what cannot.
fn what_still_holds(held: &Holdings, document: &PlanDocument) -> (RemovalPlan, Vec<Left>) {
    let mut left = Vec::new();
    let mut taken = BTreeSet::new();
    let tags: BTreeMap<&Tag, &TagShape> =
        document.sections().into_iter().flat_map(|section| &section.tags).map(|tag| (&tag.tag, tag)).collect();
    for (tag, planned) in &tags {
        match held.inventory.tags.get(*tag) {
            Some(digest) if *digest == planned.digest => drop(taken.insert((*tag).clone())),
            Some(_) => left.push(moved(tag)),
            None => {}
        }
    }
    let mut plan = RemovalPlan::new(&held.inventory, &taken, &held.pinned, &held.recent);
    let sections = || document.sections().into_iter();
    let manifests = sections().flat_map(|section| &section.manifests).map(|r| NodeId::manifest(r.digest));
    let blobs = sections().flat_map(|section| &section.blobs).map(|r| NodeId::blob(r.digest));
    let planned: BTreeSet<NodeId> = manifests.chain(blobs).collect();
    let needed = planned.iter().filter(|id| plan.collection.keep.contains(id));
    left.extend(needed.map(|id| Left { what: id.to_string(), reason: NEEDED.to_owned() }));
    plan.collection.remove.retain(|id| planned.contains(id));
    plan.collection.untag.retain(|tag| tags.contains_key(tag));
    (plan, left)
}

const NEEDED: &str = "something needs it now";

fn moved(tag: &Tag) -> Left {
    Left { what: format!("tag {tag}"), reason: "it has moved since the plan was made".to_owned() }
}

/// A repository of a registry while it is changed.
struct Registry<'a> {
    context: &'a Context,
    store: &'a dyn Store,
    plan: &'a PlanDocument,
    keep_going: bool,
    done: Applied,
}

/// A failure after which nothing more is tried.
struct Stopped;

impl Registry<'_> {
    async fn apply(mut self) -> Result<Applied, OpsError> {
        self.done.place.clone_from(&self.plan.place);
        let outcome = self.run().await?;
        if outcome.is_err() {
            let rest = "the rest of the plan was not tried".to_owned();
            self.done.left.push(Left { what: "the rest".to_owned(), reason: rest });
        }
        self.store.finish().await?;
        Ok(self.done)
    }

    /// Goes through the plan: names, manifests without them and what is about those, and at last tags that attach something
    /// to what is gone: as long as these are there, an interrupted removal can be seen and finished.
    async fn run(&mut self) -> Result<Result<(), Stopped>, OpsError> {
        let plan = self.plan;
        let is_name = |tag: &&TagShape| !matches!(tag.tag.attached_to(), Some((_, Some(_))));
        let (names, mut attachments): (Vec<&TagShape>, Vec<&TagShape>) = plan.reachable.tags.iter().partition(is_name);
        attachments.extend(plan.lists.tags.iter().chain(&plan.unreachable.tags));
        // Tags that this registry does not remove by name, and that go with their manifests.
        let mut bound: BTreeSet<Tag> = BTreeSet::new();
        let mut stopped = self.untag(&names, &mut bound).await;

        let removals: Vec<(Digest, u64)> = plan
            .sections()
            .into_iter()
            .flat_map(|section| &section.manifests)
            .map(|removal| (removal.digest, removal.size))
            .collect();
        if stopped.is_ok() && !removals.is_empty() {
            // A registry answers for blobs until it collects them, so that one is there does not show that something needs it.
            let blobs = plan.sections().into_iter().flat_map(|section| &section.blobs).map(|blob| blob.digest);
            let condemned = removals.iter().map(|(digest, _)| *digest).chain(blobs).collect();
            let held = look::look(self.context, self.store, At::Untagged(&condemned)).await?;
            for planned in &names {
                // A name that moved since is one of something else.
                let found = held.inventory.tags.get(&planned.tag);
                if found.is_some_and(|digest| *digest != planned.digest) && bound.remove(&planned.tag) {
                    self.done.left.push(moved(&planned.tag));
                }
            }
            let again = RemovalPlan::new(&held.inventory, &bound, &held.pinned, &held.recent);
            let keep = &again.collection.keep;
            let attached: BTreeSet<Digest> = attachments.iter().map(|tag| tag.digest).collect();
            let (last, first): (Vec<_>, Vec<_>) = removals.iter().partition(|(digest, _)| attached.contains(digest));
            stopped = self.remove(&first, keep, &names, &bound).await;
            if stopped.is_ok() {
                let (dead, alive): (Vec<&TagShape>, Vec<&TagShape>) =
                    attachments.iter().partition(|tag| !keep.contains(&NodeId::manifest(tag.digest)));
                self.done.left.extend(alive.iter().map(|tag| needed(format!("tag {}", tag.tag))));
                stopped = self.untag(&dead, &mut bound).await;
            }
            if stopped.is_ok() {
                stopped = self.remove(&last, keep, &attachments, &bound).await;
            }
        } else if stopped.is_ok() {
            stopped = self.untag(&attachments, &mut bound).await;
        }
        self.count_blobs();
        Ok(stopped)
    }

    /// Removes tags that still name what they named.
    async fn untag(&mut self, tags: &[&TagShape], bound: &mut BTreeSet<Tag>) -> Result<(), Stopped> {
        for planned in tags {
            match self.store.delete_tag_of(&planned.tag, &planned.digest).await {
                Ok(Untagged::Removed) => self.done.tags.push(planned.tag.clone()),
                Ok(Untagged::Absent) => {}
                Ok(Untagged::Moved) => self.done.left.push(moved(&planned.tag)),
                Err(error) if is_unsupported(&error) && planned.manifest_stays => {
                    let reason = "this registry removes no tags by name, and what it names is needed".to_owned();
                    self.done.left.push(Left { what: format!("tag {}", planned.tag), reason });
                }
                Err(error) if is_unsupported(&error) => drop(bound.insert(planned.tag.clone())),
                Err(error) => self.failed(error.into())?,
            }
        }
        Ok(())
    }

    /// Removes manifests that nothing needs. Tags that are bound to them are asked for once more, and go along.
    async fn remove(
        &mut self,
        removals: &[&(Digest, u64)],
        keep: &BTreeSet<NodeId>,
        tags: &[&TagShape],
        bound: &BTreeSet<Tag>,
    ) -> Result<(), Stopped> {
        for (digest, size) in removals {
            if keep.contains(&NodeId::manifest(*digest)) {
                self.done.left.push(needed(format!("manifest {digest}")));
                continue;
            }
            match self.store.delete_manifest(digest).await {
                Ok(true) => {
                    self.done.manifests.push(*digest);
                    self.done.bytes = self.done.bytes.saturating_add(*size);
                }
                Ok(false) => {}
                Err(error) => {
                    self.failed(error.into())?;
                    continue;
                }
            }
            for tag in tags.iter().filter(|tag| tag.digest == *digest && bound.contains(&tag.tag)) {
                match self.store.resolve(&tag.tag).await {
                    Ok(None) => self.done.tags.push(tag.tag.clone()),
                    Ok(Some(_)) => {
                        let reason = "this registry removes no tags by name, nor with their manifests".to_owned();
                        self.done.left.push(Left { what: format!("tag {}", tag.tag), reason });
                    }
                    Err(error) => self.failed(error.into())?,
                }
            }
        }
        Ok(())
    }

    /// Counts the blobs that the registry is free to remove, once everything that needed them is gone.
    fn count_blobs(&mut self) {
        if self.done.left.is_empty() && self.done.failures.is_empty() {
            let blobs = self.plan.sections().into_iter().flat_map(|section| &section.blobs);
            self.done.bytes = blobs.fold(self.done.bytes, |sum, blob| sum.saturating_add(blob.size));
        }
    }

    fn failed(&mut self, error: OpsError) -> Result<(), Stopped> {
        self.done.failures.push(error);
        if self.keep_going { Ok(()) } else { Err(Stopped) }
    }
}

fn needed(what: String) -> Left {
    Left { what, reason: NEEDED.to_owned() }
}

/// Tells whether a registry does not remove this kind of thing at all.
fn is_unsupported(error: &StoreError) -> bool {
    matches!(error, StoreError::Refused { status: Some(400 | 405 | 501), .. })
}
