//! What is special about layouts: what they list, and who lists it.

use std::fs;
use std::sync::Arc;

use oci::Descriptor;
use serde_json::json;
use store::{LayoutStore, Store, StoreError};
use testkit::application::{ApplicationBuilder, Image, WholeGraph};

use crate::fixture::{
    KIND, assert_format, assert_holds, files, index_json, manifest, referrers, roots, signed_image, tag,
};

fn entry(descriptor: &Descriptor) -> serde_json::Value {
    serde_json::to_value(descriptor).unwrap()
}

#[tokio::test]
async fn index_json_lists_tagged_roots_and_then_referrers() {
    let directory = tempfile::tempdir().unwrap();
    let application = signed_image(1);
    application.write_to_store(&LayoutStore::open_or_create(directory.path()).unwrap()).await.unwrap();
    let mut tagged = manifest(&application, "image").descriptor();
    tagged.annotations.insert("org.opencontainers.image.ref.name".to_owned(), "v1".to_owned());
    let listed = [
        tagged,
        manifest(&application, "sbom").referrer_descriptor(),
        manifest(&application, "signature").referrer_descriptor(),
    ];
    let expected = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": listed.iter().map(entry).collect::<Vec<_>>(),
    });
    assert_eq!(index_json(directory.path()), expected);
    let marker = fs::read_to_string(directory.path().join("oci-layout")).unwrap();
    assert_eq!(marker, r#"{"imageLayoutVersion":"1.0.0"}"#);
}

#[tokio::test]
async fn roots_alone_are_listed_on_demand() {
    let directory = tempfile::tempdir().unwrap();
    let application = signed_image(1);
    let store = LayoutStore::open_or_create(directory.path()).unwrap().listing_roots_only();
    application.write_to_store(&store).await.unwrap();
    assert_eq!(index_json(directory.path())["manifests"].as_array().unwrap().len(), 1);
    // Referrers are there for those who look, as in what cosign writes.
    assert_holds(&LayoutStore::open(directory.path()).unwrap(), &application).await;
}

