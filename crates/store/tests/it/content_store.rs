//! What is special about the local content store.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use oci::{MediaType, RepositoryName};
use store::content_store::{PruneOptions, StoreSize};
use store::{ContentStore, LayoutStore, NamedStore, Store, StoreError};
use testkit::application::{ApplicationBuilder, Image, WholeGraph};

use crate::fixture::{
    assert_format, assert_holds, blob, blob_path, files, manifest, put, referrers, roots, signed_image, tag,
};

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn open(root: &Path) -> (ContentStore, NamedStore) {
    let store = ContentStore::open(root).unwrap();
    let named = store.name(name("library/app"));
    (store, named)
}

const ALL: PruneOptions = PruneOptions { keep_cached_manifests: false, dry_run: false };

#[tokio::test]
async fn names_share_content_and_not_tags() {
    let directory = tempfile::tempdir().unwrap();
    let (store, one) = open(directory.path());
    let two = store.name(name("library/app/below"));
    let application = signed_image(1);
    application.write_to_store(&one).await.unwrap();
    let written = files(&directory.path().join("blobs"));
    assert_eq!(two.tags().await.unwrap(), []);
    assert_eq!(two.resolve(&tag("v1")).await.unwrap(), None);
    application.write_to_store(&two).await.unwrap();
    assert_eq!(files(&directory.path().join("blobs")), written, "each blob is there once");
    assert_holds(&two, &application).await;
    assert_eq!(store.names().await.unwrap(), [name("library/app"), name("library/app/below")]);
    // Another handle, as of another process.
    let (again, one) = open(directory.path());
    assert_holds(&one, &application).await;
    assert_eq!(roots(&one).await, [format!("v1 {}", application.named("image").digest)]);
    let image = manifest(&application, "image");
    two.keep_root(image).await.unwrap();
    two.delete_tag(&tag("v1")).await.unwrap();
    assert_eq!(again.names().await.unwrap(), [name("library/app")], "a name without anything is none");
    for file in &written {
        let mode = fs::metadata(directory.path().join("blobs").join(file)).unwrap().mode();
        assert_eq!(mode & 0o777 & !0o044, 0o400, "{file} has mode {mode:o}");
    }
}

#[tokio::test]
async fn removing_under_one_name_leaves_what_another_needs() {
    let directory = tempfile::tempdir().unwrap();
    let (store, one) = open(directory.path());
    let two = store.name(name("two"));
    let application = signed_image(1);
    application.write_to_store(&one).await.unwrap();
    application.write_to_store(&two).await.unwrap();
    let (image, sbom) = (manifest(&application, "image"), manifest(&application, "sbom"));
    assert!(one.delete_manifest(image.digest()).await.unwrap());
    assert!(one.delete_manifest(sbom.digest()).await.unwrap());
    assert!(one.delete_blob(&image.layers()[0].digest).await.unwrap());
    assert_eq!(one.tags().await.unwrap(), []);
    assert_holds(&two, &application).await;
    assert!(two.delete_manifest(sbom.digest()).await.unwrap());
    assert_eq!(two.manifest(sbom.digest()).await.unwrap(), None);
    assert_eq!(referrers(&two, image.digest()).await, []);
}

#[tokio::test]
async fn a_kept_manifest_comes_back_and_promises_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (store, named) = open(directory.path());
    let application = signed_image(1);
    let sbom = manifest(&application, "sbom");
    assert_eq!(store.cached_manifest(sbom.digest(), sbom.media_type()), None);
    store.cache_manifest(sbom);
    store.cache_manifest(sbom);
    let (again, _) = open(directory.path());
    assert_eq!(again.cached_manifest(sbom.digest(), sbom.media_type()).as_ref(), Some(sbom));
    assert_eq!(again.cached_manifest(sbom.digest(), &MediaType::OCI_INDEX), None, "it is of another type");
    // Its blobs are not here, so it is not in the store.
    assert_eq!(named.stat_manifest(sbom.digest()).await.unwrap(), None);
    assert_eq!(referrers(&named, &application.named("image").digest).await, []);
    // What a name has need not be kept beside it.
    let image = manifest(&application, "image");
    named.put_manifest(image).await.unwrap();
    store.cache_manifest(image);
    assert_eq!(store.size().await.unwrap().cached_manifests, 1);
    assert_eq!(store.cached_manifest(image.digest(), image.media_type()).as_ref(), Some(image));
}

