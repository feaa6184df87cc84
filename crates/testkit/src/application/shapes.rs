//! The applications that tests and benchmarks agree on.

use oci::{Algorithm, Descriptor};

use super::{Application, ApplicationBuilder, Image};

/// Everything a graph can hold, once or twice each, in a few kilobytes.
///
/// ```text
/// bundle ─┬─ index ─┬─ amd64 ◀─ sbom-amd64 ◀─ sbom-signature-amd64
///         │    ▲    ├─ arm64 ◀─ sbom-arm64 ◀─ sbom-signature-arm64
///         │    │    ├─ attestation-amd64
///         │    │    └─ attestation-arm64
///         │    ├─ index-signature, index-convention-signature (by tag)
///         │    └─ empty-artifact (layer {}), bare-artifact (no layer), sha512-artifact, blake3-artifact (where asked for)
///         ├─ docker-list ── docker (shares base-layer with amd64)
///         └─ foreign (where asked for)
///   base-layer ◀─ layer-artifact
/// ```
///
/// The tags `1.0`, `docker` and `bundle` name index, docker-list and bundle. Every name above is one that
/// [`Application::named`] knows; so are base-layer, sha512-blob, blake3-blob and foreign-layer.
#[derive(Clone, Debug)]
pub struct WholeGraph {
    seed: u64,
    layer_bytes: usize,
    sha512: bool,
    blake3: bool,
    foreign_url: Option<String>,
}

impl Default for WholeGraph {
    fn default() -> Self {
        Self { seed: 1, layer_bytes: 2000, sha512: false, blake3: false, foreign_url: None }
    }
}

impl WholeGraph {
    /// Sets the number that determines the content.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the number of incompressible bytes in each layer.
    #[must_use]
    pub const fn layer_bytes(mut self, bytes: usize) -> Self {
        self.layer_bytes = bytes;
        self
    }

    /// Adds an artifact with a blob named by sha512.
    #[must_use]
    pub const fn sha512(mut self) -> Self {
        self.sha512 = true;
        self
    }

    /// Adds an artifact with a blob named by blake3.
    #[must_use]
    pub const fn blake3(mut self) -> Self {
        self.blake3 = true;
        self
    }

    /// Adds an image with a non-distributable layer, to be had at `url`.
    #[must_use]
    pub fn foreign_layer(mut self, url: &str) -> Self {
        self.foreign_url = Some(url.to_owned());
        self
    }

    /// Returns the application.
    pub fn build(&self) -> Application {
        let mut builder = ApplicationBuilder::new(self.seed);
        let index = self.index(&mut builder);
        let mut children = vec![index, self.docker_list(&mut builder)];
        if let Some(url) = &self.foreign_url {
            let layer = builder.foreign_layer("foreign", self.layer_bytes, url);
            builder.name("foreign-layer", &layer.descriptor);
            let image = builder.image(&Image::new("windows/amd64", &[layer]));
            builder.name("foreign", &image);
            children.push(image);
        }
        let bundle = builder.index(&children);
        builder.name("bundle", &bundle);
        builder.tag("bundle", &bundle);
        builder.build()
    }

    fn index(&self, builder: &mut ApplicationBuilder) -> Descriptor {
        let mut images = Vec::new();
        let mut attestations = Vec::new();
        for platform in ["linux/amd64", "linux/arm64/v8"] {
            let short = platform.split('/').nth(1).unwrap();
            let base = builder.layer("base", self.layer_bytes);
            if short == "amd64" {
                builder.name("base-layer", &base.descriptor);
                let kind = "application/vnd.example.facts.v1+json";
                let facts = builder.blob(kind, format!("{{\"about\":\"{}\"}}", base.descriptor.digest));
                let artifact = builder.artifact(kind, Some(&base.descriptor), &[facts]);
                builder.name("layer-artifact", &artifact);
            }
            let program = builder.layer(&format!("program-{short}"), self.layer_bytes);
            let image = builder.image(&Image::new(platform, &[base, program]));
            let sbom = builder.sbom(&image);
            let signature = builder.signature(&sbom);
            let attestation = builder.attestation(&image);
            builder.name(short, &image);
            builder.name(&format!("sbom-{short}"), &sbom);
            builder.name(&format!("sbom-signature-{short}"), &signature);
            builder.name(&format!("attestation-{short}"), &attestation);
            images.push(image);
            attestations.push(attestation);
        }
        images.append(&mut attestations);
        let index = builder.index(&images);
        builder.name("index", &index);
        builder.tag("1.0", &index);
        self.attach_to_index(builder, &index);
        index
    }

    fn attach_to_index(&self, builder: &mut ApplicationBuilder, index: &Descriptor) {
        let signature = builder.signature(index);
        builder.name("index-signature", &signature);
        let signature = builder.convention_signature(index);
        builder.name("index-convention-signature", &signature);
        let empty = builder.empty_object();
        let artifact = builder.artifact("application/vnd.example.empty.v1", Some(index), &[empty]);
        builder.name("empty-artifact", &artifact);
        let artifact = builder.artifact("application/vnd.example.bare.v1", Some(index), &[]);
        builder.name("bare-artifact", &artifact);
        for (wanted, algorithm) in [(self.sha512, Algorithm::Sha512), (self.blake3, Algorithm::Blake3)] {
            if wanted {
                let blob =
                    builder.blob_named_by(algorithm, "application/vnd.example.note", format!("named by {algorithm}"));
                let kind = format!("application/vnd.example.{algorithm}.v1");
                let artifact = builder.artifact(&kind, Some(index), std::slice::from_ref(&blob));
                builder.name(&format!("{algorithm}-blob"), &blob);
                builder.name(&format!("{algorithm}-artifact"), &artifact);
            }
        }
    }

