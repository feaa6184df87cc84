//! Graphs of hostile manifests.

use std::collections::{BTreeMap, BTreeSet};

use graph::node::content_edges;
use graph::walk::Closure;
use graph::{
    Ask, CollectionPlan, CopyPlan, Difference, EdgeKind, Evidence, Graph, Inventory, NodeId, ProofReport, Space, Walk,
    WalkOptions,
};
use oci::{Descriptor, Digest, Manifest, Platform, Tag};
use store::{MemoryStore, Store as _};
use transfer::cache::NoCache;

use super::assert_printable;
use super::pieces::pieces;
use super::place::run;

/// Walks a graph of hostile answers: each piece of the input that is a manifest answers one question, and the last one is
/// the root. The walk ends with a result or an error, and never asks for the same manifest twice.
pub fn walk(data: &[u8]) {
    closure(&manifests(data));
}

/// Plans copies, proofs and collections of graphs of hostile manifests.
pub fn plan(data: &[u8]) {
    let manifests = manifests(data);
    let mut forwards = Graph::default();
    let mut backwards = Graph::default();
    if let Some(root) = manifests.last() {
        forwards.add_root(NodeId::manifest(*root.digest()));
        backwards.add_root(NodeId::manifest(*root.digest()));
    }
    for (first, last) in manifests.iter().zip(manifests.iter().rev()) {
        forwards.add_manifest(first.clone());
        backwards.add_manifest(last.clone());
    }
    let difference = Difference::between(&forwards, &backwards);
    assert!(difference.is_empty(), "the order of the parts matters: {difference:?}");
    check_copy(&forwards);
    check_proof(&forwards, &BTreeMap::new());
    check_collection(&forwards, &manifests);
    if let Some(closure) = closure(&manifests) {
        check_copy(&closure.graph);
        check_proof(&closure.graph, &closure.convention_tags);
    }
}

/// Narrows a hostile index to a platform. What is made has only children that the original has, and is narrow already.
pub fn narrow(data: &[u8]) {
    let manifests = manifests(data);
    let Some(root) = manifests.last() else { return };
    let platforms: [Platform; 2] = ["linux/amd64", "linux/arm64/v8"].map(|platform| platform.parse().unwrap());
    run(async {
        let store = MemoryStore::new("memory");
        for manifest in &manifests {
            store.put_manifest(manifest).await.unwrap();
        }
        let narrowed = transfer::narrow::narrow(&store, &NoCache, &root.descriptor(), &platforms).await;
        let narrowed = match narrowed {
            Ok(narrowed) => narrowed,
            Err(error) => return assert_printable(&error),
        };
        assert_eq!(narrowed.made.is_empty(), narrowed.root == *root);
        let known: BTreeSet<Digest> =
            manifests.iter().chain(&narrowed.made).map(|manifest| *manifest.digest()).collect();
        let named: BTreeSet<Digest> =
            manifests.iter().flat_map(Manifest::children).map(|child| child.digest).chain(known).collect();
        for made in &narrowed.made {
            assert!(made.children().iter().all(|child| named.contains(&child.digest)), "a child from nowhere");
            store.put_manifest(made).await.unwrap();
        }
        let again = transfer::narrow::narrow(&store, &NoCache, &narrowed.root.descriptor(), &platforms).await.unwrap();
        assert!(again.made.is_empty(), "narrowed twice");
    });
}

fn manifests(data: &[u8]) -> Vec<Manifest> {
    let mut seen = BTreeSet::new();
    let manifests = pieces(data).into_iter().filter_map(|piece| Manifest::parse(piece, None, None).ok());
    manifests.filter(|manifest| seen.insert(*manifest.digest())).collect()
}

fn closure(manifests: &[Manifest]) -> Option<Closure> {
    let root = manifests.last()?;
    let suffixes = oci::name::ConventionSuffix::ALL;
    let fallbacks = manifests.iter().map(|manifest| Tag::referrers_fallback(manifest.digest()));
    let conventions =
        manifests.iter().zip(suffixes).map(|(manifest, suffix)| Tag::convention(manifest.digest(), suffix));
    let tags: Vec<Tag> = fallbacks.chain(conventions).collect();
    let mut walk = Walk::new(WalkOptions::default(), &tags);
    walk.add_root(&root.descriptor()).unwrap();
    let find = |digest: &Digest| manifests.iter().find(|manifest| manifest.digest() == digest).cloned();
    // Each tag names another manifest, and the same one whenever it is asked for.
    let tagged: BTreeMap<&Tag, &Manifest> = tags.iter().zip(manifests.iter().cycle()).collect();
    let mut asked = BTreeSet::new();
    while let Some(ask) = walk.next() {
        let answered = match ask {
            Ask::Manifest(descriptor) => {
                assert!(asked.insert(descriptor.digest), "asked twice for {}", descriptor.digest);
                walk.answer_manifest(&descriptor.digest, find(&descriptor.digest))
            }
            Ask::Referrers(subject) => {
                let about = |manifest: &&Manifest| manifest.subject().is_some_and(|s| s.digest == subject.digest);
                let listed: Vec<Descriptor> = manifests.iter().filter(about).map(Manifest::descriptor).collect();
                walk.answer_referrers(subject, &listed)
            }
            Ask::Tag { tag, subject, suffix } => {
                let named = tagged.get(&tag).copied().cloned();
                walk.answer_tag(&tag, subject, suffix, named)
            }
        };
        if let Err(error) = answered {
            assert_printable(&error);
            return None;
        }
    }
    assert!(walk.is_done());
    Some(walk.finish().unwrap())
}

