//! Groups of images: always locked, and taken by commands where they are named.

use std::fmt::Write as _;

use serde_json::Value;

use crate::desk::Desk;
use crate::releases::{publish, release};
use crate::server::Server;

fn project() -> (Desk, Server) {
    let (desk, server) = (Desk::new(), Server::new());
    let mut text = "[images]\n".to_owned();
    for (name, groups) in
        [("web", ""), ("fixtures", ", groups = [\"dev\"]"), ("probe", ", groups = [\"dev\", \"ops\"]")]
    {
        publish(&desk, &server, name, &[release("2026-01-01", &["1.0.0"])]);
        writeln!(text, "{name} = {{ repo = \"{}\", version = \"^1\"{groups} }}", server.at(name)).unwrap();
    }
    desk.write("Supercargo.toml", &text);
    desk.ok(&["lock"]);
    (desk, server)
}

fn moved(document: &Value) -> Vec<&str> {
    document["mapping"].as_array().unwrap().iter().map(|image| image["name"].as_str().unwrap()).collect()
}

#[test]
fn images_of_groups_are_locked_and_moved_where_they_are_named() {
    let (desk, _server) = project();
    let lock = std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap();
    assert_eq!(lock.matches("[[image]]").count(), 3);
    let copied = |arguments: &[&str]| desk.json(&[&["copy", "oci:kept", "--dry-run"], arguments].concat());
    assert_eq!(moved(&copied(&[])), ["web"]);
    assert_eq!(moved(&copied(&["--group", "ops"])), ["probe", "web"]);
    assert_eq!(moved(&copied(&["--group", "ops", "--group", "dev"])), ["fixtures", "probe", "web"]);
    assert_eq!(moved(&copied(&["--all-groups"])), ["fixtures", "probe", "web"]);
    assert_eq!(moved(&desk.json(&["save", "app.tar", "--group", "ops"])), ["probe", "web"]);
    let there = desk.ok(&["tags", "oci-archive:app.tar", "-q"]);
    assert!(there.contains("web") && !there.contains("fixtures"), "{there}");
    // What is kept beside the project is kept whole.
    assert_eq!(moved(&desk.json(&["vendor"])), ["fixtures", "probe", "web"]);
}

