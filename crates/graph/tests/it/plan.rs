use std::collections::{BTreeMap, BTreeSet};

use graph::{CopyPlan, EdgeKind, Graph, NodeId, Space};
use oci::Digest;
use proptest::prelude::*;
use proptest::sample::Index;
use testkit::application::{ApplicationBuilder, Image, WholeGraph};

use crate::random::{applications, chosen, tries};

/// Returns the place of every node in the order in which the plan moves them: blobs, then wave by wave.
fn places(plan: &CopyPlan) -> BTreeMap<NodeId, usize> {
    let mut places: BTreeMap<NodeId, usize> = BTreeMap::new();
    for blob in &plan.blobs {
        assert_eq!(places.insert(NodeId::blob(blob.digest), 0), None, "{} is moved twice", blob.digest);
    }
    for (wave, digests) in plan.manifests.iter().chain(&plan.referrers).enumerate() {
        assert!(!digests.is_empty(), "an empty wave");
        for digest in digests {
            assert_eq!(places.insert(NodeId::manifest(*digest), wave + 1), None, "{digest} is moved twice");
        }
    }
    places
}

proptest! {
    #![proptest_config(tries())]

    #[test]
    fn everything_comes_after_what_it_is_made_of_and_once(
        application in applications(), present in prop::collection::vec(any::<Index>(), 0..6),
    ) {
        let graph = application.graph();
        let present = chosen(&application, &present);
        let plan = CopyPlan::new(&graph, false, |id| present.contains(&id.digest));
        let places = places(&plan);
        let expected: BTreeSet<NodeId> =
            graph.nodes().map(|(id, _)| *id).filter(|id| !present.contains(&id.digest)).collect();
        prop_assert_eq!(&places.keys().copied().collect::<BTreeSet<_>>(), &expected);
        for edge in graph.edges().filter(|edge| edge.kind.is_content()) {
            if let (Some(parent), Some(part)) = (places.get(&edge.from), places.get(&edge.to)) {
                prop_assert!(part < parent, "{:?}", edge);
            }
        }
        prop_assert!(plan.blobs.is_sorted_by(|a, b| a.size >= b.size), "the largest first");
        prop_assert_eq!(plan.manifest_count(), expected.iter().filter(|id| id.space == Space::Manifest).count());
        prop_assert_eq!(plan.is_empty(), expected.is_empty());
    }

    #[test]
    fn what_the_roots_are_made_of_comes_before_what_is_about_it(application in applications()) {
        let graph = application.graph();
        let plan = CopyPlan::new(&graph, false, |_| false);
        let mut made_of: BTreeSet<NodeId> = graph.roots().iter().copied().collect();
        loop {
            let before = made_of.len();
            let content = graph.edges().filter(|edge| edge.kind == EdgeKind::Child && made_of.contains(&edge.from));
            let content: Vec<NodeId> = content.map(|edge| edge.to).collect();
            made_of.extend(content);
            if made_of.len() == before {
                break;
            }
        }
        let digests = |waves: &[Vec<Digest>]| waves.iter().flatten().copied().map(NodeId::manifest).collect::<BTreeSet<_>>();
        prop_assert_eq!(&digests(&plan.manifests), &made_of);
        prop_assert!(digests(&plan.referrers).is_disjoint(&made_of));
    }

    #[test]
    fn every_subject_is_listed_with_all_that_refers_to_it(application in applications()) {
        let graph = application.graph();
        let plan = CopyPlan::new(&graph, false, |_| false);
        let mut expected: BTreeMap<Digest, BTreeSet<Digest>> = BTreeMap::new();
        for (_, node) in graph.nodes() {
            if let Some(subject) = node.manifest.as_ref().and_then(oci::Manifest::subject) {
                expected.entry(subject.digest).or_default().insert(node.descriptor.digest);
            }
        }
        let listed = plan.subjects.into_iter().map(|(subject, list)| {
            let set: BTreeSet<Digest> = list.iter().copied().collect();
            assert_eq!(set.len(), list.len(), "each referrer once");
            (subject, set)
        });
        prop_assert_eq!(listed.collect::<BTreeMap<_, _>>(), expected);
    }

    #[test]
    fn nothing_is_moved_to_where_everything_is(application in applications()) {
        prop_assert!(CopyPlan::new(&application.graph(), true, |_| true).is_empty());
    }
}

#[test]
fn foreign_layers_stay_unless_they_are_wanted() {
    let application = WholeGraph::default().foreign_layer("https://example.invalid/").build();
    let graph = application.graph();
    let foreign = application.named("foreign-layer").digest;
    let plan = CopyPlan::new(&graph, false, |_| false);
    assert_eq!(plan.foreign.iter().map(|layer| layer.digest).collect::<Vec<_>>(), [foreign]);
    assert!(plan.blobs.iter().all(|blob| blob.digest != foreign));
    let plan = CopyPlan::new(&graph, true, |_| false);
    assert_eq!(plan.foreign, []);
    assert!(plan.blobs.iter().any(|blob| blob.digest == foreign));
}

#[test]
fn a_layer_that_is_foreign_in_one_image_and_ordinary_in_another_is_moved() {
    for foreign_first in [true, false] {
        let mut builder = ApplicationBuilder::new(1);
        let foreign = builder.foreign_layer("layer", 10, "https://example.invalid/");
        let mut ordinary = foreign.clone();
        ordinary.descriptor.media_type = oci::MediaType::OCI_LAYER_GZIP;
        ordinary.descriptor.urls.clear();
        let mut images = vec![
            builder.image(&Image::new("windows/amd64", std::slice::from_ref(&foreign))),
            builder.image(&Image::new("windows/arm64", &[ordinary])),
        ];
        if !foreign_first {
            images.reverse();
        }
        let application = builder.build();
        let mut graph = Graph::default();
        for image in images {
            graph.add_manifest(application.manifest(&image.digest).unwrap().clone());
        }
        let plan = CopyPlan::new(&graph, false, |_| false);
        assert_eq!(plan.foreign, []);
        assert!(plan.blobs.iter().any(|blob| blob.digest == foreign.descriptor.digest));
    }
}

#[test]
fn sizes_that_nobody_has_do_not_overflow() {
    let mut builder = ApplicationBuilder::new(1);
    let layers =
        [b"a", b"b"].map(|bytes| oci::Descriptor::new(oci::MediaType::OCI_LAYER, Digest::sha256(bytes), u64::MAX));
    let artifact = builder.artifact("a/b", None, &layers);
    let graph = builder.build().graph_of([artifact.digest]);
    assert_eq!(CopyPlan::new(&graph, false, |_| false).blob_bytes(), u64::MAX);
    let inventory = graph::Inventory { graph, tags: BTreeMap::new() };
    assert_eq!(graph::CollectionPlan::new(&inventory, []).freed_bytes, u64::MAX);
}
