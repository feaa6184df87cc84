//! The bases of a project: in the lock, in `tree`, and in `outdated`

use serde_json::{Value, json};
use testkit::application::ApplicationBuilder;
use testkit::proxy::{Answer, Fault, HttpProxy, Matcher, Rule};

use crate::desk::Desk;
use crate::lineage::{claiming, push};
use crate::server::Server;
use crate::sheet::Sketch;

/// Pushes a base for two platforms that was made on a day, and returns its digest.
fn push_base(desk: &Desk, reference: &str, layers: [&str; 2], day: &str) -> String {
    let created = format!("{day}T10:00:00Z");
    push_index(desk, reference, [&[layers[0]], &[layers[1]]], Some(&created), &json!({}))
}

fn push_index(
    desk: &Desk,
    reference: &str,
    layers: [&[&str]; 2],
    created: Option<&str>,
    annotations: &Value,
) -> String {
    let mut builder = ApplicationBuilder::new(1);
    let images = [("linux/amd64", layers[0]), ("linux/arm64", layers[1])].map(|(platform, layers)| {
        let annotations = annotations.clone();
        Sketch { layers, created, annotations, ..Sketch::default() }.add(&mut builder, platform)
    });
    let index = builder.index(&images);
    builder.sbom(&index);
    builder.tag("it", &index);
    let directory = tempfile::tempdir_in(desk.path("")).unwrap();
    let layout = directory.path().join("layout");
    builder.build().write_layout(&layout);
    desk.ok(&["copy", &format!("oci:{}:it", layout.display()), reference, "-q"]);
    index.digest.to_string()
}

fn project(desk: &Desk, server: &Server, names: &[&str]) {
    let images = names.iter().map(|name| format!("{name} = {{ repo = \"{}\", version = \"^1\" }}\n", server.at(name)));
    desk.write("Supercargo.toml", &format!("[images]\n{}", images.collect::<String>()));
}

/// Returns a project of three: one whose base is proven, one that is built on the same and does not say so, one without a base.
fn shop() -> (Desk, Server, String) {
    let (desk, server) = (Desk::new(), Server::new());
    let os = push_base(&desk, &server.at("os:3.20"), ["a1", "a2"], "2026-01-10");
    let named = claiming(&server.at("os:3.20"), &os);
    let created = Some("2026-02-01T10:00:00Z");
    push_index(&desk, &server.at("web:1.0.0"), [&["a1", "b1"], &["a2", "b2"]], created, &named);
    push_index(&desk, &server.at("api:1.0.0"), [&["a1", "c1"], &["a2", "c2"]], created, &json!({}));
    push(&desk, &server.at("tool:1.0.0"), &["t"], json!({}));
    project(&desk, &server, &["web", "api", "tool"]);
    (desk, server, os)
}

/// Returns what is printed with names in the place of what differs between runs.
fn shown(text: &str, server: &Server) -> String {
    let text = text.replace(&server.host(), "registry.example");
    let mut words = String::new();
    for (position, part) in text.split("sha256:").enumerate() {
        if position == 0 {
            words.push_str(part);
        } else {
            words.push_str("sha256:…");
            words.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_hexdigit()));
        }
    }
    words
}

#[test]
fn only_what_an_image_says_and_its_layers_show_is_locked() {
    let (desk, server, os) = shop();
    // What the machine has seen makes no difference.
    desk.ok(&["inspect", &server.at("os:3.20")]);
    desk.ok(&["lock"]);
    let text = std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap();
    let bases: Vec<&str> = text.lines().filter(|line| line.starts_with("base = ")).collect();
    let expected = format!(
        "base = {{ repo = \"{}\", tag = \"3.20\", digest = \"{os}\", layers = 1, proof = \"annotation+prefix\" }}",
        server.at("os")
    );
    assert_eq!(bases, [&expected, &expected]);
    std::fs::remove_dir_all(desk.path("home")).unwrap();
    std::fs::remove_file(desk.path("Supercargo.lock")).unwrap();
    desk.ok(&["lock"]);
    assert_eq!(std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap(), text);
    // A lock from before bases were locked is up to date, and stays as it is.
    let old: String = text.lines().filter(|line| !line.starts_with("base = ")).flat_map(|line| [line, "\n"]).collect();
    desk.write("Supercargo.lock", &old);
    desk.ok(&["lock", "--check"]);
    desk.ok(&["update"]);
    assert_eq!(std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap(), old);
}

