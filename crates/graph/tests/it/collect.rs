use std::collections::{BTreeMap, BTreeSet};

use graph::{CollectionPlan, EdgeKind, Graph, Inventory, NodeId};
use oci::{Digest, Tag};
use proptest::prelude::*;
use proptest::sample::Index;
use testkit::application::{Application, ApplicationBuilder, Image};

use crate::random::{applications, tries};
use crate::source::fallback;

/// Everything an application has, as a store would list it. With fallback tags, every subject has one.
pub(crate) fn inventory(application: &Application, fallbacks: bool) -> Inventory {
    let mut graph = Graph::default();
    let mut lists: BTreeMap<Digest, Vec<oci::Descriptor>> = BTreeMap::new();
    for manifest in application.manifests() {
        graph.add_manifest(manifest.clone());
        if let Some(subject) = manifest.subject() {
            lists.entry(subject.digest).or_default().push(manifest.referrer_descriptor());
        }
    }
    for (descriptor, _) in application.blobs() {
        graph.add_node(NodeId::blob(descriptor.digest), descriptor);
    }
    let mut tags: BTreeMap<Tag, Digest> = application.tags().iter().cloned().collect();
    tags.extend(application.convention_tags().clone());
    for (subject, list) in lists.into_iter().filter(|_| fallbacks) {
        let list = fallback(&list);
        tags.insert(Tag::referrers_fallback(&subject), *list.digest());
        graph.add_manifest(list);
    }
    Inventory { graph, tags }
}

/// What an attachment tag is about, by looking at every node.
fn subjects_of(inventory: &Inventory, tag: &Tag) -> Vec<NodeId> {
    let about = |digest: &Digest| {
        Tag::referrers_fallback(digest) == *tag || tag.attached_to().is_some_and(|(subject, _)| subject == *digest)
    };
    inventory.graph.nodes().map(|(id, _)| *id).filter(|id| about(&id.digest)).collect()
}

/// The rules of a collection, applied to every node again and again until nothing changes.
fn living(inventory: &Inventory, pinned: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
    let graph = &inventory.graph;
    let mut living: BTreeSet<NodeId> = pinned.iter().copied().filter(|id| graph.node(id).is_some()).collect();
    loop {
        let mut next = living.clone();
        for (tag, digest) in &inventory.tags {
            let lives = !tag.is_attachment() || subjects_of(inventory, tag).iter().any(|id| living.contains(id));
            if lives && graph.node(&NodeId::manifest(*digest)).is_some() {
                next.insert(NodeId::manifest(*digest));
            }
        }
        for edge in graph.edges() {
            let content = edge.kind.is_content() && living.contains(&edge.from);
            let about = edge.kind == EdgeKind::Subject && living.contains(&edge.to);
            next.extend((content && graph.node(&edge.to).is_some()).then_some(edge.to));
            next.extend(about.then_some(edge.from));
        }
        if next == living {
            return living;
        }
        living = next;
    }
}

