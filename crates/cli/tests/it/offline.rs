//! What a lock makes possible without asking again: `--locked`, `--frozen`, `--offline`, `vendor`, and locks from copies.

use crate::desk::Desk;
use crate::project::{project, read, squeezed, stable, text, without_digests};
use crate::releases::{publish, release};
use crate::server::Server;

/// Copies whole repositories, as a mirror does.
fn mirror(desk: &Desk, from: &Server, to: &Server, prefix: &str) {
    for repository in ["jaeger/collector", "jaeger/query", "db"] {
        desk.ok(&["copy", "--all-tags", &from.at(repository), &to.at(&format!("{prefix}{repository}")), "-q"]);
    }
}

#[test]
fn the_lock_is_the_same_from_origin_mirror_and_archive_and_in_every_directory() {
    let (desk, origin) = project();
    desk.ok(&["lock"]);
    let locked = read(&desk, "Supercargo.lock");
    desk.ok(&["save", "shop.tar.zst"]);
    desk.ok(&["copy", "oci:shop"]);
    let (far, flat) = (Server::new(), Server::new());
    mirror(&desk, &origin, &far, "up/");
    for (repository, name) in [("jaeger/collector", "collector"), ("jaeger/query", "query"), ("db", "db")] {
        desk.ok(&["copy", "--all-tags", &origin.at(repository), &flat.at(&format!("flat/{name}")), "-q"]);
    }
    let project = text(&origin);
    let lock = |name: &str, project: &str, arguments: &[&str]| {
        std::fs::create_dir(desk.path(name)).unwrap();
        desk.write(&format!("{name}/Supercargo.toml"), project);
        desk.ok(&[&["-C", name, "lock"], arguments].concat());
        assert_eq!(read(&desk, &format!("{name}/Supercargo.lock")), locked, "{name}");
    };
    lock("again", &project, &[]);
    lock("archive", &project, &["--from", "oci-archive:../shop.tar.zst", "--offline"]);
    lock("layout", &project, &["--from", "oci:../shop", "--offline"]);
    lock("prefix", &project, &["--from", &flat.at("flat/")]);
    let host = format!("host = \"{}\"\n", origin.host());
    let mirrored = project.replace(&host, &format!("{host}mirrors = [\"{}\"]\n", far.at("up")));
    assert_ne!(mirrored, project);
    lock("both", &mirrored, &[]);
    drop(origin);
    lock("mirror", &mirrored, &[]);
}