/// A plan puts every manifest once, children before their parents, and moves every blob once or says that it is foreign.
fn check_copy(graph: &Graph) {
    for (include_foreign, present) in [(true, false), (false, false), (true, true)] {
        let is_present = |id: &NodeId| present && id.digest.encoded().starts_with(['0', '2', '4', '6', '8']);
        let plan = CopyPlan::new(graph, include_foreign, is_present);
        let _ = plan.blob_bytes();
        let waves: Vec<&Vec<Digest>> = plan.manifests.iter().chain(&plan.referrers).collect();
        let mut wave_of = BTreeMap::new();
        for (number, wave) in waves.iter().enumerate() {
            assert!(!wave.is_empty());
            wave.iter().for_each(|digest| assert_eq!(wave_of.insert(*digest, number), None, "{digest} is put twice"));
        }
        assert_eq!(plan.manifest_count(), wave_of.len());
        let mut moved: BTreeSet<NodeId> = BTreeSet::new();
        for blob in plan.blobs.iter().chain(&plan.foreign) {
            assert!(moved.insert(NodeId::blob(blob.digest)), "{} is moved twice", blob.digest);
        }
        for (id, _) in graph.nodes().filter(|(id, _)| !is_present(id)) {
            let planned = if id.space == Space::Blob { moved.contains(id) } else { wave_of.contains_key(&id.digest) };
            assert!(planned, "{id:?} is forgotten");
        }
        for edge in graph.edges().filter(|edge| edge.kind == EdgeKind::Child && edge.to.space == Space::Manifest) {
            let waves = (wave_of.get(&edge.from.digest), wave_of.get(&edge.to.digest));
            assert!(!matches!(waves, (Some(parent), Some(child)) if child >= parent), "{edge:?} is put too early");
        }
    }
}

/// Where everything is there the proof holds; where nothing is, every node is missing.
fn check_proof(graph: &Graph, tags: &BTreeMap<Tag, Digest>) {
    let nothing = ProofReport::new(graph, |_| true, tags, &Evidence::default());
    assert_eq!(nothing.missing_nodes.len(), graph.len());
    let mut everything = Evidence { tags: tags.clone(), ..Evidence::default() };
    everything.present.extend(graph.nodes().map(|(id, _)| *id));
    for edge in graph.edges() {
        match edge.kind {
            EdgeKind::Subject => {
                everything.referrers.entry(edge.to.digest).or_default().insert(edge.from.digest);
            }
            EdgeKind::Convention(suffix) => {
                everything.tags.insert(Tag::convention(&edge.to.digest, suffix), edge.from.digest);
            }
            _ => {}
        }
    }
    let report = ProofReport::new(graph, |_| true, &everything.tags, &everything);
    assert!(report.holds() && report.extra_referrers.is_empty(), "{report:?}");
    let mut deduced = Evidence::default();
    deduced.present.extend(graph.roots());
    deduced.assume_content_of_present(graph);
}

/// A collection keeps or removes every node, and keeps what it keeps whole.
fn check_collection(graph: &Graph, manifests: &[Manifest]) {
    let mut inventory = Inventory { graph: graph.clone(), tags: BTreeMap::new() };
    for (number, manifest) in manifests.iter().enumerate() {
        let tag = match number % 3 {
            0 => format!("t{number}").parse().unwrap(),
            1 => Tag::referrers_fallback(manifests[number - 1].digest()),
            _ => continue,
        };
        inventory.tags.insert(tag, *manifest.digest());
    }
    let plan = CollectionPlan::new(&inventory, []);
    let place: BTreeMap<NodeId, usize> = plan.remove.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    assert_eq!(place.len(), plan.remove.len(), "something is removed twice");
    assert_eq!(plan.keep.len() + place.len(), graph.len());
    assert!(plan.keep.iter().all(|id| graph.node(id).is_some() && !place.contains_key(id)));
    let kept = plan.keep.iter().filter_map(|id| graph.node(id)?.manifest.as_ref());
    assert!(kept.flat_map(content_edges).all(|(edge, _)| plan.keep.contains(&edge.to)), "a part of what is kept goes");
    for edge in graph.edges().filter(|edge| edge.kind.is_content()) {
        if let (Some(parent), Some(part)) = (place.get(&edge.from), place.get(&edge.to)) {
            assert!(parent < part, "{edge:?}: the part goes first");
        }
    }
    for (tag, digest) in inventory.tags.iter().filter(|(tag, _)| !plan.untag.contains(tag)) {
        assert!(plan.keep.contains(&NodeId::manifest(*digest)), "{tag} is left without its manifest");
    }
}
