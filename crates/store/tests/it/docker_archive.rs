//! The output of `docker save`, old and new, and of tools that write it too.

use std::fs;
use std::path::{Path, PathBuf};

use oci::{Descriptor, Digest, MediaType};
use serde_json::json;
use store::{DockerArchive, Store, StoreError};
use tar::{EntryType, Header};

use crate::fixture::{assert_format, assert_holds, manifest, roots, signed_image, tag};

struct Saved(tar::Builder<Vec<u8>>);

impl Default for Saved {
    fn default() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }
}

impl Saved {
    fn file(mut self, name: &str, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        self.0.append_data(&mut header, name, content).unwrap();
        self
    }

    fn link(mut self, name: &str, target: &str) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        self.0.append_link(&mut header, name, target).unwrap();
        self
    }

    fn write(self, directory: &Path) -> PathBuf {
        let path = directory.join("saved.tar");
        fs::write(&path, self.0.into_inner().unwrap()).unwrap();
        path
    }
}

fn config(layers: &[&[u8]]) -> Vec<u8> {
    let diff_ids: Vec<_> = layers.iter().map(|layer| Digest::sha256(layer)).collect();
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    config.to_string().into_bytes()
}

async fn content(store: &dyn Store, descriptor: &Descriptor) -> Vec<u8> {
    let body = store.open_blob(descriptor, 0).await.unwrap().expect("the blob is there");
    body.into_bytes(descriptor, store.location(), usize::MAX).await.unwrap().into()
}

#[tokio::test]
async fn layers_and_configuration_make_a_manifest() {
    let directory = tempfile::tempdir().unwrap();
    let (base, top) = (b"the base layer".as_slice(), b"the layer above".as_slice());
    let (one, two) = (config(&[base, top]), config(&[base]));
    // Old docker puts each layer into a directory and links those that images share.
    let saved = Saved::default()
        .file("aaaa/layer.tar", base)
        .file("bbbb/layer.tar", top)
        .link("cccc/layer.tar", "../aaaa/layer.tar")
        .file("one.json", &one)
        .file("two.json", &two)
        .file("repositories", b"{}");
    let listed = json!([
        {"Config": "one.json", "RepoTags": ["example/app:1.0", "example/app:latest"], "Layers": ["aaaa/layer.tar", "bbbb/layer.tar"]},
        {"Config": "two.json", "RepoTags": ["example/base:latest"], "Layers": ["cccc/layer.tar"]},
        {"Config": "two.json", "RepoTags": null, "Layers": ["cccc/layer.tar"]},
    ]);
    let path = saved.file("manifest.json", listed.to_string().as_bytes()).write(directory.path());
    let store = DockerArchive::open(&path).unwrap();

    let image = store.image("example/app:1.0").unwrap().descriptor.clone();
    assert_eq!(image.media_type, MediaType::OCI_MANIFEST);
    let made = store.manifest(&image.digest).await.unwrap().unwrap();
    assert_eq!(content(&store, made.config().unwrap()).await, one);
    assert_eq!(made.config().unwrap().media_type, MediaType::OCI_CONFIG);
    let layers: Vec<_> = made.layers().iter().map(|layer| (layer.media_type.clone(), layer.digest)).collect();
    assert_eq!(layers, [base, top].map(|layer| (MediaType::OCI_LAYER, Digest::sha256(layer))));
    assert_eq!(content(&store, &made.layers()[0]).await, base);
    assert_eq!(content(&store, &made.layers()[1]).await, top);

    let other = store.image("docker.io/example/base:latest").unwrap().descriptor.clone();
    let other_made = store.manifest(&other.digest).await.unwrap().unwrap();
    assert_eq!(other_made.layers(), &made.layers()[..1]);
    assert_eq!(store.image("1.0").map(|image| image.descriptor.digest), Some(image.digest));
    assert_eq!(store.image("latest"), None, "two images have that tag");
    assert_eq!(store.resolve(&tag("1.0")).await.unwrap().map(|found| found.digest), Some(image.digest));
    assert_eq!(roots(&store).await, [format!("1.0 {}", image.digest), format!("- {}", other.digest)]);
    // The same archive makes the same manifests.
    assert_eq!(DockerArchive::open(&path).unwrap().images(), store.images());
}

