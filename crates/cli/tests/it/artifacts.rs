//! `attach`, `push`, `pull`

use ops::registry::RegistryOptions;
use serde_json::json;
use testkit::application::ApplicationBuilder;

use crate::desk::Desk;
use crate::server::Server;

#[test]
fn files_are_attached_found_and_brought_back() {
    let (desk, application) = Desk::with_application();
    let server = Server::new();
    let app = server.at("app");
    desk.ok(&["copy", "--no-artifacts", "oci:app:1.0", &format!("{app}:1")]);
    desk.write("report.json", "{\"fine\":true}");
    desk.write("notes", "none\n");
    let arguments =
        ["attach", &format!("{app}:1"), "--type", "application/vnd.example.report", "--annotation", "by=me"];
    let files = ["report.json:application/json", "notes"];
    let planned = desk.ok(&[&arguments[..], &files, &["--dry-run"]].concat());
    desk.fails(&["inspect", &format!("{app}@{}", planned.trim())], 9);
    let digest = desk.ok(&[&arguments[..], &files].concat());
    assert_eq!(digest, planned);

    let tree = desk.json(&["artifacts", &format!("{app}:1")]);
    let attached = tree["root"]["below"].as_array().unwrap();
    let artifact = attached.iter().find(|node| node["digest"] == digest.trim()).unwrap();
    assert_eq!(artifact["relation"], "subject");
    assert_eq!(artifact["artifact_type"], "application/vnd.example.report");
    assert_eq!(artifact["annotations"], json!({ "by": "me" }));
    assert_eq!(artifact["files"][0]["title"], "report.json");
    assert_eq!(artifact["files"][0]["media_type"], "application/json");

    let pulled = desk.ok(&["pull", &format!("{app}@{}", digest.trim()), "-o", "back"]);
    assert!(pulled.contains("back/report.json") && pulled.contains("back/notes"), "{pulled}");
    assert_eq!(std::fs::read_to_string(desk.path("back/report.json")).unwrap(), "{\"fine\":true}");
    desk.write("back/notes", "changed\n");
    let again = desk.json(&["pull", &format!("{app}@{}", digest.trim()), "-o", "back"]);
    assert_eq!((&again["files"][0]["was_there"], &again["files"][1]["was_there"]), (&json!(true), &json!(false)));
    assert_eq!(std::fs::read_to_string(desk.path("back/notes")).unwrap(), "none\n");

    // The subject's own bytes are untouched.
    let subject = desk.json(&["inspect", &format!("{app}:1")]);
    assert_eq!(subject["manifest"]["digest"], application.named("index").digest.to_string());
}

#[test]
fn an_artifact_can_be_about_a_platform_a_layer_or_nothing_but_itself() {
    let (desk, application) = Desk::with_application();
    let server = Server::new();
    let app = server.at("app:1");
    desk.ok(&["copy", "--no-artifacts", "oci:app:1.0", &app]);
    let attach = |subject: &str, more: &[&str]| {
        desk.json(&[&["attach", subject, "--type", "application/vnd.example.mark"][..], more].concat())
    };
    let about = |document: &serde_json::Value| document["subject"]["digest"].as_str().unwrap().to_owned();
    let platform = attach(&app, &["--platform", "linux/arm64"]);
    assert_eq!(about(&platform), application.named("arm64").digest.to_string());
    let layer = application.named("base-layer").digest;
    let mark = attach(&server.at(&format!("app@{layer}")), &[]);
    assert_eq!(about(&mark), layer.to_string());
    let tree = desk.ok(&["artifacts", &app]);
    assert!(tree.contains(&format!("layer  {layer}")), "{tree}");
    desk.fails(&["attach", &server.at(&format!("app@sha256:{}", "0".repeat(64))), "--type", "a/b"], 9);
    let said = desk.fails(&["attach", &app, "--type", "nonsense"], 2);
    assert!(said.contains("is not a media type"), "{said}");
}