#[tokio::test]
async fn a_damaged_kept_manifest_is_absent_and_goes() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let application = signed_image(1);
    let image = manifest(&application, "image");
    store.cache_manifest(image);
    let path = directory.path().join("cache/sha256").join(image.digest().encoded());
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    // As a crash leaves it: the size is right, the content never came.
    fs::write(&path, vec![0; image.bytes().len()]).unwrap();
    assert_eq!(store.cached_manifest(image.digest(), image.media_type()), None);
    assert!(!path.exists());
    store.cache_manifest(image);
    assert_eq!(store.cached_manifest(image.digest(), image.media_type()).as_ref(), Some(image));
}

#[tokio::test]
async fn pruning_keeps_what_names_need() {
    let directory = tempfile::tempdir().unwrap();
    let (store, named) = open(directory.path());
    let kept = WholeGraph::default().sha512().build();
    kept.write_to_store(&named).await.unwrap();
    let before = files(directory.path());
    assert_eq!(store.prune(ALL).await.unwrap(), store::content_store::PruneReport::default());

    let other = store.name(name("other"));
    let mut builder = ApplicationBuilder::new(5);
    let image = builder.image(&Image::new("linux/amd64", &[]));
    builder.sbom(&image);
    builder.convention_signature(&image);
    builder.tag("v1", &image);
    let gone = builder.build();
    gone.write_to_store(&other).await.unwrap();
    store.cache_manifest(manifest(&signed_image(3), "image"));
    assert!(other.delete_tag(&tag("v1")).await.unwrap());

    let with_garbage = files(directory.path());
    let dry = store.prune(PruneOptions { dry_run: true, ..ALL }).await.unwrap();
    assert_eq!(files(directory.path()), with_garbage, "a dry run changes nothing");
    let report = store.prune(ALL).await.unwrap();
    assert_eq!(report, dry, "and says what will be done");
    let only_there = gone.blobs().filter(|(descriptor, _)| kept.blob(&descriptor.digest).is_none());
    assert_eq!(report.content.files, (gone.manifests().len() + only_there.count()) as u64);
    assert_eq!(report.cached.files, 1);
    assert_eq!(report.untagged.len(), 1);
    assert_eq!(files(directory.path()), before);
    assert_holds(&named, &kept).await;
    assert_eq!(store.names().await.unwrap(), [name("library/app")]);
}

#[tokio::test]
async fn kept_manifests_survive_a_pruning_on_demand() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    store.cache_manifest(manifest(&signed_image(3), "image"));
    store.prune(PruneOptions { keep_cached_manifests: true, dry_run: false }).await.unwrap();
    assert_eq!(store.size().await.unwrap().cached_manifests, 1);
}

#[tokio::test]
async fn nothing_is_pruned_while_another_process_uses_names() {
    let directory = tempfile::tempdir().unwrap();
    let (store, named) = open(directory.path());
    signed_image(1).write_to_store(&named).await.unwrap();
    let (other, other_name) = open(directory.path());
    assert_eq!(other_name.tags().await.unwrap().len(), 1);
    let refused = store.prune(ALL).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused { .. }), "{refused:?}");
    drop((other, other_name));
    store.prune(ALL).await.unwrap();
    // One that keeps manifests and nothing else is in nobody's way.
    let (keeper, _) = open(directory.path());
    keeper.cache_manifest(manifest(&signed_image(3), "image"));
    store.prune(ALL).await.unwrap();
}

