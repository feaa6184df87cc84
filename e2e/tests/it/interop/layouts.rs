//! regctl, oras and cosign: what refers to what, and the forms of layouts.

use std::path::Path;

use e2e::{Kind, Place, Program, sound};
use oci::Digest;
use testkit::application::{Application, ApplicationBuilder, Image, WholeGraph};
use testkit::peers::tool;

use super::{attested, regctl, written_by_us};

/// Everything that regctl and oras carry: the whole graph but for the artifact about a layer.
fn known_to_all() -> Application {
    let mut builder = ApplicationBuilder::new(6);
    let base = builder.layer("base", 2000);
    let mut images = Vec::new();
    for platform in ["linux/amd64", "linux/arm64/v8"] {
        let image = builder.image(&Image::new(platform, std::slice::from_ref(&base)));
        let sbom = builder.sbom(&image);
        builder.signature(&sbom);
        images.push(image);
    }
    let attestation = builder.attestation(&images[0]);
    images.push(attestation);
    let index = builder.index(&images);
    builder.signature(&index);
    builder.convention_signature(&index);
    builder.artifact("application/vnd.example.bare.v1", Some(&index), &[]);
    builder.tag("1.0", &index);
    builder.build()
}

fn is_artifact(application: &Application) -> impl Iterator<Item = Digest> {
    application.manifests().iter().filter(|manifest| manifest.subject().is_some()).map(|manifest| *manifest.digest())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn regctl_shows_every_artifact_of_what_we_write() {
    let application = known_to_all();
    // In layouts it looks for fallback tags alone, and we list referrers there as oras does.
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_registry()) {
        let Some(place) = written_by_us(&application, kind).await else { continue };
        let Some((regctl, hosts)) = regctl(&[&place]) else { return };
        let reference = format!("{}:1.0", place.reference("team/app"));
        let arguments = ["artifact", "tree", "--digest-tags", &reference].map(str::to_owned);
        let tree = regctl.run(hosts.iter().chain(&arguments));
        for artifact in is_artifact(&application).chain(application.convention_tags().values().copied()) {
            assert!(tree.contains(&artifact.to_string()), "{kind:?}: {artifact} is not in\n{tree}");
        }
    }
}

/// Copies from a layout with the program and expects everything at the destination.
async fn assert_read_by_us(application: &Application, layout: &Path, tag: &str) {
    let destination = Place::open(Kind::Ours).await.unwrap();
    let source = format!("oci:{}:{tag}", layout.display());
    Program::default().succeed(&["copy", &source, &destination.reference("read")]);
    sound::assert_whole(application, &*destination.read("read"), &source).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn we_read_what_regctl_writes_and_it_reads_what_we_write() {
    let application = known_to_all();
    for kind in [Kind::Ours, Kind::Distribution] {
        let Some(source) = written_by_us(&application, kind).await else { continue };
        let destination = Place::open(kind).await.unwrap();
        let Some((regctl, hosts)) = regctl(&[&source, &destination]) else { return };
        let directory = tempfile::tempdir().unwrap();
        let layout = format!("ocidir://{}:1.0", directory.path().join("layout").display());
        let copy = |from: &str, to: &str| {
            let arguments = ["image", "copy", "--referrers", "--digest-tags", from, to].map(str::to_owned);
            regctl.run(hosts.iter().chain(&arguments));
        };
        let written = format!("{}:1.0", source.reference("team/app"));
        copy(&written, &layout);
        assert_read_by_us(&application, &directory.path().join("layout"), "1.0").await;
        copy(&written, &format!("{}:1.0", destination.reference("regctl")));
        sound::assert_whole(&application, &*destination.read("regctl"), &format!("regctl to {kind:?}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn we_read_what_oras_writes_and_it_reads_what_we_write() {
    let Some(oras) = tool("orascopy") else { return };
    let application = attested();
    for kind in [Kind::Ours, Kind::Distribution] {
        let Some(place) = written_by_us(&application, kind).await else { continue };
        let directory = tempfile::tempdir().unwrap();
        let layout = directory.path().join("layout");
        let copy = |from: &str, to: &str| oras.run(["--plain-http", "--recursive", from, to]);
        // From our registry or from one that we wrote to, into a layout of theirs, which is read by us.
        let theirs = format!("oci:{}:application", layout.display());
        copy(&format!("{}:application", place.reference("team/app")), &theirs);
        let destination = Place::open(Kind::Ours).await.unwrap();
        Program::default().succeed(&["copy", &theirs, &destination.reference("read")]);
        assert_has_application(&application, &destination, "read").await;
        // From a layout of ours into a registry.
        let ours = written_by_us(&application, Kind::Layout).await.unwrap();
        let destination = Place::open(kind).await.unwrap();
        copy(
            &format!("{}:application", ours.reference("team/app")),
            &format!("{}:application", destination.reference("oras")),
        );
        assert_has_application(&application, &destination, "oras").await;
    }
}

/// Expects that everything that the tag `application` names is in a repository.
async fn assert_has_application(application: &Application, place: &Place, repository: &str) {
    let store = place.read(repository);
    let closure = testkit::read::read_tags(&*store, &["application".parse().unwrap()]).await.unwrap();
    let expected = application.graph_of([application.named("application").digest]);
    let difference = graph::Difference::between(&expected, &closure.graph);
    assert!(difference.is_empty(), "{:?} {repository}: {difference:#?}", place.kind);
    sound::assert_tags_are_complete(&*store, repository).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layout_without_artifacts_has_exactly_its_roots() {
    let place = Place::open(Kind::Layout).await.unwrap();
    let application = WholeGraph::default().build();
    place.fill("app", &application).await;
    let program = Program::default();
    let bare = program.home().join("bare");
    let source = format!("{}:1.0", place.reference("app"));
    program.succeed(&["copy", "--no-artifacts", &source, &format!("oci:{}", bare.display())]);
    let index: serde_json::Value = serde_json::from_slice(&std::fs::read(bare.join("index.json")).unwrap()).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{index:#}");
    assert_eq!(entries[0]["digest"], application.named("index").digest.to_string().as_str());
    assert_eq!(entries[0]["annotations"]["org.opencontainers.image.ref.name"], "1.0");

    let whole = program.home().join("whole");
    program.succeed(&["copy", &source, &format!("oci:{}", whole.display())]);
    let index: serde_json::Value = serde_json::from_slice(&std::fs::read(whole.join("index.json")).unwrap()).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    let tagged = entries.iter().take_while(|entry| entry["annotations"].is_object()).count();
    assert!(tagged >= 1 && entries[tagged..].iter().all(|entry| entry["artifactType"].is_string()), "{index:#}");
}
