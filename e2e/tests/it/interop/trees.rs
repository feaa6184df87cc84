//! What umoci unpacks of our copy is what it unpacks of the original: names, kinds, permissions, content.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use e2e::{Kind, Place, Program};
use testkit::application::{Application, ApplicationBuilder, Image};
use testkit::layer::Layer;
use testkit::peers::{Tool, tool};

fn image() -> Application {
    let mut builder = ApplicationBuilder::new(8);
    let base = builder.layer("base", 200_000);
    let gone = builder.layer("gone", 100);
    let program = builder.layer("program", 10);
    let whiteout = Layer::whiteout("gone");
    builder.add_layer(&whiteout);
    let image = builder.image(&Image::new("linux/amd64", &[base, gone, program, whiteout]));
    builder.signature(&image);
    builder.tag("1.0", &image);
    builder.build()
}

/// What there is to know about a file.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Directory(u32),
    /// Permissions, number of names, content.
    File(u32, u64, Vec<u8>),
    Link(String),
}

fn tree(root: &Path) -> BTreeMap<String, Entry> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let mode = metadata.permissions().mode();
            let entry = if metadata.is_dir() {
                pending.push(path.clone());
                Entry::Directory(mode)
            } else if metadata.is_symlink() {
                Entry::Link(fs::read_link(&path).unwrap().to_string_lossy().into_owned())
            } else {
                Entry::File(mode, metadata.nlink(), fs::read(&path).unwrap())
            };
            found.insert(path.strip_prefix(root).unwrap().to_string_lossy().into_owned(), entry);
        }
    }
    found
}

fn unpacked(umoci: &Tool, layout: &Path, tag: &str) -> BTreeMap<String, Entry> {
    let bundle = tempfile::tempdir().unwrap();
    let directory = bundle.path().join("bundle");
    let image = format!("{}:{tag}", layout.display());
    umoci.run(["unpack", "--rootless", "--image", &image, &directory.display().to_string()]);
    tree(&directory.join("rootfs"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn umoci_unpacks_the_same_files() {
    let Some(umoci) = tool("umoci") else { return };
    let application = image();
    let original = Place::open(Kind::Layout).await.unwrap();
    original.fill("app", &application).await;
    let expected = unpacked(&umoci, &original.path("app"), "1.0");
    assert!(matches!(&expected["opt/base/content"], Entry::File(_, 2, bytes) if bytes.len() == 200_000));
    assert!(!expected.contains_key("opt/gone"), "{:?}", expected.keys());

    // Through each kind of place, and back into a layout.
    let program = Program::default();
    let source = format!("{}:1.0", original.reference("app"));
    for kind in Kind::ALL {
        let Some(place) = Place::open(kind).await else { continue };
        let layout = program.home().join(format!("{kind:?}"));
        program.succeed(&["copy", &source, &place.reference("app")]);
        program.succeed(&["copy", &format!("{}:1.0", place.reference("app")), &format!("oci:{}", layout.display())]);
        assert!(unpacked(&umoci, &layout, "1.0") == expected, "{kind:?}: other files");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_docker_saves_has_the_same_files() {
    let (Some(umoci), Some(skopeo)) = (tool("umoci"), tool("skopeo")) else { return };
    let original = Place::open(Kind::Layout).await.unwrap();
    original.fill("app", &image()).await;
    let program = Program::default();
    let saved = program.home().join("saved.tar").display().to_string();
    let source = format!("{}:1.0", original.reference("app"));
    skopeo.run(["--insecure-policy", "copy", "--quiet", &source, &format!("docker-archive:{saved}:team/app:1.0")]);
    let layout = program.home().join("layout");
    let destination = format!("oci:{}:1.0", layout.display());
    for reference in [format!("docker-archive:{saved}"), format!("docker-archive:{saved}:1.0")] {
        program.succeed(&["copy", &reference, &destination]);
        let expected = unpacked(&umoci, &original.path("app"), "1.0");
        assert!(unpacked(&umoci, &layout, "1.0") == expected, "{reference}: other files");
        fs::remove_dir_all(&layout).unwrap();
    }
}