#[tokio::test]
async fn a_layout_reads_back_with_another_handle() {
    let directory = tempfile::tempdir().unwrap();
    let application = WholeGraph::default().sha512().blake3().build();
    application.write_to_store(&LayoutStore::open_or_create(directory.path()).unwrap()).await.unwrap();
    let store = LayoutStore::open(directory.path()).unwrap();
    assert_holds(&store, &application).await;
    let tagged = application.tags().iter().map(|(tag, digest)| format!("{tag} {digest}"));
    let mut expected: Vec<String> = tagged.collect();
    let mut found = roots(&store).await;
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_referrer_is_found_before_it_is_listed() {
    let directory = tempfile::tempdir().unwrap();
    let application = signed_image(1);
    let (image, sbom) = (manifest(&application, "image"), manifest(&application, "sbom"));
    let writer = LayoutStore::open_or_create(directory.path()).unwrap();
    writer.put_manifest(image).await.unwrap();
    assert_eq!(referrers(&writer, image.digest()).await, []);
    writer.put_manifest(sbom).await.unwrap();
    assert_eq!(referrers(&writer, image.digest()).await, [*sbom.digest()]);
    // A process that comes while the copy is under way, or after it was killed.
    let other = LayoutStore::open(directory.path()).unwrap();
    assert_eq!(referrers(&other, image.digest()).await, [*sbom.digest()]);
    assert_eq!(index_json(directory.path())["manifests"], json!([]));
    writer.finish().await.unwrap();
    assert_eq!(index_json(directory.path())["manifests"], json!([entry(&sbom.referrer_descriptor())]));
}

#[tokio::test]
async fn a_root_without_a_tag_is_listed_when_it_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut builder = ApplicationBuilder::new(1);
    let image = builder.image(&Image::new("linux/amd64", &[]));
    let index = builder.index(std::slice::from_ref(&image));
    let application = builder.build();
    let store = LayoutStore::open_or_create(directory.path()).unwrap();
    application.write_to_store(&store).await.unwrap();
    assert_eq!(roots(&store).await, [""; 0], "nothing says what is wanted for itself");
    let root = application.manifest(&index.digest).unwrap();
    store.keep_root(root).await.unwrap();
    store.keep_root(root).await.unwrap();
    assert_eq!(roots(&store).await, [format!("- {}", index.digest)]);
    // A tag makes one entry of it, not two.
    store.tag(&tag("v1"), root).await.unwrap();
    assert_eq!(roots(&store).await, [format!("v1 {}", index.digest)]);
    assert_eq!(index_json(directory.path())["manifests"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_artifact_alone_is_a_root_until_its_subject_comes() {
    let directory = tempfile::tempdir().unwrap();
    let application = signed_image(1);
    let store = LayoutStore::open_or_create(directory.path()).unwrap();
    store.put_manifest(manifest(&application, "signature")).await.unwrap();
    store.finish().await.unwrap();
    assert_eq!(roots(&store).await, [format!("- {}", application.named("signature").digest)]);
    store.put_manifest(manifest(&application, "sbom")).await.unwrap();
    store.finish().await.unwrap();
    assert_eq!(roots(&store).await, [format!("- {}", application.named("sbom").digest)]);
}

#[tokio::test]
async fn a_tagged_referrer_that_loses_its_tag_stays_listed() {
    let directory = tempfile::tempdir().unwrap();
    let application = signed_image(1);
    let store = LayoutStore::open_or_create(directory.path()).unwrap();
    application.write_to_store(&store).await.unwrap();
    let before = index_json(directory.path());
    store.tag(&tag("sbom"), manifest(&application, "sbom")).await.unwrap();
    assert_eq!(index_json(directory.path())["manifests"].as_array().unwrap().len(), 3);
    assert!(store.delete_tag(&tag("sbom")).await.unwrap());
    let names = |index: &serde_json::Value| {
        let mut digests: Vec<_> = index["manifests"].as_array().unwrap().iter().map(ToString::to_string).collect();
        digests.sort();
        digests
    };
    assert_eq!(names(&index_json(directory.path())), names(&before));
}

#[tokio::test]
async fn a_layout_is_made_with_the_first_thing_that_is_put() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("below/layout");
    let store = LayoutStore::open_or_create(&path).unwrap();
    assert_eq!(store.tags().await.unwrap(), []);
    assert_eq!(store.resolve(&tag("v1")).await.unwrap(), None);
    assert_eq!(roots(&store).await, [""; 0]);
    store.finish().await.unwrap();
    assert!(!path.exists(), "looking makes nothing");
    signed_image(1).write_to_store(&store).await.unwrap();
    assert!(path.join("index.json").exists());
    let left: Vec<_> = files(&path).into_iter().filter(|file| !file.starts_with("blobs/")).collect();
    assert_eq!(left, ["index.json", "oci-layout"], "nothing is left in the making");
    assert!(!path.join(".supercargo").exists());
}

#[tokio::test]
async fn what_is_no_layout_is_neither_read_nor_written() {
    let directory = tempfile::tempdir().unwrap();
    assert_format(LayoutStore::open(directory.path()), "is not an OCI layout");
    let absent = LayoutStore::open(directory.path().join("absent")).unwrap_err();
    assert!(matches!(absent, StoreError::File { .. }), "{absent:?}");
    let file = directory.path().join("file");
    fs::write(&file, "something else").unwrap();
    assert_format(LayoutStore::open_or_create(directory.path()), "is neither empty nor an OCI layout");
    assert_format(LayoutStore::open_or_create(&file), "is neither empty nor an OCI layout");
    for (marker, part) in [("{}", "does not say the version"), (r#"{"imageLayoutVersion":"2.0"}"#, "version `2.0`")] {
        let layout = tempfile::tempdir().unwrap();
        fs::write(layout.path().join("oci-layout"), marker).unwrap();
        assert_format(LayoutStore::open(layout.path()), part);
        assert_format(LayoutStore::open_or_create(layout.path()), part);
    }
}

#[tokio::test]
async fn a_layout_that_was_opened_to_be_read_is_not_changed() {
    let directory = tempfile::tempdir().unwrap();
    let application = signed_image(1);
    application.write_layout(directory.path());
    let before = files(directory.path());
    let store = LayoutStore::open(directory.path()).unwrap();
    assert_holds(&store, &application).await;
    let refused = store.tag(&tag("v2"), manifest(&application, "image")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unsupported { .. }), "{refused:?}");
    let layer = &manifest(&application, "image").layers()[0];
    let refused = store.delete_blob(&layer.digest).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unsupported { .. }), "{refused:?}");
    store.finish().await.unwrap();
    assert_eq!(files(directory.path()), before);
}

