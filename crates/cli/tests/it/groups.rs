//! Groups of images: always locked, and moved where they are named.

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
    assert!(said.contains("error: Supercargo.toml has no group `test`"), "{said}");
    let said = desk.fails(&["copy", &server.at("web:1.0.0"), "oci:kept", "--group", "dev"], 2);
    assert!(said.contains("--group"), "{said}");
}