#[test]
fn a_claim_that_is_false_or_leads_elsewhere_is_not_locked() {
    let (desk, server, elsewhere) = (Desk::new(), Server::new(), Server::new());
    let here = push(&desk, &server.at("os:1"), &["x"], json!({}));
    let there = push(&desk, &elsewhere.at("os:1"), &["a"], json!({}));
    push(&desk, &server.at("false:1.0.0"), &["a", "b"], claiming(&server.at("os:1"), &here));
    push(&desk, &server.at("far:1.0.0"), &["a", "b"], claiming(&elsewhere.at("os:1"), &there));
    push(&desk, &server.at("gone:1.0.0"), &["a", "b"], claiming(&server.at("absent:1"), &there));
    push(&desk, &server.at("short:1.0.0"), &["a", "b"], claiming("alpine:3.20", &there));
    project(&desk, &server, &["false", "far", "gone", "short"]);
    desk.ok(&["lock"]);
    let text = std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap();
    assert_eq!(text.matches("[[image.platform]]").count(), 4);
    assert!(!text.contains("base = "), "{text}");
    // The same claim is locked once the project has that registry itself.
    let lock = format!("os = {{ repo = \"{}\", version = \"*\" }}\n", elsewhere.at("os"));
    let toml = std::fs::read_to_string(desk.path("Supercargo.toml")).unwrap();
    desk.write("Supercargo.toml", &(toml + &lock));
    std::fs::remove_file(desk.path("Supercargo.lock")).unwrap();
    desk.ok(&["lock"]);
    let text = std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap();
    assert_eq!(text.matches("base = ").count(), 1, "{text}");
}

