//! A disk that is full, and places where nothing can be written.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::{Kind, Place, Program, Scene, sound};
use testkit::application::{Application, WholeGraph};

/// A file system in memory of this many kilobytes, which goes when this is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one, where that is allowed.
    #[expect(clippy::print_stderr, reason = "what a test did without must be seen in its output")]
    fn mount(kilobytes: usize) -> Option<Self> {
        let directory = tempfile::Builder::new().prefix("e2e-disk-").tempdir().unwrap().keep();
        let option = format!("size={kilobytes}k,mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &option, "tmpfs"]).arg(&directory).output();
        if mounted.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self(directory));
        }
        std::fs::remove_dir(&directory).unwrap();
        eprintln!("skipped: a full disk, which only root can make here");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What is left of it goes with the machine.
        let _ = Command::new("umount").arg(&self.0).output();
        let _ = std::fs::remove_dir(&self.0);
    }
}

fn application() -> Application {
    WholeGraph::default().layer_bytes(300_000).build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layout_or_an_archive_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount(700) else { return };
    for from in [Kind::Ours, Kind::Layout] {
        let scene = Scene::open(from, Kind::Layout, application()).await.unwrap();
        let source = format!("{}:bundle", scene.source.reference());
        let layout = disk.0.join("layout");
        let archive = disk.0.join("archive.tar");
        for destination in [format!("oci:{}", layout.display()), format!("oci-archive:{}", archive.display())] {
            let outcome = scene.program.fail(10, &["copy", &source, &destination]);
            outcome.assert_says(&["No space left", "df -h"]);
            sound::assert_sound_layout(&layout);
            assert!(sound::lists_nothing(&layout), "{outcome}");
            assert_eq!(sound::files(&disk.0).iter().filter(|file| !file.starts_with(&layout)).count(), 0, "{outcome}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layout_that_was_there_stays_as_it_was_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount(700) else { return };
    let older = WholeGraph::default().seed(99).build();
    let layout = disk.0.join("layout");
    older.write_layout(&layout);
    let scene = Scene::open(Kind::Ours, Kind::Layout, application()).await.unwrap();
    let source = format!("{}:bundle", scene.source.reference());
    scene.program.fail(10, &["copy", &source, &format!("oci:{}", layout.display())]);
    let store = store::LayoutStore::open(&layout).unwrap();
    sound::assert_whole(&older, &store, "the older version").await;
}

/// Where the manifests are kept between runs is a convenience: a copy does without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_content_store_that_cannot_be_written_is_done_without() {
    let scene = Scene::open(Kind::Ours, Kind::Ours, WholeGraph::default().build()).await.unwrap();
    std::fs::create_dir_all(scene.program.home().join("data")).unwrap();
    std::fs::write(scene.program.home().join("data/supercargo"), "in the way").unwrap();
    scene.succeeds("bundle", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_where_something_else_is() {
    let place = Place::open(Kind::Layout).await.unwrap();
    place.fill("app", &application()).await;
    let source = format!("{}:bundle", place.reference("app"));
    let program = Program::default();
    let at = |name: &str| program.home().join(name);
    std::fs::create_dir(at("full")).unwrap();
    std::fs::write(at("full/letter.txt"), "dear").unwrap();
    std::fs::write(at("file"), "content").unwrap();
    let cases: [(&str, &Path, &[i32]); 4] = [
        ("oci", &at("full"), &[6]),
        ("oci", &at("file"), &[6, 10]),
        ("oci", &at("file/below"), &[6, 10]),
        ("oci-archive", &at("full"), &[6, 10]),
    ];
    for (transport, path, codes) in cases {
        let outcome = program.run(&["copy", &source, &format!("{transport}:{}", path.display())]);
        outcome.assert_explained();
        assert!(outcome.code.is_some_and(|code| codes.contains(&code)), "{outcome}");
    }
    assert_eq!(std::fs::read(at("full/letter.txt")).unwrap(), b"dear");
    assert_eq!(std::fs::read(at("file")).unwrap(), b"content");
    assert_eq!(sound::files(&at("full")).len(), 1);
}
