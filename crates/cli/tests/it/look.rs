//! `inspect`, `tags`, `artifacts`

use oci::{Descriptor, Digest};
use serde_json::json;
use testkit::application::{ApplicationBuilder, Image};

use crate::desk::Desk;
use crate::server::Server;

/// Shows digests by what they name, so that a snapshot can be read.
fn named(text: &str, names: &[(&str, &Descriptor)]) -> String {
    names.iter().fold(text.to_owned(), |text, (name, descriptor)| {
        text.replace(&descriptor.digest.to_string(), &format!("<{name}>"))
    })
}

#[test]
fn an_index_is_told_from_its_platforms() {
    let (desk, application) = Desk::with_application();
    let names: Vec<(&str, &Descriptor)> =
        ["index", "amd64", "arm64"].iter().map(|name| (*name, application.named(name))).collect();
    let text = named(&desk.ok(&["inspect", "oci:app:1.0"]), &names);
    let start = "oci:app:1.0@<index>\n  type  application/vnd.oci.image.index.v1+json (index, ";
    assert!(text.starts_with(start), "{text}");
    let platforms: Vec<(&str, &str)> = text
        .lines()
        .filter(|line| line.starts_with("linux/"))
        .map(|line| (line.split(' ').next().unwrap(), line.rsplit(' ').next().unwrap()))
        .collect();
    assert_eq!(platforms, [("linux/amd64", "<amd64>"), ("linux/arm64/v8", "<arm64>")]);

    let document = desk.json(&["inspect", "oci:app:1.0"]);
    assert_eq!(document["schema"], "supercargo.inspect.v1");
    assert_eq!(document["kind"], "index");
    assert_eq!(document["manifest"]["digest"], application.named("index").digest.to_string());
    assert_eq!(document["missing"], json!([]));
    let attached: u64 =
        document["attached"].as_array().unwrap().iter().map(|attached| attached["count"].as_u64().unwrap()).sum();
    let artifacts = desk.json(&["artifacts", "oci:app:1.0"]);
    assert!(attached > 5, "{document}");
    // The artifact about a layer that two images share stands in the tree twice.
    assert!(artifacts["artifacts"].as_u64().unwrap() >= attached, "{artifacts}");
}

#[test]
fn one_platform_of_an_index_can_be_looked_at() {
    let (desk, application) = Desk::with_application();
    let document = desk.json(&["inspect", "oci:app:1.0", "--platform", "linux/arm64"]);
    assert_eq!(document["manifest"]["digest"], application.named("arm64").digest.to_string());
    assert_eq!(document["images"][0]["platform"], "linux/arm64/v8");
    let text = desk.ok(&["inspect", "oci:app:1.0", "--platform", "linux/arm64"]);
    assert!(text.contains("\nLAYER "), "{text}");
    desk.fails(&["inspect", "oci:app:1.0", "--platform", "linux/s390x"], 9);
    let said = desk.fails(&["inspect", "oci:app:1.0", "--platform", "linux/amd64,linux/arm64"], 2);
    assert!(said.contains("takes one platform"), "{said}");
}

#[test]
fn raw_is_the_manifest_to_the_byte() {
    let (desk, application) = Desk::with_application();
    let server = Server::new();
    desk.ok(&["copy", "oci:app:1.0", &server.at("app:1")]);
    for reference in ["oci:app:1.0", &server.at("app:1")] {
        let output = desk.command(&["inspect", "--raw", reference]).output().unwrap();
        assert_eq!(Digest::sha256(&output.stdout), application.named("index").digest);
    }
}

