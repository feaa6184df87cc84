use graph::{EdgeKind, Graph, NodeId};
use oci::{Algorithm, Descriptor, Manifest, MediaType};
use proptest::prelude::*;
use serde_json::json;
use testkit::application::{ApplicationBuilder, Image};
use testkit::seed::Seed;

use crate::random::{applications, tries};
use crate::source::shown;

/// Puts things in an order that a number determines.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut seed = Seed::new(seed);
    for last in (1..items.len()).rev() {
        let other = seed.next() % (last as u64 + 1);
        items.swap(last, usize::try_from(other).unwrap());
    }
}

fn artifact(subject: &Descriptor) -> Manifest {
    let document = json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": Descriptor::empty_json(), "layers": [],
        "subject": subject,
    });
    Manifest::from_new(document.to_string().into(), &MediaType::OCI_MANIFEST, Algorithm::Sha256).unwrap()
}

proptest! {
    #![proptest_config(tries())]

    /// Also with artifacts whose subjects lie about whether they are manifests.
    #[test]
    fn a_graph_does_not_depend_on_the_order_of_its_parts(
        application in applications(), orders in any::<[u64; 2]>(), lies in any::<bool>(),
    ) {
        let mut manifests = application.manifests().to_vec();
        if lies {
            let all = application.graph();
            for (id, node) in all.nodes() {
                let kind = if id.space == graph::Space::Manifest { MediaType::OCI_LAYER } else { MediaType::OCI_MANIFEST };
                manifests.push(artifact(&Descriptor::new(kind, id.digest, node.descriptor.size)));
            }
        }
        let [first, second] = orders.map(|order| {
            let mut manifests = manifests.clone();
            shuffle(&mut manifests, order);
            let mut graph = Graph::default();
            for manifest in manifests {
                graph.add_manifest(manifest);
            }
            graph
        });
        prop_assert_eq!(shown(&first), shown(&second));
    }

    #[test]
    fn both_directions_hold_the_same_edges(application in applications()) {
        let graph = application.graph();
        let ends = graph.edges().flat_map(|edge| [edge.from, edge.to]);
        let nodes: std::collections::BTreeSet<NodeId> = graph.nodes().map(|(id, _)| *id).chain(ends).collect();
        let forward = nodes.iter().flat_map(|id| graph.edges_from(id));
        let reverse = nodes.iter().flat_map(|id| graph.edges_to(id));
        let all: std::collections::BTreeSet<_> = graph.edges().collect();
        prop_assert_eq!(&forward.collect::<std::collections::BTreeSet<_>>(), &all);
        prop_assert_eq!(&reverse.collect::<std::collections::BTreeSet<_>>(), &all);
    }
}

#[test]
fn a_subject_that_lies_about_its_type_is_put_right_in_any_order() {
    let mut builder = ApplicationBuilder::new(1);
    let layer = builder.layer("layer", 10);
    let image = builder.image(&Image::new("linux/amd64", std::slice::from_ref(&layer)));
    let image_manifest = builder.build().manifests()[0].clone();
    let as_layer = artifact(&Descriptor::new(MediaType::OCI_LAYER, image.digest, image.size));
    let as_manifest = artifact(&Descriptor::new(MediaType::OCI_MANIFEST, layer.descriptor.digest, 1));
    for lying_first in [true, false] {
        let mut graph = Graph::default();
        let mut parts = [vec![as_layer.clone(), as_manifest.clone()], vec![image_manifest.clone()]];
        if !lying_first {
            parts.reverse();
        }
        for manifest in parts.into_iter().flatten() {
            graph.add_manifest(manifest);
        }
        let about =
            |id: NodeId| graph.attached_to(&id).map(|(kind, node)| (kind, node.descriptor.digest)).collect::<Vec<_>>();
        assert_eq!(about(NodeId::manifest(image.digest)), [(EdgeKind::Subject, *as_layer.digest())]);
        assert_eq!(about(NodeId::blob(layer.descriptor.digest)), [(EdgeKind::Subject, *as_manifest.digest())]);
        assert_eq!(graph.edges_to(&NodeId::blob(image.digest)).count(), 0);
    }
}

#[test]
fn the_same_bytes_may_be_a_manifest_and_a_blob() {
    let mut builder = ApplicationBuilder::new(1);
    let image = builder.image(&Image::new("linux/amd64", &[]));
    let as_blob = Descriptor::new(MediaType::OCTET_STREAM, image.digest, image.size);
    builder.artifact("a/b", None, &[as_blob]);
    let mut graph = Graph::default();
    for manifest in builder.build().manifests() {
        graph.add_manifest(manifest.clone());
    }
    assert!(graph.node(&NodeId::manifest(image.digest)).is_some());
    assert!(graph.node(&NodeId::blob(image.digest)).is_some());
}