#[test]
fn a_group_without_images_is_an_error() {
    let (desk, server) = project();
    let said = desk.fails(&["copy", "oci:kept", "--group", "test"], 9);
    insta::assert_snapshot!(said, @r"
    error: Supercargo.toml has no group `test`
    help: cat Supercargo.toml
    ");
    let said = desk.fails(&["diff", "other.lock"], 9);
    assert!(!said.contains("help: supercargo tags"), "{said}");
    let said = desk.fails(&["copy", &server.at("web:1.0.0"), "oci:kept", "--group", "dev"], 2);
    assert!(said.contains("--group"), "{said}");
}

/// Publishes a newer release of every image.
fn release_all(desk: &Desk, server: &Server) {
    for name in ["web", "fixtures", "probe"] {
        publish(desk, server, name, &[release("2026-02-01", &["1.1.0"])]);
    }
}

/// Returns the names of the images in a document.
fn names(document: &Value) -> Vec<&str> {
    document["images"].as_array().unwrap().iter().map(|image| image["name"].as_str().unwrap()).collect()
}

/// Returns the entry of an image in the lock, byte for byte.
fn entry(desk: &Desk, name: &str) -> String {
    let lock = std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap();
    let entry = lock.split("[[image]]\n").find(|entry| entry.starts_with(&format!("name = \"{name}\"\n")));
    entry.unwrap().trim_end().to_owned()
}

#[test]
fn commands_that_look_take_all_images_and_fewer_where_groups_are_named() {
    let (desk, _server) = project();
    for command in ["tree", "outdated", "verify"] {
        let taken = |arguments: &[&str]| desk.json(&[&[command], arguments].concat());
        assert_eq!(names(&taken(&[])), ["fixtures", "probe", "web"], "{command}");
        assert_eq!(names(&taken(&["--all-groups"])), ["fixtures", "probe", "web"], "{command}");
        assert_eq!(names(&taken(&["--group", "ops"])), ["probe", "web"], "{command}");
        assert_eq!(names(&taken(&["--only-group", "ops"])), ["probe"], "{command}");
        // `probe` is in another group too.
        assert_eq!(names(&taken(&["--no-group", "dev"])), ["probe", "web"], "{command}");
        assert_eq!(names(&taken(&["--no-group", "dev", "--no-group", "ops"])), ["web"], "{command}");
        assert_eq!(names(&taken(&["--group", "dev", "--no-group", "ops"])), ["fixtures", "probe", "web"], "{command}");
        let said = desk.fails(&[command, "--group", "test"], 9);
        assert!(said.contains("error: Supercargo.toml has no group `test`"), "{said}");
        desk.fails(&[command, "--group", "dev", "--only-group", "ops"], 2);
    }
    let copied = |arguments: &[&str]| {
        let document = desk.json(&[&["copy", "oci:kept", "--dry-run"], arguments].concat());
        moved(&document).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(copied(&["--no-group", "dev"]), ["web"], "what copy leaves out without a switch stays out");
    assert_eq!(copied(&["--only-group", "dev"]), ["fixtures", "probe"]);
    let said = desk.fails(&["tree", "--invert", "web", "--only-group", "dev"], 2);
    insta::assert_snapshot!(said, @r"
    error: `web` is not among the images of these groups
    help: supercargo tree --invert web
    ");
    let said = desk.fails(&["verify", "web", "--group", "dev"], 2);
    insta::assert_snapshot!(said, @r"
    error: name images or groups, not both
    help: supercargo verify --help
    ");
}

#[test]
fn an_update_of_a_group_leaves_every_other_entry_as_it_is() {
    let (desk, server) = project();
    release_all(&desk, &server);
    let before = ["web", "fixtures", "probe"].map(|name| entry(&desk, name));
    let changed = |document: &Value| {
        let changes = document["changes"].as_array().unwrap();
        changes.iter().map(|change| change["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let update = |arguments: &[&str]| changed(&desk.json(&[&["update"], arguments].concat()));
    assert_eq!(update(&["--group", "ops", "--dry-run"]), ["probe"]);
    assert_eq!(update(&["--no-group", "dev", "--no-group", "ops", "--dry-run"]), ["web"]);
    assert_eq!(update(&["--only-group", "dev", "--no-group", "ops", "--dry-run"]), ["fixtures", "probe"]);
    assert_eq!(update(&["--group", "dev"]), ["fixtures", "probe"]);
    let after = ["web", "fixtures", "probe"].map(|name| entry(&desk, name));
    assert_eq!(after[0], before[0]);
    assert!(after[1].contains("1.1.0") && after[2].contains("1.1.0"), "{after:?}");
    assert_eq!(update(&["--group", "dev"]), [""; 0]);
    assert_eq!(update(&["--all-groups"]), ["web"]);
    let help = desk.ok(&["update", "-h"]);
    assert!(
        help.contains("Move the images of this group") && !help.contains("beside those that are in none"),
        "{help}"
    );
    desk.fails(&["update", "web", "--group", "dev"], 2);
    desk.fails(&["update", "--group", "dev", "--precise", "1.0.0"], 2);
}

#[test]
fn what_a_group_follows_is_updated_with_it() {
    let (desk, server) = project();
    let text = std::fs::read_to_string(desk.path("Supercargo.toml")).unwrap();
    desk.write("Supercargo.toml", &text.replace("groups = [\"dev\"]", "groups = [\"dev\"], follows = \"web\""));
    desk.ok(&["lock"]);
    release_all(&desk, &server);
    desk.ok(&["update", "--only-group", "dev"]);
    for name in ["web", "fixtures", "probe"] {
        assert!(entry(&desk, name).contains("version = \"1.1.0\""), "{name}");
    }
}

#[test]
fn vendoring_a_group_keeps_what_was_vendored_before() {
    let (desk, server) = project();
    let outcome = desk.run(&["vendor", "--only-group", "ops"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let said = "note: vendor lacks fixtures, web, and commands with --offline fail where they need it; supercargo vendor brings all";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    desk.ok(&["verify", "probe", "--offline"]);
    let said = desk.fails(&["verify", "--offline"], 4);
    assert!(said.contains("help: supercargo vendor"), "{said}");
    let outcome = desk.run(&["vendor", "--group", "dev"]);
    assert!(!outcome.stderr.contains("lacks"), "{}", outcome.stderr);
    // What was brought alone and what was brought later are one lock, from which another one is made without a registry.
    desk.ok(&["vendor", "--only-group", "ops"]);
    desk.ok(&["verify", "--offline"]);
    let lock = std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap();
    std::fs::remove_file(desk.path("Supercargo.lock")).unwrap();
    drop(server);
    desk.ok(&["lock", "--offline"]);
    assert_eq!(std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap(), lock);
}

#[test]
fn a_damaged_lock_in_a_layout_is_replaced() {
    let (desk, _server) = project();
    desk.ok(&["copy", "oci:kept"]);
    let blobs = std::fs::read_dir(desk.path("kept/blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let is_lock = |path: &std::path::PathBuf| std::fs::read(path).unwrap().starts_with(b"# ");
    let lock = blobs.filter(is_lock).collect::<Vec<_>>();
    assert_eq!(lock.len(), 1);
    let damaged = std::fs::read_to_string(&lock[0]).unwrap().replace("web", "wed");
    std::fs::remove_file(&lock[0]).unwrap();
    std::fs::write(&lock[0], damaged).unwrap();
    desk.ok(&["copy", "oci:kept", "--all-groups"]);
    desk.ok(&["verify", "--at", "oci:kept"]);
}

#[test]
fn an_export_lists_the_images_of_groups() {
    let (desk, server) = project();
    let compose = ["web", "fixtures"].map(|name| format!("  {name}:\n    image: {}:1.0.0\n", server.at(name)));
    desk.write("compose.yaml", &format!("services:\n{}", compose.concat()));
    let text = std::fs::read_to_string(desk.path("Supercargo.toml")).unwrap();
    desk.write("Supercargo.toml", &format!("{text}[[targets]]\nkind = \"compose\"\npaths = [\"compose.yaml\"]\n"));
    let listed = |arguments: &[&str]| {
        let list = desk.ok(&[&["export", "-q", "--as"], arguments].concat());
        ["web", "fixtures", "probe"].map(|name| list.contains(&server.at(name)))
    };
    assert_eq!(listed(&["imgpkg"]), [true, true, true]);
    assert_eq!(listed(&["imgpkg", "--no-group", "dev"]), [true, false, true]);
    assert_eq!(listed(&["compose"]), [true, true, false]);
    assert_eq!(listed(&["compose", "--group", "ops"]), [true, false, false]);
    assert_eq!(listed(&["docker-lock", "--only-group", "dev"]), [false, true, false]);
    desk.fails(&["export", "--as", "compose", "--only-group", "ops"], 2);
}

#[test]
fn an_application_is_published_without_the_groups_that_are_left_out() {
    let (desk, server) = project();
    let text = std::fs::read_to_string(desk.path("Supercargo.toml")).unwrap();
    let more = "\n# for tests\n[[edges]]\nif = \"fixtures\"\nrequires = { web = \"^1\" }\n\n[[edges]]\nif = \"web\"\nrequires = { probe = \"^1\" }\n        \n[[targets]]\nkind = \"helm-values\"\npaths = [\"values.yaml\"]\nmap = { \"a.image\" = \"web\", \"b.image\" = \"fixtures\" }\n";
    desk.write("Supercargo.toml", &format!("{text}{more}"));
    desk.ok(&["lock"]);
    let before = ["Supercargo.toml", "Supercargo.lock"].map(|name| std::fs::read_to_string(desk.path(name)).unwrap());
    let whole = desk.json(&["publish", &server.at("apps/whole")]);
    assert_eq!(names(&whole), ["fixtures", "probe", "web"]);
    // `web` needs `probe`, whatever groups that is in.
    let part = desk.json(&["publish", &server.at("apps/part"), "--no-group", "dev", "--no-group", "ops"]);
    assert_eq!(names(&part), ["probe", "web"]);
    let after = ["Supercargo.toml", "Supercargo.lock"].map(|name| std::fs::read_to_string(desk.path(name)).unwrap());
    assert_eq!(after, before, "the project itself stays as it is");
    let again = desk.json(&["publish", &server.at("apps/part"), "--no-group", "dev", "--no-group", "ops"]);
    assert_eq!((&again["index"], &again["manifests_put"]), (&part["index"], &0.into()));
    desk.ok(&["install", &server.at("apps/part"), "--to", "there"]);
    let installed = std::fs::read_to_string(desk.path("there/Supercargo.toml")).unwrap();
    assert!(!installed.contains("fixtures"), "{installed}");
    assert!(
        installed.contains("map = { \"a.image\" = \"web\" }") || installed.contains("\"a.image\" = \"web\""),
        "{installed}"
    );
    desk.ok(&["-C", "there", "lock", "--check"]);
    assert_eq!(names(&desk.json(&["-C", "there", "verify", "--locked"])), ["probe", "web"]);
    desk.write("Supercargo.toml", &before[0].replacen("version = \"^1\"", "version = \"^2\"", 1));
    desk.fails(&["publish", &server.at("apps/part"), "--no-group", "dev"], 1);
}
