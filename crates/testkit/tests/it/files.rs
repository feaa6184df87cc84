//! Stores on disk: they outlive themselves, and read what was written without any code of theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use store::{ArchiveStore, ContentStore, LayoutStore, Store};
use testkit::application::{WholeGraph, large_application};
use testkit::contract::store_outlives_itself;
use testkit::read::read_tags;

#[tokio::test]
async fn stores_on_disk_outlive_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    store_outlives_itself(async || Arc::new(LayoutStore::open_or_create(place("layout")).unwrap()) as Arc<dyn Store>)
        .await;
    store_outlives_itself(async || {
        Arc::new(ContentStore::open(place("store")).unwrap().name("some/name".parse().unwrap())) as Arc<dyn Store>
    })
    .await;
    for name in ["archive.tar", "archive.tar.zst"] {
        let made = AtomicBool::new(false);
        store_outlives_itself(async || {
            let open = if made.swap(true, Ordering::SeqCst) { ArchiveStore::open } else { ArchiveStore::create };
            Arc::new(open(place(name)).unwrap()) as Arc<dyn Store>
        })
        .await;
    }
}

#[tokio::test]
async fn a_layout_that_others_have_written_reads_as_it_was_made() {
    for application in [WholeGraph::default().sha512().blake3().build(), large_application()] {
        let directory = tempfile::tempdir().unwrap();
        application.write_layout(directory.path());
        let store = LayoutStore::open(directory.path()).unwrap();
        let tags: Vec<_> = application.tags().iter().map(|(tag, _)| tag.clone()).collect();
        let closure = read_tags(&store, &tags).await.unwrap();
        let difference = graph::Difference::between(&application.graph(), &closure.graph);
        assert!(difference.is_empty(), "{difference:#?}");
        assert_eq!((closure.losses, &closure.convention_tags), (vec![], application.convention_tags()));
    }
}
