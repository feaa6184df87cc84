//! Images of which something is not as it should be.

use testkit::application::{ApplicationBuilder, Image};

use crate::desk::Desk;
use crate::releases::{publish, release};
use crate::server::Server;

#[test]
fn a_version_of_which_a_part_is_gone_is_passed_over() {
    let (desk, server) = (Desk::new(), Server::new());
    publish(&desk, &server, "app", &[release("2026-01-05", &["1.0.0"])]);
    let mut builder = ApplicationBuilder::new(9);
    let layer = builder.layer("app", 100);
    let image = builder.image(&Image::new("linux/amd64", &[layer]).created("2026-02-05T10:00:00Z"));
    let index = builder.index(std::slice::from_ref(&image));
    builder.tag("1.1.0", &index);
    builder.build().write_layout(&desk.path("newer"));
    desk.ok(&["copy", "oci:newer:1.1.0", &server.at("app:1.1.0"), "-q"]);
    desk.ok(&["delete", &server.at(&format!("app@{}", image.digest)), "-q"]);
    // Somebody who has none of it.
    let (desk, repository) = (Desk::new(), server.at("app"));
    desk.write(
        "Supercargo.toml",
        &format!("[policy]\ncooldown = \"1d\"\n\n[images]\napp = {{ repo = \"{repository}\", version = \"^1\" }}\n"),
    );
    desk.ok(&["lock"]);
    assert!(desk.ok(&["tree"]).contains("1.0.0"));
    let candidates = desk.ok(&["candidates", "app"]);
    assert!(candidates.contains("gone or damaged"), "{candidates}");
}

#[test]
fn two_repositories_are_not_read_from_one_place() {
    let (desk, server) = (Desk::new(), Server::new());
    publish(&desk, &server, "mirror/redis", &[release("2026-01-05", &["1.0.0"])]);
    desk.write(
        "Supercargo.toml",
        "[images]\na = { repo = \"one.example/library/redis\" }\nb = { repo = \"two.example/other/redis\" }\n",
    );
    let said = desk.fails(&["lock", "--from", &server.at("mirror/")], 2);
    assert!(said.contains("one.example/library/redis and two.example/other/redis would both be read from"), "{said}");
    assert!(!desk.path("Supercargo.lock").exists());
}
