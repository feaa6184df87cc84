//! What a repository of a registry holds, as far as its public API shows it.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use graph::{Inventory, NodeId, WalkOptions};
use oci::{Descriptor, Digest, Manifest, ManifestKind, Tag, Timestamp};
use resolve::retention::Rules;
use store::Store;
use store::layout::Holdings;
use transfer::explore::{closure_from, fetch_manifest};

use super::Dates;
use crate::context::Context;
use crate::error::OpsError;

/// When a repository is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum At<'a> {
    /// At any time.
    Any,
    /// After tags were taken away: these manifests and blobs lost their names on purpose, and attachments do not keep them.
    Untagged(&'a BTreeSet<Digest>),
}

/// A tag and what it names; for a fallback tag also the list.
struct Named {
    tag: Tag,
    descriptor: Descriptor,
    list: Option<Manifest>,
}

impl Named {
    /// Tells whether the tag attaches something.
    fn is_attachment(&self) -> bool {
        self.list.is_some() || matches!(self.tag.attached_to(), Some((_, Some(_))))
    }

    fn subject(&self) -> Option<Digest> {
        self.tag.attached_to().map(|(subject, _)| subject)
    }
}

/// Returns what tags and referrers lead to.
///
/// A subject that no tag leads to may be there all the same, pushed by its digest: where an attachment tag names one, it is asked
/// for, and it is kept when it is there.
pub(super) async fn look(context: &Context, store: &dyn Store, at: At<'_>) -> Result<Holdings, OpsError> {
    let cache = context.manifest_cache();
    let tags = store.tags().await?;
    let asked = tags.iter().map(|tag| named(context, store, tag));
    let found: Vec<Option<Named>> = stream::iter(asked).buffered(store.concurrency().max(1)).try_collect().await?;
    let (attachments, names): (Vec<Named>, Vec<Named>) = found.into_iter().flatten().partition(Named::is_attachment);
    let mut roots: Vec<Descriptor> = names.iter().map(|named| named.descriptor.clone()).collect();
    let walk = |roots: Vec<Descriptor>| closure_from(store, roots, &tags, WalkOptions::default(), &*cache);
    let mut closure = walk(roots.clone()).await?;

    let mut pinned = BTreeSet::new();
    let mut further = Vec::new();
    for attachment in &attachments {
        let Some(subject) = attachment.subject() else { continue };
        let leads_to = |id: NodeId| closure.graph.node(&id).is_some();
        if leads_to(NodeId::manifest(subject)) || leads_to(NodeId::blob(subject)) {
            continue;
        }
        let lost_its_name = matches!(at, At::Untagged(digests) if digests.contains(&subject));
        if !lost_its_name && let Some(manifest) = store.stat_manifest(&subject).await? {
            pinned.insert(NodeId::manifest(subject));
            further.push(manifest);
        } else if !lost_its_name && let Some(size) = store.stat_blob(&subject).await? {
            pinned.insert(NodeId::blob(subject));
            further.extend(attached(attachment));
            let descriptor = Descriptor::new(oci::MediaType::OCTET_STREAM, subject, size);
            closure.graph.add_node(NodeId::blob(subject), &descriptor);
        } else {
            further.extend(attached(attachment));
        }
    }
    if !further.is_empty() {
        roots.extend(further);
        let blobs: Vec<_> =
            pinned.iter().filter_map(|id| Some((*id, closure.graph.node(id)?.descriptor.clone()))).collect();
        closure = walk(roots).await?;
        for (id, descriptor) in blobs {
            closure.graph.add_node(id, &descriptor);
        }
    }
    let mut inventory = Inventory { graph: closure.graph, ..Inventory::default() };
    for Named { tag, descriptor, .. } in names {
        inventory.tags.insert(tag, descriptor.digest);
    }
    let cut: BTreeSet<Tag> = inventory.graph.nodes().map(|(id, _)| Tag::referrers_fallback(&id.digest)).collect();
    for Named { tag, descriptor, list } in attachments {
        // The name of a sha512 subject's list does not say which subject that is: unknown, it is left alone.
        if tag.attached_to().is_none() && !cut.contains(&tag) {
            continue;
        }
        inventory.tags.insert(tag, descriptor.digest);
        if let Some(list) = list {
            inventory.graph.add_manifest(list);
        }
    }
    Ok(Holdings { inventory, pinned, recent: BTreeSet::new() })
}

/// Returns what a tag names; `None` when it is gone.
async fn named(context: &Context, store: &dyn Store, tag: &Tag) -> Result<Option<Named>, OpsError> {
    let Some(descriptor) = store.resolve(tag).await? else { return Ok(None) };
    let mut list = None;
    if tag.is_attachment() && !matches!(tag.attached_to(), Some((_, Some(_)))) {
        let manifest = fetch_manifest(store, &descriptor, &*context.manifest_cache()).await?;
        // An image under such a name is named like any other.
        list = manifest.filter(|manifest| manifest.kind() == ManifestKind::Index);
    }
    Ok(Some(Named { tag: tag.clone(), descriptor, list }))
}

/// Returns what an attachment tag attaches.
fn attached(attachment: &Named) -> Vec<Descriptor> {
    match &attachment.list {
        Some(list) => list.children().iter().filter(|child| child.manifest_kind().is_some()).cloned().collect(),
        None => vec![attachment.descriptor.clone()],
    }
}

/// Returns when the images of the tags that may go were made, where that counts.
pub(super) async fn dates(
    context: &Context,
    store: &dyn Store,
    held: &Holdings,
    rules: &Rules,
) -> Result<Dates, OpsError> {
    let inventory = &held.inventory;
    let names = inventory.tags.iter().filter(|(tag, digest)| !inventory.is_attachment(tag, digest));
    let asked = names.map(|(tag, digest)| async move {
        let manifest = inventory.graph.manifest(digest);
        let manifest = manifest.filter(|_| rules.need_dates() && rules.is_candidate(tag));
        let created = match manifest {
            Some(manifest) => crate::facts::created(context, store, manifest).await?,
            None => None,
        };
        let created = created.and_then(|(seconds, _)| Timestamp::from_seconds(seconds));
        Ok::<_, OpsError>((tag.clone(), created))
    });
    let asked: Vec<_> = asked.collect();
    stream::iter(asked).buffered(store.concurrency().max(1)).try_collect().await
}
