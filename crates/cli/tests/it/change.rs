//! `tag`, `delete`

use ops::registry::RegistryOptions;

use crate::desk::Desk;
use crate::server::Server;

#[test]
fn tags_are_read_as_versions() {
    let (desk, _) = Desk::with_application();
    let server = Server::new();
    let app = server.at("app");
    desk.ok(&["push", "oci:app:1.0", &format!("{app}:1.9.2-slim")]);
    desk.ok(&["tag", &format!("{app}:1.9.2-slim"), "1.10.0-slim", "1.10", "1.10.0-rc10", "1.10.0-rc9", "latest"]);
    let table = [
        "TAG          KIND        VERSION       UPDATE       TRACK",
        "1.10         floating    1.10          -            {version}",
        "1.10.0-rc10  prerelease  1.10.0-rc.10  -            {version}",
        "1.10.0-rc9   prerelease  1.10.0-rc.9   -            {version}",
        "1.10.0-slim  release     1.10.0        -            {version}-slim",
        "1.9.2-slim   release     1.9.2         1.10.0-slim  {version}-slim",
        "latest       floating    -             -            -",
    ];
    assert_eq!(desk.ok(&["tags", &app, "--explain"]).lines().collect::<Vec<_>>(), table);
    let document = desk.json(&["tags", &app, "--explain"]);
    assert_eq!(document["tags"][4]["update"], "1.10.0-slim");
    assert!(desk.json(&["tags", &app])["tags"][0]["kind"].is_null());
}

#[test]
fn an_image_gets_further_tags() {
    let (desk, application) = Desk::with_application();
    let server = Server::new();
    let app = server.at("app");
    desk.ok(&["push", "oci:app:1.0", &format!("{app}:1.0")]);
    desk.ok(&["push", "oci:app:docker", &format!("{app}:stable")]);
    let digest = application.named("index").digest;
    desk.ok(&["tag", &format!("{app}:1.0"), "1", "--dry-run"]);
    assert_eq!(desk.ok(&["tags", &app, "-q"]), "1.0\nstable\n");
    let said = desk.ok(&["tag", &format!("{app}:1.0"), "1", "stable"]);
    let was = application.named("docker-list").digest;
    assert_eq!(said, format!("{app}:1@{digest}\n{app}:stable@{digest} (was {was})\n"));
    assert_eq!(desk.ok(&["tags", &app, "-q"]), "1\n1.0\nstable\n");
    let amd64 = application.named("amd64").digest;
    let document = desk.json(&["tag", &format!("{app}:1.0"), "amd64", "--platform", "linux/amd64"]);
    assert_eq!(document["image"]["digest"], amd64.to_string());
    assert!(document["tags"][0]["before"].is_null());
    desk.fails(&["tag", &format!("{app}:absent"), "x"], 9);
    let said = desk.fails(&["tag", &format!("{app}:1.0"), "not a tag"], 2);
    assert!(said.contains("`not a tag` is not a tag"), "{said}");
}

#[test]
fn a_tag_goes_and_what_it_pointed_to_stays() {
    let (desk, application) = Desk::with_application();
    let server = Server::new();
    let app = server.at("app");
    desk.ok(&["push", "oci:app:1.0", &format!("{app}:1.0")]);
    let digest = application.named("index").digest;
    let planned = desk.ok(&["delete", &format!("{app}:1.0"), "--dry-run"]);
    assert!(planned.starts_with(&format!("would delete tag 1.0 of {app}, which pointed to {digest}\n")), "{planned}");
    assert!(planned.contains(&application.named("index-signature").digest.to_string()), "{planned}");
    desk.ok(&["delete", &format!("{app}:1.0")]);
    desk.fails(&["delete", &format!("{app}:1.0")], 9);
    desk.ok(&["inspect", &format!("{app}@{digest}")]);
}

#[test]
fn a_manifest_goes_and_what_refers_to_it_is_named() {
    let (desk, application) = Desk::with_application();
    let server = Server::new();
    let app = server.at("app");
    desk.ok(&["push", "oci:app:1.0", &format!("{app}:1.0")]);
    let sbom = application.named("sbom-amd64").digest;
    let document = desk.json(&["delete", &format!("{app}@{sbom}")]);
    assert_eq!(document["manifest_deleted"], true);
    let referrer = &document["referrers"][0];
    assert_eq!(referrer["digest"], application.named("sbom-signature-amd64").digest.to_string());
    desk.fails(&["inspect", &format!("{app}@{sbom}")], 9);
    let said = desk.fails(&["delete", &app], 2);
    assert!(said.contains("neither which tag nor which digest"), "{said}");
}

#[test]
fn a_registry_that_does_not_delete_says_so_and_keeps_its_lists() {
    let (desk, application) = Desk::with_application();
    let server = Server::with(RegistryOptions { deletes: false, referrers: false, ..RegistryOptions::default() });
    desk.ok(&["push", "oci:app:1.0", &server.at("app:1.0")]);
    let outcome = desk.run(&["delete", &server.at("app:1.0")]);
    assert_ne!(outcome.code, 0);
    assert_eq!(outcome.stdout, "");
    desk.ok(&["inspect", &server.at("app:1.0")]);
    let tree = desk.ok(&["artifacts", &server.at("app:1.0")]);
    let signature = application.named("index-signature").digest;
    let outcome = desk.run(&["delete", &server.at(&format!("app@{signature}"))]);
    assert_ne!(outcome.code, 0);
    assert_eq!(desk.ok(&["artifacts", &server.at("app:1.0")]), tree);
}

#[test]
fn an_archive_is_not_changed() {
    let (desk, _) = Desk::with_application();
    desk.ok(&["save", "app.tar", "oci:app:1.0"]);
    let before = std::fs::read(desk.path("app.tar")).unwrap();
    for command in [
        &["tag", "oci-archive:app.tar:1.0", "2.0"][..],
        &["delete", "oci-archive:app.tar:1.0"],
        &["attach", "oci-archive:app.tar:1.0", "--type", "a/b"],
    ] {
        let said = desk.fails(command, 2);
        assert!(said.contains("help: supercargo copy oci-archive:app.tar:1.0 oci:DIR"), "{said}");
    }
    assert_eq!(std::fs::read(desk.path("app.tar")).unwrap(), before);
}
