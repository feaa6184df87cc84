//! `gc`

use ops::registry::RegistryOptions;
use testkit::peers::PeerRegistry;

use crate::desk::{Desk, blob_path};
use crate::server::Server;

/// Returns the text of one section of a plan, byte for byte.
fn section<'a>(plan: &'a str, name: &str) -> &'a str {
    let start = plan.find(&format!("\n  \"{name}\": {{")).unwrap();
    let end = plan[start..].find("\n  }").unwrap();
    &plan[start..start + end]
}

fn plan(desk: &Desk, place: &str, rules: &[&str]) -> String {
    desk.ok(&[&["gc", "plan", place, "--format", "json"], rules].concat())
}

/// Copies every tag of the layout `app` to a registry.
fn fill(desk: &Desk, place: &str) {
    desk.ok(&["copy", "oci:app", place, "--all-tags", "-q"]);
}

/// Every name goes but one, which shares a part of its images with the others.
const RULES: &[&str] = &["--delete-tag", "*", "--keep-tag", "docker"];

#[test]
fn what_tags_lead_to_is_planned_alike_wherever_it_lies() {
    let (desk, application) = Desk::with_application();
    let ours = Server::new();
    let plain = Server::with(RegistryOptions { referrers: false, ..RegistryOptions::default() });
    fill(&desk, &ours.at("app"));
    fill(&desk, &plain.at("app"));
    let expected = plan(&desk, "oci:app", RULES);
    let reachable = section(&expected, "reachable");
    assert!(reachable.contains(&application.named("index-signature").digest.to_string()), "{reachable}");
    assert_eq!(section(&plan(&desk, &ours.at("app"), RULES), "reachable"), reachable);
    let listed = plan(&desk, &plain.at("app"), RULES);
    assert_eq!(section(&listed, "reachable"), reachable);
    assert!(section(&listed, "lists").contains("the list of referrers that sha256-"), "{listed}");
    if let Some(peer) = PeerRegistry::Distribution.start() {
        let place = format!("{}/app", peer.address());
        fill(&desk, &place);
        assert_eq!(section(&plan(&desk, &place, RULES), "reachable"), reachable);
    }
}

#[test]
fn without_rules_nothing_that_is_needed_goes() {
    let (desk, _) = Desk::with_application();
    let server = Server::new();
    fill(&desk, &server.at("app"));
    for place in ["oci:app", &server.at("app")] {
        let plan = desk.json(&["gc", "plan", place]);
        assert_eq!(plan["schema"], "supercargo.gc.v1");
        assert_eq!(
            (&plan["reachable"]["manifests"], &plan["lists"]["manifests"]),
            (&serde_json::json!([]), &serde_json::json!([]))
        );
        assert_eq!(plan["bytes"], 0, "{plan}");
    }
    desk.fails(&["gc", "plan", "oci:app:1.0"], 2);
    let said = desk.fails(&["gc", "plan", "store:app"], 2);
    assert!(said.contains("supercargo store prune"), "{said}");
}

#[test]
fn rules_from_a_file_are_those_of_options() {
    let (desk, _) = Desk::with_application();
    desk.write("rules.toml", "delete-tags = [\"*\"]\nkeep-tags = [\"docker\"]\n");
    let by_file = plan(&desk, "oci:app", &["--rules", "rules.toml"]);
    assert_eq!(by_file, plan(&desk, "oci:app", RULES));
    assert!(by_file.contains("\"keep_tags\": [\n      \"docker\"\n    ]"), "{by_file}");
    desk.write("plan.json", &by_file);
    for more in [&["--keep", "1"][..], &["--delete-tag", "*"]] {
        desk.fails(&[&["gc", "plan", "oci:app", "--rules", "rules.toml"], more].concat(), 2);
    }
    desk.fails(&["gc", "apply", "oci:app", "--plan", "plan.json", "--rules", "rules.toml"], 2);
    desk.ok(&["gc", "apply", "oci:app", "--rules", "rules.toml"]);
    assert_eq!(desk.json(&["tags", "oci:app"])["tags"].as_array().unwrap().len(), 1);

    desk.write("rules.toml", "keep = 3\ndelete-tag = [\"ci-*\"]\n");
    let said = desk.fails(&["gc", "plan", "oci:app", "--rules", "rules.toml"], 2);
    assert!(said.contains("rules.toml:2:1") && said.contains("delete-tags"), "{said}");
}