#[test]
fn what_identifies_an_image_is_shown_and_cannot_drive_the_terminal() {
    let mut builder = ApplicationBuilder::new(7);
    let config = builder.blob(
        "application/vnd.oci.image.config.v1+json",
        json!({
            "architecture": "amd64",
            "os": "linux",
            "created": "2026-01-02T03:04:05Z",
            "config": { "Labels": { "org.opencontainers.image.vendor": "Example\u{1b}[31m" } },
            "rootfs": { "type": "layers", "diff_ids": [] },
        })
        .to_string(),
    );
    let layer = builder.blob("application/vnd.oci.image.layer.v1.tar", "layer");
    let image = builder.put_manifest(
        &json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": [layer],
            "annotations": { "org.opencontainers.image.title": "shop\nforged line", "org.opencontainers.image.version": "1.0" },
        }),
        &oci::MediaType::OCI_MANIFEST,
    );
    builder.tag("1", &image);
    let desk = Desk::new();
    builder.build().write_layout(&desk.path("app"));
    let text = named(&desk.ok(&["inspect", "oci:app"]), &[("image", &image), ("layer", &layer)]);
    insta::assert_snapshot!(text, @r"
    oci:app:1@<image>
      type  application/vnd.oci.image.manifest.v1+json (image, 598 B)

    FACT      FROM           VALUE
    title     manifest       shop\u{a}forged line
    version   manifest, tag  1.0
    vendor    label          Example\u{1b}[31m
    created   configuration  2026-01-02T03:04:05Z
    unstated                 licenses, copyright, source, revision, base

    PLATFORM      SIZE  LAYERS  DIGEST
    linux/amd64  192 B       1  <image>

    LAYER                                                                    SIZE  TYPE
    <layer>   5 B  application/vnd.oci.image.layer.v1.tar
    ");
    let json = desk.ok(&["inspect", "oci:app", "--format", "json"]);
    assert!(!json.chars().any(|character| character.is_control() && character != '\n'), "{json}");
}

#[test]
fn the_tree_shows_what_is_about_what() {
    let mut builder = ApplicationBuilder::new(3);
    let layer = builder.layer("layer", 100);
    let image = builder.image(&Image::new("linux/amd64", std::slice::from_ref(&layer)));
    let index = builder.index(std::slice::from_ref(&image));
    let sbom = builder.sbom(&image);
    let signature = builder.signature(&sbom);
    let convention = builder.convention_signature(&index);
    let review = builder.artifact("application/vnd.example.review", Some(&layer.descriptor), &[]);
    builder.tag("1", &index);
    let desk = Desk::new();
    builder.build().write_layout(&desk.path("app"));
    let names = [
        ("index", &index),
        ("image", &image),
        ("layer", &layer.descriptor),
        ("sbom", &sbom),
        ("signature", &signature),
        ("convention", &convention),
        ("review", &review),
    ];
    insta::assert_snapshot!(named(&desk.ok(&["artifacts", "oci:app:1"]), &names), @r"
    oci:app:1@<index>
    ├─ linux/amd64  <image>
    │  ├─ layer  <layer>
    │  │  └─ application/vnd.example.review  <review>
    │  └─ application/spdx+json  <sbom>
    │     └─ application/vnd.dev.sigstore.bundle.v0.3+json  <signature>
    └─ application/vnd.oci.image.config.v1+json (sig-tag)  <convention>
    ");
    let reviews = named(&desk.ok(&["artifacts", "oci:app:1", "--type", "application/vnd.example.review"]), &names);
    insta::assert_snapshot!(reviews, @r"
    oci:app:1@<index>
    └─ linux/amd64  <image>
       └─ layer  <layer>
          └─ application/vnd.example.review  <review>
    ");
    let lines = desk.ok(&["artifacts", "oci:app:1", "--format", "jsonl"]);
    assert_eq!(lines.lines().count(), 4);
    let sheet = desk.json(&["artifacts", "oci:app:1", "--type", "application/vnd.nobody"]);
    assert_eq!(sheet["artifacts"], 0);
}

#[test]
fn the_tree_is_the_same_in_a_registry_without_lists_of_referrers() {
    let (desk, _) = Desk::with_application();
    let options = ops::registry::RegistryOptions { referrers: false, ..ops::registry::RegistryOptions::default() };
    let server = Server::with(options);
    desk.ok(&["copy", "oci:app:bundle", &server.at("app:bundle")]);
    let tree = |reference: &str| desk.json(&["artifacts", reference])["root"].clone();
    assert_eq!(tree(&server.at("app:bundle")), tree("oci:app:bundle"));
}

#[test]
fn tags_name_versions_unless_all_are_asked_for() {
    let (desk, application) = Desk::with_application();
    let outcome = desk.run(&["tags", "oci:app"]);
    assert_eq!(outcome.stdout, "1.0\nbundle\ndocker\n");
    assert!(outcome.stderr.contains("left out; --attachments lists them too"), "{}", outcome.stderr);
    let all = desk.ok(&["tags", "oci:app", "--attachments", "-q"]);
    assert_eq!(all.lines().count(), 3 + application.convention_tags().len());
    let document = desk.json(&["tags", "oci:app"]);
    assert_eq!(document["repository"], "oci:app");
    assert_eq!(document["tags"][0], json!({ "tag": "1.0" }));
    let said = desk.fails(&["tags", "oci:app:1.0"], 2);
    assert!(said.contains("help: supercargo tags oci:app"), "{said}");
}
