//! Makes content piece by piece.

use base64::Engine as _;
use bytes::Bytes;
use oci::name::ConventionSuffix;
use oci::{Algorithm, Annotations, Descriptor, Digest, Manifest, MediaType, Platform, Tag, annotation};
use serde_json::{Value, json};

use super::Application;
use crate::layer::Layer;
use crate::seed::Seed;

/// Makes an [`Application`]. Two builders that are given the same seed and the same calls make the same bytes.
#[derive(Debug)]
pub struct ApplicationBuilder {
    seed: Seed,
    application: Application,
}

/// An image for one platform, OCI or docker.
#[derive(Clone, Debug)]
pub struct Image {
    /// What it runs on.
    pub platform: Platform,
    /// Its layers, bottom first.
    pub layers: Vec<Layer>,
    /// Docker schema 2 instead of OCI.
    pub docker: bool,
    /// When it was made, in the form of RFC 3339.
    pub created: String,
}

impl Image {
    /// Returns an OCI image of these layers.
    ///
    /// # Panics
    /// When `platform` is no platform.
    pub fn new(platform: &str, layers: &[Layer]) -> Self {
        Self {
            platform: platform.parse().unwrap(),
            layers: layers.to_vec(),
            docker: false,
            created: CREATED.to_owned(),
        }
    }

    /// Returns the same image in docker's format.
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.docker = true;
        self
    }

    /// Returns the same image, made at another time.
    #[must_use]
    pub fn created(mut self, created: &str) -> Self {
        created.clone_into(&mut self.created);
        self
    }
}

impl ApplicationBuilder {
    /// Begins an application whose content this number determines.
    pub fn new(seed: u64) -> Self {
        Self { seed: Seed::new(seed), application: Application::default() }
    }

    /// Adds a layer that holds a file tree under `/opt/NAME` and `bytes` bytes of content.
    pub fn layer(&mut self, name: &str, bytes: usize) -> Layer {
        let layer = Layer::new(name, &mut self.seed, bytes);
        self.put_blob(&layer.descriptor, layer.bytes.clone());
        layer
    }

    /// Adds a layer that was made elsewhere.
    pub fn add_layer(&mut self, layer: &Layer) {
        self.put_blob(&layer.descriptor, layer.bytes.clone());
    }

    /// Makes a non-distributable layer. Its content is not among the blobs; it is to be had at `url` and by
    /// [`Application::blob`].
    pub fn foreign_layer(&mut self, name: &str, bytes: usize, url: &str) -> Layer {
        let mut layer = Layer::new(name, &mut self.seed, bytes);
        layer.descriptor.media_type = media_type("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip");
        layer.descriptor.urls.push(url.to_owned());
        self.application.foreign.insert(layer.descriptor.digest, layer.bytes.clone());
        layer
    }

    /// Adds a blob.
    pub fn blob(&mut self, kind: &str, bytes: impl Into<Bytes>) -> Descriptor {
        self.blob_named_by(Algorithm::Sha256, kind, bytes)
    }

    /// Adds a blob whose name is made with another algorithm.
    pub fn blob_named_by(&mut self, algorithm: Algorithm, kind: &str, bytes: impl Into<Bytes>) -> Descriptor {
        let bytes = bytes.into();
        let descriptor = Descriptor::new(media_type(kind), algorithm.digest(&bytes), bytes.len() as u64);
        self.put_blob(&descriptor, bytes);
        descriptor
    }

    /// Adds the empty JSON object; its descriptor carries the content in `data`.
    pub fn empty_object(&mut self) -> Descriptor {
        let mut descriptor = Descriptor::empty_json();
        self.put_blob(&descriptor, Bytes::from_static(b"{}"));
        descriptor.data = Some(base64::engine::general_purpose::STANDARD.encode("{}"));
        descriptor
    }

