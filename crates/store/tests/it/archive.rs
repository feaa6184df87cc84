//! Archives that we write and read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use oci::{Descriptor, MediaType};
use store::{ArchiveLimits, ArchiveStore, Store, StoreError};
use testkit::application::WholeGraph;
use testkit::seed::Seed;

use crate::fixture::{assert_format, assert_holds, blob, files, index_json, manifest, put, roots, signed_image, tag};

/// Name and content of every entry, as another reader sees them.
fn entries(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(File::open(path).unwrap());
    let mut entries = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
        assert_eq!(header.mode().unwrap(), 0o644);
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert!(entries.insert(name, content).is_none(), "each name is there once");
    }
    entries
}

#[tokio::test]
async fn a_graph_reads_back_from_a_plain_archive_and_from_a_compressed_one() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["archive.tar", "archive.tar.zst"] {
        let path = directory.path().join(name);
        let application = WholeGraph::default().sha512().blake3().build();
        application.write_to_store(&ArchiveStore::create(&path).unwrap()).await.unwrap();
        let first = fs::read(&path).unwrap();
        assert_eq!(first.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]), name.ends_with("zst"), "{name}");
        let archive = ArchiveStore::open(&path).unwrap();
        assert_holds(&archive, &application).await;
        assert_eq!(roots(&archive).await.len(), application.tags().len(), "{name}");
    }
    assert_eq!(files(directory.path()), ["archive.tar", "archive.tar.zst"], "nothing is left in the making");
}

#[tokio::test]
async fn other_readers_find_a_layout() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive.tar");
    let application = WholeGraph::default().sha512().build();
    application.write_to_store(&ArchiveStore::create(&path).unwrap()).await.unwrap();
    let entries = entries(&path);
    assert_eq!(entries["oci-layout"], br#"{"imageLayoutVersion":"1.0.0"}"#);
    for (descriptor, bytes) in application.blobs() {
        let name = format!("blobs/{}/{}", descriptor.digest.algorithm(), descriptor.digest.encoded());
        assert_eq!(&entries[&name], bytes, "{name}");
    }
    assert_eq!(entries.len(), application.blobs().count() + application.manifests().len() + 2);
    // What is listed is what a layout would list.
    let layout = directory.path().join("layout");
    application.write_to_store(&store::LayoutStore::open_or_create(&layout).unwrap()).await.unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&entries["index.json"]).unwrap(), index_json(&layout));
    // And the archive is whole blocks with the mark of the end.
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len() % 512, 0);
    assert!(bytes[bytes.len() - 1024..].iter().all(|byte| *byte == 0));
}

#[tokio::test]
async fn an_archive_has_no_name_until_it_is_finished() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive.tar");
    fs::write(&path, "what was there before").unwrap();
    let store = ArchiveStore::create(&path).unwrap();
    let (descriptor, bytes) = blob(b"content");
    put(&store, &descriptor, &bytes).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"what was there before");
    drop(store);
    assert_eq!(files(directory.path()), ["archive.tar"], "what was not finished is gone");
    assert_eq!(fs::read(&path).unwrap(), b"what was there before");
    // Nothing was put, nothing is replaced.
    ArchiveStore::create(&path).unwrap().finish().await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"what was there before");
}

#[tokio::test]
async fn more_may_be_put_after_it_was_finished() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["archive.tar", "archive.tar.zst"] {
        let path = directory.path().join(name);
        let store = ArchiveStore::create(&path).unwrap();
        let (one, two) = (signed_image(1), signed_image(2));
        one.write_to_store(&store).await.unwrap();
        let finished = fs::read(&path).unwrap();
        store.finish().await.unwrap();
        assert!(fs::read(&path).unwrap() == finished, "nothing has changed");
        for (descriptor, bytes) in two.blobs() {
            put(&store, descriptor, bytes).await.unwrap();
        }
        for manifest in two.manifests() {
            store.put_manifest(manifest).await.unwrap();
        }
        store.tag(&tag("v2"), manifest(&two, "image")).await.unwrap();
        store.finish().await.unwrap();
        let archive = ArchiveStore::open(&path).unwrap();
        assert_holds(&archive, &one).await;
        assert_eq!(roots(&archive).await.len(), 2);
        assert_eq!(
            archive.manifest(manifest(&two, "signature").digest()).await.unwrap().as_ref(),
            Some(manifest(&two, "signature"))
        );
    }
    assert_eq!(files(directory.path()), ["archive.tar", "archive.tar.zst"]);
}

