//! Collecting what a layout no longer needs.

use graph::CollectionPlan;
use store::{LayoutStore, Store, StoreError};
use testkit::application::WholeGraph;

use crate::fixture::{assert_holds, blob, files, manifest, put, roots, signed_image, tag};

async fn collect(store: &LayoutStore) -> store::collection::Collected {
    let collection = store.begin_collection().await.unwrap();
    let (inventory, pinned) = collection.inventory().await.unwrap();
    collection.apply(&CollectionPlan::new(&inventory, pinned)).await.unwrap()
}

#[tokio::test]
async fn what_is_named_stays_and_the_rest_goes() {
    let directory = tempfile::tempdir().unwrap();
    let store = LayoutStore::open_or_create(directory.path()).unwrap();
    let kept = WholeGraph::default().sha512().build();
    kept.write_to_store(&store).await.unwrap();
    assert_eq!(collect(&store).await.files, 0, "everything is needed");
    let before = files(directory.path());

    signed_image(7).write_to_store(&store).await.unwrap();
    store.tag(&tag("v1"), kept.manifest(&kept.tags()[0].1).unwrap()).await.unwrap();
    let (stray, bytes) = blob(b"a blob that nothing names");
    put(&store, &stray, &bytes).await.unwrap();
    let collected = collect(&store).await;
    // The image, its config and layer, two artifacts with a blob each, and the stray.
    assert_eq!(collected.files, 8);
    assert_eq!(files(directory.path()), before);
    assert_holds(&store, &kept).await;
}

#[tokio::test]
async fn roots_without_a_tag_and_lone_artifacts_stay() {
    let directory = tempfile::tempdir().unwrap();
    let store = LayoutStore::open_or_create(directory.path()).unwrap();
    let (image, artifact) = (signed_image(1), signed_image(2));
    for (descriptor, bytes) in image.blobs().chain(artifact.blobs()) {
        put(&store, descriptor, bytes).await.unwrap();
    }
    store.put_manifest(manifest(&image, "image")).await.unwrap();
    store.keep_root(manifest(&image, "image")).await.unwrap();
    store.put_manifest(manifest(&artifact, "signature")).await.unwrap();
    store.finish().await.unwrap();
    let before = roots(&store).await;
    assert_eq!(before.len(), 2);
    collect(&store).await;
    assert_eq!(roots(&store).await, before);
    for kept in [manifest(&image, "image"), manifest(&artifact, "signature")] {
        assert!(store.manifest(kept.digest()).await.unwrap().is_some());
        for layer in kept.layers() {
            assert_eq!(store.stat_blob(&layer.digest).await.unwrap(), Some(layer.size));
        }
    }
}

#[tokio::test]
async fn nothing_is_collected_while_another_writes() {
    let directory = tempfile::tempdir().unwrap();
    let store = LayoutStore::open_or_create(directory.path()).unwrap();
    signed_image(1).write_to_store(&store).await.unwrap();
    let other = LayoutStore::open_or_create(directory.path()).unwrap();
    assert_eq!(other.tags().await.unwrap(), [tag("v1")]);
    let refused = store.begin_collection().await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused { .. }), "{refused:?}");
    drop(other);
    collect(&store).await;
    // One that only reads does not count.
    let reader = LayoutStore::open(directory.path()).unwrap();
    reader.tags().await.unwrap();
    let refused = reader.begin_collection().await.unwrap_err();
    assert!(matches!(refused, StoreError::Unsupported { .. }), "{refused:?}");
    collect(&store).await;
}

#[tokio::test]
async fn a_damaged_manifest_stops_a_collection() {
    let directory = tempfile::tempdir().unwrap();
    let store = LayoutStore::open_or_create(directory.path()).unwrap();
    let application = WholeGraph::default().build();
    application.write_to_store(&store).await.unwrap();
    // A child: what it is made of would look as if nothing needed it.
    let child = application.manifests().iter().find(|m| !m.layers().is_empty() && m.subject().is_none()).unwrap();
    let path = crate::fixture::blob_path(directory.path(), child.digest());
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "{}").unwrap();
    let before = files(directory.path());
    let collection = store.begin_collection().await.unwrap();
    let error = collection.inventory().await.unwrap_err();
    assert!(error.is_integrity(), "{error:?}");
    assert_eq!(files(directory.path()), before);
}
