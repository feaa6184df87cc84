//! That what is somewhere is whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use graph::{Difference, Graph, Space, WalkOptions};
use oci::{Digest, Tag};
use store::Store;
use testkit::application::Application;
use testkit::read::{read_graph, read_tags};

/// Expects that a store holds an application as a whole: the same graph, every byte. `what` is for messages.
///
/// # Panics
/// When it does not.
pub async fn assert_whole(application: &Application, store: &dyn Store, what: &str) {
    let tags: Vec<Tag> = application.tags().iter().map(|(tag, _)| tag.clone()).collect();
    let closure = read_tags(store, &tags).await.unwrap();
    assert_eq!(closure.losses, [], "{what}");
    let difference = Difference::between(&application.graph(), &closure.graph);
    assert!(difference.is_empty(), "{what}: {difference:#?}");
    for manifest in application.manifests() {
        let arrived = store.manifest(manifest.digest()).await.unwrap();
        let arrived = arrived.unwrap_or_else(|| panic!("{what}: {} is not there", manifest.digest()));
        assert_eq!(arrived.bytes(), manifest.bytes(), "{what}: {}", manifest.digest());
    }
    for (descriptor, bytes) in application.blobs() {
        let body = store.open_blob(descriptor, 0).await.unwrap();
        let body = body.unwrap_or_else(|| panic!("{what}: {} is not there", descriptor.digest));
        let arrived = body.into_bytes(descriptor, what, bytes.len()).await.unwrap();
        assert_eq!(arrived, *bytes, "{what}: {}", descriptor.digest);
    }
}

/// Expects that every tag of a store, attachment tags among them, names something that is there as a whole, and returns
/// what they point to.
///
/// # Panics
/// When one does not.
pub async fn assert_tags_are_complete(store: &dyn Store, what: &str) -> BTreeMap<Tag, Digest> {
    let mut found = BTreeMap::new();
    for tag in store.tags().await.unwrap() {
        let root = store.resolve(&tag).await.unwrap();
        let root = root.unwrap_or_else(|| panic!("{what}: tag {tag} is listed and not there"));
        let closure = read_graph(store, std::slice::from_ref(&root), WalkOptions::default()).await.unwrap();
        assert_eq!(closure.losses, [], "{what}: tag {tag}");
        assert_blobs_are_there(store, &closure.graph, &format!("{what}: tag {tag}")).await;
        found.insert(tag, root.digest);
    }
    found
}

async fn assert_blobs_are_there(store: &dyn Store, graph: &Graph, what: &str) {
    for (id, node) in graph.nodes().filter(|(id, _)| id.space == Space::Blob) {
        let size = store.stat_blob(&id.digest).await.unwrap();
        assert_eq!(size, Some(node.descriptor.size), "{what}: {}", id.digest);
    }
}

/// Expects that every file of a layout is what its name says and that nothing else lies about: no temporary file but the beginnings of
/// large blobs, no directory that is none of a layout's. A directory that does not exist has nothing wrong with it.
///
/// # Panics
/// When it is otherwise.
pub fn assert_sound_layout(directory: &Path) {
    for file in files(directory) {
        let name = file.strip_prefix(directory).unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(&file).unwrap();
        match name.split('/').collect::<Vec<_>>()[..] {
            ["index.json"] => drop(serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()),
            ["oci-layout"] => assert!(!bytes.is_empty(), "{name}"),
            ["blobs", algorithm, encoded] => {
                let digest: Digest = format!("{algorithm}:{encoded}").parse().unwrap_or_else(|_| panic!("{name}"));
                assert_eq!(digest.algorithm().digest(&bytes), digest, "{name} holds other content");
            }
            // The beginning of a large blob, which is never taken for the blob.
            [".supercargo", part] if part.starts_with("part-") => {}
            // The lock of a layout holds nothing.
            [_] if bytes.is_empty() => {}
            _ => panic!("{name} was left behind in {}", directory.display()),
        }
    }
}

/// Tells whether a layout lists nothing; one that does not exist does not.
pub fn lists_nothing(directory: &Path) -> bool {
    let Ok(bytes) = fs::read(directory.join("index.json")) else { return true };
    let index: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    index["manifests"].as_array().unwrap().is_empty()
}

/// Returns every file below a directory, in the order of their names.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// Returns the blobs that a layout holds.
pub fn blobs_of_layout(directory: &Path) -> Vec<Digest> {
    let blobs = directory.join("blobs");
    let name = |file: &PathBuf| {
        let mut parts = file.strip_prefix(&blobs).unwrap().iter().map(|part| part.to_string_lossy());
        format!("{}:{}", parts.next()?, parts.next()?).parse().ok()
    };
    files(&blobs).iter().filter_map(name).collect()
}

/// Writes a file of a test run.
#[expect(clippy::disallowed_methods, reason = "files of one test run")]
pub fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap();
}
