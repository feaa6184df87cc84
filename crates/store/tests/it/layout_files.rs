//! The files of a layout: permissions, links, what stands in their place.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use async_trait::async_trait;
use oci::{Descriptor, Digest, MediaType};
use store::{BlobBody, BlobSource, Identity, LayoutStore, Meter, Put, Store, StoreError};

use crate::fixture::{assert_format, blob, blob_path, files, manifest, put, signed_image, tag};

#[tokio::test]
async fn content_is_read_only() {
    let directory = tempfile::tempdir().unwrap();
    let application = signed_image(1);
    application.write_to_store(&LayoutStore::open_or_create(directory.path()).unwrap()).await.unwrap();
    for file in files(&directory.path().join("blobs")) {
        let mode = fs::metadata(directory.path().join("blobs").join(&file)).unwrap().mode();
        assert_eq!(mode & 0o777 & !0o044, 0o400, "{file} has mode {mode:o}");
    }
}

#[tokio::test]
async fn a_blob_of_another_size_is_written_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = LayoutStore::open_or_create(directory.path()).unwrap();
    let (descriptor, bytes) = blob(b"content");
    assert_eq!(put(&store, &descriptor, &bytes).await.unwrap(), Put::Stored);
    assert_eq!(put(&store, &descriptor, &bytes).await.unwrap(), Put::AlreadyThere);
    let path = blob_path(directory.path(), &descriptor.digest);
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"cont").unwrap();
    assert_eq!(put(&store, &descriptor, &bytes).await.unwrap(), Put::Stored);
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn a_damaged_manifest_is_reported_and_can_be_put_again() {
    let directory = tempfile::tempdir().unwrap();
    let application = signed_image(1);
    let store = LayoutStore::open_or_create(directory.path()).unwrap();
    application.write_to_store(&store).await.unwrap();
    let image = manifest(&application, "image");
    let path = blob_path(directory.path(), image.digest());
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    fs::write(&path, "x".repeat(image.bytes().len())).unwrap();
    let error = store.manifest(image.digest()).await.unwrap_err();
    assert!(matches!(error, StoreError::Digest { .. }), "{error:?}");
    assert_eq!(store.stat_manifest(image.digest()).await.unwrap(), None);
    store.put_manifest(image).await.unwrap();
    assert_eq!(store.manifest(image.digest()).await.unwrap().as_ref(), Some(image));
}

#[tokio::test]
async fn an_oversize_manifest_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    signed_image(1).write_layout(directory.path());
    let bytes = vec![b' '; oci::limits::MANIFEST_MAX_BYTES + 1];
    let digest = Digest::sha256(&bytes);
    fs::write(blob_path(directory.path(), &digest), &bytes).unwrap();
    let store = LayoutStore::open(directory.path()).unwrap();
    let error = store.manifest(&digest).await.unwrap_err();
    assert!(matches!(error, StoreError::Manifest { .. }), "{error:?}");
    assert_eq!(store.stat_manifest(&digest).await.unwrap(), None);
}

#[tokio::test]
async fn links_below_the_root_are_not_followed() {
    let elsewhere = tempfile::tempdir().unwrap();
    let (descriptor, bytes) = blob(b"content");
    fs::write(elsewhere.path().join("secret"), &bytes).unwrap();

    let layout = tempfile::tempdir().unwrap();
    signed_image(1).write_layout(layout.path());
    symlink(elsewhere.path().join("secret"), blob_path(layout.path(), &descriptor.digest)).unwrap();
    let store = LayoutStore::open(layout.path()).unwrap();
    assert_format(store.open_blob(&descriptor, 0).await, "is not a regular file");
    assert_format(store.stat_blob(&descriptor.digest).await, "is not a regular file");

    for linked in ["blobs", "blobs/sha256"] {
        let layout = tempfile::tempdir().unwrap();
        signed_image(1).write_layout(layout.path());
        let target = elsewhere.path().join(linked);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::rename(layout.path().join(linked), &target).unwrap();
        symlink(&target, layout.path().join(linked)).unwrap();
        let store = LayoutStore::open_or_create(layout.path()).unwrap();
        assert_format(store.stat_blob(&descriptor.digest).await, "symbolic link");
        assert_format(put(&store, &descriptor, &bytes).await, "symbolic link");
        fs::remove_dir_all(&target).unwrap();
    }

    for linked in ["index.json", "oci-layout"] {
        let layout = tempfile::tempdir().unwrap();
        signed_image(1).write_layout(layout.path());
        let target = elsewhere.path().join(linked);
        fs::rename(layout.path().join(linked), &target).unwrap();
        symlink(&target, layout.path().join(linked)).unwrap();
        match LayoutStore::open(layout.path()) {
            Ok(store) => assert_format(store.tags().await, "symbolic link"),
            refused => assert_format(refused, "symbolic link"),
        }
    }

    // The directory itself is the user's to name.
    let layout = tempfile::tempdir().unwrap();
    signed_image(1).write_layout(layout.path());
    symlink(layout.path(), elsewhere.path().join("layout")).unwrap();
    let store = LayoutStore::open(elsewhere.path().join("layout")).unwrap();
    assert_eq!(store.tags().await.unwrap(), [tag("v1")]);
}

