//! `mark`

use ops::registry::RegistryOptions;
use serde_json::json;

use crate::desk::Desk;
use crate::server::Server;

#[test]
fn a_mark_is_made_shown_and_taken_back() {
    let (desk, application) = Desk::with_application();
    for referrers in [true, false] {
        let server = Server::with(RegistryOptions { referrers, ..RegistryOptions::default() });
        let app = server.at("app:1.0");
        desk.ok(&["copy", "oci:app:1.0", &app]);
        desk.ok(&["mark", &app, "--yanked", "--dry-run"]);
        assert_eq!(desk.json(&["inspect", &app])["life_cycle"]["yanked"], false);
        let marked = desk.json(&["mark", &app, "--yanked", "--reason", "built from the wrong branch"]);
        assert_eq!(marked["schema"], "supercargo.mark.v1");
        assert_eq!(marked["subject"]["digest"], application.named("index").digest.to_string());
        let artifact = marked["manifest"]["digest"].as_str().unwrap();
        let sheet = desk.ok(&["inspect", &app]);
        assert!(
            sheet.lines().any(|line| line.starts_with("yanked ") && line.ends_with("built from the wrong branch")),
            "{sheet}"
        );
        let document = desk.json(&["inspect", &server.at(&format!("app@{artifact}"))]);
        assert_eq!(document["artifact_type"], "application/vnd.supercargo.lifecycle.v1");
        let created = document["identity"].as_array().unwrap().iter().find(|fact| fact["name"] == "created").unwrap();
        assert!(created["value"].as_str().unwrap().starts_with("20"), "{document}");
        desk.ok(&["delete", &server.at(&format!("app@{artifact}"))]);
        assert_eq!(desk.json(&["inspect", &app])["life_cycle"]["marks"], json!([]));
    }
}

#[test]
fn a_mark_goes_with_its_image_and_counts_for_its_platforms() {
    let (desk, _) = Desk::with_application();
    let server = Server::new();
    let successor = server.at("app:2.0");
    desk.ok(&["mark", "oci:app:1.0", "--eol", "2020-02-29", "--superseded-by", &successor, "--deprecated"]);
    desk.ok(&["copy", "oci:app:1.0", &server.at("moved:1.0")]);
    for arguments in [&[][..], &["--platform", "linux/arm64"]] {
        let moved = server.at("moved:1.0");
        let life = desk.json(&[&["inspect", &moved], arguments].concat())["life_cycle"].clone();
        let expected = json!({
            "yanked": false, "deprecated": true, "end_of_life": "2020-02-29", "ended": true, "superseded_by": successor,
            "disputed": false, "marks": life["marks"],
        });
        assert_eq!(life, expected);
    }
    desk.ok(&["mark", "oci:app:1.0", "--platform", "linux/amd64", "--yanked"]);
    let sheet = desk.ok(&["inspect", "oci:app:1.0"]);
    assert!(sheet.lines().any(|line| line.starts_with("yanked ") && line.contains(" (linux/amd64) ")), "{sheet}");
}

#[test]
fn a_mark_has_to_say_something_about_an_image() {
    let (desk, application) = Desk::with_application();
    let refused = |arguments: &[&str], reason: &str| {
        let said = desk.fails(&[&["mark"], arguments].concat(), 2);
        assert!(said.contains(reason), "{said}");
    };
    refused(&["oci:app:1.0"], "--yanked");
    refused(&["oci:app:1.0", "--reason", "because"], "--yanked");
    refused(&["oci:app:1.0", "--eol", "2026-02-30"], "not a date: write YYYY-MM-DD");
    refused(&["oci:app:1.0", "--superseded-by", "shop"], "does not say which registry");
    let long = "x".repeat(5000);
    refused(&["oci:app:1.0", "--yanked", "--reason", &long], "the reason has 5000 bytes, the limit is 4096");
    let amd64 = application.manifest(&application.named("amd64").digest).unwrap();
    let layer = format!("oci:app@{}", amd64.layers()[0].digest);
    refused(&[&layer, "--yanked"], "is a layer");
    desk.fails(&["mark", "oci:app:absent", "--yanked"], 9);
    desk.ok(&["save", "app.tar", "oci:app:1.0"]);
    refused(&["oci-archive:app.tar:1.0", "--yanked"], "nothing in an archive can be changed");
}
