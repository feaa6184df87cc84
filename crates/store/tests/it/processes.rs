//! Several processes, some of which are killed. A child is this program again, running one of the ignored tests below in the
//! directory that it works on.
#![expect(clippy::print_stdout, reason = "a child tells its parent how far it has come")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use oci::{Descriptor, MediaType};
use store::{ArchiveStore, LayoutStore, Meter, Store, StoreError};
use testkit::application::{ApplicationBuilder, Image};
use testkit::seed::Seed;
use testkit::source::TestSource;

use crate::fixture::{assert_holds, blob, files, index_json, put, signed_image};

const STAGING: &str = ".supercargo";

fn child(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture"]).current_dir(directory).stdout(Stdio::piped());
    command
}

/// Waits until the child says that it has come so far.
fn wait_for_word(child: &mut Child) {
    let output = BufReader::new(child.stdout.take().unwrap());
    let said = output.lines().map_while(Result::ok).any(|line| line.contains("half-way"));
    assert!(said, "the child ended before it was half-way");
}

fn staged(directory: &Path) -> Vec<String> {
    let staging = directory.join(STAGING);
    if staging.exists() { files(&staging) } else { Vec::new() }
}

/// Puts a blob whose second half never comes, says so when the first half is on the disk, and waits to be killed.
async fn put_half_a_blob(store: &dyn Store, directory: &Path) {
    let bytes = Seed::new(1).bytes(600_000);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    let source = TestSource::memory(bytes).pausing_after(300_000);
    let meter = Meter::default();
    let say = async {
        source.paused().await;
        while staged(directory).is_empty() || meter.bytes() < 300_000 {
            tokio::task::yield_now().await;
        }
        println!("half-way");
    };
    let (put, ()) = tokio::join!(store.put_blob(&descriptor, &source, &meter), say);
    panic!("nobody sends the second half, but: {put:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by another test, and killed"]
async fn child_with_half_a_blob_for_a_layout() {
    put_half_a_blob(&LayoutStore::open_or_create("layout").unwrap(), Path::new("layout")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_leaves_nothing_for_long() {
    let directory = tempfile::tempdir().unwrap();
    let layout = directory.path().join("layout");
    let mut process = child("processes::child_with_half_a_blob_for_a_layout", directory.path()).spawn().unwrap();
    wait_for_word(&mut process);
    let theirs = staged(&layout);
    assert_eq!(theirs.len(), 1);

    // While it lives, its file is its own.
    let application = signed_image(1);
    let store = LayoutStore::open_or_create(&layout).unwrap();
    application.write_to_store(&store).await.unwrap();
    assert_eq!(staged(&layout), theirs);

    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(staged(&layout), theirs);
    let (descriptor, bytes) = blob(b"something new");
    let store = LayoutStore::open_or_create(&layout).unwrap();
    put(&store, &descriptor, &bytes).await.unwrap();
    assert_eq!(staged(&layout), [""; 0]);
    store.finish().await.unwrap();
    assert!(!layout.join(STAGING).exists());
    assert_holds(&LayoutStore::open(&layout).unwrap(), &application).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by another test, and killed"]
async fn child_with_half_a_blob_for_an_archive() {
    put_half_a_blob(&ArchiveStore::create("archive.tar").unwrap(), Path::new(".")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_leaves_the_archive_that_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive.tar");
    let application = signed_image(1);
    application.write_to_store(&ArchiveStore::create(&path).unwrap()).await.unwrap();
    let before = fs::read(&path).unwrap();

    let mut process = child("processes::child_with_half_a_blob_for_an_archive", directory.path()).spawn().unwrap();
    wait_for_word(&mut process);
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(staged(directory.path()).len(), 1);
    assert!(fs::read(&path).unwrap() == before);

    let again = directory.path().join("again.tar");
    application.write_to_store(&ArchiveStore::create(&again).unwrap()).await.unwrap();
    assert_eq!(files(directory.path()), ["again.tar", "archive.tar"]);
    assert!(fs::read(&again).unwrap() == before, "the same content makes the same archive");
}

const CHILD_TAGS: usize = 15;

#[tokio::test]
#[ignore = "started by another test"]
async fn child_that_tags() {
    let store = LayoutStore::open_or_create("layout").unwrap();
    for number in 0..CHILD_TAGS {
        let mut builder = ApplicationBuilder::new(u64::from(std::process::id()) << 16 | number as u64);
        let layer = builder.layer("content", 50);
        let image = builder.image(&Image::new("linux/amd64", &[layer]));
        builder.sbom(&image);
        builder.tag(&format!("p{}-{number}", std::process::id()), &image);
        builder.build().write_to_store(&store).await.unwrap();
    }
}

#[tokio::test]
async fn processes_that_tag_at_once_lose_nothing() {
    const CHILDREN: usize = 3;
    let directory = tempfile::tempdir().unwrap();
    let spawn = || child("processes::child_that_tags", directory.path()).spawn().unwrap();
    let children: Vec<Child> = (0..CHILDREN).map(|_| spawn()).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    let layout = directory.path().join("layout");
    let tags = LayoutStore::open(&layout).unwrap().tags().await.unwrap();
    assert_eq!(tags.len(), CHILDREN * CHILD_TAGS);
    assert_eq!(index_json(&layout)["manifests"].as_array().unwrap().len(), 2 * CHILDREN * CHILD_TAGS);
    assert!(!layout.join(STAGING).exists());
}

/// Fails unless a write that exceeds the limit of this process is a clear error that leaves nothing.
async fn assert_full(store: &dyn Store, directory: &Path) {
    let bytes = Seed::new(1).bytes(2_000_000);
    let descriptor = Descriptor::of(MediaType::OCI_LAYER, &bytes);
    for source in [TestSource::memory(bytes.clone()), TestSource::new(testkit::source::Kind::Socket, bytes)] {
        let meter = Meter::default();
        let error = store.put_blob(&descriptor, &source, &meter).await.unwrap_err();
        assert!(matches!(&error, StoreError::File { action: "cannot write", .. }), "{error:?}");
        assert_eq!(store.stat_blob(&descriptor.digest).await.unwrap(), None);
        assert_eq!(meter.bytes(), 0);
    }
    let (small, bytes) = blob(b"small enough");
    put(store, &small, &bytes).await.unwrap();
    store.finish().await.unwrap();
    assert_eq!(staged(directory), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by another test, which limits the size of files"]
async fn child_on_a_full_disk() {
    assert_full(&LayoutStore::open_or_create("layout").unwrap(), Path::new("layout")).await;
    fs::create_dir("archives").unwrap();
    assert_full(&ArchiveStore::create("archives/a.tar").unwrap(), Path::new("archives")).await;
    let archive = ArchiveStore::open("archives/a.tar").unwrap();
    let (small, _) = blob(b"small enough");
    assert_eq!(archive.stat_blob(&small.digest).await.unwrap(), Some(small.size));
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    // A file may not grow beyond 500 blocks; the signal that says so is ignored, and the write fails.
    let script = "trap '' XFSZ; ulimit -f 500; exec \"$0\" processes::child_on_a_full_disk --exact --ignored";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
