//! Layouts as other tools write them.

use std::fs;
use std::path::Path;

use oci::{Algorithm, Descriptor, Manifest, MediaType, Tag};
use serde_json::json;
use store::{LayoutStore, Store, StoreError};
use testkit::application::{Application, ApplicationBuilder, Image};

use crate::fixture::{
    assert_format, assert_holds, blob_path, index_json, manifest, referrers, roots, signed_image, tag,
};

/// Lists these and nothing else.
fn list(layout: &Path, entries: &[serde_json::Value]) {
    fs::write(layout.join("index.json"), json!({"schemaVersion": 2, "manifests": entries}).to_string()).unwrap();
}

fn entry(descriptor: &Descriptor, annotations: &serde_json::Value) -> serde_json::Value {
    let mut entry = serde_json::to_value(descriptor).unwrap();
    entry["annotations"] = annotations.clone();
    entry
}

fn named(descriptor: &Descriptor, name: &str) -> serde_json::Value {
    entry(descriptor, &json!({"org.opencontainers.image.ref.name": name}))
}

fn written(application: &Application) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    application.write_layout(directory.path());
    directory
}

fn add(layout: &Path, manifest: &Manifest) {
    fs::write(blob_path(layout, manifest.digest()), manifest.bytes()).unwrap();
}

#[tokio::test]
async fn referrers_behind_fallback_tags_are_found() {
    // regctl: an index of the referrers under `sha256-<hex>`, for each subject.
    let application = signed_image(1);
    let layout = written(&application);
    let mut entries = vec![named(&manifest(&application, "image").descriptor(), "v1")];
    for (subject, referrer) in [("image", "sbom"), ("sbom", "signature")] {
        let listed = manifest(&application, referrer).referrer_descriptor();
        let fallback = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": [listed]});
        let fallback =
            Manifest::from_new(fallback.to_string().into(), &MediaType::OCI_INDEX, Algorithm::Sha256).unwrap();
        add(layout.path(), &fallback);
        let name = Tag::referrers_fallback(manifest(&application, subject).digest());
        entries.push(named(&fallback.descriptor(), name.as_str()));
    }
    list(layout.path(), &entries);
    let store = LayoutStore::open(layout.path()).unwrap();
    assert_holds(&store, &application).await;
    assert_eq!(roots(&store).await, [format!("v1 {}", application.named("image").digest)]);
    assert_eq!(store.tags().await.unwrap().len(), 3, "fallback tags are tags");
}