/// Collects a place by the rules, and expects that the rest is whole and that nothing more is to be done.
fn collect(desk: &Desk, place: &str) {
    desk.ok(&[&["gc", "apply", place, "--dry-run"], RULES].concat());
    desk.ok(&["inspect", &format!("{place}:1.0")]);
    let done = desk.json(&[&["gc", "apply", place], RULES].concat());
    assert_eq!(done["left"], serde_json::json!([]), "{done}");
    assert!(!done["manifests"].as_array().unwrap().is_empty(), "{done}");
    desk.fails(&["inspect", &format!("{place}:1.0")], 9);
    let again = desk.json(&[&["gc", "plan", place], RULES].concat());
    assert_eq!(again["bytes"], 0, "{again}");
    for tag in desk.json(&["tags", place])["tags"].as_array().unwrap() {
        let tag = tag["tag"].as_str().unwrap();
        let _ = std::fs::remove_dir_all(desk.path("whole"));
        desk.ok(&["copy", &format!("{place}:{tag}"), &format!("oci:whole:{tag}"), "-q"]);
    }
}

#[test]
fn what_stays_is_whole_after_tags_were_collected() {
    let (desk, application) = Desk::with_application();
    let ours = Server::new();
    let plain = Server::with(RegistryOptions { referrers: false, ..RegistryOptions::default() });
    for place in [ours.at("app"), plain.at("app")] {
        fill(&desk, &place);
        collect(&desk, &place);
    }
    for peer in [PeerRegistry::Distribution, PeerRegistry::DockerRegistry].into_iter().filter_map(PeerRegistry::start) {
        let place = format!("{}/app", peer.address());
        fill(&desk, &place);
        collect(&desk, &place);
    }
    collect(&desk, "oci:app");
    assert!(!blob_path(&desk.path("app"), &application.named("index-signature").digest).exists());
}

#[test]
fn what_moved_since_the_plan_is_left_and_told() {
    let (desk, application) = Desk::with_application();
    let server = Server::new();
    for place in [server.at("app"), "oci:app".to_owned()] {
        if place != "oci:app" {
            fill(&desk, &place);
        }
        desk.write("plan.json", &plan(&desk, &place, RULES));
        let index = application.named("index").digest;
        // The name moves to something else, and what it named gets another name.
        desk.ok(&["tag", &format!("{place}@{index}"), "saved"]);
        desk.ok(&["tag", &format!("{place}@{}", application.named("amd64").digest), "1.0"]);
        let outcome = desk.run(&["gc", "apply", &place, "--plan", "plan.json"]);
        assert_eq!(outcome.code, 7, "{}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stdout.contains("left tag 1.0: it has moved since the plan was made"), "{}", outcome.stdout);
        assert!(
            outcome.stdout.contains(&format!("left manifest {index}: something needs it now")),
            "{}",
            outcome.stdout
        );
        desk.ok(&["copy", &format!("{place}:saved"), &format!("oci:saved-{}:x", place.len()), "-q"]);
        desk.ok(&["inspect", &format!("{place}:1.0")]);
    }
    let said = desk.fails(&["gc", "apply", &server.at("other"), "--plan", "plan.json"], 2);
    assert!(said.contains("the plan was made for"), "{said}");
    desk.write("plan.json", "{}");
    desk.fails(&["gc", "apply", "oci:app", "--plan", "plan.json"], 2);
}

#[test]
fn a_registry_that_removes_nothing_says_so() {
    let (desk, _) = Desk::with_application();
    let server = Server::with(RegistryOptions { deletes: false, ..RegistryOptions::default() });
    fill(&desk, &server.at("app"));
    let before = desk.ok(&["tags", &server.at("app"), "-q"]);
    for further in [&[][..], &["--keep-going"]] {
        let outcome = desk.run(&[&["gc", "apply", &server.at("app")], RULES, further].concat());
        assert_ne!(outcome.code, 0);
        assert!(outcome.stderr.contains("does not allow that to be deleted"), "{}", outcome.stderr);
    }
    assert_eq!(desk.ok(&["tags", &server.at("app"), "-q"]), before);
}

#[test]
fn files_that_nothing_leads_to_go_when_they_are_old_enough() {
    let (desk, _) = Desk::with_application();
    let stray = oci::Digest::sha256(b"stray");
    let path = blob_path(&desk.path("app"), &stray);
    std::fs::write(&path, "stray").unwrap();
    let apply = ["gc", "apply", "oci:app"];
    desk.ok(&apply);
    assert!(path.exists(), "somebody may be about to name it");
    let file = std::fs::File::open(&path).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let plan = desk.json(&["gc", "plan", "oci:app"]);
    assert_eq!(plan["unreachable"]["blobs"][0]["digest"], stray.to_string());
    let done = desk.json(&apply);
    assert_eq!((&done["blobs"][0], &done["bytes"]), (&stray.to_string().into(), &5.into()));
    assert!(!path.exists());
}
