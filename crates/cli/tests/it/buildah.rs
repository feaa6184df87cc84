//! Images by a real buildah, put together command by command.

use serde_json::{Value, json};

use crate::desk::Desk;
use crate::sheet::{Buildah, facts};

/// Builds `oci:NAME:1` from something, with one file more. Returns the digest of its manifest.
fn build(desk: &Desk, buildah: &Buildah<'_>, from: &str, name: &str, settings: &[&str]) -> String {
    let container = buildah.run(&["from", from]);
    let file = format!("{name}.txt");
    desk.write(&file, name);
    buildah.run(&["copy", &container, &file, &format!("/{file}")]);
    buildah.run(&[&["config"], settings, &[&container]].concat());
    buildah.run(&["commit", "--timestamp", "1767322800", &container, &format!("oci:{name}:1")]);
    let document = desk.json(&["inspect", &format!("oci:{name}:1")]);
    document["manifest"]["digest"].as_str().unwrap().to_owned()
}

fn base_of(desk: &Desk, arguments: &[&str]) -> Value {
    desk.json(&[&["inspect"], arguments].concat())["images"][0]["base"].clone()
}

#[test]
fn images_that_are_committed_tell_who_says_what_and_on_what_they_stand() {
    let desk = Desk::new();
    let Some(buildah) = Buildah::on(&desk) else { return };
    let label = ["--label", "org.opencontainers.image.vendor=Registry Example"];
    let annotation = ["--annotation", "org.opencontainers.image.licenses=Apache-2.0"];
    let digest = build(&desk, &buildah, "scratch", "base", &[label, annotation].concat());
    let label = ["--label", "org.opencontainers.image.title=Shop", "--label", "org.opencontainers.image.version=2"];
    let annotation = ["--annotation", "org.opencontainers.image.version=2.0"];
    build(&desk, &buildah, "oci:base:1", "shop", &[&label[..], &annotation].concat());

    insta::assert_snapshot!(facts(&desk.ok(&["inspect", "oci:base:1"]), &[]), @r"
    FACT      FROM           VALUE
    version   tag            1
    licenses  manifest       Apache-2.0
    vendor    label          Registry Example
    created   configuration  2026-01-02T03:00:00Z
    unstated                 copyright, source, revision, base
    ");
    assert_eq!(base_of(&desk, &["oci:base:1"]), Value::Null);
    insta::assert_snapshot!(facts(&desk.ok(&["inspect", "oci:shop:1"]), &[("<base>", &digest)]), @r"
    FACT      FROM              VALUE
    title     label             Shop
    version   manifest, label   2.0
              conflict: tag     1
    licenses  manifest          Apache-2.0
    vendor    label             Registry Example
    created   configuration     2026-01-02T03:00:00Z
    base      manifest, layers  localhost/base:latest@<base> (proven: 1 of 2 layers)
    unstated                    copyright, source, revision
    ");
    // The layers prove it, whatever is claimed.
    let proven = base_of(&desk, &["oci:shop:1", "--base", "oci:base:1"]);
    assert_eq!(
        (&proven["verdict"], &proven["proof"]["images"][0]["manifest"]),
        (&json!("proven"), &json!(digest)),
        "{proven}"
    );
    assert_eq!(proven["claim"]["evidence"], "annotation", "{proven}");
}