#[test]
fn the_tree_shows_artifacts_and_bases_without_a_registry() {
    let (desk, server, os) = shop();
    desk.ok(&["lock"]);
    let tree = |arguments: &[&str]| {
        let outcome = desk.run_without_network(&[&["tree"], arguments].concat());
        assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
        outcome.stdout
    };
    insta::assert_snapshot!(shown(&tree(&["--bases"]), &server), @r"
    api 1.0.0  sha256:…  2 platforms
      on a base that is not locked
    tool 1.0.0  sha256:…  1 platform
      on a base that is not locked
    web 1.0.0  sha256:…  2 platforms
      on registry.example/os:3.20  sha256:…  1 layer
    ");
    insta::assert_snapshot!(shown(&tree(&["--artifacts"]), &server), @r"
    api 1.0.0  sha256:…  2 platforms
      + sbom application/spdx+json sha256:…
    tool 1.0.0  sha256:…  1 platform
    web 1.0.0  sha256:…  2 platforms
      + sbom application/spdx+json sha256:…
    ");
    let document: Value = serde_json::from_str(&tree(&["--format", "json"])).unwrap();
    let web = &document["images"][2];
    let base = json!({
        "platforms": ["linux/amd64", "linux/arm64"], "repository": server.at("os"), "tag": "3.20", "digest": os,
        "layers": 1, "proof": "annotation+prefix",
    });
    assert_eq!((&web["name"], &web["bases"]), (&json!("web"), &json!([base])));
    assert_eq!(web["artifacts"][0]["role"], "sbom");
}

#[test]
fn a_base_that_has_moved_or_has_a_successor_is_told() {
    let (desk, server, os) = shop();
    desk.ok(&["lock"]);
    std::fs::remove_dir_all(desk.path("home")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = desk.command(&[&["outdated"], arguments].concat());
        let output = command.env("SUPERCARGO_NOW", "2026-04-01T00:00:00Z").output().unwrap();
        crate::desk::Outcome::of(output)
    };
    let text = |arguments: &[&str]| {
        let outcome = run(arguments);
        format!("exit code {}\n{}{}", outcome.code, shown(&outcome.stdout, &server), shown(&outcome.stderr, &server))
    };
    insta::assert_snapshot!(text(&["--bases", "--exit-code"]), @r"
    exit code 0
    IMAGE  LOCKED  IN RANGE  LATEST  AGE  NOTES
    api    1.0.0   1.0.0     1.0.0   58d
    tool   1.0.0   1.0.0     1.0.0     -
    web    1.0.0   1.0.0     1.0.0   58d

    IMAGE  BASE                     AGE  MOVED TO  NEWER  NOTES
    api    -                          -  -         -      no base is known
    tool   -                          -  -         -      no base is known
    web    registry.example/os:3.20  80d  -         -
    note: 0 updates in range, 0 beyond it, 0 tags moved
    note: 0 bases moved, 0 with a newer one
    ");
    // Once the base was looked at, images that do not name it are known to be built on it.
    desk.ok(&["inspect", &server.at("os:3.20")]);
    let moved = push_base(&desk, &server.at("os:3.20"), ["n1", "n2"], "2026-03-01");
    push_base(&desk, &server.at("os:3.22"), ["m1", "m2"], "2026-03-20");
    insta::assert_snapshot!(text(&["--bases", "--exit-code"]), @r"
    exit code 1
    IMAGE  LOCKED  IN RANGE  LATEST  AGE  NOTES
    api    1.0.0   1.0.0     1.0.0   58d
    tool   1.0.0   1.0.0     1.0.0     -
    web    1.0.0   1.0.0     1.0.0   58d

    IMAGE  BASE                     AGE  MOVED TO                   NEWER       NOTES
    api    registry.example/os:3.20  80d  sha256:… (30d)  3.22 (11d)
    tool   -                          -  -                          -           no base is known
    web    registry.example/os:3.20  80d  sha256:… (30d)  3.22 (11d)
    note: 0 updates in range, 0 beyond it, 0 tags moved
    note: 2 bases moved, 2 with a newer one
    ");
    assert_eq!(run(&["--exit-code"]).code, 0);
    let document: Value = serde_json::from_str(&run(&["--bases", "--format", "json"]).stdout).unwrap();
    let web = document["bases"].as_array().unwrap().iter().find(|base| base["image"] == "web").unwrap();
    assert_eq!(
        (&web["digest"], &web["moved"]["digest"], &web["newer"]["tag"]),
        (&json!(os), &json!(moved), &json!("3.22"))
    );
    assert_eq!((&web["rung"], &web["layers"]), (&json!(1), &json!(1)));
    let api = document["bases"].as_array().unwrap().iter().find(|base| base["image"] == "api").unwrap();
    assert_eq!((&api["rung"], &api["moved"]["digest"]), (&json!(4), &json!(moved)));
    assert!(serde_json::from_str::<Value>(&run(&["--format", "json"]).stdout).unwrap()["bases"].is_null());
}

#[test]
fn a_newer_base_that_cannot_be_read_hides_nothing() {
    let (desk, server) = (Desk::new(), Server::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let proxy = runtime.block_on(HttpProxy::start(server.host().parse().unwrap()));
    let at = |name: &str| format!("{}/{name}", proxy.address());
    let os = push_base(&desk, &at("os:3.20"), ["a1", "a2"], "2026-01-10");
    push_base(&desk, &at("os:3.21"), ["b1", "b2"], "2026-02-10");
    let broken = push_base(&desk, &at("os:3.22"), ["m1", "m2"], "2026-03-20");
    let named = claiming(&at("os:3.20"), &os);
    push_index(&desk, &at("web:1.0.0"), [&["a1", "b1"], &["a2", "b2"]], Some("2026-02-01T10:00:00Z"), &named);
    desk.write("Supercargo.toml", &format!("[images]\nweb = {{ repo = \"{}\", version = \"^1\" }}\n", at("web")));
    desk.ok(&["lock"]);
    let moved = push_base(&desk, &at("os:3.20"), ["n1", "n2"], "2026-03-01");
    // What was seen once is known: somebody who has seen none of it.
    let other = Desk::new();
    for file in ["Supercargo.toml", "Supercargo.lock"] {
        std::fs::copy(desk.path(file), other.path(file)).unwrap();
    }
    let (newer, old) = (Matcher::manifest(&broken).method("GET"), Matcher::manifest(&os).method("GET"));
    for (fault, is_lost) in [(Fault::FlipBit(9), true), (Fault::Answer(Answer::new(403)), false)] {
        proxy.set_rules([Rule::new(newer.clone(), fault.clone())]);
        let base = other.json(&["outdated", "--bases"])["bases"][0].clone();
        assert_eq!(base["moved"]["digest"], json!(moved), "{base}");
        let note = base["unchecked"].as_str().unwrap();
        if is_lost {
            assert_eq!(base["newer"]["tag"], "3.21", "{base}");
            assert!(note.contains("3.22 cannot be read: "), "{note}");
        } else {
            assert_eq!(base["newer"], Value::Null, "{base}");
            assert!(note.contains("whether there is a newer one is not known: "), "{note}");
        }
        // What it was built on may be damaged itself.
        proxy.set_rules([Rule::new(newer.clone(), fault), Rule::new(old.clone(), Fault::FlipBit(9))]);
        let base = other.json(&["outdated", "--bases"])["bases"][0].clone();
        assert_eq!(base["moved"]["digest"], json!(moved), "{base}");
    }
}

#[test]
fn a_base_that_was_withdrawn_is_not_proposed() {
    let (desk, server, _) = shop();
    desk.ok(&["lock"]);
    for (tag, day) in [("os:3.21", "2026-02-10"), ("os:3.22", "2026-03-20"), ("os:3.23", "2026-03-21")] {
        push_base(&desk, &server.at(tag), [tag, day], day);
    }
    let newer = || {
        let document = desk.json(&["outdated", "--bases"]);
        let base = document["bases"].as_array().unwrap().iter().find(|base| base["image"] == "web").unwrap().clone();
        (base["newer"]["tag"].as_str().map(str::to_owned), base["unchecked"].clone())
    };
    assert_eq!(newer(), (Some("3.23".to_owned()), Value::Null));
    desk.ok(&["mark", &server.at("os:3.23"), "--yanked"]);
    desk.ok(&["mark", &server.at("os:3.22"), "--yanked"]);
    assert_eq!(newer(), (Some("3.21".to_owned()), Value::Null));
    desk.ok(&["mark", &server.at("os:3.21"), "--yanked"]);
    assert_eq!(newer(), (None, Value::Null));
}
