//! `lineage`: the base, the base of the base, and what speaks for each

use oci::Descriptor;
use serde_json::{Value, json};
use testkit::application::ApplicationBuilder;

use crate::desk::Desk;
use crate::server::Server;
use crate::sheet::Sketch;

/// Returns annotations that name a base.
pub(crate) fn claiming(name: &str, digest: &str) -> Value {
    json!({ "org.opencontainers.image.base.name": name, "org.opencontainers.image.base.digest": digest })
}

/// Pushes an image for one platform, and returns its digest.
pub(crate) fn push(desk: &Desk, reference: &str, layers: &[&str], annotations: Value) -> String {
    let mut builder = ApplicationBuilder::new(1);
    let image = Sketch { layers, annotations, ..Sketch::default() }.add(&mut builder, "linux/amd64");
    put(desk, builder, &image, reference)
}

fn put(desk: &Desk, mut builder: ApplicationBuilder, root: &Descriptor, reference: &str) -> String {
    builder.tag("it", root);
    let directory = tempfile::tempdir_in(desk.path("")).unwrap();
    let layout = directory.path().join("layout");
    builder.build().write_layout(&layout);
    desk.ok(&["push", &format!("oci:{}:it", layout.display()), reference, "-q"]);
    root.digest.to_string()
}

/// Returns what is printed, with names in the place of digests and hosts.
fn shown(text: &str, names: &[(&str, &str)]) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(value, name))
}

/// Forgets what the machine remembers of images.
fn forget(desk: &Desk) {
    std::fs::remove_dir_all(desk.path("home")).unwrap();
}

