//! A whole graph from registry to registry, by mounts, into a layout and back.

use std::sync::Arc;

use client::{Client, ClientOptions};
use graph::Difference;
use oci::{Selector, Tag};
use registry::{Registry, RegistryOptions, RunningRegistry};
use store::{LayoutStore, Store};
use testkit::application::WholeGraph;
use testkit::read::read_tags;
use transfer::{CopyOptions, NoCache, RootRequest, Route, Silent};

async fn running() -> RunningRegistry {
    let registry = Registry::in_memory(RegistryOptions::default());
    RunningRegistry::start(([127, 0, 0, 1], 0).into(), registry).await.unwrap()
}

fn repository(client: &Client, registry: &RunningRegistry, name: &str) -> Arc<dyn Store> {
    Arc::new(client.repository(&registry.addr().to_string().parse().unwrap(), &name.parse().unwrap()))
}

/// From a registry to another, to a third repository by mounts, to a layout, and back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_graph_goes_round() {
    let application = WholeGraph::default().layer_bytes(6_000_000).sha512().build();
    let tags: Vec<Tag> = application.tags().iter().map(|(tag, _)| tag.clone()).collect();
    let client = Client::new(ClientOptions::default());
    let (first, second) = (running().await, running().await);
    let folder = tempfile::tempdir().unwrap();
    let start = repository(&client, &first, "start");
    application.write_to_store(&*start).await.unwrap();
    let stations: Vec<Arc<dyn Store>> = vec![
        start,
        repository(&client, &second, "over/there"),
        repository(&client, &second, "mounted"),
        Arc::new(LayoutStore::open_or_create(folder.path().join("layout")).unwrap()),
        repository(&client, &first, "back"),
    ];
    for pair in stations.windows(2) {
        let root = |tag: &Tag| RootRequest {
            selector: Selector { tag: Some(tag.clone()), digest: None },
            tag: Some(tag.clone()),
            ..RootRequest::default()
        };
        let route = Route {
            source: Arc::clone(&pair[0]),
            destination: Arc::clone(&pair[1]),
            roots: tags.iter().map(root).collect(),
            source_tags: None,
            urls: None,
        };
        let report =
            transfer::copy(vec![route], &CopyOptions::default(), Arc::new(NoCache), Arc::new(Silent)).await.unwrap();
        let report = report.routes[0].as_ref().unwrap();
        if pair[1].location().ends_with("mounted") {
            assert_eq!(report.bytes_moved, 0, "blobs of the same registry are mounted");
        }
        let closure = read_tags(&*pair[1], &tags).await.unwrap();
        let difference = Difference::between(&application.graph(), &closure.graph);
        assert!(difference.is_empty(), "{}: {difference:#?}", pair[1].location());
    }
}
