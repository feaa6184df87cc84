//! What several of these tests need.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use oci::{Descriptor, Digest, Manifest, MediaType, Tag};
use store::{Meter, Put, Referrers, Store, StoreError};
use testkit::application::{Application, ApplicationBuilder, Image};
use testkit::source::TestSource;

pub(crate) const KIND: &str = "application/vnd.example.kind";

pub(crate) fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

pub(crate) fn blob(content: &'static [u8]) -> (Descriptor, Bytes) {
    (Descriptor::of(MediaType::OCI_LAYER, content), Bytes::from_static(content))
}

/// Puts a blob from memory.
pub(crate) async fn put(store: &dyn Store, descriptor: &Descriptor, bytes: &Bytes) -> Result<Put, StoreError> {
    store.put_blob(descriptor, &TestSource::memory(bytes.clone()), &Meter::default()).await
}

/// An image tagged `v1` of one layer, with an artifact about it and an artifact about that.
pub(crate) fn signed_image(seed: u64) -> Application {
    let mut builder = ApplicationBuilder::new(seed);
    let layer = builder.layer("content", 500);
    let image = builder.image(&Image::new("linux/amd64", &[layer]));
    let sbom = builder.sbom(&image);
    let signature = builder.signature(&sbom);
    builder.tag("v1", &image);
    for (name, descriptor) in [("image", &image), ("sbom", &sbom), ("signature", &signature)] {
        builder.name(name, descriptor);
    }
    builder.build()
}

pub(crate) fn manifest<'a>(application: &'a Application, name: &str) -> &'a Manifest {
    application.manifest(&application.named(name).digest).unwrap()
}

/// Returns the digests that a store lists as referring to this.
pub(crate) async fn referrers(store: &dyn Store, subject: &Digest) -> Vec<Digest> {
    match store.referrers(subject, None).await.unwrap() {
        Referrers::Listed(listed) => listed.into_iter().map(|listed| listed.digest).collect(),
        Referrers::Unsupported => panic!("every store here lists referrers"),
    }
}

/// Returns the roots that a store lists, each as `TAG DIGEST` or `- DIGEST`.
pub(crate) async fn roots(store: &dyn Store) -> Vec<String> {
    let roots = store.roots().await.unwrap().expect("every store here lists its roots");
    let name = |tag: Option<Tag>| tag.map_or("-".to_owned(), |tag| tag.to_string());
    roots.into_iter().map(|(tag, root)| format!("{} {}", name(tag), root.digest)).collect()
}

/// Fails unless the store holds this graph below its tags, and nothing beyond it.
pub(crate) async fn assert_holds(store: &dyn Store, application: &Application) {
    let tags: Vec<Tag> = application.tags().iter().map(|(tag, _)| tag.clone()).collect();
    let closure = testkit::read::read_tags(store, &tags).await.unwrap();
    assert_eq!(closure.losses, []);
    let difference = graph::Difference::between(&application.graph(), &closure.graph);
    assert!(difference.is_empty(), "{difference:#?}");
    for (descriptor, bytes) in application.blobs() {
        let body = store.open_blob(descriptor, 0).await.unwrap().expect("the blob is there");
        assert_eq!(body.into_bytes(descriptor, store.location(), usize::MAX).await.unwrap(), bytes);
    }
}

/// Returns the path of content in a layout or in the content store.
pub(crate) fn blob_path(root: &Path, digest: &Digest) -> PathBuf {
    root.join("blobs").join(digest.algorithm().name()).join(digest.encoded())
}

/// Returns every file below a directory, relative to it, sorted.
pub(crate) fn files(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                pending.push(entry.path());
            } else {
                files.push(entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

pub(crate) fn index_json(layout: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap()
}

/// Fails unless this is an error of format whose text holds `part`.
pub(crate) fn assert_format<T>(outcome: Result<T, StoreError>, part: &str) {
    let error = outcome.err().expect("it is refused");
    assert!(matches!(error, StoreError::Format { .. }) && error.to_string().contains(part), "{error:?}");
}