#[tokio::test]
async fn referrers_that_nothing_names_are_found() {
    // cosign: blobs that only their own subject connects to anything.
    let application = signed_image(1);
    let layout = written(&application);
    list(layout.path(), &[named(&manifest(&application, "image").descriptor(), "v1")]);
    // Neither of these is a manifest about anything.
    let stray = [(Algorithm::Sha256, "{\"not\": \"a manifest\"}"), (Algorithm::Sha256, "{"), (Algorithm::Sha512, "")];
    for (algorithm, content) in stray {
        let path = blob_path(layout.path(), &algorithm.digest(content.as_bytes()));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    // Nor is a blob whose content is not what its name says.
    fs::write(blob_path(layout.path(), &oci::Digest::sha256(b"x")), manifest(&application, "sbom").bytes()).unwrap();
    let store = LayoutStore::open(layout.path()).unwrap();
    assert_holds(&store, &application).await;
    assert_eq!(roots(&store).await.len(), 1);
}

#[tokio::test]
async fn children_that_are_listed_are_no_roots() {
    // oras: every manifest has an entry.
    let mut builder = ApplicationBuilder::new(1);
    let images = ["linux/amd64", "linux/arm64"].map(|platform| builder.image(&Image::new(platform, &[])));
    let inner = builder.index(&images);
    let outer = builder.index(std::slice::from_ref(&inner));
    builder.tag("app", &outer);
    let application = builder.build();
    let layout = written(&application);
    let mut entries = vec![named(&outer, "app")];
    entries.extend([&inner, &images[0], &images[1]].map(|descriptor| serde_json::to_value(descriptor).unwrap()));
    list(layout.path(), &entries);
    let store = LayoutStore::open(layout.path()).unwrap();
    assert_eq!(roots(&store).await, [format!("app {}", outer.digest)]);
    assert_holds(&store, &application).await;
}

#[tokio::test]
async fn full_references_are_roots_without_a_tag() {
    // skopeo writes them in place of tags; containerd and docker beside a tag without the repository.
    let (one, two) = (signed_image(1), signed_image(2));
    let layout = written(&one);
    two.write_layout(layout.path());
    let (one, two) = (one.named("image"), two.named("image"));
    list(layout.path(), &[named(one, "docker.io/library/alpine:3"), named(two, "localhost/two@sha256:0")]);
    let store = LayoutStore::open(layout.path()).unwrap();
    assert_eq!(roots(&store).await, [format!("- {}", one.digest), format!("- {}", two.digest)]);
    assert_eq!(store.tags().await.unwrap(), []);

    let containerd = |image: &Descriptor, name: &str| {
        entry(image, &json!({"io.containerd.image.name": name, "org.opencontainers.image.ref.name": "3"}))
    };
    list(
        layout.path(),
        &[containerd(one, "docker.io/library/alpine:3"), containerd(two, "docker.io/library/busybox:3")],
    );
    assert_format(store.resolve(&tag("3")).await, "names two manifests `3`");
    assert_eq!(roots(&store).await.len(), 2);
}

#[tokio::test]
async fn entries_of_other_tools_survive_a_change() {
    let application = signed_image(1);
    let layout = written(&application);
    let mut foreign = entry(application.named("image"), &json!({"io.containerd.image.name": "x", "custom": "y"}));
    foreign["platform"] = json!({"os": "linux", "architecture": "amd64", "os.features": ["a"]});
    foreign["unknown"] = json!([1, {"b": null}]);
    let other_algorithm = json!({"mediaType": "x/y", "digest": "sha384:00", "size": 3});
    let document = json!({"schemaVersion": 2, "manifests": [foreign, other_algorithm], "custom": {"z": 1}});
    fs::write(layout.path().join("index.json"), document.to_string()).unwrap();
    let store = LayoutStore::open_or_create(layout.path()).unwrap();
    let added = signed_image(2);
    added.write_to_store(&store).await.unwrap();
    let after = index_json(layout.path());
    assert_eq!(after["custom"], json!({"z": 1}));
    let entries = after["manifests"].as_array().unwrap();
    let place = |wanted: &serde_json::Value| entries.iter().position(|entry| entry == wanted);
    assert!(place(&foreign) < place(&other_algorithm), "{after:#}");
    assert!(place(&foreign).is_some());
    assert_holds(&store, &added).await;
}

#[tokio::test]
async fn a_listed_referrer_that_is_gone_is_no_silent_loss() {
    let application = signed_image(1);
    let layout = written(&application);
    let image = application.named("image").digest;
    let sbom = blob_path(layout.path(), &application.named("sbom").digest);
    let store = LayoutStore::open(layout.path()).unwrap();
    assert_eq!(referrers(&store, &image).await, [application.named("sbom").digest]);

    fs::remove_file(&sbom).unwrap();
    let error = LayoutStore::open(layout.path()).unwrap().referrers(&image, None).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Missing { what, .. } if what.contains(&application.named("sbom").digest.to_string()))
    );

    fs::write(&sbom, b"{}").unwrap();
    let error = LayoutStore::open(layout.path()).unwrap().referrers(&image, None).await.unwrap_err();
    assert!(error.is_integrity(), "{error:?}");
}

#[tokio::test]
async fn a_changed_layout_is_read_again() {
    let application = signed_image(1);
    let layout = written(&application);
    let store = LayoutStore::open(layout.path()).unwrap();
    let image = application.named("image").digest;
    assert_eq!(referrers(&store, &image).await.len(), 1);
    let mut builder = ApplicationBuilder::new(9);
    let artifact = builder.artifact("application/x", Some(application.named("image")), &[]);
    let added = builder.build();
    add(layout.path(), added.manifest(&artifact.digest).unwrap());
    list(layout.path(), &[named(application.named("image"), "renamed")]);
    assert_eq!(store.tags().await.unwrap(), [tag("renamed")]);
    assert_eq!(referrers(&store, &image).await.len(), 2);
}
