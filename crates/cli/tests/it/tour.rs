//! `tour`

use crate::desk::{Desk, document};

/// Most lines of the tour: it is read whole.
const LINES_MAX: usize = 60;

/// The registries take other ports when theirs are taken; a transcript shows the usual ones.
fn with_usual_ports(transcript: &str) -> String {
    let first_line = transcript.lines().next().unwrap();
    let addresses: Vec<&str> = first_line
        .split([' ', ','])
        .filter(|word| word.starts_with("127.0.0.1:"))
        .map(|word| word.trim_end_matches('.'))
        .collect();
    let [first, second] = addresses[..] else { panic!("two addresses in: {first_line}") };
    transcript.replace(second, "SECOND").replace(first, "127.0.0.1:15000").replace("SECOND", "127.0.0.1:15001")
}

#[test]
fn the_tour_is_what_the_readme_shows() {
    let desk = Desk::new();
    let outcome = desk.run(&["tour"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let transcript = with_usual_ports(&outcome.stdout);
    assert!(transcript.lines().count() <= LINES_MAX, "{} lines", transcript.lines().count());
    assert!(transcript.lines().last().unwrap().starts_with("proven: "), "{transcript}");
    assert!(transcript.contains("[exit code 6]"), "{transcript}");
    // Nothing is left in the home directory.
    assert!(!desk.path("home").exists());

    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let shown = readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(shown == transcript, "README.md shows another transcript than this:\n{transcript}");
}

#[test]
fn the_tour_can_be_kept_and_read_by_programs() {
    let desk = Desk::new();
    let outcome = desk.run(&["tour", "--keep", "kept", "--format", "json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let document = document(&outcome.stdout);
    assert_eq!(document["schema"], "supercargo.tour.v1");
    let codes: Vec<i64> =
        document["steps"].as_array().unwrap().iter().map(|step| step["exit_code"].as_i64().unwrap()).collect();
    assert_eq!(codes.iter().filter(|code| **code == 6).count(), 1);
    let sheet = desk.json(&["inspect", "oci:kept/kept:1.0"]);
    assert_eq!(sheet["images"].as_array().unwrap().len(), 2);
    desk.fails(&["tour", "--keep", "kept"], 2);
}

/// `cargo run --release -- tour` names no package: the workspace must leave no doubt.
#[test]
fn the_readmes_command_runs_the_product() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline", "--locked"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let defaults = metadata["workspace_default_members"].as_array().unwrap();
    assert_eq!(defaults.len(), 1, "{defaults:?}");
    assert!(defaults[0].as_str().unwrap().contains("supercargo@"), "{defaults:?}");
}