#[tokio::test]
async fn what_stands_in_the_place_of_a_file_stops_nobody_for_ever() {
    let layout = tempfile::tempdir().unwrap();
    signed_image(1).write_layout(layout.path());
    let (descriptor, _) = blob(b"content");
    let path = blob_path(layout.path(), &descriptor.digest);
    // A pipe would make whoever opens it wait for a writer.
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let store = LayoutStore::open(layout.path()).unwrap();
    assert_format(store.open_blob(&descriptor, 0).await, "is not a regular file");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_format(store.open_blob(&descriptor, 0).await, "is not a regular file");
}

#[tokio::test]
async fn an_error_names_the_file_and_what_was_to_be_done() {
    let directory = tempfile::tempdir().unwrap();
    let store = LayoutStore::open_or_create(directory.path()).unwrap();
    let (descriptor, bytes) = blob(b"content");
    put(&store, &descriptor, &bytes).await.unwrap();
    fs::write(directory.path().join("blobs/sha512"), "in the way").unwrap();
    let other = Descriptor::new(MediaType::OCI_LAYER, oci::Algorithm::Sha512.digest(&bytes), 7);
    let error = put(&store, &other, &bytes).await.unwrap_err();
    assert!(error.to_string().contains("blobs/sha512"), "{error}");
}

#[tokio::test]
async fn content_of_our_own_layouts_is_linked() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (source, destination) = [&from, &to].map(|path| LayoutStore::open_or_create(path.path()).unwrap()).into();
    let (descriptor, bytes) = blob(b"content");
    put(&source, &descriptor, &bytes).await.unwrap();
    assert!(destination.adopt_blob(&descriptor, &source.identity()).await.unwrap());
    assert_eq!(fs::read(blob_path(to.path(), &descriptor.digest)).unwrap(), bytes);
    assert!(!destination.adopt_blob(&blob(b"absent").0, &source.identity()).await.unwrap());
    assert!(!destination.adopt_blob(&descriptor, &Identity::Opaque).await.unwrap());
}

#[tokio::test]
async fn what_is_adopted_is_what_its_name_says() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = LayoutStore::open_or_create(to.path()).unwrap();
    let (descriptor, _) = blob(b"content");
    let path = blob_path(from.path(), &descriptor.digest);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, b"CONTENT").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    let error = store.adopt_blob(&descriptor, &Identity::Directory(from.path().to_owned())).await.unwrap_err();
    assert!(matches!(error, StoreError::Digest { .. }), "{error:?}");
    assert_eq!(store.stat_blob(&descriptor.digest).await.unwrap(), None);
}

#[tokio::test]
async fn a_file_that_somebody_may_write_to_is_not_shared_by_name() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    signed_image(1).write_layout(from.path());
    let store = LayoutStore::open_or_create(to.path()).unwrap();
    let (descriptor, bytes) = blob(b"content");
    let path = blob_path(from.path(), &descriptor.digest);
    fs::write(&path, &bytes).unwrap();
    // Where the file system clones files it is taken, as a file of its own; elsewhere it is left to be copied.
    if store.adopt_blob(&descriptor, &Identity::Directory(from.path().to_owned())).await.unwrap() {
        let inode = |path| fs::metadata(path).unwrap().ino();
        assert_ne!(inode(blob_path(to.path(), &descriptor.digest)), inode(path));
    } else {
        assert_eq!(store.stat_blob(&descriptor.digest).await.unwrap(), None);
    }
}

/// A blob of a layout as a source.
struct Blob<'a>(&'a LayoutStore, &'a Descriptor);

#[async_trait]
impl BlobSource for Blob<'_> {
    async fn open(&self, offset: u64) -> Result<BlobBody, StoreError> {
        Ok(self.0.open_blob(self.1, offset).await?.unwrap())
    }
}

#[tokio::test]
async fn a_file_is_taken_whole_and_verified() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    let source = LayoutStore::open_or_create(&from).unwrap();
    let bytes = testkit::seed::Seed::new(1).bytes(700_000);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    put(&source, &descriptor, &bytes).await.unwrap();
    let destination = LayoutStore::open_or_create(&to).unwrap();
    let meter = Meter::default();
    destination.put_blob(&descriptor, &Blob(&source, &descriptor), &meter).await.unwrap();
    assert_eq!(meter.bytes(), 700_000);
    assert!(fs::read(blob_path(&to, &descriptor.digest)).unwrap() == bytes);

    // A source that was damaged meanwhile.
    let path = blob_path(&from, &descriptor.digest);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    fs::write(&path, "x".repeat(700_000)).unwrap();
    destination.delete_blob(&descriptor.digest).await.unwrap();
    let error = destination.put_blob(&descriptor, &Blob(&source, &descriptor), &meter).await.unwrap_err();
    assert!(matches!(error, StoreError::Digest { .. }), "{error:?}");
    assert_eq!(destination.stat_blob(&descriptor.digest).await.unwrap(), None);
}