#[tokio::test]
async fn a_layer_that_is_not_what_the_configuration_says_is_found_out() {
    let directory = tempfile::tempdir().unwrap();
    let listed = json!([{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["layer.tar"]}]);
    let path = Saved::default()
        .file("layer.tar", b"LAYER")
        .file("c.json", &config(&[b"layer"]))
        .file("manifest.json", listed.to_string().as_bytes())
        .write(directory.path());
    let store = DockerArchive::open(path).unwrap();
    let made = store.manifest(&store.images()[0].descriptor.digest).await.unwrap().unwrap();
    let body = store.open_blob(&made.layers()[0], 0).await.unwrap().unwrap();
    let error = body.into_bytes(&made.layers()[0], store.location(), usize::MAX).await.unwrap_err();
    assert!(matches!(error, StoreError::Digest { .. }), "{error:?}");
}

#[tokio::test]
async fn compressed_layers_are_named_by_what_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let gzip = [&[0x1f, 0x8b][..], b"not really"].concat();
    let zstd = zstd::encode_all(&b"layer"[..], 1).unwrap();
    let listed = json!([{"Config": "c.json", "Layers": ["a.tar.gz", "b.tar.zst"]}]);
    let path = Saved::default()
        .file("a.tar.gz", &gzip)
        .file("b.tar.zst", &zstd)
        .file("c.json", &config(&[b"one", b"two"]))
        .file("manifest.json", listed.to_string().as_bytes())
        .write(directory.path());
    let store = DockerArchive::open(path).unwrap();
    let made = store.manifest(&store.images()[0].descriptor.digest).await.unwrap().unwrap();
    let expected = [Descriptor::of(MediaType::OCI_LAYER_GZIP, &gzip), Descriptor::of(MediaType::OCI_LAYER_ZSTD, &zstd)];
    assert_eq!(made.layers(), expected);
    assert_eq!(content(&store, &made.layers()[1]).await, zstd);
}

#[tokio::test]
async fn the_layout_that_new_docker_saves_is_read_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let application = signed_image(1);
    let layout = directory.path().join("layout");
    fs::create_dir(&layout).unwrap();
    application.write_layout(&layout);
    let mut image = application.named("image").clone();
    image.annotations.insert("io.containerd.image.name".to_owned(), "docker.io/library/app:v1".to_owned());
    image.annotations.insert("org.opencontainers.image.ref.name".to_owned(), "v1".to_owned());
    let index = json!({"schemaVersion": 2, "manifests": [image]});
    fs::write(layout.join("index.json"), index.to_string()).unwrap();
    fs::write(layout.join("manifest.json"), "[]").unwrap();
    let mut saved = Saved::default();
    saved.0.append_dir_all("", &layout).unwrap();
    let store = DockerArchive::open(saved.write(directory.path())).unwrap();
    assert_holds(&store, &application).await;
    assert_eq!(store.image("app:v1").map(|image| image.descriptor.digest), Some(image.digest));
    assert_eq!(store.image("v2"), None);
    let refused = store.tag(&tag("v2"), manifest(&application, "image")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unsupported { .. }), "{refused:?}");
}

#[test]
fn what_docker_does_not_save_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let open = |saved: Saved| DockerArchive::open(saved.write(directory.path()));
    let with = |listed: serde_json::Value| Saved::default().file("manifest.json", listed.to_string().as_bytes());
    assert_format(open(Saved::default().file("x", b"")), "it has no `manifest.json`");
    assert_format(open(with(json!({}))), "has a `manifest.json` that is none");
    assert_format(open(with(json!([{"Config": "c.json"}]))), "lacks the entry `c.json`");
    assert_format(open(with(json!([{"Config": "../etc/passwd"}]))), "lacks the entry `../etc/passwd`");
    let config_of = |config: &[u8]| with(json!([{"Config": "c.json", "Layers": ["l"]}])).file("c.json", config);
    assert_format(open(config_of(b"[")), "has a configuration `c.json` that is none");
    assert_format(open(config_of(b"{}")), "has an image with 1 layers whose configuration `c.json` says 0");
    assert_format(open(config_of(&config(&[b"x"]))), "lacks the entry `l`");
    let looping = config_of(&config(&[b"x"])).link("l", "m").link("m", "l");
    assert_format(open(looping), "lacks the entry `l`");
}
