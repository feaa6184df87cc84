//! `inspect`: on what an image was built

use oci::{Descriptor, Digest};
use serde_json::{Value, json};
use testkit::application::ApplicationBuilder;

use crate::desk::Desk;
use crate::server::Server;
use crate::sheet::{Sketch, facts};

const BASE: &[&str] = &["a", "b"];

fn claiming(name: &str, digest: &str) -> Value {
    json!({ "org.opencontainers.image.base.name": name, "org.opencontainers.image.base.digest": digest })
}

/// Returns a base, and an image that is built on it and says what it is told to say.
fn family(builder: &mut ApplicationBuilder, claim: impl Fn(&Digest) -> Value) -> (Descriptor, Descriptor) {
    let base = Sketch { layers: BASE, ..Sketch::default() }.add(builder, "linux/amd64");
    let annotations = claim(&base.digest);
    let image = Sketch { layers: &["a", "b", "c"], annotations, ..Sketch::default() }.add(builder, "linux/amd64");
    (base, image)
}

fn verdict(desk: &Desk, arguments: &[&str]) -> Value {
    desk.json(&[&["inspect"], arguments].concat())["images"][0]["base"].clone()
}

#[test]
fn a_claim_that_the_layers_contradict_is_shown_as_one() {
    let mut builder = ApplicationBuilder::new(1);
    let other = Sketch { layers: &["x", "y"], ..Sketch::default() }.add(&mut builder, "linux/amd64");
    let (base, image) = family(&mut builder, |_| claiming("registry.example/other:1", &other.digest.to_string()));
    for (tag, image) in [("base", &base), ("other", &other), ("1", &image)] {
        builder.tag(tag, image);
    }
    let desk = Desk::new();
    builder.build().write_layout(&desk.path("app"));
    let digests = [&base, &other].map(|image| image.digest.to_string());
    let place = desk.path("").display().to_string();
    let names = [("<base>", &*digests[0]), ("<other>", &*digests[1]), ("/<desk>/", &*place)];
    insta::assert_snapshot!(facts(&desk.ok(&["inspect", "oci:app:1"]), &names), @r"
    FACT      FROM                VALUE
    version   tag                 1
    base      conflict: manifest  registry.example/other:1@<other> (contradicted: its layers are not the lowest)
    unstated                      licenses, copyright, authors or vendor, created, source, revision
    ");
    assert_eq!(verdict(&desk, &["oci:app:1"])["verdict"], "contradicted");
    desk.ok(&["inspect", "oci:app:base"]);
    insta::assert_snapshot!(facts(&desk.ok(&["inspect", "oci:app:1"]), &names), @r"
    FACT      FROM                VALUE
    version   tag                 1
    base      conflict: manifest  registry.example/other:1@<other> (contradicted: its layers are not the lowest)
              layers              oci:/<desk>/app:base@<base> (proven: 2 of 3 layers)
    unstated                      licenses, copyright, authors or vendor, created, source, revision
    ");
}

#[test]
fn a_base_in_the_same_layout_is_compared() {
    let mut builder = ApplicationBuilder::new(1);
    let (base, image) = family(&mut builder, |base| claiming("elsewhere.example/base:1", &base.to_string()));
    builder.tag("base", &base);
    builder.tag("1", &image);
    let desk = Desk::new();
    builder.build().write_layout(&desk.path("app"));
    let found = verdict(&desk, &["oci:app:1"]);
    assert_eq!(
        (&found["verdict"], &found["proof"]["rung"], &found["proof"]["layers"]),
        (&json!("proven"), &json!(1), &json!(2))
    );
    assert_eq!(found["proof"]["images"][0]["manifest"], base.digest.to_string());
}

#[test]
fn a_base_in_the_same_registry_is_compared_and_another_registry_is_not_asked() {
    let (here, elsewhere) = (Server::new(), Server::new());
    let desk = Desk::new();
    for (server, expected) in [(&here, "proven"), (&elsewhere, "claimed")] {
        let mut builder = ApplicationBuilder::new(1);
        let (base, image) = family(&mut builder, |base| claiming(&server.at("base:1"), &base.to_string()));
        builder.tag("base", &base);
        builder.tag("1", &image);
        let name = format!("app-{expected}");
        builder.build().write_layout(&desk.path(&name));
        desk.ok(&["push", &format!("oci:{name}:base"), &server.at("base:1")]);
        desk.ok(&["push", &format!("oci:{name}:1"), &here.at(&format!("{name}:1"))]);
        // Each from a state of its own: what is known already is not asked for.
        std::fs::remove_dir_all(desk.path("home")).unwrap();
        let found = verdict(&desk, &[&here.at(&format!("{name}:1"))]);
        assert_eq!(found["verdict"], expected, "{found}");
    }
    let image = here.at("app-claimed:1");
    let outcome = desk.run(&["inspect", &image]);
    assert!(outcome.stdout.contains(&format!("(claimed: {} was not asked)", elsewhere.host())), "{}", outcome.stdout);
    let note = format!("note: --base {}@", elsewhere.at("base:1"));
    assert!(outcome.stderr.starts_with(&note), "{}", outcome.stderr);
    let base = outcome.stderr.trim_start_matches("note: --base ").split(' ').next().unwrap();
    assert_eq!(verdict(&desk, &[&image, "--base", base])["verdict"], "proven");
    // What was learnt stays known.
    drop(elsewhere);
    assert_eq!(verdict(&desk, &[&image])["verdict"], "proven");
    desk.fails(&["inspect", &image, "--base", &here.at("absent:1")], 9);
}

#[test]
fn a_base_that_is_gone_leaves_a_claim() {
    let server = Server::new();
    let mut builder = ApplicationBuilder::new(1);
    let (_, image) = family(&mut builder, |base| claiming(&server.at("base:1"), &base.to_string()));
    builder.tag("1", &image);
    let desk = Desk::new();
    builder.build().write_layout(&desk.path("app"));
    desk.ok(&["push", "oci:app:1", &server.at("app:1")]);
    let found = verdict(&desk, &[&server.at("app:1")]);
    assert_eq!(
        (&found["verdict"], &found["unchecked"]),
        (&json!("claimed"), &json!(format!("not in {}", server.at("base"))))
    );
    let mut builder = ApplicationBuilder::new(1);
    let (_, image) = family(&mut builder, |_| claiming("not a name", ""));
    builder.tag("1", &image);
    builder.build().write_layout(&desk.path("nameless"));
    assert_eq!(verdict(&desk, &["oci:nameless:1"])["unchecked"], "nothing says which image had that name");
}

#[test]
fn each_platform_has_the_base_of_its_platform() {
    let server = Server::new();
    let mut builder = ApplicationBuilder::new(1);
    let platforms = ["linux/amd64", "linux/arm64"];
    let bases = [&["a1"], &["a2"]].map(|layers| Sketch { layers, ..Sketch::default() });
    let bases: Vec<Descriptor> =
        bases.iter().zip(platforms).map(|(base, platform)| base.add(&mut builder, platform)).collect();
    let base = builder.index(&bases);
    let annotations = claiming(&server.at("base:1"), &base.digest.to_string());
    let images = [&["a1", "b1"], &["a2", "b2"]].map(|layers| Sketch {
        layers,
        annotations: annotations.clone(),
        ..Sketch::default()
    });
    let images: Vec<Descriptor> =
        images.iter().zip(platforms).map(|(image, platform)| image.add(&mut builder, platform)).collect();
    let image = builder.index(&images);
    builder.tag("base", &base);
    builder.tag("1", &image);
    let desk = Desk::new();
    builder.build().write_layout(&desk.path("app"));
    desk.ok(&["push", "oci:app:base", &server.at("base:1")]);
    desk.ok(&["push", "oci:app:1", &server.at("app:1")]);
    let table = facts(
        &desk.ok(&["inspect", &server.at("app:1")]),
        &[("registry.example", &server.host()), ("<base>", &base.digest.to_string())],
    );
    insta::assert_snapshot!(table, @r"
    FACT      FROM              VALUE
    name      registry          registry.example/app
    version   tag               1
    base      manifest, layers  registry.example/base:1@<base> (proven: 1 of 2 layers)
    unstated                    licenses, copyright, authors or vendor, created, source, revision
    ");
}

#[test]
fn what_was_looked_at_once_is_recognised_without_a_claim() {
    let desk = Desk::new();
    let layout = |name: &str, sketch: &Sketch<'_>| {
        let mut builder = ApplicationBuilder::new(1);
        let image = sketch.add(&mut builder, "linux/amd64");
        builder.tag("1", &image);
        builder.build().write_layout(&desk.path(name));
        image.digest.to_string()
    };
    let layers: &[&str] = &["a", "b", "c"];
    layout("image", &Sketch { layers, ..Sketch::default() });
    layout("anew", &Sketch { layers, stored_anew: true, ..Sketch::default() });
    let digest = layout("base", &Sketch { layers: BASE, labels: json!({"x": "y"}), ..Sketch::default() });
    assert!(verdict(&desk, &["oci:image"]).is_null());
    desk.ok(&["inspect", "oci:base"]);
    let place = desk.path("").display().to_string();
    let shown = |image: &str| {
        let table = facts(&desk.ok(&["inspect", image]), &[("<base>", &digest), ("/<desk>/", &place)]);
        table.lines().filter(|line| line.starts_with("base ")).map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!([shown("oci:image"), shown("oci:anew")].join("\n"), @r"
    base      layers  oci:/<desk>/base:1@<base> (proven: 2 of 3 layers)
    base      layers  oci:/<desk>/base:1@<base> (proven: 2 of 3 layers, compressed anew)
    ");
    let found = verdict(&desk, &["oci:anew"]);
    assert_eq!((&found["proof"]["rung"], &found["proof"]["matched"]), (&json!(5), &json!("diff-ids")));
}

#[test]
fn what_is_remembered_and_cannot_be_read_is_left_alone_and_told() {
    let (desk, _) = Desk::with_application();
    desk.ok(&["inspect", "oci:app:1.0"]);
    let file = desk.path("home/.local/share/supercargo/store/chain-index.txt");
    let good = std::fs::read_to_string(&file).unwrap();
    assert!(good.starts_with("supercargo.chain-index.v1\n") && good.lines().count() == 3, "{good}");
    let bad = good.replace("sha256:", "sha1:");
    std::fs::write(&file, &bad).unwrap();
    let outcome = desk.run(&["inspect", "oci:app:1.0"]);
    assert_eq!(outcome.code, 0);
    assert!(outcome.stderr.starts_with("note: what is known of other images cannot be used: "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("line 2, column 1: a ChainID must stand here"), "{}", outcome.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), bad);
    std::fs::remove_file(&file).unwrap();
    desk.ok(&["inspect", "oci:app:1.0"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), good);
    // It is no part of the content: what tends that does not mind it.
    desk.ok(&["store", "prune"]);
    desk.ok(&["store", "verify"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), good);
}

#[test]
fn what_was_pulled_is_recognised_under_the_name_of_its_source() {
    let server = Server::new();
    let mut builder = ApplicationBuilder::new(1);
    let (base, image) = family(&mut builder, |_| json!({}));
    builder.tag("base", &base);
    builder.tag("1", &image);
    let desk = Desk::new();
    builder.build().write_layout(&desk.path("app"));
    desk.ok(&["push", "oci:app:base", &server.at("base:3.20")]);
    desk.ok(&["pull", &server.at("base:3.20"), "--dry-run"]);
    assert!(verdict(&desk, &["oci:app:1"]).is_null());
    desk.ok(&["pull", &server.at("base:3.20")]);
    let found = verdict(&desk, &["oci:app:1"]);
    let reference = format!("{}@{}", server.at("base:3.20"), base.digest);
    assert_eq!((&found["proof"]["rung"], &found["proof"]["images"][0]["reference"]), (&json!(4), &json!(reference)));
}
