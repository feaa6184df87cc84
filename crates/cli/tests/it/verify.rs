//! `copy` of a project, and `verify`

use std::os::unix::fs::PermissionsExt as _;

use oci::Digest;

use crate::desk::{Desk, blob_path};
use crate::project::{project, read, squeezed, stable, text, without_digests};
use crate::releases::{publish, release};
use crate::server::Server;

/// Returns a digest in the lock: that of the first image's SBOM, and that of its first layer.
fn parts(desk: &Desk) -> (Digest, Digest) {
    let digest = |text: &str| text.parse::<Digest>().unwrap();
    let tree = desk.json(&["tree"]);
    let sbom = digest(tree["images"][0]["artifacts"][0]["digest"].as_str().unwrap());
    let lock = read(desk, "Supercargo.lock");
    let layers = lock.split("layers = [").nth(1).unwrap();
    (sbom, digest(layers.split('"').nth(1).unwrap()))
}

fn flip(desk: &Desk, layout: &str, digest: &Digest) {
    let path = blob_path(&desk.path(layout), digest);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[0] ^= 1;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&path, bytes).unwrap();
}

#[test]
fn a_project_is_copied_as_it_is_locked_and_verified_there() {
    let (desk, server) = project();
    let other = Server::new();
    let prefix = other.at("mirror/");
    desk.ok(&["lock"]);
    let locked = read(&desk, "Supercargo.lock");
    let said = desk.ok(&["copy", &prefix]).replace(&other.host(), "OTHER");
    insta::assert_snapshot!(squeezed(&without_digests(&stable(&said, &server))), @r#"
    IMAGE FROM TO
    collector HOST/jaeger/collector:1.58.0 OTHER/mirror/collector:1.58.0@sha256:…
    query HOST/jaeger/query:1.58.0 OTHER/mirror/query:1.58.0@sha256:…
    storage HOST/db:4.1.10-bookworm OTHER/mirror/db:4.1.10-bookworm@sha256:…
    proven: 11 nodes and 11 edges are there; 7 blobs moved (24.1 kB), 4 manifests put
    proven: 11 nodes and 11 edges are there; 6 blobs moved (24.1 kB), 1 blob mounted, 4 manifests put
    proven: 11 nodes and 11 edges are there; 6 blobs moved (24.1 kB), 1 blob mounted, 4 manifests put
    "#);
    assert_eq!(desk.ok(&["tags", &other.at("mirror/db"), "-q"]), "4.1.10-bookworm\n");
    let document = desk.json(&["copy", "oci:layout"]);
    assert_eq!(document["schema"], "supercargo.copy.v1");
    assert_eq!(document["mapping"][1]["name"], "query");
    assert!(document["mapping"][1]["to"].as_str().unwrap().starts_with("oci:layout:query@sha256:"));
    desk.ok(&["copy", "oci-archive:shop.tar"]);
    assert_eq!(desk.ok(&["tags", "oci:layout", "-q"]), "Supercargo.lock\ncollector\nquery\nstorage\n");
    for place in [&prefix, &other.at("mirror"), "oci:layout", "oci-archive:shop.tar"] {
        let said = desk.ok(&["verify", "--deep", "--at", place]);
        assert_eq!(said.lines().count(), 3, "{said}");
        let again = desk.json(&["verify", "query", "--at", place]);
        assert_eq!((again["schema"].as_str(), &again["holds"]), (Some("supercargo.verify.v1"), &true.into()));
        assert_eq!(again["images"].as_array().unwrap().len(), 1);
    }
    insta::assert_snapshot!(desk.ok(&["verify", "query"]), @"query: 4 manifests and 7 blobs are there");
    assert_eq!(read(&desk, "Supercargo.lock"), locked);
    assert_eq!(read(&desk, "Supercargo.toml"), text(&server));
    let again = desk.json(&["copy", &prefix]);
    assert!(again["routes"].as_array().unwrap().iter().all(|route| route["blobs"]["moved"] == 0), "{again}");
    desk.fails(&["verify", "nobody"], 9);
    desk.fails(&["copy", "oci:layout:tag"], 2);
}

#[test]
fn two_repositories_do_not_become_one() {
    let (desk, server) = project();
    publish(&desk, &server, "other/db", &[release("2025-05-01", &["9.0.0"])]);
    desk.write("Supercargo.toml", &format!("{}other = {{ repo = \"up/other/db\" }}\n", text(&server)));
    let other = Server::new();
    let said = desk.fails(&["copy", &other.at("mirror/")], 2).replace(&other.host(), "OTHER");
    insta::assert_snapshot!(stable(&said, &server), @r#"
    note: brought the lock up to date: 4 changes
    error: `HOST/other/db` and `HOST/db` would both become `OTHER/mirror/db`
    help: supercargo copy HOST/db:4.1.10-bookworm DST
    "#);
    desk.fails(&["tags", &other.at("mirror/db")], 9);
    desk.ok(&["copy", "oci:layout"]);
}

#[test]
fn narrowed_copies_say_that_they_are_others() {
    let (desk, _server) = project();
    let outcome = desk.run(&["copy", "oci:small", "--platform", "linux/amd64"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("warning: narrowed to the platforms asked for"), "{}", outcome.stderr);
    assert_eq!(desk.ok(&["tags", "oci:small", "-q"]), "collector\nquery\nstorage\n");
    assert_eq!(desk.run(&["verify", "--at", "oci:small"]).code, 1);
    let said = desk.ok(&["copy", "--dry-run", "oci:none"]);
    assert!(said.contains("would move") && !desk.path("none").exists(), "{said}");
}

#[test]
fn an_artifact_that_is_gone_is_missed() {
    let (desk, _server) = project();
    let other = Server::new();
    desk.ok(&["copy", &other.at("mirror/")]);
    desk.ok(&["copy", "oci:layout"]);
    let (sbom, _) = parts(&desk);
    for (place, whole) in
        [(other.at("mirror/collector"), other.at("mirror/")), ("oci:layout".into(), "oci:layout".into())]
    {
        desk.ok(&["delete", &format!("{place}@{sbom}")]);
        let outcome = desk.run(&["verify", "--at", &whole]);
        assert_eq!(outcome.code, 1, "{}", outcome.stderr);
        let expected = format!("collector: not as it is locked, in {place}\n  sbom {sbom} is not there\n");
        assert!(outcome.stdout.starts_with(&expected), "{}", outcome.stdout);
        assert_eq!(outcome.stderr, "");
    }
    desk.ok(&["tag", &format!("{}:1.58.0", other.at("mirror/query")), "moved"]);
    desk.ok(&["verify", "query", "--at", &other.at("mirror/")]);
    let nothing = desk.run(&["verify", "query", "--at", &other.at("nothing/")]);
    assert_eq!((nothing.code, nothing.stdout.contains("there is no tag 1.58.0")), (1, true), "{}", nothing.stdout);
}

#[test]
fn a_byte_that_is_another_is_damage() {
    let (desk, server) = project();
    desk.ok(&["vendor"]);
    desk.ok(&["copy", "oci:layout"]);
    let (sbom, layer) = parts(&desk);
    desk.ok(&["verify", "--deep"]);
    flip(&desk, "vendor", &layer);
    desk.ok(&["verify"]);
    let outcome = desk.run(&["verify", "--deep"]);
    assert_eq!(outcome.code, 6);
    insta::assert_snapshot!(without_digests(&outcome.stdout), @r#"
    collector: not as it is locked, in oci:vendor
      content of sha256:… has digest sha256:…
    query: 4 manifests and 7 blobs are there, 24.1 kB read
    storage: 4 manifests and 7 blobs are there, 24.1 kB read
    "#);
    insta::assert_snapshot!(without_digests(&outcome.stderr), @r#"
    error: oci:vendor: `collector`: content of sha256:… has digest sha256:…
    help: rm -r vendor && supercargo vendor
    "#);
    // What is pasted names the directory, whatever it is called.
    let text = std::fs::read_to_string(desk.path("Supercargo.toml")).unwrap();
    desk.write("Supercargo.toml", &text.replace("[project]\n", "[project]\nvendor = \"our $(vendor)\"\n"));
    std::fs::rename(desk.path("vendor"), desk.path("our $(vendor)")).unwrap();
    let said = desk.fails(&["verify", "--deep"], 6);
    assert!(said.contains("help: rm -r 'our $(vendor)' && supercargo vendor\n"), "{said}");
    std::fs::rename(desk.path("our $(vendor)"), desk.path("vendor")).unwrap();
    desk.write("Supercargo.toml", &text);
    flip(&desk, "layout", &sbom);
    assert_eq!(desk.run(&["verify", "--at", "oci:layout"]).code, 6);
    std::fs::remove_file(blob_path(&desk.path("vendor"), &layer)).unwrap();
    assert_eq!(desk.run(&["verify"]).code, 1);
    // It is brought again.
    desk.ok(&["vendor", "--recheck"]);
    desk.ok(&["verify", "--deep", "--offline"]);
    drop(server);
}
