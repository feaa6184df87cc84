//! Graphs that are none: strangers, cycles, abysses.

use bytes::Bytes;
use e2e::scene::REPOSITORY;
use e2e::{Kind, Place, Scene};
use oci::name::ConventionSuffix;
use oci::{Algorithm, Descriptor, Digest, Manifest, MediaType, Tag};
use registry::RegistryOptions;
use serde_json::json;
use testkit::application::{Application, ApplicationBuilder, Image, WholeGraph};
use testkit::proxy::{Fault, HttpProxy, Matcher, Rule};

fn whole() -> Application {
    WholeGraph::default().build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_referrers_that_names_strangers() {
    let application = whole();
    let subject = application.named("index").digest;
    // One that is about something else, one that is about nothing, and one that does not exist.
    let about_else = application.named("sbom-amd64").clone();
    let about_nothing = application.named("docker").clone();
    let nothing = Descriptor::of(MediaType::OCI_MANIFEST, b"{}");
    for stranger in [about_else, about_nothing, nothing] {
        for to in [Kind::Ours, Kind::Layout] {
            let scene = Scene::open(Kind::Ours, to, application.clone()).await.unwrap();
            let listed = Fault::list_stranger(&stranger);
            scene.source.proxy().set_rules([Rule::new(Matcher::referrers_of(&subject), listed)]);
            scene.fails(6, "bundle", &[], &[&stranger.digest.to_string()]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_lists_more_is_no_error() {
    let scene = Scene::open(Kind::Ours, Kind::Ours, whole()).await.unwrap();
    let stranger = Descriptor::of(MediaType::OCI_MANIFEST, b"{}");
    scene.destination.proxy().set_rules([Rule::new(Matcher::referrers(), Fault::list_stranger(&stranger))]);
    let outcome = scene.succeeds("bundle", &[]).await;
    assert!(outcome.stderr.contains("beyond those copied"), "{outcome}");
}

/// A registry that keeps no lists, and holds an application whose fallback and convention tags are then set by hand.
async fn with_tags(tags: impl Fn(&Application) -> Vec<(Tag, Manifest)>) -> Scene {
    let options = RegistryOptions { referrers: false, ..RegistryOptions::default() };
    let scene = Scene::between(Place::ours(options).await, Place::open(Kind::Layout).await.unwrap(), whole()).await;
    let store = scene.source.store();
    for (tag, manifest) in tags(&scene.application) {
        store.put_manifest(&manifest).await.unwrap();
        store.tag(&tag, &manifest).await.unwrap();
    }
    scene
}

fn list_of(entries: &[Descriptor]) -> Manifest {
    let document = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries});
    Manifest::from_new(Bytes::from(document.to_string()), &MediaType::OCI_INDEX, Algorithm::Sha256).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fallback_tag_that_leads_in_a_circle() {
    let fallback = |application: &Application, name: &str| Tag::referrers_fallback(&application.named(name).digest);
    // The list of the index holds the index itself.
    let scene =
        with_tags(|application| vec![(fallback(application, "index"), list_of(&[application.named("index").clone()]))])
            .await;
    let index = scene.application.named("index").digest.to_string();
    scene.fails(6, "bundle", &[], &[&index]).await;
    // The list of the index is the index itself: GitLab takes the tag for the digest, so that is no list.
    let scene = with_tags(|application| {
        let index = application.manifest(&application.named("index").digest).unwrap().clone();
        vec![(fallback(application, "index"), index)]
    })
    .await;
    let _ = scene.copy("bundle", &[]).expect_code(0);
    // The list of a child holds the index above it.
    let scene =
        with_tags(|application| vec![(fallback(application, "amd64"), list_of(&[application.named("index").clone()]))])
            .await;
    scene.fails(6, "bundle", &[], &[&index]).await;
    // What has the name of a list is an image: it lists nothing.
    let scene = with_tags(|application| {
        let image = application.manifest(&application.named("arm64").digest).unwrap().clone();
        vec![(fallback(application, "index"), image)]
    })
    .await;
    let _ = scene.copy("bundle", &[]).expect_code(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn convention_tags_that_lead_in_a_circle_are_copied_as_they_are() {
    let scene = with_tags(|application| {
        let node = |name: &str| application.manifest(&application.named(name).digest).unwrap().clone();
        let tag = |name: &str| Tag::convention(&application.named(name).digest, ConventionSuffix::Attestation);
        vec![(tag("amd64"), node("arm64")), (tag("arm64"), node("amd64")), (tag("docker"), node("docker"))]
    })
    .await;
    scene.copy("bundle", &[]).expect_code(0);
    let tags = e2e::sound::assert_tags_are_complete(&*scene.destination.store(), "the circle").await;
    let named = |name: &str| scene.application.named(name).digest;
    for (about, target) in [("amd64", "arm64"), ("arm64", "amd64"), ("docker", "docker")] {
        assert_eq!(tags[&Tag::convention(&named(about), ConventionSuffix::Attestation)], named(target));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indexes_and_artifacts_a_hundred_deep() {
    let mut builder = ApplicationBuilder::new(1);
    let layer = builder.layer("base", 10);
    let image = builder.image(&Image::new("linux/amd64", &[layer]));
    let mut nested = image.clone();
    for _ in 0..100 {
        nested = builder.index(&[nested]);
    }
    builder.tag("nested", &nested);
    builder.tag("chained", &image);
    let mut artifact = image;
    for _ in 0..100 {
        artifact = builder.signature(&artifact);
    }
    let application = builder.build();
    for from in [Kind::Ours, Kind::Layout] {
        let scene = Scene::open(from, Kind::Layout, application.clone()).await.unwrap();
        for tag in ["nested", "chained"] {
            scene.fails(6, tag, &[], &["64 levels"]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_url_of_a_layer_is_not_followed() {
    let elsewhere = HttpProxy::server(vec![]).await;
    let mut builder = ApplicationBuilder::new(1);
    let mut layer = builder.layer("base", 1000);
    layer.descriptor.urls.push(format!("http://{}/layer", elsewhere.host()));
    let image = builder.image(&Image::new("linux/amd64", &[layer.clone()]));
    builder.tag("1.0", &image);
    let scene = Scene::open(Kind::Layout, Kind::Ours, builder.build()).await.unwrap();
    remove(&scene, &layer.descriptor.digest);
    scene.fails(6, "1.0", &[], &[&layer.descriptor.digest.to_string()]).await;
    assert_eq!(elsewhere.log().sorted_lines(), [""; 0]);
}

fn remove(scene: &Scene, digest: &Digest) {
    let blobs = scene.source.place.path(REPOSITORY).join("blobs/sha256");
    std::fs::remove_file(blobs.join(digest.encoded())).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layout_whose_files_are_something_else() {
    let application = whole();
    let layer = application.named("base-layer").digest;
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), application.blob(&layer).unwrap()).unwrap();
    let in_its_place = |what: &'static str| {
        let secret = secret.path().to_owned();
        move |path: &std::path::Path| match what {
            "a directory" => std::fs::create_dir(path).unwrap(),
            "a link" => std::os::unix::fs::symlink(&secret, path).unwrap(),
            "a pipe" => assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success()),
            _ => std::fs::write(path, what).unwrap(),
        }
    };
    for what in ["a directory", "a link", "a pipe", "other content", ""] {
        let scene = Scene::open(Kind::Layout, Kind::Ours, application.clone()).await.unwrap();
        remove(&scene, &layer);
        let blobs = scene.source.place.path(REPOSITORY).join("blobs/sha256");
        in_its_place(what)(&blobs.join(layer.encoded()));
        scene.fails(6, "bundle", &[], &[&layer.encoded()]).await;
    }
}
