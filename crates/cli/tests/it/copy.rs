//! `copy`

use crate::desk::Desk;
use crate::server::Server;

#[test]
fn a_whole_application_goes_through_two_registries_and_back_to_a_layout() {
    let (desk, application) = Desk::with_application();
    let (first, second) = (Server::new(), Server::new());
    let digest = application.tags().iter().find(|(tag, _)| tag.as_str() == "bundle").unwrap().1;

    let out = desk.ok(&["copy", "oci:app:bundle", &first.at("team/app:1")]);
    assert!(out.starts_with(&format!("{}@{digest}\nproven: ", first.at("team/app:1"))), "{out}");
    let document = desk.json(&["copy", &first.at("team/app:1"), &second.at("app:one")]);
    assert_eq!(document["schema"], "supercargo.copy.v1");
    let route = &document["routes"][0];
    let nodes = application.graph_of([digest]).len();
    assert_eq!(route["proof"]["nodes"], nodes);
    assert_eq!(route["images"][0]["digest"], digest.to_string());
    assert_eq!(route["images"][0]["tag"], "one");
    assert!(route["blobs"]["moved"].as_u64().unwrap() > 0);

    let again = desk.json(&["copy", &first.at("team/app:1"), &second.at("app:one")]);
    assert_eq!(again["routes"][0]["blobs"]["moved"], 0);
    assert_eq!(again["routes"][0]["manifests_put"], 0);
    let text = desk.ok(&["copy", &first.at("team/app:1"), &second.at("app:one")]);
    assert!(text.contains("nothing had to move"), "{text}");
    let rechecked = desk.json(&["copy", "--recheck", &first.at("team/app:1"), &second.at("app:one")]);
    assert_eq!(rechecked["routes"][0]["blobs"]["moved"], 0);

    desk.ok(&["copy", &second.at("app:one"), "oci:back"]);
    let tree = |reference: &str| desk.json(&["artifacts", reference])["root"].clone();
    assert_eq!(tree("oci:back:one"), tree("oci:app:bundle"));
}

#[test]
fn a_dry_run_changes_nothing() {
    let (desk, _) = Desk::with_application();
    let server = Server::new();
    let document = desk.json(&["copy", "--dry-run", "oci:app:1.0", &server.at("app:1")]);
    assert_eq!(document["dry_run"], true);
    assert!(document["routes"][0]["blobs"]["planned"].as_u64().unwrap() > 0);
    assert!(document["routes"][0]["proof"].is_null());
    desk.fails(&["tags", &server.at("app")], 9);
    let text = desk.ok(&["copy", "--dry-run", "oci:app:1.0", "oci:other"]);
    assert!(text.contains("would move "), "{text}");
    assert!(!desk.path("other").exists());
}

#[test]
fn narrowing_says_that_the_digest_has_changed() {
    let (desk, application) = Desk::with_application();
    let outcome = desk.run(&["copy", "--platform", "linux/amd64", "oci:app:1.0", "oci:small:1.0"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("warning: narrowed to the platforms asked for"), "{}", outcome.stderr);
    assert!(!outcome.stdout.contains(&application.named("index").digest.to_string()), "{}", outcome.stdout);
    let images = desk.json(&["inspect", "oci:small:1.0"])["images"].clone();
    assert_eq!(images.as_array().unwrap().len(), 1);
    assert_eq!(images[0]["platform"], "linux/amd64");

    let said = desk.fails(&["copy", "--platform", "linux/riscv64", "oci:app:1.0", "oci:none"], 9);
    assert!(said.contains("has nothing for linux/riscv64"), "{said}");
    assert!(
        said.contains("help: supercargo copy --platform linux/amd64,linux/arm64/v8 oci:app:1.0 oci:none"),
        "{said}"
    );
}

#[test]
fn artifacts_can_be_left_out() {
    let (desk, _) = Desk::with_application();
    let nodes = |switches: &[&str], to: &str| {
        let document = desk.json(&[&["copy", "oci:app:1.0", to], switches].concat());
        document["routes"][0]["proof"]["nodes"].as_u64().unwrap()
    };
    let all = nodes(&[], "oci:all");
    let without_layers = nodes(&["--no-layer-artifacts"], "oci:without-layers");
    let none = nodes(&["--no-artifacts"], "oci:none");
    assert!(none < without_layers && without_layers < all, "{none} {without_layers} {all}");
}

#[test]
fn every_tag_goes_and_keeps_its_name() {
    let (desk, application) = Desk::with_application();
    let server = Server::new();
    desk.ok(&["copy", "--all-tags", "oci:app", &server.at("app")]);
    let mut tags: Vec<String> = application.tags().iter().map(|(tag, _)| tag.to_string()).collect();
    tags.sort();
    assert_eq!(desk.ok(&["tags", &server.at("app")]).lines().collect::<Vec<_>>(), tags);
}

#[test]
fn many_sources_go_below_a_prefix_or_where_a_list_says() {
    let (desk, _) = Desk::with_application();
    let server = Server::new();
    desk.ok(&["copy", "oci:app:1.0", &server.at("a/one:1")]);
    desk.ok(&["copy", "oci:app:docker", &server.at("b/two:2")]);
    let prefix = server.at("mirror/");
    let out = desk.ok(&["copy", &server.at("a/one:1"), &server.at("b/two:2"), &prefix]);
    assert!(out.contains(&server.at("mirror/one:1@")) && out.contains(&server.at("mirror/two:2@")), "{out}");

    desk.write("list", &format!("# two\n{}\n\n{} oci:own:2\n", server.at("a/one:1"), server.at("b/two:2")));
    desk.ok(&["copy", "--from-file", "list", &server.at("listed/")]);
    assert_eq!(desk.ok(&["tags", &server.at("listed/one")]), "1\n");
    assert_eq!(desk.ok(&["tags", "oci:own"]), "2\n");

    let said = desk.fails(&["copy", "--from-file", "list"], 2);
    assert!(said.contains("without a destination"), "{said}");
    desk.write("list", "one two three\n");
    let said = desk.fails(&["copy", "--from-file", "list", "oci:x"], 2);
    assert!(said.contains("line 1 of the list"), "{said}");
    let said = desk.fails(&["copy", &server.at("a/one:1"), &server.at("b/two:2"), "oci:same:1"], 2);
    assert!(said.contains("would both become `oci:same:1`"), "{said}");
}

#[test]
fn a_failure_among_several_is_partial_when_the_others_go_on() {
    let (desk, _) = Desk::with_application();
    let server = Server::new();
    desk.ok(&["copy", "oci:app:1.0", &server.at("good:1")]);
    let arguments = ["copy", "--keep-going", &server.at("good:1"), &server.at("absent:1"), &server.at("to/")];
    let outcome = desk.run(&arguments);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    assert!(outcome.stdout.contains(&server.at("to/good:1@")), "{}", outcome.stdout);
    assert!(outcome.stderr.contains(&format!("error: {} has no tag 1", server.at("absent"))), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("error: 1 of 2 failed"), "{}", outcome.stderr);

    let outcome = desk.run(&[&arguments[..], &["--format", "jsonl"]].concat());
    let lines: Vec<serde_json::Value> =
        outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["schema"], "supercargo.copy.item.v1");
    assert_eq!(lines[1]["error"]["exit_code"], 9);
    desk.fails(&["copy", &server.at("good:1"), &server.at("absent:1"), &server.at("other/")], 9);
}