#[test]
fn a_registry_without_lists_of_referrers_gets_a_fallback_tag() {
    let (desk, application) = Desk::with_application();
    let server = Server::with(RegistryOptions { referrers: false, ..RegistryOptions::default() });
    let app = server.at("app:1");
    desk.ok(&["copy", "--no-artifacts", "oci:app:1.0", &app]);
    let first = desk.ok(&["attach", &app, "--type", "application/vnd.example.one"]);
    let second = desk.ok(&["attach", &app, "--type", "application/vnd.example.two"]);
    let fallback = oci::Tag::referrers_fallback(&application.named("index").digest);
    let list = desk.json(&["inspect", &server.at(&format!("app:{fallback}"))]);
    assert_eq!(list["kind"], "index");
    let tree = desk.ok(&["artifacts", &app]);
    assert!(tree.contains(first.trim()) && tree.contains(second.trim()), "{tree}");

    let gone = desk.ok(&["delete", &server.at(&format!("app@{}", first.trim()))]);
    assert!(gone.starts_with("deleted manifest "), "{gone}");
    let tree = desk.ok(&["artifacts", &app]);
    assert!(!tree.contains(first.trim()) && tree.contains(second.trim()), "{tree}");
}

#[test]
fn a_file_or_a_directory_is_pushed_as_an_artifact() {
    let desk = Desk::new();
    let server = Server::new();
    std::fs::create_dir_all(desk.path("docs/more")).unwrap();
    desk.write("docs/a.txt", "a");
    desk.write("docs/more/b.txt", "b");
    let kind = "application/vnd.example.docs.v1";
    let reference = desk.ok(&["push", "docs", &server.at("docs:1"), "--type", kind]);
    assert!(reference.starts_with(&server.at("docs:1@sha256:")), "{reference}");
    desk.ok(&["pull", &server.at("docs:1"), "--output", "back"]);
    assert_eq!(std::fs::read_to_string(desk.path("back/more/b.txt")).unwrap(), "b");
    assert_eq!(desk.json(&["inspect", &server.at("docs:1")])["artifact_type"], kind);

    desk.ok(&["push", "docs/a.txt:text/plain", &server.at("docs:one"), "--type", kind]);
    let one = desk.json(&["inspect", &server.at("docs:one")]);
    assert_eq!(one["images"][0]["layers"][0]["media_type"], "text/plain");

    let said = desk.fails(&["push", "docs", &server.at("docs:2")], 2);
    assert!(said.contains(&format!("help: supercargo push docs {}", server.at("docs:2"))), "{said}");
    desk.fails(&["push", "absent.txt", &server.at("docs:2"), "--type", kind], 9);
    let said = desk.fails(&["push", &server.at("docs:1"), &server.at("docs:2")], 2);
    assert!(said.contains("help: supercargo copy "), "{said}");
    std::os::unix::fs::symlink("/etc/passwd", desk.path("docs/link")).unwrap();
    let said = desk.fails(&["push", "docs", &server.at("docs:2"), "--type", kind], 2);
    assert!(said.contains("neither a file nor a directory"), "{said}");
}

#[test]
fn an_image_is_pushed_from_a_layout_and_pulled_into_the_content_store() {
    let (desk, application) = Desk::with_application();
    let server = Server::new();
    desk.ok(&["push", "oci:app:1.0", &server.at("app:1")]);
    let digest = application.named("index").digest;
    let kept = format!("store:{}/app:1", server.host().replace(':', "__"));
    assert!(desk.ok(&["pull", &server.at("app:1")]).starts_with(&format!("{kept}@{digest}\n")));
    let tree = |reference: &str| desk.json(&["artifacts", reference])["root"].clone();
    assert_eq!(tree(&kept), tree("oci:app:1.0"));
    desk.ok(&["push", &kept, &server.at("again:1")]);
    desk.fails(&["push", "oci:app:1.0", &server.at("app:2"), "--type", "a/b"], 2);
    desk.fails(&["pull", &kept], 2);
}

#[test]
fn a_file_never_leaves_the_directory() {
    for title in ["../evil", "/etc/evil", "a/../../evil", "evil\u{1b}[2J"] {
        let mut builder = ApplicationBuilder::new(5);
        let mut layer = builder.blob("text/plain", "evil");
        layer.annotations.insert("org.opencontainers.image.title".into(), title.into());
        let artifact = builder.artifact("application/vnd.example.evil", None, &[layer]);
        builder.tag("1", &artifact);
        let desk = Desk::new();
        builder.build().write_layout(&desk.path("app"));
        let said = desk.fails(&["pull", "oci:app:1", "-o", "out"], 6);
        assert!(said.contains("is not a safe relative path"), "{said}");
        assert!(!said.contains('\u{1b}'), "{said}");
        assert!(!desk.path("out").exists() && !desk.path("evil").exists());
    }
}
