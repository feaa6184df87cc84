//! What is put outlives the store that took it.

use std::sync::Arc;

use store::Store;

use crate::application::WholeGraph;
use crate::read::read_tags;

/// Writes a whole graph, drops the store, opens it again and reads the graph back. `open` opens the same place each time it
/// is called, and makes it the first time.
///
/// # Panics
/// When anything is missing afterwards.
pub async fn store_outlives_itself(open: impl AsyncFn() -> Arc<dyn Store>) {
    let application = WholeGraph::default().sha512().blake3().build();
    let store = open().await;
    application.write_to_store(&*store).await.unwrap();
    drop(store);
    let store = open().await;
    let tags: Vec<_> = application.tags().iter().map(|(tag, _)| tag.clone()).collect();
    let closure = read_tags(&*store, &tags).await.unwrap();
    let difference = graph::Difference::between(&application.graph(), &closure.graph);
    assert!(difference.is_empty(), "{}: {difference:#?}", store.location());
    assert_eq!(closure.losses, [], "{}", store.location());
    assert_eq!(&closure.convention_tags, application.convention_tags(), "{}", store.location());
    for (descriptor, bytes) in application.blobs() {
        let body = store.open_blob(descriptor, 0).await.unwrap();
        let body = body.unwrap_or_else(|| panic!("{}: {} is gone", store.location(), descriptor.digest));
        let read = body.into_bytes(descriptor, store.location(), usize::MAX).await.unwrap();
        assert_eq!(read, bytes);
    }
}