#[tokio::test]
async fn a_check_names_every_damaged_file() {
    let directory = tempfile::tempdir().unwrap();
    let (store, named) = open(directory.path());
    let application = WholeGraph::default().sha512().blake3().build();
    application.write_to_store(&named).await.unwrap();
    let clean = store.verify().await.unwrap();
    assert_eq!(clean.damaged.len(), 0);
    let size = store.size().await.unwrap();
    assert_eq!((clean.files, clean.bytes), (size.blobs, size.blob_bytes));
    assert_eq!(size.blobs, (application.manifests().len() + application.blobs().count()) as u64);

    let blobs: Vec<_> = application.blobs().filter(|(_, bytes)| !bytes.is_empty()).take(3).collect();
    for (number, (descriptor, bytes)) in blobs.iter().enumerate() {
        let path = blob_path(directory.path(), &descriptor.digest);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        match number {
            0 => fs::write(&path, "x".repeat(bytes.len())).unwrap(),
            1 => fs::write(&path, [bytes.as_ref(), b"x"].concat()).unwrap(),
            _ => fs::write(&path, &bytes[1..]).unwrap(),
        }
    }
    let report = store.verify().await.unwrap();
    let mut expected: Vec<_> = blobs.iter().map(|(descriptor, _)| descriptor.digest).collect();
    let mut found: Vec<_> = report.damaged.iter().map(|damage| damage.digest).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    assert!(report.damaged.iter().all(|damage| damage.error.is_integrity()));
}

#[tokio::test]
async fn content_goes_out_by_link_and_comes_in_by_copy() {
    let directory = tempfile::tempdir().unwrap();
    let (_, named) = open(&directory.path().join("store"));
    let layout_path = directory.path().join("layout");
    let layout = LayoutStore::open_or_create(&layout_path).unwrap();
    let (descriptor, bytes) = blob(b"content");
    put(&named, &descriptor, &bytes).await.unwrap();
    assert!(layout.adopt_blob(&descriptor, &named.identity()).await.unwrap());
    assert_eq!(fs::read(blob_path(&layout_path, &descriptor.digest)).unwrap(), bytes);

    let (other, bytes) = blob(b"other content");
    put(&layout, &other, &bytes).await.unwrap();
    let adopted = named.adopt_blob(&other, &layout.identity()).await.unwrap();
    let theirs = fs::metadata(blob_path(&layout_path, &other.digest)).unwrap();
    assert_eq!(theirs.nlink(), 1, "the store never shares a file that a layout brought");
    assert_eq!(named.stat_blob(&other.digest).await.unwrap().is_some(), adopted);
}

#[tokio::test]
async fn what_is_no_store_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("letter.txt"), "dear").unwrap();
    assert_format(ContentStore::open(directory.path()), "is neither empty nor a content store");
    assert_eq!(files(directory.path()), ["letter.txt"]);
    let newer = tempfile::tempdir().unwrap();
    fs::write(newer.path().join("store.json"), r#"{"schema":"supercargo.store.v2"}"#).unwrap();
    assert_format(ContentStore::open(newer.path()), "another version");
    let (store, named) = open(&directory.path().join("store"));
    assert_eq!(store.size().await.unwrap(), StoreSize::default());
    fs::create_dir_all(directory.path().join("store/names/library/app")).unwrap();
    fs::write(directory.path().join("store/names/library/app/_name.json"), r#"{"schema":"x","tags":{}}"#).unwrap();
    assert_format(named.tags().await, "is not the file of a name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_lose_no_tag_and_no_referrer() {
    let directory = tempfile::tempdir().unwrap();
    let subject = signed_image(0);
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..6_u64 {
        let (root, image) = (directory.path().to_owned(), subject.named("image").clone());
        writers.spawn(async move {
            let (_, named) = open(&root);
            for number in 0..10 {
                let mut builder = ApplicationBuilder::new(1 + writer * 10 + number);
                let own = builder.image(&Image::new("linux/amd64", &[]));
                builder.artifact(&format!("application/vnd.example.w{writer}-{number}"), Some(&image), &[]);
                builder.tag(&format!("w{writer}-{number}"), &own);
                builder.build().write_to_store(&named).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let (_, named) = open(directory.path());
    assert_eq!(named.tags().await.unwrap().len(), 60);
    assert_eq!(referrers(&named, &subject.named("image").digest).await.len(), 60);
}
