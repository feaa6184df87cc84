//! What `inspect` shows of images of every kind: each fact with where it is from, and what contradicts it.

use std::process::Command;

use oci::{Descriptor, Digest, MediaType, mark};
use serde_json::{Value, json};
use testkit::application::ApplicationBuilder;

use crate::desk::{Desk, Outcome};
use crate::server::Server;

/// An image whose layers are named by their content.
#[derive(Clone, Default)]
pub(crate) struct Sketch<'a> {
    pub(crate) layers: &'a [&'a str],
    /// Whether the layers are stored in another form than usual.
    pub(crate) stored_anew: bool,
    pub(crate) docker: bool,
    pub(crate) created: Option<&'a str>,
    pub(crate) author: Option<&'a str>,
    pub(crate) labels: Value,
    pub(crate) annotations: Value,
}

impl Sketch<'_> {
    /// Adds the image. Its descriptor states the platform.
    pub(crate) fn add(&self, builder: &mut ApplicationBuilder, platform: &str) -> Descriptor {
        let (os, architecture) = platform.split_once('/').unwrap();
        let diff_ids: Vec<Digest> = self.layers.iter().map(|layer| Digest::sha256(layer.as_bytes())).collect();
        let mut config = json!({
            "os": os, "architecture": architecture, "config": { "Labels": self.labels },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        for (key, value) in [("created", self.created), ("author", self.author)] {
            if let Some(value) = value {
                config[key] = json!(value);
            }
        }
        let [manifest_type, config_type] = if self.docker {
            [MediaType::DOCKER_MANIFEST, MediaType::DOCKER_CONFIG]
        } else {
            [MediaType::OCI_MANIFEST, MediaType::OCI_CONFIG]
        };
        let config = builder.blob(config_type.as_str(), config.to_string());
        let stored = |layer: &&str| if self.stored_anew { format!("{layer}, anew") } else { (*layer).to_owned() };
        let layers: Vec<Descriptor> =
            self.layers.iter().map(|layer| builder.blob(MediaType::OCI_LAYER.as_str(), stored(layer))).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": layers,
            "annotations": self.annotations,
        });
        let mut descriptor = builder.put_manifest(&manifest, &manifest_type);
        descriptor.platform = Some(platform.parse().unwrap());
        descriptor
    }
}

/// Returns the table of facts, with names in the place of digests and hosts.
pub(crate) fn facts(sheet: &str, names: &[(&str, &str)]) -> String {
    let begin = sheet.find("FACT ").unwrap_or_else(|| panic!("no facts in {sheet}"));
    let table = sheet[begin..].split("\n\n").next().unwrap();
    names.iter().fold(table.to_owned(), |table, (name, text)| table.replace(text, name))
}

/// Writes the image as the only one of a layout and returns its facts.
fn facts_of_one(sketch: &Sketch<'_>) -> String {
    let mut builder = ApplicationBuilder::new(1);
    let image = sketch.add(&mut builder, "linux/amd64");
    builder.tag("edge", &image);
    let desk = Desk::new();
    builder.build().write_layout(&desk.path("app"));
    facts(&desk.ok(&["inspect", "oci:app"]), &[])
}