    /// Adds an image with its config. The descriptor states the platform, as an index needs it.
    pub fn image(&mut self, image: &Image) -> Descriptor {
        let (manifest_type, config_type) = if image.docker {
            (MediaType::DOCKER_MANIFEST, MediaType::DOCKER_CONFIG)
        } else {
            (MediaType::OCI_MANIFEST, MediaType::OCI_CONFIG)
        };
        let config = self.image_config(image, &config_type);
        let layers: Vec<Descriptor> = image.layers.iter().map(|layer| layer_descriptor(layer, image.docker)).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": layers,
        });
        let mut descriptor = self.put_manifest(&manifest, &manifest_type);
        descriptor.platform = Some(image.platform.clone());
        descriptor
    }

    fn image_config(&mut self, image: &Image, config_type: &MediaType) -> Descriptor {
        let diff_ids: Vec<Digest> = image.layers.iter().map(|layer| layer.diff_id).collect();
        let history: Vec<Value> =
            diff_ids.iter().map(|_| json!({"created": CREATED, "created_by": "testkit"})).collect();
        let mut config = json!({
            "created": image.created,
            "architecture": image.platform.architecture,
            "os": image.platform.os,
            "config": {"Cmd": ["/opt/base/run"], "Labels": {"org.opencontainers.image.title": "testkit"}},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
        });
        if let Some(variant) = &image.platform.variant {
            config["variant"] = json!(variant);
        }
        self.blob(config_type.as_str(), config.to_string())
    }

    /// Adds an OCI index of these children.
    pub fn index(&mut self, children: &[Descriptor]) -> Descriptor {
        self.list(&MediaType::OCI_INDEX, children)
    }

    /// Adds a docker manifest list of these children.
    pub fn docker_list(&mut self, children: &[Descriptor]) -> Descriptor {
        self.list(&MediaType::DOCKER_LIST, children)
    }

    fn list(&mut self, kind: &MediaType, children: &[Descriptor]) -> Descriptor {
        self.put_manifest(&json!({"schemaVersion": 2, "mediaType": kind, "manifests": children}), kind)
    }

    /// Adds an artifact without config, made of these blobs, about `subject` where there is one.
    pub fn artifact(&mut self, kind: &str, subject: Option<&Descriptor>, layers: &[Descriptor]) -> Descriptor {
        let config = self.empty_object();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "artifactType": kind,
            "config": config,
            "layers": layers,
            "annotations": {annotation::CREATED: CREATED},
        });
        if let Some(subject) = subject {
            manifest["subject"] = json!(plain(subject));
        }
        self.put_manifest(&manifest, &MediaType::OCI_MANIFEST)
    }

    /// Adds a bill of materials about `subject`.
    pub fn sbom(&mut self, subject: &Descriptor) -> Descriptor {
        let document = json!({"spdxVersion": "SPDX-2.3", "name": subject.digest, "packages": []});
        let blob = self.blob(SBOM_TYPE, document.to_string());
        self.artifact(SBOM_TYPE, Some(subject), &[blob])
    }

    /// Adds something shaped as a signature of `subject`; no key has signed anything.
    pub fn signature(&mut self, subject: &Descriptor) -> Descriptor {
        let bundle = json!({"mediaType": SIGNATURE_TYPE, "content": {"signs": subject.digest}});
        let blob = self.blob(SIGNATURE_TYPE, bundle.to_string());
        self.artifact(SIGNATURE_TYPE, Some(subject), &[blob])
    }

    /// Adds a signature of `subject` in the older form, named by the tag `sha256-….sig`.
    pub fn convention_signature(&mut self, subject: &Descriptor) -> Descriptor {
        let payload = json!({"critical": {"image": {"docker-manifest-digest": subject.digest}}});
        let mut layer = self.blob("application/vnd.dev.cosign.simplesigning.v1+json", payload.to_string());
        layer.annotations = Annotations::from([("dev.cosignproject.cosign/signature".into(), "MEUCIQ==".into())]);
        let config = json!({"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": [layer.digest]}});
        let config = self.blob(MediaType::OCI_CONFIG.as_str(), config.to_string());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config, "layers": [layer],
        });
        let descriptor = self.put_manifest(&manifest, &MediaType::OCI_MANIFEST);
        let tag = Tag::convention(&subject.digest, ConventionSuffix::Signature);
        self.application.convention_tags.insert(tag, descriptor.digest);
        descriptor
    }

    /// Adds BuildKit's attestation about `image`. The descriptor is that of a child of the same index.
    pub fn attestation(&mut self, image: &Descriptor) -> Descriptor {
        let statement = json!({"_type": "https://in-toto.io/Statement/v0.1", "subject": [image.digest]});
        let layer = self.blob("application/vnd.in-toto+json", statement.to_string());
        let config = json!({"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": {"type": "layers", "diff_ids": [layer.digest]}});
        let config = self.blob(MediaType::OCI_CONFIG.as_str(), config.to_string());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config, "layers": [layer],
        });
        let mut descriptor = self.put_manifest(&manifest, &MediaType::OCI_MANIFEST);
        descriptor.platform = Some(Platform::new("unknown", "unknown"));
        descriptor.annotations = Annotations::from([
            (annotation::BUILDKIT_REFERENCE_TYPE.to_owned(), "attestation-manifest".to_owned()),
            (annotation::BUILDKIT_REFERENCE_DIGEST.to_owned(), image.digest.to_string()),
        ]);
        descriptor
    }

    /// Adds a manifest of any kind.
    ///
    /// # Panics
    /// When it is not a manifest of that type.
    pub fn put_manifest(&mut self, document: &Value, kind: &MediaType) -> Descriptor {
        let bytes = serde_json::to_vec_pretty(document).unwrap();
        let manifest = Manifest::from_new(bytes.into(), kind, Algorithm::Sha256).unwrap();
        let descriptor = manifest.descriptor();
        if self.application.manifest(&descriptor.digest).is_none() {
            self.application.manifests.push(manifest);
        }
        descriptor
    }

    /// Gives a node a name for tests.
    pub fn name(&mut self, name: &str, descriptor: &Descriptor) {
        self.application.named.insert(name.to_owned(), descriptor.clone());
    }

    /// Points a tag to a manifest that was added.
    ///
    /// # Panics
    /// When it is no tag, or the manifest was not added.
    pub fn tag(&mut self, tag: &str, target: &Descriptor) {
        assert!(self.application.manifest(&target.digest).is_some(), "{tag} must name a manifest");
        self.application.tags.push((tag.parse().unwrap(), target.digest));
    }

    /// Returns what was made.
    pub fn build(self) -> Application {
        self.application
    }

    fn put_blob(&mut self, descriptor: &Descriptor, bytes: Bytes) {
        self.application.blobs.entry(descriptor.digest).or_insert_with(|| (descriptor.clone(), bytes));
    }
}

const CREATED: &str = "2024-01-02T03:04:05Z";
const SBOM_TYPE: &str = "application/spdx+json";
const SIGNATURE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A subject states type, digest and size (image-spec, "Image Manifest", `subject`).
fn plain(descriptor: &Descriptor) -> Descriptor {
    Descriptor::new(descriptor.media_type.clone(), descriptor.digest, descriptor.size)
}

/// docker has its own media type for the same bytes.
fn layer_descriptor(layer: &Layer, docker: bool) -> Descriptor {
    let mut descriptor = layer.descriptor.clone();
    if docker {
        descriptor.media_type = media_type("application/vnd.docker.image.rootfs.diff.tar.gzip");
    }
    descriptor
}

fn media_type(text: &str) -> MediaType {
    text.parse().unwrap()
}