#[tokio::test]
async fn an_archive_that_was_replaced_meanwhile_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive.tar");
    let store = ArchiveStore::create(&path).unwrap();
    signed_image(1).write_to_store(&store).await.unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "somebody else's").unwrap();
    let (descriptor, bytes) = blob(b"content");
    assert_format(put(&store, &descriptor, &bytes).await, "was replaced by somebody else");
    assert_eq!(fs::read(&path).unwrap(), b"somebody else's");
}

#[tokio::test]
async fn a_blob_that_failed_and_one_that_was_removed_leave_no_gap() {
    let directory = tempfile::tempdir().unwrap();
    let (path, clean) = (directory.path().join("archive.tar"), directory.path().join("clean.tar"));
    let big = Seed::new(1).bytes(700_000);
    let failing = Descriptor::new(MediaType::OCI_LAYER, oci::Digest::sha256(b"something else"), 700_000);
    let application = signed_image(1);
    let store = ArchiveStore::create(&path).unwrap();
    let (removed, removed_bytes) = blob(b"removed before the end");
    put(&store, &removed, &removed_bytes).await.unwrap();
    put(&store, &failing, &big).await.unwrap_err();
    for (descriptor, bytes) in application.blobs() {
        put(&store, descriptor, bytes).await.unwrap();
        put(&store, &failing, &big).await.unwrap_err();
    }
    assert!(store.delete_blob(&removed.digest).await.unwrap());
    application.write_to_store(&store).await.unwrap();
    put(&store, &failing, &big).await.unwrap_err();
    store.finish().await.unwrap();
    assert_holds(&ArchiveStore::open(&path).unwrap(), &application).await;
    assert_holds(&store, &application).await;
    application.write_to_store(&ArchiveStore::create(&clean).unwrap()).await.unwrap();
    assert!(fs::read(&path).unwrap() == fs::read(&clean).unwrap(), "the archive is as if nothing had failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_are_written_side_by_side() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive.tar");
    let store = ArchiveStore::create(&path).unwrap();
    let blobs: Vec<_> =
        (0..24_u64).map(|seed| Seed::new(seed).bytes(usize::try_from(seed * 40_000).unwrap())).collect();
    let mut puts = tokio::task::JoinSet::new();
    // Each twice, so that some come when the same content is on its way already.
    for bytes in blobs.iter().chain(&blobs) {
        let (store, bytes) = (store.clone(), bytes.clone());
        puts.spawn(async move { put(&store, &Descriptor::of(MediaType::OCI_LAYER, &bytes), &bytes).await.unwrap() });
    }
    puts.join_all().await;
    store.finish().await.unwrap();
    let entries = entries(&path);
    assert_eq!(entries.len(), blobs.len() + 2);
    for bytes in blobs {
        let digest = oci::Digest::sha256(&bytes);
        assert!(entries[&format!("blobs/sha256/{}", digest.encoded())] == bytes);
    }
}

#[tokio::test]
async fn an_opened_archive_cannot_be_changed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive.tar");
    let application = signed_image(1);
    application.write_to_store(&ArchiveStore::create(&path).unwrap()).await.unwrap();
    let archive = ArchiveStore::open(&path).unwrap();
    let (descriptor, bytes) = blob(b"content");
    let image = manifest(&application, "image");
    let refusals = [
        put(&archive, &descriptor, &bytes).await.unwrap_err(),
        archive.tag(&tag("v2"), image).await.unwrap_err(),
        archive.put_manifest(image).await.unwrap_err(),
        archive.delete_manifest(image.digest()).await.unwrap_err(),
        archive.delete_tag(&tag("v1")).await.unwrap_err(),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, StoreError::Unsupported { .. }), "{refusal:?}");
    }
    archive.finish().await.unwrap();
}

#[tokio::test]
async fn archives_of_other_tools_are_read() {
    // `tar` with directories, a leading `./`, and files that are none of the layout.
    let directory = tempfile::tempdir().unwrap();
    let layout = directory.path().join("layout");
    let application = signed_image(1);
    fs::create_dir(&layout).unwrap();
    application.write_layout(&layout);
    fs::write(layout.join("README"), "hello").unwrap();
    let path = directory.path().join("archive.tar");
    let mut builder = tar::Builder::new(File::create(&path).unwrap());
    builder.append_dir_all(".", &layout).unwrap();
    builder.into_inner().unwrap();
    assert_holds(&ArchiveStore::open(&path).unwrap(), &application).await;
    // The same, compressed, whatever it is called.
    let compressed = directory.path().join("archive.bin");
    zstd::stream::copy_encode(File::open(&path).unwrap(), File::create(&compressed).unwrap(), 1).unwrap();
    let archive =
        ArchiveStore::open_within(&compressed, &ArchiveLimits { unpacked_max_bytes: 1 << 30, ratio_max: 100 });
    assert_holds(&archive.unwrap(), &application).await;
}
