//! The graphs are what their descriptions say, and a store gives them back.

use std::collections::BTreeSet;

use graph::{Difference, EdgeKind, NodeId, Space};
use oci::{ManifestKind, MediaType};
use store::MemoryStore;
use testkit::application::{Application, Shape, WholeGraph, application_of, large_application};
use testkit::read::read_tags;

async fn assert_reads_back(application: &Application) {
    let store = MemoryStore::new("memory");
    application.write_to_store(&store).await.unwrap();
    let tags: Vec<_> = application.tags().iter().map(|(tag, _)| tag.clone()).collect();
    let closure = read_tags(&store, &tags).await.unwrap();
    let difference = Difference::between(&application.graph(), &closure.graph);
    assert!(difference.is_empty(), "{difference:#?}");
    assert_eq!(closure.losses, []);
    assert_eq!(&closure.convention_tags, application.convention_tags());
}

#[tokio::test]
async fn the_whole_graph_reads_back_as_it_was_made() {
    let foreign = WholeGraph::default().foreign_layer("https://example.invalid/layer");
    for whole in [WholeGraph::default(), WholeGraph::default().sha512().blake3(), foreign] {
        assert_reads_back(&whole.build()).await;
    }
}

#[tokio::test]
async fn applications_read_back_as_they_were_made() {
    assert_reads_back(&large_application()).await;
    assert_reads_back(&application_of(2, 2, 3, 100)).await;
}

#[test]
fn everything_that_was_made_is_in_the_graph() {
    for application in [WholeGraph::default().sha512().build(), large_application()] {
        let graph = application.graph();
        let lost = application.manifests().iter().filter(|m| graph.manifest(m.digest()).is_none());
        assert_eq!(lost.count(), 0);
        for (blob, _) in application.blobs() {
            assert!(graph.node(&NodeId::blob(blob.digest)).is_some(), "{} belongs to nothing", blob.digest);
        }
    }
}

#[test]
fn the_large_application_has_144_nodes() {
    assert_eq!(large_application().graph().len(), 144);
}

#[test]
fn the_whole_graph_holds_every_kind_of_node_and_edge() {
    let application = WholeGraph::default().sha512().foreign_layer("https://example.invalid/layer").build();
    let graph = application.graph();
    let kinds: BTreeSet<EdgeKind> = graph.edges().map(|edge| edge.kind).collect();
    let signature = EdgeKind::Convention(oci::name::ConventionSuffix::Signature);
    let expected = [EdgeKind::Config, EdgeKind::Layer, EdgeKind::Child, EdgeKind::Subject, signature];
    assert_eq!(kinds, expected.into());
    let about_layer = |edge: &graph::Edge| edge.kind == EdgeKind::Subject && edge.to.space == Space::Blob;
    assert_eq!(graph.edges().filter(about_layer).count(), 1);
    let types: BTreeSet<_> = application.manifests().iter().map(|m| m.media_type().clone()).collect();
    let docker = [MediaType::DOCKER_LIST, MediaType::DOCKER_MANIFEST];
    assert_eq!(types, [MediaType::OCI_INDEX, MediaType::OCI_MANIFEST].into_iter().chain(docker).collect());
    let bundle = application.manifest(&application.named("bundle").digest).unwrap();
    assert!(bundle.children().iter().any(|child| child.manifest_kind() == Some(ManifestKind::Index)));
    let base = NodeId::blob(application.named("base-layer").digest);
    let users = graph.edges_to(&base).filter(|edge| edge.kind == EdgeKind::Layer).count();
    assert_eq!(users, 2, "an OCI and a docker image share the layer");
    assert_eq!(application.manifest(&application.named("bare-artifact").digest).unwrap().layers(), []);
    assert!(application.blob(&application.named("foreign-layer").digest).is_some());
}

#[test]
fn the_same_seed_makes_the_same_bytes_and_another_seed_others() {
    let digest = |seed| WholeGraph::default().seed(seed).build().named("bundle").digest;
    assert_eq!(digest(7), digest(7));
    assert_ne!(digest(7), digest(8));
}

#[test]
fn a_shape_without_artifacts_is_its_images_alone() {
    let shape = Shape { images: 3, platforms: 2, layers: 8, layer_bytes: 10, artifacts: false };
    let graph = shape.build().graph();
    // One application, three indexes, six manifests; six configs, two bases and seven layers in each manifest.
    assert_eq!(graph.len(), 1 + 3 + 6 + 6 + 2 + 6 * 7);
}