#[test]
fn a_chain_of_three_is_proven_step_by_step() {
    let (desk, server) = (Desk::new(), Server::new());
    let os = push(&desk, &server.at("os:3.20"), &["a"], json!({}));
    let runtime = push(&desk, &server.at("runtime:1"), &["a", "b"], claiming(&server.at("os:3.20"), &os));
    let framework = push(&desk, &server.at("frame:2"), &["a", "b", "c"], claiming(&server.at("runtime:1"), &runtime));
    let shop = push(&desk, &server.at("shop:1"), &["a", "b", "c", "d"], claiming(&server.at("frame:2"), &framework));
    forget(&desk);
    let host = server.host();
    let names = [
        ("registry.example", &*host),
        ("<os>", &*os),
        ("<runtime>", &*runtime),
        ("<frame>", &*framework),
        ("<shop>", &*shop),
    ];
    insta::assert_snapshot!(shown(&desk.ok(&["lineage", &server.at("shop:1")]), &names), @r"
    registry.example/shop:1@<shop>
    linux/amd64  <shop>  4 layers
    └ registry.example/frame:2@<frame>  3 of 4 layers  proven: manifest and layers (rung 1)
      └ registry.example/runtime:1@<runtime>  2 of 4 layers  proven: manifest and layers (rung 1)
        └ registry.example/os:3.20@<os>  1 of 4 layers  proven: manifest and layers (rung 1)
    ");
    let document = desk.json(&["lineage", &server.at("shop:1")]);
    let steps = document["images"][0]["steps"].as_array().unwrap();
    let told: Vec<_> =
        steps.iter().map(|step| (&step["verdict"], &step["proof"]["rung"], &step["proof"]["layers"])).collect();
    let proven = json!("proven");
    assert_eq!(
        told,
        [(&proven, &json!(1), &json!(3)), (&proven, &json!(1), &json!(2)), (&proven, &json!(1), &json!(1))]
    );
    assert_eq!(
        (&document["schema"], &document["images"][0]["end"]),
        (&json!("supercargo.lineage.v1"), &json!("unnamed"))
    );
}

#[test]
fn below_a_base_that_is_gone_the_layers_tell_the_rest() {
    let (desk, server) = (Desk::new(), Server::new());
    let elsewhere = Server::new();
    let os = push(&desk, &server.at("os:3.20"), &["a"], json!({}));
    let runtime = push(&desk, &elsewhere.at("runtime:1"), &["a", "b"], json!({}));
    let shop = push(&desk, &server.at("shop:1"), &["a", "b", "c"], json!({}));
    forget(&desk);
    desk.ok(&["inspect", &server.at("os:3.20")]);
    desk.ok(&["inspect", &elsewhere.at("runtime:1")]);
    desk.ok(&["delete", &format!("{}@{runtime}", elsewhere.at("runtime"))]);
    let (here, there) = (server.host(), elsewhere.host());
    let names = [
        ("registry.example", &*here),
        ("elsewhere.example", &*there),
        ("<os>", &*os),
        ("<runtime>", &*runtime),
        ("<shop>", &*shop),
    ];
    insta::assert_snapshot!(shown(&desk.ok(&["lineage", &server.at("shop:1")]), &names), @r"
    registry.example/shop:1@<shop>
    linux/amd64  <shop>  3 layers
    └ elsewhere.example/runtime:1@<runtime>  2 of 3 layers  proven: layers (rung 4)  not looked at: elsewhere.example/runtime has no manifest <runtime>
      └ registry.example/os:3.20@<os>  1 of 3 layers  proven: layers (rung 4)
    ");
}

#[test]
fn what_cannot_be_checked_is_claimed_and_with_its_base_proven() {
    let (desk, server, elsewhere) = (Desk::new(), Server::new(), Server::new());
    let os = push(&desk, &elsewhere.at("os:3.20"), &["a"], json!({}));
    let shop = push(&desk, &server.at("shop:1"), &["a", "b"], claiming(&elsewhere.at("os:3.20"), &os));
    let lost = push(&desk, &server.at("lost:1"), &["a", "b"], claiming(&server.at("os:3.20"), &os));
    forget(&desk);
    let (here, there) = (server.host(), elsewhere.host());
    let names = [
        ("registry.example", &*here),
        ("elsewhere.example", &*there),
        ("<os>", &*os),
        ("<shop>", &*shop),
        ("<lost>", &*lost),
    ];
    let outcome = desk.run(&["lineage", &server.at("shop:1")]);
    let text = shown(&(outcome.stdout + &outcome.stderr), &names);
    insta::assert_snapshot!(text, @r"
    registry.example/shop:1@<shop>
    linux/amd64  <shop>  2 layers
    └ elsewhere.example/os:3.20@<os>  claimed: manifest, elsewhere.example was not asked
    note: --base elsewhere.example/os:3.20@<os> compares the layers with those of the base that is claimed
    ");
    insta::assert_snapshot!(shown(&desk.ok(&["lineage", &server.at("lost:1")]), &names), @r"
    registry.example/lost:1@<lost>
    linux/amd64  <lost>  2 layers
    └ registry.example/os:3.20@<os>  claimed: manifest, not in registry.example/os
    ");
    let base = elsewhere.at("os:3.20");
    insta::assert_snapshot!(shown(&desk.ok(&["lineage", &server.at("shop:1"), "--base", &base]), &names), @r"
    registry.example/shop:1@<shop>
    linux/amd64  <shop>  2 layers
    └ elsewhere.example/os:3.20@<os>  1 of 2 layers  proven: manifest and layers (rung 1)
    ");
}

#[test]
fn what_the_layers_refute_is_contradicted_and_what_they_show_stands_below() {
    let (desk, server) = (Desk::new(), Server::new());
    let os = push(&desk, &server.at("os:3.20"), &["a"], json!({}));
    let other = push(&desk, &server.at("other:1"), &["x"], json!({}));
    let shop = push(&desk, &server.at("shop:1"), &["a", "b"], claiming(&server.at("other:1"), &other));
    forget(&desk);
    let host = server.host();
    let names = [("registry.example", &*host), ("<os>", &*os), ("<other>", &*other), ("<shop>", &*shop)];
    insta::assert_snapshot!(shown(&desk.ok(&["lineage", &server.at("shop:1")]), &names), @r"
    registry.example/shop:1@<shop>
    linux/amd64  <shop>  2 layers
    └ registry.example/other:1@<other>  contradicted: manifest, and its layers are not the lowest
    ");
    desk.ok(&["inspect", &server.at("os:3.20")]);
    insta::assert_snapshot!(shown(&desk.ok(&["lineage", &server.at("shop:1")]), &names), @r"
    registry.example/shop:1@<shop>
    linux/amd64  <shop>  2 layers
    └ registry.example/other:1@<other>  contradicted: manifest, and its layers are not the lowest
    └ registry.example/os:3.20@<os>  1 of 2 layers  proven: layers (rung 4)
    ");
}

#[test]
fn claims_that_go_round_in_a_circle_end() {
    let (desk, server) = (Desk::new(), Server::new());
    let claim = |name: &str, comment: &str| json!({ "org.opencontainers.image.base.name": server.at(name), "org.opencontainers.image.title": comment });
    let hen = push(&desk, &server.at("hen:1"), &["a"], claim("egg:1", "hen"));
    let egg = push(&desk, &server.at("egg:1"), &["a"], claim("hen:1", "egg"));
    forget(&desk);
    let host = server.host();
    let names = [("registry.example", &*host), ("<hen>", &*hen), ("<egg>", &*egg)];
    insta::assert_snapshot!(shown(&desk.ok(&["lineage", &server.at("hen:1")]), &names), @r"
    registry.example/hen:1@<hen>
    linux/amd64  <hen>  1 layer
    └ registry.example/egg:1@<egg>  1 of 1 layers  proven: manifest and layers (rung 1)
      └ registry.example/hen:1@<hen>  1 of 1 layers  proven: manifest and layers (rung 1)
        └ this was seen above: the claims go round in a circle
    ");
    assert_eq!(desk.json(&["lineage", &server.at("hen:1")])["images"][0]["end"], "cycle");
}

#[test]
fn each_platform_has_its_lineage() {
    let (desk, server) = (Desk::new(), Server::new());
    let platforms = ["linux/amd64", "linux/arm64"];
    let mut builder = ApplicationBuilder::new(1);
    let layers: [&[&str]; 2] = [&["a1"], &["a2"]];
    let bases = [0, 1].map(|at| Sketch { layers: layers[at], ..Sketch::default() }.add(&mut builder, platforms[at]));
    let base = builder.index(&bases);
    let os = put(&desk, builder, &base, &server.at("os:3.20"));
    let mut builder = ApplicationBuilder::new(1);
    let layers: [&[&str]; 2] = [&["a1", "b1"], &["b2"]];
    let images = [0, 1].map(|at| {
        let annotations = claiming(&server.at("os:3.20"), &os);
        Sketch { layers: layers[at], annotations, ..Sketch::default() }.add(&mut builder, platforms[at])
    });
    let index = builder.index(&images);
    let shop = put(&desk, builder, &index, &server.at("shop:1"));
    forget(&desk);
    let (host, manifests) = (server.host(), images.map(|image| image.digest.to_string()));
    let names = [
        ("registry.example", &*host),
        ("<os>", &*os),
        ("<shop>", &*shop),
        ("<amd64>", &*manifests[0]),
        ("<arm64>", &*manifests[1]),
    ];
    insta::assert_snapshot!(shown(&desk.ok(&["lineage", &server.at("shop:1")]), &names), @r"
    registry.example/shop:1@<shop>
    linux/amd64  <amd64>  2 layers
    └ registry.example/os:3.20@<os>  1 of 2 layers  proven: manifest and layers (rung 1)
    linux/arm64  <arm64>  1 layer
    └ registry.example/os:3.20@<os>  contradicted: manifest, and its layers are not the lowest
    ");
    let one = desk.json(&["lineage", &server.at("shop:1"), "--platform", "linux/arm64"]);
    assert_eq!(one["images"].as_array().unwrap().len(), 1);
    assert_eq!(one["images"][0]["steps"][0]["verdict"], "contradicted");
}

#[test]
fn without_a_base_there_is_no_lineage_and_an_artifact_has_none() {
    let (desk, server) = (Desk::new(), Server::new());
    let os = push(&desk, &server.at("os:3.20"), &["a"], json!({}));
    let host = server.host();
    let names = [("registry.example", &*host), ("<os>", &*os)];
    insta::assert_snapshot!(shown(&desk.ok(&["lineage", &server.at("os:3.20")]), &names), @r"
    registry.example/os:3.20@<os>
    linux/amd64  <os>  1 layer
    └ no base is claimed, and none is known
    ");
    desk.write("report.md", "# report\n");
    desk.ok(&["push", "report.md", &server.at("report:1"), "--type", "application/vnd.example.report"]);
    insta::assert_snapshot!(shown(&desk.fails(&["lineage", &server.at("report:1")], 2), &names), @r"
    error: registry.example/report:1 is an artifact or empty, and was not built on anything
    help: supercargo inspect registry.example/report:1
    ");
    insta::assert_snapshot!(shown(&desk.fails(&["lineage", &server.at("absent:1")], 9), &names), @r"
    error: registry.example/absent has no tag 1
    help: supercargo tags registry.example/absent
    ");
}
