//! `bisect`: planted culprits are found.

mod digests;
mod failures;
mod layers;
mod locks;
mod session;
mod signals;
mod tags;

use oci::{Descriptor, Digest, MediaType};
use serde_json::{Value, json};
use testkit::application::ApplicationBuilder;
use testkit::layer::Layer;

use crate::desk::{Desk, document};
use crate::server::Server;

/// An image of one repository.
struct Planted {
    tag: String,
    digest: Digest,
}

/// What an image is made of.
struct Recipe<'a> {
    layers: &'a [Layer],
    /// The number of its release, from which day and revision are made.
    number: usize,
    environment: &'a [&'a str],
}

/// Adds an image whose layers tell how they were made.
fn image(builder: &mut ApplicationBuilder, recipe: &Recipe<'_>) -> Descriptor {
    let Recipe { layers, number, environment } = recipe;
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.diff_id).collect();
    let history: Vec<Value> =
        (1..=layers.len()).map(|step| json!({ "created_by": format!("RUN step {step}") })).collect();
    let config = json!({
        "created": format!("2025-01-{:02}T10:00:00Z", number % 28 + 1),
        "architecture": "amd64",
        "os": "linux",
        "config": { "Env": environment, "Labels": { "org.opencontainers.image.revision": format!("{number:040x}") } },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": history,
    });
    let config = builder.blob(MediaType::OCI_CONFIG.as_str(), config.to_string());
    let layers: Vec<&Descriptor> = layers.iter().map(|layer| &layer.descriptor).collect();
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config, "layers": layers });
    builder.put_manifest(&manifest, &MediaType::OCI_MANIFEST)
}

/// Publishes images under `1.0.0`, `1.1.0` and so on, of which all from the culprit on have one more layer. Returns the images and
/// the digest of that layer.
fn plant(desk: &Desk, server: &Server, repository: &str, count: usize, culprit: usize) -> (Vec<Planted>, Digest) {
    let seed = repository.bytes().fold(count as u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut builder = ApplicationBuilder::new(seed);
    let (base, broken) = (builder.layer("base", 300), builder.layer("broken", 100));
    let planted = (0..count).map(|number| {
        let mut layers = vec![base.clone(), builder.layer("app", 50)];
        layers.extend((number >= culprit).then(|| broken.clone()));
        let image = image(&mut builder, &Recipe { layers: &layers, number, environment: &["MODE=fast"] });
        let tag = format!("1.{number}.0");
        builder.tag(&tag, &image);
        Planted { tag, digest: image.digest }
    });
    let planted = planted.collect();
    let layout = repository.replace('/', "-");
    builder.build().write_layout(&desk.path(&layout));
    desk.ok(&["copy", &format!("oci:{layout}"), &server.at(repository), "--all-tags", "-q"]);
    (planted, broken.descriptor.digest)
}

/// Returns a script that fails where the layout of the candidate has a layer, and writes down every run.
fn without(layer: &Digest) -> String {
    format!("echo $SUPERCARGO_IMAGE >> runs; test ! -e $SUPERCARGO_LAYOUT/blobs/sha256/{}", layer.encoded())
}

/// Runs `bisect run` with a script for a shell. Returns its document.
fn find(desk: &Desk, arguments: &[&str], script: &str) -> Value {
    let arguments = [&["bisect", "run", "--format", "json", "-q"], arguments, &["--", "sh", "-c", script]].concat();
    document(&desk.ok(&arguments))
}

impl Desk {
    /// Returns what the scripts of tests have written down.
    fn runs(&self) -> Vec<String> {
        let runs = std::fs::read_to_string(self.path("runs")).unwrap_or_default();
        runs.lines().map(str::to_owned).collect()
    }
}

/// Returns the smallest `r` with `base^r >= count`.
fn logarithm(count: usize, base: usize) -> u64 {
    let powers = std::iter::successors(Some(1usize), |power| power.checked_mul(base));
    powers.take_while(|power| *power < count).count() as u64
}

/// Returns text in which every digest is the same.
fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "sha256:…" + part.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
}