    fn docker_list(&self, builder: &mut ApplicationBuilder) -> Descriptor {
        // The same bytes as the base layer of the first image: the same name from the same seed.
        let base = crate::layer::Layer::new("base", &mut crate::seed::Seed::new(self.seed), self.layer_bytes);
        let image = builder.image(&Image::new("linux/amd64", &[base]).docker());
        let list = builder.docker_list(std::slice::from_ref(&image));
        builder.name("docker", &image);
        builder.name("docker-list", &list);
        builder.tag("docker", &list);
        list
    }
}

/// Many images of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Number of image indexes.
    pub images: usize,
    /// Number of platforms of each image, at most four.
    pub platforms: usize,
    /// Number of layers of each platform's manifest, the first of which the images of a platform share.
    pub layers: usize,
    /// Incompressible bytes in each layer.
    pub layer_bytes: usize,
    /// An SBOM on each platform's manifest with a signature on it, and a signature on each index.
    pub artifacts: bool,
}

const PLATFORMS: [&str; 4] = ["linux/amd64", "linux/arm64/v8", "linux/s390x", "linux/ppc64le"];

impl Shape {
    /// Returns the application: an index of the image indexes, tagged `application`, and each member tagged `image-N`.
    ///
    /// # Panics
    /// When the shape has more platforms than there are.
    pub fn build(&self) -> Application {
        let mut builder = ApplicationBuilder::new(2);
        let members = self.members(&mut builder, false);
        let application = builder.index(&members);
        builder.name("application", &application);
        builder.tag("application", &application);
        builder.build()
    }

    fn members(&self, builder: &mut ApplicationBuilder, attested: bool) -> Vec<Descriptor> {
        assert!(self.platforms <= PLATFORMS.len(), "there are only {} platforms", PLATFORMS.len());
        let platforms = &PLATFORMS[..self.platforms];
        let bases: Vec<_> = platforms.iter().map(|_| builder.layer("base", self.layer_bytes)).collect();
        let mut members = Vec::new();
        for image in 0..self.images {
            let mut manifests = Vec::new();
            for (platform, base) in platforms.iter().zip(&bases) {
                let mut layers = vec![base.clone()];
                for layer in 1..self.layers {
                    layers.push(builder.layer(&format!("image-{image}-layer-{layer}"), self.layer_bytes));
                }
                layers.truncate(self.layers);
                let manifest = builder.image(&Image::new(platform, &layers));
                if self.artifacts {
                    let sbom = builder.sbom(&manifest);
                    builder.signature(&sbom);
                }
                manifests.push(manifest);
            }
            if attested {
                let attestations: Vec<_> = manifests.iter().map(|manifest| builder.attestation(manifest)).collect();
                manifests.extend(attestations);
            }
            let index = builder.index(&manifests);
            if self.artifacts {
                builder.signature(&index);
            }
            builder.name(&format!("image-{image}"), &index);
            builder.tag(&format!("image-{image}"), &index);
            members.push(index);
        }
        members
    }
}

/// Returns an application of this many images with signed SBOMs on every platform's manifest.
pub fn application_of(images: usize, platforms: usize, layers: usize, bytes_per_layer: usize) -> Application {
    Shape { images, platforms, layers, layer_bytes: bytes_per_layer, artifacts: true }.build()
}

/// Returns the application that is used to compare what tools carry: 144 nodes, of three images on three platforms with
/// signatures on SBOMs on platform manifests, attestations, `.sig` tags, an artifact about a layer, one without content, a nested
/// index and a docker manifest list.
pub fn large_application() -> Application {
    let shape = Shape { images: 3, platforms: 3, layers: 4, layer_bytes: 4000, artifacts: true };
    let mut builder = ApplicationBuilder::new(3);
    let mut members = shape.members(&mut builder, true);
    for member in &members {
        builder.convention_signature(member);
    }
    let base = builder.layer("docker-base", shape.layer_bytes);
    let facts = builder.blob("application/vnd.example.facts.v1+json", "{\"facts\":[]}");
    let artifact = builder.artifact("application/vnd.example.facts.v1+json", Some(&base.descriptor), &[facts]);
    builder.name("layer-artifact", &artifact);
    let images: Vec<_> = ["linux/amd64", "linux/arm64/v8"]
        .map(|platform| {
            let top = builder.layer(&platform.replace('/', "-"), shape.layer_bytes);
            builder.image(&Image::new(platform, &[base.clone(), top]).docker())
        })
        .to_vec();
    let list = builder.docker_list(&images);
    builder.name("docker-list", &list);
    builder.tag("docker", &list);
    members.push(list);
    let nested = builder.index(&members);
    builder.name("application", &nested);
    builder.tag("application", &nested);
    let signature = builder.signature(&nested);
    builder.name("application-signature", &signature);
    builder.artifact("application/vnd.example.bare.v1", Some(&nested), &[]);
    builder.build()
}