#[test]
fn a_lock_is_not_taken_from_a_copy_that_lacks_something() {
    let (desk, _origin) = project();
    desk.ok(&["copy", "oci:shop"]);
    let tree = desk.json(&["tree"]);
    let sbom: oci::Digest = tree["images"][0]["artifacts"][0]["digest"].as_str().unwrap().parse().unwrap();
    desk.ok(&["delete", &format!("oci:shop@{sbom}")]);
    std::fs::remove_file(desk.path("Supercargo.lock")).unwrap();
    let said = desk.fails(&["lock", "--from", "oci:shop"], 6);
    insta::assert_snapshot!(without_digests(&said), @r#"
    error: oci:shop does not hold what its lock says of `collector`
       = sbom sha256:… is not there
    help: supercargo lock
    "#);
    desk.fails(&["lock", "--from", "oci:absent"], 9);
    assert!(!desk.path("Supercargo.lock").exists());
}

#[test]
fn with_what_was_vendored_no_network_is_needed() {
    let (desk, origin) = project();
    desk.ok(&["lock", "--as-of", "2025-02-28"]);
    std::fs::copy(desk.path("Supercargo.lock"), desk.path("old.lock")).unwrap();
    desk.ok(&["update"]);
    let vendored = stable(&desk.ok(&["vendor"]), &origin);
    let mapping = vendored.lines().take(4).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(squeezed(&without_digests(&mapping)), @r#"
    IMAGE FROM TO
    collector HOST/jaeger/collector:1.58.0 oci:vendor:collector@sha256:…
    query HOST/jaeger/query:1.58.0 oci:vendor:query@sha256:…
    storage HOST/db:4.1.10-bookworm oci:vendor:storage@sha256:…
    "#);
    let locked = read(&desk, "Supercargo.lock");
    let alone = |arguments: &[&str]| {
        let outcome = desk.run_without_network(arguments);
        assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.stderr);
        outcome.stdout
    };
    for more in [&[][..], &["--offline"]] {
        alone(&[&["lock", "--check"], more].concat());
        assert!(alone(&[&["tree", "--artifacts"], more].concat()).contains("sbom"));
        alone(&[&["why", "query"], more].concat());
        let verified = alone(&[&["verify", "--deep"], more].concat());
        assert_eq!(verified.lines().count(), 3, "{verified}");
        let number = more.len();
        alone(&[&["save", &format!("shop-{number}.tar")], more].concat());
        alone(&[&["save", &format!("part-{number}.tar"), "--since", "old.lock"], more].concat());
        assert!(alone(&[&["diff", "old.lock"], more].concat()).contains("1.58.0"));
        alone(&[&["copy", &format!("oci:copy-{number}")], more].concat());
        alone(&[&["verify", "--at", &format!("oci:copy-{number}")], more].concat());
    }
    assert_eq!(read(&desk, "Supercargo.lock"), locked);
    std::fs::remove_file(desk.path("Supercargo.lock")).unwrap();
    alone(&["lock", "--offline"]);
    assert_eq!(read(&desk, "Supercargo.lock"), locked, "locked anew from what was vendored");
    // Without it the registry would be asked: the namespace has no way there.
    let outcome = desk.run_without_network(&["update"]);
    assert_eq!(outcome.code, 4, "{}", outcome.stderr);
}

#[test]
fn the_project_may_name_the_directory() {
    let (desk, server) = project();
    let outcome = desk.run(&["vendor", "third-party"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("let [project] say: vendor = \"third-party\""), "{}", outcome.stderr);
    desk.fails(&["verify", "--offline"], 4);
    desk.write("Supercargo.toml", &text(&server).replace("platforms", "vendor = \"third-party\"\nplatforms"));
    drop(server);
    desk.ok(&["verify", "--offline"]);
    desk.fails(&["vendor", "--offline", "--platform", "linux/amd64"], 2);
    // What has no tag yet did not arrive whole.
    desk.ok(&["delete", "oci:third-party:query"]);
    desk.ok(&["verify", "collector", "--offline"]);
    desk.fails(&["save", "part.tar", "--offline"], 4);
}

#[test]
fn offline_says_which_registry_it_does_without() {
    let (desk, server) = project();
    insta::assert_snapshot!(stable(&desk.fails(&["lock", "--offline"], 4), &server), @r#"
    error: HOST would have to be asked for HOST/jaeger/collector, and --offline forbids it
    help: supercargo vendor
    "#);
    desk.ok(&["lock"]);
    insta::assert_snapshot!(stable(&desk.fails(&["save", "x.tar", "--offline"], 4), &server), @r#"
    error: HOST would have to be asked for HOST/jaeger/collector, and --offline forbids it
    help: supercargo vendor
    "#);
    let said = desk.fails(&["--offline", "inspect", "registry.example/app:1"], 4);
    insta::assert_snapshot!(said, @r#"
    error: registry.example would have to be asked for registry.example/app:1, and --offline forbids it
    help: supercargo inspect registry.example/app:1
    "#);
    desk.fails(&["copy", "--offline", "oci:x", "registry.example/app"], 9);
    desk.fails(&["outdated", "--offline"], 4);
    assert!(!desk.path("x.tar").exists());
    desk.ok(&["tree", "--offline"]);
}

#[test]
fn a_lock_that_may_not_change_does_not() {
    let (desk, server) = project();
    let said = desk.fails(&["verify", "--locked"], 1);
    insta::assert_snapshot!(said, @r#"
    error: there is no Supercargo.lock
       = `collector` is not locked
       = `query` is not locked
       = `storage` is not locked
    help: supercargo lock
    "#);
    let said = desk.fails(&["tree", "--frozen"], 1);
    insta::assert_snapshot!(said, @r#"
    error: there is no Supercargo.lock
    help: supercargo lock
    "#);
    desk.ok(&["lock"]);
    let locked = read(&desk, "Supercargo.lock");
    desk.write("Supercargo.toml", &text(&server).replace("^1.56", "~1.57"));
    for command in
        [&["tree"][..], &["why", "query"], &["verify"], &["save", "x.tar"], &["vendor"], &["copy", "oci:x"], &["lock"]]
    {
        let said = desk.fails(&[command, &["--locked"]].concat(), 1);
        assert!(
            said.contains("= `collector` is locked at 1.58.0, and ~1.57 is wanted\nhelp: supercargo lock\n"),
            "{said}"
        );
    }
    assert!(!desk.path("x.tar").exists() && !desk.path("x").exists() && !desk.path("vendor").exists());
    desk.ok(&["verify", "--frozen"]);
    desk.fails(&["update", "--frozen"], 2);
    assert_eq!(read(&desk, "Supercargo.lock"), locked);

    desk.write("Supercargo.toml", &text(&server));
    publish(&desk, &server, "db", &[release("2025-05-01", &["4.1.11-bookworm"])]);
    desk.ok(&["tree", "--locked"]);
    let said = desk.fails(&["update", "--locked"], 1);
    insta::assert_snapshot!(said, @r#"
    error: Supercargo.lock would change, and --locked forbids it
       = `storage` would move from 4.1.10 to 4.1.11
    help: supercargo update
    "#);
    let before = read(&desk, "Supercargo.toml");
    desk.fails(&["remove", "storage", "--locked"], 1);
    assert_eq!((read(&desk, "Supercargo.toml"), read(&desk, "Supercargo.lock")), (before, locked));
}

#[test]
fn an_image_is_added_from_a_mirror_of_a_registry_that_is_gone() {
    let (desk, origin) = project();
    let far = Server::new();
    mirror(&desk, &origin, &far, "up/");
    let host = format!("host = \"{}\"\n", origin.host());
    let mirrored = text(&origin).replace(&host, &format!("{host}mirrors = [\"{}\"]\n", far.at("up")));
    desk.write("Supercargo.toml", &mirrored);
    drop(origin);
    desk.ok(&["add", "up/jaeger/query", "--as", "other"]);
    assert!(read(&desk, "Supercargo.lock").contains("name = \"other\""));
}
