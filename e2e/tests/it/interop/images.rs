//! skopeo and crane on images that every tool understands.

use e2e::{Kind, Place, Program};
use store::{LayoutStore, Store as _};
use testkit::peers::tool;

use super::{flat, written_by_us};

/// Returns what skopeo calls a tag of ours.
fn for_skopeo(place: &Place, tag: &str) -> String {
    let reference = place.reference("team/app");
    if place.kind.is_registry() { format!("docker://{reference}:{tag}") } else { format!("{reference}:{tag}") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skopeo_inspects_and_copies_what_we_write() {
    let Some(skopeo) = tool("skopeo") else { return };
    let application = flat();
    for kind in [Kind::Layout, Kind::Archive, Kind::Ours, Kind::Distribution] {
        let Some(place) = written_by_us(&application, kind).await else { continue };
        for (tag, digest) in application.tags() {
            let reference = for_skopeo(&place, tag.as_str());
            let raw = skopeo.run(["--insecure-policy", "inspect", "--raw", "--tls-verify=false", &reference]);
            assert_eq!(raw.as_bytes(), application.manifest(digest).unwrap().bytes(), "{kind:?} {tag}");
            let copied = tempfile::tempdir().unwrap();
            let destination = format!("oci:{}:{tag}", copied.path().display());
            let options = ["--insecure-policy", "copy", "--all", "--quiet", "--src-tls-verify=false"];
            skopeo.run(options.iter().chain(&[reference.as_str(), &destination]));
            let store = LayoutStore::open(copied.path()).unwrap();
            assert_eq!(store.resolve(tag).await.unwrap().unwrap().digest, *digest, "{kind:?} {tag}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn we_read_what_skopeo_writes() {
    let Some(skopeo) = tool("skopeo") else { return };
    let application = flat();
    let Some(source) = written_by_us(&application, Kind::Ours).await else { return };
    let directory = tempfile::tempdir().unwrap();
    let program = Program::default();
    let destination = Place::open(Kind::Ours).await.unwrap();
    let options =
        ["--insecure-policy", "copy", "--all", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"];
    for (name, written) in [
        ("layout", format!("oci:{}", directory.path().join("layout").display())),
        ("archive", format!("oci-archive:{}", directory.path().join("archive.tar").display())),
        ("registry", format!("docker://{}/from/skopeo", destination.address())),
    ] {
        for (tag, digest) in application.tags() {
            let written = format!("{written}:{tag}");
            // skopeo does not add to an archive.
            let _ = std::fs::remove_file(directory.path().join("archive.tar"));
            skopeo.run(options.iter().chain(&[for_skopeo(&source, tag.as_str()).as_str(), &written]));
            let read = written.trim_start_matches("docker://");
            program.succeed(&["copy", read, &format!("{}:{tag}", destination.reference(name))]);
            let store = destination.read(name);
            assert_eq!(store.resolve(tag).await.unwrap().unwrap().digest, *digest, "{written}");
            e2e::sound::assert_tags_are_complete(&*store, &written).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crane_finds_what_we_write_valid_in_every_registry() {
    let Some(crane) = tool("crane") else { return };
    let application = flat();
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_registry()) {
        let Some(place) = written_by_us(&application, kind).await else { continue };
        for (tag, digest) in application.tags() {
            let reference = format!("{}:{tag}", place.reference("team/app"));
            crane.run(["validate", "--insecure", "--remote", &reference]);
            assert_eq!(crane.run(["digest", "--insecure", &reference]).trim(), digest.to_string());
            let manifest = crane.run(["manifest", "--insecure", &reference]);
            assert_eq!(manifest.as_bytes(), application.manifest(digest).unwrap().bytes(), "{kind:?} {tag}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crane_pushes_our_layout_and_we_read_what_crane_writes() {
    let Some(crane) = tool("crane") else { return };
    let application = flat();
    let index = application.tags()[1].1;
    let Some(source) = written_by_us(&application, Kind::Ours).await else { return };
    let directory = tempfile::tempdir().unwrap();
    let program = Program::default();
    let pulled = directory.path().join("pulled");
    let reference = format!("{}:index", source.reference("team/app"));
    crane.run(["pull", "--insecure", "--format=oci", &reference, &pulled.display().to_string()]);
    // crane gives its only image no name.
    let ours = directory.path().join("ours");
    program.succeed(&["copy", &format!("oci:{}", pulled.display()), &format!("oci:{}:index", ours.display())]);
    let store = LayoutStore::open(&ours).unwrap();
    assert_eq!(store.resolve(&"index".parse().unwrap()).await.unwrap().unwrap().digest, index);

    let destination = Place::open(Kind::Ours).await.unwrap();
    let pushed = format!("{}:1.0", destination.reference("pushed"));
    crane.run(["push", "--insecure", "--index", &ours.display().to_string(), &pushed]);
    crane.run(["validate", "--insecure", "--remote", &pushed]);
}
