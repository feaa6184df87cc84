//! `save --since`, and `load` of what it makes

use std::collections::BTreeSet;
use std::path::Path;

use testkit::application::{ApplicationBuilder, Image};

use crate::desk::Desk;
use crate::project::without_digests;
use crate::server::Server;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

const NAMES: [&str; 3] = ["one", "two", "three"];

/// Publishes three images in two versions, which share some of their layers with each other and with their former versions.
fn history(seed: u64) -> (Desk, Server) {
    let (desk, server) = (Desk::new(), Server::new());
    let mut numbers = Numbers(seed);
    for version in ["1.0.0", "2.0.0"] {
        for name in NAMES {
            // The seed decides the bytes of layers: the same seed and order make the same layers.
            let mut builder = ApplicationBuilder::new(seed);
            let pool: Vec<_> = (0..6).map(|number| builder.layer(&format!("layer-{number}"), 200)).collect();
            let pick = |numbers: &mut Numbers| pool[usize::try_from(numbers.below(6)).unwrap()].clone();
            let images: Vec<_> = ["linux/amd64", "linux/arm64"]
                .iter()
                .map(|platform| {
                    let layers = [pick(&mut numbers), pick(&mut numbers)];
                    builder
                        .image(&Image::new(platform, &layers).created(&format!("2025-0{}-01T00:00:00Z", &version[..1])))
                })
                .collect();
            let root = builder.index(&images);
            if numbers.below(2) == 0 {
                builder.sbom(&root);
            }
            builder.tag(version, &root);
            let layout = format!("{name}-{version}");
            builder.build().write_layout(&desk.path(&layout));
            desk.ok(&["copy", &format!("oci:{layout}"), &server.at(name), "--all-tags", "-q"]);
        }
    }
    let images = NAMES.map(|name| format!("{name} = {{ repo = \"{}\" }}\n", server.at(name))).concat();
    desk.write("Supercargo.toml", &format!("[images]\n{images}"));
    let mut precise: Vec<&str> = NAMES.to_vec();
    desk.ok(&["lock"]);
    // Some of the images move, not all.
    precise.rotate_left(usize::try_from(seed % 3).unwrap());
    for name in &precise[..2] {
        desk.ok(&["update", name, "--precise", "1.0.0"]);
    }
    std::fs::copy(desk.path("Supercargo.lock"), desk.path("old.lock")).unwrap();
    (desk, server)
}

/// Returns the blobs of a layout that are no manifests, without those of the lock's own artifact.
fn blobs(layout: &Path) -> BTreeSet<String> {
    let mut blobs = BTreeSet::new();
    for entry in std::fs::read_dir(layout.join("blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let is_manifest =
            serde_json::from_slice::<serde_json::Value>(&bytes).is_ok_and(|value| value.get("schemaVersion").is_some());
        let is_lock = bytes.starts_with(b"# Written by supercargo");
        if !is_manifest && !is_lock {
            blobs.insert(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    blobs
}

/// Returns every file of a directory with its bytes and time.
fn state(directory: &Path) -> BTreeSet<(std::path::PathBuf, Vec<u8>, std::time::SystemTime)> {
    let mut files = BTreeSet::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                pending.push(entry.path());
            } else {
                let modified = entry.metadata().unwrap().modified().unwrap();
                files.insert((entry.path(), std::fs::read(entry.path()).unwrap(), modified));
            }
        }
    }
    files
}

fn unpack(desk: &Desk, archive: &str, to: &str) {
    tar::Archive::new(std::fs::File::open(desk.path(archive)).unwrap()).unpack(desk.path(to)).unwrap();
}

#[test]
fn a_part_holds_exactly_the_blobs_that_the_old_lock_does_not_have() {
    for seed in 0..6 {
        let (desk, server) = history(seed);
        desk.ok(&["copy", "oci:old"]);
        desk.ok(&["copy", &server.at("there/")]);
        desk.ok(&["update"]);
        desk.ok(&["copy", "oci:new"]);
        desk.ok(&["save", "part.tar", "--since", "old.lock"]);
        unpack(&desk, "part.tar", "part");
        let (old, new, part) = (blobs(&desk.path("old")), blobs(&desk.path("new")), blobs(&desk.path("part")));
        // The empty object is the configuration of the lock's own artifact too.
        let empty = oci::Descriptor::empty_json().digest.encoded();
        let absent: BTreeSet<String> = new.difference(&old).filter(|digest| **digest != empty).cloned().collect();
        let held: BTreeSet<String> = part.iter().filter(|digest| **digest != empty).cloned().collect();
        assert_eq!(held, absent, "seed {seed}");
        assert!(held.len() < new.len(), "seed {seed}");

        desk.ok(&["load", "part.tar", "oci:old"]);
        desk.ok(&["verify", "--deep", "--at", "oci:old"]);
        desk.ok(&["load", "part.tar", &server.at("there/")]);
        desk.ok(&["verify", "--deep", "--at", &server.at("there/")]);
        let whole = desk.json(&["save", "whole.tar"]);
        assert_eq!(whole["schema"], "supercargo.save.v1");
        desk.ok(&["load", "whole.tar", &server.at("fresh/")]);
        desk.ok(&["verify", "--at", &server.at("fresh/")]);
    }
}

#[test]
fn a_wrong_baseline_is_refused_before_anything_is_written() {
    let (desk, server) = history(1);
    desk.ok(&["copy", "oci:old"]);
    desk.ok(&["update"]);
    desk.ok(&["save", "part.tar", "--since", "old.lock"]);
    unpack(&desk, "part.tar", "part");
    let (old, part) = (blobs(&desk.path("old")), blobs(&desk.path("part")));
    desk.ok(&["copy", "oci:new"]);
    let needed = blobs(&desk.path("new")).difference(&part).find(|digest| old.contains(*digest)).cloned().unwrap();
    std::fs::remove_file(desk.path("old/blobs/sha256").join(&needed)).unwrap();
    let before = state(&desk.path("old"));
    let said = desk.fails(&["load", "part.tar", "oci:old"], 6);
    insta::assert_snapshot!(without_digests(&said), @r#"
    error: oci-archive:part.tar leaves out what the lock sha256:… has, and 1 of 8 blobs of that are not at the destination; nothing was written
      missing: sha256:… (7703 bytes)
    help: supercargo save whole.tar
    "#);
    assert!(said.contains(&format!("missing: sha256:{needed}")), "{said}");
    assert_eq!(state(&desk.path("old")), before);

    desk.fails(&["load", "part.tar", "oci:nothing"], 6);
    assert!(!desk.path("nothing").exists());
    desk.fails(&["load", "part.tar", &server.at("nothing/")], 6);
    desk.fails(&["tags", &server.at("nothing/one")], 9);
    desk.fails(&["save", "other.tar", "--since", "absent.lock"], 9);
    desk.fails(&["save", "part.tar", "--since", "old.lock"], 2);
}
