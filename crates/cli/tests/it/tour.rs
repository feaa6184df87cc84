//! `tour`

use std::sync::Mutex;

use crate::desk::{Desk, document};
use crate::transcript::{block, repository_file, without_ports};

/// Most lines of each act of the tour: it is read whole.
const LINES_MAX: [usize; 2] = [60, 90];

/// Two tours at once would take each other's ports, and a transcript with the usual ones is compared to the byte.
static STAGE: Mutex<()> = Mutex::new(());

/// Returns the addresses of the registries, which take other ports when theirs are taken.
fn addresses(transcript: &str) -> [&str; 2] {
    let first_line = transcript.lines().next().unwrap();
    let words = first_line.split([' ', ',']).filter(|word| word.starts_with("127.0.0.1:"));
    let addresses: Vec<&str> = words.map(|word| word.trim_end_matches('.')).collect();
    let [first, second] = addresses[..] else { panic!("two addresses in: {first_line}") };
    [first, second]
}

/// Returns the two acts, each up to the line that says what it has proven.
fn acts(transcript: &str) -> [String; 2] {
    let (first, second) = transcript.split_once("\nproven: 18 nodes and 26 edges arrived").unwrap();
    let (rest, second) = second.split_once("\n\n").unwrap();
    [format!("{first}\nproven: 18 nodes and 26 edges arrived{rest}"), second.trim_end().to_owned()]
}

#[test]
fn the_tour_is_what_the_readmes_show() {
    let _stage = STAGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let desk = Desk::new();
    let outcome = desk.run(&["tour"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let [first, second] = addresses(&outcome.stdout);
    let acts = acts(&outcome.stdout);
    assert!(acts[0].contains("[exit code 6]"), "{}", acts[0]);
    for command in ["init", "lock", "outdated", "update", "why", "rewrite", "publish", "copy", "bisect"] {
        assert!(acts[1].contains(&format!("\n$ supercargo {command}")), "{command}");
    }
    // Nothing is left in the home directory.
    let left = std::fs::read_dir(desk.path("home")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), [".config"]);

    let usual = ["127.0.0.1:15000", "127.0.0.1:15001"];
    let names = [(first, "FIRST"), (second, "SECOND"), (usual[0], "FIRST"), (usual[1], "SECOND")];
    let is_usual = [first, second] == usual;
    let alike = |text: &str| if is_usual { text.to_owned() } else { without_ports(text, &names) };
    for ((name, act), lines_max) in ["README.md", "examples/jaeger/README.md"].into_iter().zip(&acts).zip(LINES_MAX) {
        assert!(act.lines().count() <= lines_max, "{} lines", act.lines().count());
        assert!(act.lines().last().unwrap().starts_with("proven: "), "{act}");
        let readme = repository_file(name);
        assert!(alike(block(&readme, "text")) == alike(act), "{name} shows another transcript than this:\n{act}");
    }
}

#[test]
fn the_tour_can_be_kept_and_read_by_programs() {
    let _stage = STAGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let desk = Desk::new();
    let outcome = desk.run(&["tour", "--keep", "kept", "--format", "json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let document = document(&outcome.stdout);
    assert_eq!(document["schema"], "supercargo.tour.v1");
    let codes: Vec<i64> =
        document["steps"].as_array().unwrap().iter().map(|step| step["exit_code"].as_i64().unwrap()).collect();
    assert_eq!(codes.iter().filter(|code| **code == 6).count(), 1);
    assert_eq!(document["proven"].as_array().unwrap().len(), 2);
    let sheet = desk.json(&["inspect", "oci:kept/kept:1.0"]);
    assert_eq!(sheet["images"].as_array().unwrap().len(), 2);
    desk.ok(&["-C", "kept", "why", "agent"]);
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