proptest! {
    #![proptest_config(tries())]

    #[test]
    fn a_collection_keeps_what_lives_and_removes_the_rest(
        application in applications(),
        untagged in prop::collection::vec(any::<Index>(), 0..4),
        pinned in prop::collection::vec(any::<Index>(), 0..2),
        fallbacks in any::<bool>(),
    ) {
        let mut inventory = inventory(&application, fallbacks);
        for index in untagged {
            let tag = index.get(application.tags()).0.clone();
            inventory.tags.remove(&tag);
        }
        let all: Vec<NodeId> = inventory.graph.nodes().map(|(id, _)| *id).collect();
        let pinned: BTreeSet<NodeId> = pinned.iter().map(|index| *index.get(&all)).collect();
        let plan = CollectionPlan::new(&inventory, pinned.iter().copied());
        let living = living(&inventory, &pinned);
        prop_assert_eq!(&plan.keep, &living);
        let removed: BTreeSet<NodeId> = plan.remove.iter().copied().collect();
        prop_assert_eq!(removed.len(), plan.remove.len(), "nothing is removed twice");
        prop_assert_eq!(&removed, &all.iter().copied().filter(|id| !living.contains(id)).collect());
        let place = |id: &NodeId| plan.remove.iter().position(|removed| removed == id);
        for edge in inventory.graph.edges().filter(|edge| edge.kind.is_content()) {
            if let (Some(parent), Some(part)) = (place(&edge.from), place(&edge.to)) {
                prop_assert!(parent < part, "{:?}", edge);
            }
            prop_assert!(!removed.contains(&edge.to) || !living.contains(&edge.from), "{:?} is broken", edge);
        }
        for (tag, digest) in &inventory.tags {
            let gone = plan.untag.contains(tag);
            prop_assert!(gone || !removed.contains(&NodeId::manifest(*digest)), "{} would point to nothing", tag);
            prop_assert!(!gone || tag.is_attachment(), "{} names a version", tag);
        }
        let size = |id: &NodeId| inventory.graph.node(id).unwrap().descriptor.size;
        prop_assert_eq!(plan.freed_bytes, plan.remove.iter().map(size).sum::<u64>());
    }

    #[test]
    fn after_a_collection_there_is_nothing_to_collect(application in applications(), fallbacks in any::<bool>()) {
        let before = inventory(&application, fallbacks);
        let plan = CollectionPlan::new(&before, []);
        let mut after = Inventory::default();
        for id in &plan.keep {
            let node = before.graph.node(id).unwrap();
            match &node.manifest {
                Some(manifest) => drop(after.graph.add_manifest(manifest.clone())),
                None => drop(after.graph.add_node(*id, &node.descriptor)),
            }
        }
        after.tags = before.tags.clone();
        after.tags.retain(|tag, _| !plan.untag.contains(tag));
        let again = CollectionPlan::new(&after, []);
        prop_assert_eq!(&again.keep, &plan.keep);
        prop_assert_eq!((again.remove, again.untag), (vec![], vec![]));
    }
}

#[test]
fn artifacts_go_with_their_subject_and_never_before() {
    let mut builder = ApplicationBuilder::new(1);
    let image = builder.image(&Image::new("linux/amd64", &[]));
    let sbom = builder.sbom(&image);
    builder.signature(&sbom);
    builder.convention_signature(&image);
    builder.tag("1.0", &image);
    let application = builder.build();
    for fallbacks in [false, true] {
        let mut inventory = inventory(&application, fallbacks);
        let plan = CollectionPlan::new(&inventory, []);
        assert_eq!((plan.remove, plan.untag), (vec![], vec![]));
        let attachments = inventory.tags.len() - 1;
        inventory.tags.remove(&"1.0".parse().unwrap());
        let plan = CollectionPlan::new(&inventory, []);
        assert_eq!((plan.remove.len(), plan.untag.len()), (inventory.graph.len(), attachments));
    }
}

#[test]
fn the_cut_fallback_tag_of_a_sha512_subject_is_no_root() {
    let mut builder = ApplicationBuilder::new(1);
    let blob = builder.blob_named_by(oci::Algorithm::Sha512, "a/blob", "content");
    let holder = builder.artifact("a/holder", None, std::slice::from_ref(&blob));
    builder.artifact("a/about", Some(&blob), &[]);
    builder.tag("1.0", &holder);
    let mut inventory = inventory(&builder.build(), true);
    let plan = CollectionPlan::new(&inventory, []);
    assert_eq!((plan.remove, plan.untag), (vec![], vec![]));
    inventory.tags.remove(&"1.0".parse().unwrap());
    let plan = CollectionPlan::new(&inventory, []);
    assert_eq!((plan.keep.len(), plan.untag), (0, vec![Tag::referrers_fallback(&blob.digest)]));
}