#[test]
fn of_a_dockerfile_there_are_labels_only() {
    let mut builder = ApplicationBuilder::new(1);
    let labels = json!({
        "org.opencontainers.image.title": "Shop", "org.opencontainers.image.version": "1.2.3",
        "org.opencontainers.image.licenses": "Apache-2.0", "org.opencontainers.image.source": "https://git.example/shop",
        "org.opencontainers.image.revision": "0123456789abcdef0123456789abcdef01234567",
        "org.label-schema.vcs-ref": "0123456", "org.label-schema.vendor": "Example", "maintainer": "shop@example.org",
        "copyright": "2026 Example", "version": "24.04",
    });
    let sketch =
        Sketch { layers: &["a"], docker: true, created: Some("2026-01-02T03:04:05.678Z"), labels, ..Sketch::default() };
    let image = sketch.add(&mut builder, "linux/amd64");
    builder.tag("1.2.3-slim", &image);
    let (desk, server) = (Desk::new(), Server::new());
    builder.build().write_layout(&desk.path("app"));
    let reference = server.at("team/shop:1.2.3-slim");
    desk.ok(&["push", "oci:app:1.2.3-slim", &reference]);
    let table = facts(&desk.ok(&["inspect", &reference]), &[("registry.example", &server.host())]);
    insta::assert_snapshot!(table, @r"
    FACT       FROM                                   VALUE
    name       registry                               registry.example/team/shop
    title      label                                  Shop
    version    label, tag                             1.2.3
    licenses   label                                  Apache-2.0
    copyright  label copyright                        2026 Example
    vendor     label org.label-schema.vendor          Example
    authors    label maintainer                       shop@example.org
    created    configuration                          2026-01-02T03:04:05.678Z
    source     label                                  https://git.example/shop
    revision   label, label org.label-schema.vcs-ref  0123456789abcdef0123456789abcdef01234567
    unstated                                          base
    ");
}

#[test]
fn what_several_say_differently_is_shown_with_who_says_it() {
    let mut builder = ApplicationBuilder::new(1);
    let image = |revision: &str, version: &str| Sketch {
        layers: &["a"],
        created: Some("2026-01-02T03:04:05Z"),
        author: Some("base@example.org"),
        labels: json!({
            "org.opencontainers.image.version": version, "org.opencontainers.image.licenses": "MIT",
            "org.opencontainers.image.created": "2024-02-03T04:05:06Z", "org.opencontainers.image.vendor": "Example",
        }),
        annotations: json!({
            "org.opencontainers.image.revision": revision, "org.opencontainers.image.licenses": "Apache-2.0",
            "org.opencontainers.image.source": "https://git.example/shop.git",
            "org.opencontainers.image.authors": "shop@example.org",
        }),
        ..Sketch::default()
    };
    let mut amd64 = image("1111111111", "24.04").add(&mut builder, "linux/amd64");
    let arm64 = image("2222222222", "24.04").add(&mut builder, "linux/arm64");
    amd64.annotations.insert("org.opencontainers.image.title".to_owned(), "Shop".to_owned());
    let list = json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": [amd64, arm64],
        "annotations": {
            "org.opencontainers.image.version": "1.2.3", "org.opencontainers.image.source": "https://git.example/shop",
        },
    });
    let index = builder.put_manifest(&list, &MediaType::OCI_INDEX);
    builder.tag("1.2", &index);
    let desk = Desk::new();
    builder.build().write_layout(&desk.path("app"));
    let table = facts(&desk.ok(&["inspect", "oci:app:1.2"]), &[]);
    insta::assert_snapshot!(table, @r"
    FACT      FROM                              VALUE
    title     descriptor (linux/amd64)          Shop
    version   index, tag                        1.2.3
              conflict: label                   24.04
    licenses  manifest                          Apache-2.0
              conflict: label                   MIT
    vendor    label                             Example
    authors   manifest                          shop@example.org
              conflict: configuration           base@example.org
    created   configuration                     2026-01-02T03:04:05Z
              conflict: label                   2024-02-03T04:05:06Z
    source    index, manifest                   https://git.example/shop
    revision  manifest (linux/amd64)            1111111111
              conflict: manifest (linux/arm64)  2222222222
    unstated                                    copyright, base
    ");

    let document = desk.json(&["inspect", "oci:app:1.2"]);
    let fact = |name: &str| {
        let facts = document["identity"].as_array().unwrap();
        facts.iter().find(|fact| fact["name"] == name).unwrap().clone()
    };
    let version = fact("version");
    assert_eq!(
        (&version["value"], &version["evidence"], &version["disputed"]),
        (&json!("1.2.3"), &json!("annotation"), &json!(true))
    );
    let label = json!({
        "evidence": "label", "key": "org.opencontainers.image.version", "platform": "linux/amd64",
    });
    assert_eq!(version["statements"][1]["sources"][0], label);
    assert_eq!(fact("source")["disputed"], false);
    let own = &document["images"][1]["identity"];
    assert!(own.as_array().unwrap().iter().any(|fact| fact["value"] == "2222222222"), "{own}");

    let table = facts(&desk.ok(&["inspect", "oci:app:1.2", "--platform", "linux/arm64"]), &[]);
    insta::assert_snapshot!(table, @r"
    FACT      FROM                     VALUE
    version   index, tag               1.2.3
              conflict: label          24.04
    licenses  manifest                 Apache-2.0
              conflict: label          MIT
    vendor    label                    Example
    authors   manifest                 shop@example.org
              conflict: configuration  base@example.org
    created   configuration            2026-01-02T03:04:05Z
              conflict: label          2024-02-03T04:05:06Z
    source    index, manifest          https://git.example/shop
    revision  manifest                 2222222222
    unstated                           copyright, base
    ");
}

#[test]
fn of_an_image_without_anything_it_is_said_what_is_missing() {
    insta::assert_snapshot!(facts_of_one(&Sketch { layers: &["a"], ..Sketch::default() }), @r"
    FACT      FROM  VALUE
    unstated        version, licenses, copyright, authors or vendor, created, source, revision, base
    ");
}

#[test]
fn a_constant_in_the_place_of_a_date_is_no_date() {
    let created = |config: Option<&str>, annotation: &str| {
        let annotations = json!({ "org.opencontainers.image.created": annotation });
        let table = facts_of_one(&Sketch { layers: &["a"], created: config, annotations, ..Sketch::default() });
        table.lines().find(|line| line.starts_with("created")).unwrap().to_owned()
    };
    let constant = "1970-01-01T00:00:00Z";
    let said = created(Some(constant), constant);
    assert!(said.ends_with("1970-01-01T00:00:00Z (a constant of reproducible builds, no date)"), "{said}");
    let said = created(Some("2026-01-02T03:04:05Z"), constant);
    assert!(said.ends_with("2026-01-02T03:04:05Z"), "{said}");
    let said = created(None, "9000-01-01T00:00:00Z");
    assert!(said.ends_with("9000-01-01T00:00:00Z (in the future)"), "{said}");
    let said = created(None, "lately");
    assert!(said.ends_with("lately (not a time of RFC 3339)"), "{said}");
}

#[test]
fn the_labels_of_a_vendors_convention_count_only_with_its_own() {
    let labels = json!({ "name": "ubi9", "version": "9.4", "vendor": "Example", "summary": "A base" });
    let table = facts_of_one(&Sketch { layers: &["a"], labels: labels.clone(), ..Sketch::default() });
    assert!(!table.contains("9.4"), "{table}");
    let mut labels = labels;
    labels["com.redhat.component"] = json!("ubi9-container");
    insta::assert_snapshot!(facts_of_one(&Sketch { layers: &["a"], labels, ..Sketch::default() }), @r"
    FACT      FROM           VALUE
    name      label name     ubi9
    title     label summary  A base
    version   label version  9.4
    vendor    label vendor   Example
    unstated                 licenses, copyright, created, source, revision, base
    ");
}

#[test]
fn marks_are_shown_first_with_the_artifact_that_says_so() {
    let mut builder = ApplicationBuilder::new(1);
    let sketch = |layer| Sketch { layers: layer, ..Sketch::default() };
    let amd64 = sketch(&["a"]).add(&mut builder, "linux/amd64");
    let arm64 = sketch(&["b"]).add(&mut builder, "linux/arm64");
    let index = builder.index(&[amd64.clone(), arm64]);
    let mut artifact = |kind: &str, subject: &Descriptor, body: Option<Value>, annotations: Value| {
        let config = builder.empty_object();
        let layers: Vec<Descriptor> =
            body.iter().map(|body| builder.blob("application/json", body.to_string())).collect();
        let subject = Descriptor::new(subject.media_type.clone(), subject.digest, subject.size);
        let document = json!({
            "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "artifactType": kind, "config": config,
            "layers": layers, "subject": subject, "annotations": annotations,
        });
        builder.put_manifest(&document, &MediaType::OCI_MANIFEST)
    };
    let on = |day: &str| json!({ "org.opencontainers.image.created": format!("{day}T00:00:00Z") });
    let mark = |rest: Value| {
        let mut body = rest;
        body["schema"] = json!("supercargo.lifecycle.v1");
        Some(body)
    };
    let older = artifact(mark::ARTIFACT_TYPE, &index, mark(json!({"end_of_life": "2024-06-01"})), on("2024-01-01"));
    let newer = mark(json!({
        "deprecated": true, "end_of_life": "2025-01-31", "superseded_by": "registry.example/shop:2.0",
    }));
    let newer = artifact(mark::ARTIFACT_TYPE, &index, newer, on("2024-05-01"));
    let reason = json!({"yanked": true, "reason": "built from the wrong branch"});
    let yanked = artifact(mark::ARTIFACT_TYPE, &amd64, mark(reason), on("2024-03-01"));
    let end = json!({ mark::MICROSOFT_END_OF_LIFE: "2025-01-31" });
    let microsoft = artifact(mark::MICROSOFT_ARTIFACT_TYPE, &index, None, end);
    let broken = artifact(mark::ARTIFACT_TYPE, &index, Some(json!({"schema": "other"})), json!({}));
    builder.tag("1", &index);
    let desk = Desk::new();
    builder.build().write_layout(&desk.path("app"));
    let short = [&older, &newer, &yanked, &microsoft, &broken].map(|artifact| artifact.digest.short());
    // As long as what they stand for, so that the columns stay where they are.
    let shown = ["older", "newer", "yanked", "microsoft", "broken"].map(|name| format!("<{name:-<17}>"));
    let names: Vec<(&str, &str)> = shown.iter().map(String::as_str).zip(short.iter().map(String::as_str)).collect();
    insta::assert_snapshot!(facts(&desk.ok(&["inspect", "oci:app:1"]), &names), @r"
    FACT           FROM                                                        VALUE
    yanked         artifact <yanked-----------> (linux/amd64)                  built from the wrong branch
    deprecated     artifact <newer------------>                                yes
    end of life    artifact <newer------------>, artifact <microsoft-------->  2025-01-31 (reached)
                   conflict: artifact <older------------>                      2024-06-01
    superseded by  artifact <newer------------>                                registry.example/shop:2.0
    mark           artifact <broken----------->                                cannot be read: life cycle mark has the schema `other`, not `supercargo.lifecycle.v1`
    version        tag                                                         1
    unstated                                                                   licenses, copyright, authors or vendor, created, source, revision, base
    ");

    let life = desk.json(&["inspect", "oci:app:1"])["life_cycle"].clone();
    let flags = ["yanked", "deprecated", "ended", "disputed"].map(|flag| life[flag].as_bool().unwrap());
    assert_eq!(flags, [true; 4]);
    assert_eq!(
        (&life["end_of_life"], &life["superseded_by"]),
        (&json!("2025-01-31"), &json!("registry.example/shop:2.0"))
    );
    assert_eq!(life["marks"].as_array().unwrap().len(), 5);
    assert_eq!(life["marks"][0]["artifact"], newer.digest.to_string());
    // What is said of an index counts for each of its images; what is said of one of them does not for the others.
    let arm64 = desk.json(&["inspect", "oci:app:1", "--platform", "linux/arm64"])["life_cycle"].clone();
    assert_eq!((&arm64["yanked"], &arm64["deprecated"]), (&json!(false), &json!(true)));
}

/// buildah in a directory, with its storage there and without anything mounted or run.
pub(crate) struct Buildah<'a> {
    tool: testkit::peers::Tool,
    desk: &'a Desk,
}

impl<'a> Buildah<'a> {
    /// Returns it for a desk; `None`, and says so, where it is not there or would leave files that nobody can remove.
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    pub(crate) fn on(desk: &'a Desk) -> Option<Self> {
        let tool = testkit::peers::tool("buildah")?;
        let user = Command::new("id").arg("-u").output().unwrap();
        if user.stdout != b"0\n" {
            println!("skipped: buildah as another user than root leaves files that this user cannot remove");
            return None;
        }
        Some(Self { tool, desk })
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let [root, state] = ["root", "state"].map(|name| self.desk.path("storage").join(name));
        let mut command = self.tool.command();
        command.arg("--root").arg(root).arg("--runroot").arg(state).args(["--storage-driver", "vfs"]);
        let outcome = Outcome::of(command.args(arguments).current_dir(self.desk.path("")).output().unwrap());
        assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.stderr);
        outcome.stdout.trim().to_owned()
    }
}

#[test]
fn images_by_buildah_say_on_what_they_were_built() {
    let desk = Desk::new();
    let Some(buildah) = Buildah::on(&desk) else { return };
    let time = ["--timestamp", "1767322800"];
    std::fs::create_dir(desk.path("context")).unwrap();
    desk.write("context/file", "content");
    desk.write("context/Dockerfile", "FROM oci:base:1\nLABEL org.opencontainers.image.title=Shop\nCOPY file /shop\n");

    let container = buildah.run(&["from", "scratch"]);
    buildah.run(&["copy", &container, "context/file", "/base"]);
    let label = "org.opencontainers.image.version=1";
    buildah.run(&["config", "--label", label, "--author", "base@example.org", &container]);
    buildah.run(&[&["commit"], &time[..], &[&container, "oci:base:1"]].concat());
    let annotations = [
        // Later versions write this one by themselves.
        ["--annotation", "org.opencontainers.image.created=2026-01-02T03:00:00Z"],
        ["--annotation", "org.opencontainers.image.licenses=Apache-2.0"],
    ];
    let build = [&["bud", "--isolation", "chroot"], &time[..], &annotations.concat()].concat();
    buildah.run(&[&build[..], &["-t", "oci:shop:1", "context"]].concat());

    let claimed = desk.json(&["inspect", "oci:shop:1"]);
    assert_eq!(claimed["images"][0]["base"]["verdict"], "claimed");
    let base = desk.json(&["inspect", "oci:base:1"]);
    assert!(base["images"][0]["base"].is_null(), "{base}");
    let digest = base["manifest"]["digest"].as_str().unwrap();
    let table = facts(&desk.ok(&["inspect", "oci:shop:1"]), &[("<base>", digest)]);
    insta::assert_snapshot!(table, @r"
    FACT      FROM                     VALUE
    title     label                    Shop
    version   label, tag               1
    licenses  manifest                 Apache-2.0
    authors   configuration            base@example.org
    created   manifest, configuration  2026-01-02T03:00:00Z
    base      manifest, layers         localhost/base:latest@<base> (proven: 1 of 2 layers)
    unstated                           copyright, source, revision
    ");
}
