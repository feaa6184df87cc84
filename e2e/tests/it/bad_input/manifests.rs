//! Manifests that are too large, too deep, or none, from a registry and from a layout.

use std::path::Path;

use bytes::Bytes;
use e2e::{Outcome, Program, sound};
use oci::{Descriptor, Digest, MediaType};
use serde_json::{Value, json};
use testkit::proxy::{Answer, Fault, HttpProxy, Matcher, Rule};

/// Bytes that are served as a manifest.
fn layout_of(directory: &Path, media_type: &MediaType, bytes: &Bytes) {
    let descriptor = Descriptor::of(media_type.clone(), bytes);
    let mut entry = serde_json::to_value(&descriptor).unwrap();
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "1.0"});
    let blobs = directory.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(descriptor.digest.encoded()), bytes).unwrap();
    std::fs::write(directory.join("index.json"), json!({"schemaVersion": 2, "manifests": [entry]}).to_string())
        .unwrap();
    std::fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

async fn registry_of(media_type: &MediaType, bytes: &Bytes) -> HttpProxy {
    let digest = Digest::sha256(bytes);
    let manifest = Answer::new(200)
        .header("Content-Type", media_type.as_str())
        .header("Docker-Content-Digest", &digest.to_string())
        .header("Content-Length", &bytes.len().to_string())
        .body(bytes.clone());
    let empty = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": []}).to_string();
    let referrers = Answer::new(200).header("Content-Type", MediaType::OCI_INDEX.as_str()).body(empty);
    let tags = Answer::new(200).header("Content-Type", "application/json").body(r#"{"name":"a","tags":["1.0"]}"#);
    HttpProxy::server(vec![
        Rule::new(Matcher::any().path_ends("/v2/"), Fault::Answer(Answer::new(200))),
        Rule::new(Matcher::manifests(), Fault::Answer(manifest)),
        Rule::new(Matcher::referrers(), Fault::Answer(referrers)),
        Rule::new(Matcher::tags(), Fault::Answer(tags)),
    ])
    .await
}

/// Copies from both kinds of source into a layout, and looks at the outcomes.
async fn copied(media_type: &MediaType, bytes: impl Into<Bytes>, judge: impl Fn(&Outcome)) {
    let bytes = bytes.into();
    let program = Program::default();
    let source = program.home().join("source");
    layout_of(&source, media_type, &bytes);
    let registry = registry_of(media_type, &bytes).await;
    let sources = [format!("oci:{}:1.0", source.display()), format!("{}/a:1.0", registry.host())];
    for (number, source) in sources.iter().enumerate() {
        let destination = program.home().join(format!("destination-{number}"));
        let outcome = program.run(&["copy", source, &format!("oci:{}:1.0", destination.display())]);
        judge(&outcome);
        sound::assert_sound_layout(&destination);
        if outcome.code != Some(0) {
            outcome.assert_explained();
            assert!(sound::lists_nothing(&destination), "{outcome}");
        }
    }
}

/// Expects that no copy of these bytes succeeds, and that each says why.
async fn refused(media_type: &MediaType, bytes: impl Into<Bytes>, says: &str) {
    copied(media_type, bytes, |outcome| {
        assert_eq!(outcome.code, Some(6), "{outcome}");
        outcome.assert_says(&[says]);
    })
    .await;
}

fn image() -> Value {
    let config = Descriptor::new(MediaType::OCI_CONFIG, Digest::sha256(b"config"), 6);
    json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": config, "layers": []})
}

fn with(key: &str, value: Value) -> String {
    let mut image = image();
    image[key] = value;
    image.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_megabytes() {
    let large = with("annotations", json!({"text": "x".repeat(5_000_000)}));
    refused(&MediaType::OCI_MANIFEST, large, "4194304").await;
    let entry = Descriptor::new(MediaType::OCI_MANIFEST, Digest::sha256(b"child"), 5);
    let many = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": vec![entry; 10_001]});
    refused(&MediaType::OCI_INDEX, many.to_string(), "10000").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_levels_of_json() {
    let abyss = |open: &str, close: &str| format!("{}0{}", open.repeat(10_000), close.repeat(10_000));
    let lists = abyss("[", "]");
    let objects = abyss("{\"a\":", "}");
    for abyss in [&lists, &objects] {
        refused(&MediaType::OCI_MANIFEST, abyss.clone(), "manifest").await;
        let image = image().to_string();
        for field in ["annotations", "layers", "config"] {
            let bytes = image.replacen('{', &format!("{{\"{field}\":{abyss},"), 1);
            refused(&MediaType::OCI_MANIFEST, bytes, "manifest").await;
        }
        // What nobody knows may be anything; it must only not take the program down.
        let unknown = image.replacen('{', &format!("{{\"unknown\":{abyss},"), 1);
        copied(&MediaType::OCI_MANIFEST, unknown, |outcome| assert_eq!(outcome.code, Some(6), "{outcome}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_manifest() {
    let descriptor = |key: &str, value: Value| {
        let mut layer =
            serde_json::to_value(Descriptor::new(MediaType::OCI_LAYER_GZIP, Digest::sha256(b""), 1)).unwrap();
        layer[key] = value;
        with("layers", json!([layer]))
    };
    let cases = [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "<!DOCTYPE html>".to_owned(),
        image().to_string() + "x",
        with("schemaVersion", json!(1)),
        with("mediaType", json!("application/vnd.oci.image.index.v1+json")),
        with("mediaType", json!(7)),
        descriptor("size", json!(-1)),
        descriptor("size", json!(1.5)),
        descriptor("size", json!("1")),
        descriptor("digest", json!("sha256:short")),
        descriptor("digest", json!("sha256:../../../../etc/passwd")),
        descriptor("digest", json!("md5:d41d8cd98f00b204e9800998ecf8427e")),
        descriptor("mediaType", json!("\u{1b}[31mred")),
    ];
    for case in cases {
        copied(&MediaType::OCI_MANIFEST, case, |outcome| {
            assert!(outcome.code == Some(6), "{outcome}");
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layer_larger_than_any_disk() {
    let layer = Descriptor::new(MediaType::OCI_LAYER_GZIP, Digest::sha256(b"layer"), u64::MAX / 2);
    refused(&MediaType::OCI_MANIFEST, with("layers", json!([layer])), "sha256:").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_in_a_layout_that_is_none() {
    let abyss = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let large = json!({"schemaVersion": 2, "manifests": [], "annotations": {"a": "x".repeat(80_000_000)}}).to_string();
    for content in ["", "{", "[]", "null", &abyss, &large] {
        let program = Program::default();
        let source = program.home().join("source");
        layout_of(&source, &MediaType::OCI_MANIFEST, &Bytes::from(image().to_string()));
        std::fs::write(source.join("index.json"), content).unwrap();
        let destination = format!("oci:{}", program.home().join("destination").display());
        let outcome = program.fail(6, &["copy", &format!("oci:{}:1.0", source.display()), &destination]);
        outcome.assert_says(&["index.json"]);
    }
}