#[tokio::test]
async fn a_layout_that_a_killed_process_began_is_completed() {
    // Between its first two files, and with a file in the making.
    for left in [&["oci-layout"][..], &[".supercargo"], &["oci-layout", ".supercargo"]] {
        let directory = tempfile::tempdir().unwrap();
        for name in left {
            let path = directory.path().join(name);
            if *name == "oci-layout" {
                fs::write(path, r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
            } else {
                fs::create_dir(&path).unwrap();
                fs::write(path.join("0123456789abcdef"), "half a fi").unwrap();
            }
        }
        let application = signed_image(1);
        let store = LayoutStore::open_or_create(directory.path()).unwrap();
        assert_eq!(store.tags().await.unwrap(), []);
        application.write_to_store(&store).await.unwrap();
        assert_holds(&LayoutStore::open(directory.path()).unwrap(), &application).await;
        assert!(!directory.path().join(".supercargo").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_lose_no_entry() {
    const WRITERS: u64 = 8;
    const TAGS: u64 = 12;
    let directory = tempfile::tempdir().unwrap();
    let path = Arc::new(directory.path().join("layout"));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let path = Arc::clone(&path);
        writers.spawn(async move {
            // A handle of its own locks out the others as another process does.
            let store = LayoutStore::open_or_create(&*path).unwrap();
            for number in 0..TAGS {
                let mut builder = ApplicationBuilder::new(writer * TAGS + number);
                let layer = builder.layer("content", 50);
                let image = builder.image(&Image::new("linux/amd64", &[layer]));
                builder.artifact(KIND, Some(&image), &[]);
                builder.tag(&format!("w{writer}-{number}"), &image);
                builder.build().write_to_store(&store).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let store = LayoutStore::open(&*path).unwrap();
    let tags = store.tags().await.unwrap();
    assert_eq!(tags.len() as u64, WRITERS * TAGS);
    for tag in tags {
        let image = store.resolve(&tag).await.unwrap().unwrap();
        assert_eq!(referrers(&store, &image.digest).await.len(), 1, "{tag}");
    }
    let entries = index_json(&path)["manifests"].as_array().unwrap().len() as u64;
    assert_eq!(entries, 2 * WRITERS * TAGS, "each image and each referrer is listed once");
}

#[test]
fn a_layout_that_comes_to_be_while_it_is_opened_is_one() {
    const ROUNDS: usize = 100;
    for _ in 0..ROUNDS {
        let directory = tempfile::tempdir().unwrap();
        let (path, marker) = (&directory.path().join("layout"), &directory.path().join("marker"));
        fs::create_dir(path).unwrap();
        fs::write(marker, r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                fs::rename(marker, path.join("oci-layout")).unwrap();
                fs::create_dir(path.join("blobs")).unwrap();
            });
            while LayoutStore::open(path).is_err() {
                LayoutStore::open_or_create(path).unwrap();
            }
        });
    }
}
