//! `examples/jaeger`, and the four commands of the README that begin with its compose file.

use std::collections::BTreeMap;
use std::path::Path;

use ops::tour::jaeger;

use crate::desk::Desk;
use crate::server::Server;
use crate::transcript::{block, repository_file, without_ports};

/// How the README calls the registries.
const SHOWN: [&str; 2] = ["127.0.0.1:50000", "127.0.0.1:50001"];

/// Returns a desk, and a registry with the first releases of the example's images.
fn released() -> (Desk, Server) {
    let (desk, server) = (Desk::new(), Server::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(jaeger::write_releases(&desk.path("first"), &jaeger::FIRST)).unwrap();
    for name in jaeger::names() {
        let layout = format!("oci:first/{name}");
        desk.ok(&["copy", "-q", "--all-tags", &layout, &server.at("jaegertracing/")]);
    }
    (desk, server)
}

/// Adds the files below a directory, by their paths below the example's.
fn collect(directory: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}

#[test]
fn the_tour_plays_the_files_of_the_example_and_no_others() {
    let mut files = BTreeMap::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/jaeger"), "", &mut files);
    assert!(files.remove("README.md").is_some());
    let played = jaeger::DEPLOYED.iter().chain([&jaeger::PROJECT]);
    let played: BTreeMap<String, String> = played.map(|file| (file.path.to_owned(), file.content.to_owned())).collect();
    assert_eq!(played, files);
}

#[test]
fn the_examples_targets_find_every_reference() {
    let (desk, server) = released();
    jaeger::write_files(&desk.path(""), &jaeger::DEPLOYED, &server.host()).unwrap();
    jaeger::write_files(&desk.path(""), &[jaeger::PROJECT], &server.host()).unwrap();
    desk.ok(&["lock"]);
    desk.ok(&["rewrite"]);
    for file in jaeger::DEPLOYED {
        let names = |line: &&str| line.contains("jaegertracing/");
        let before = file.content.lines().filter(names).count();
        let after = std::fs::read_to_string(desk.path(file.path)).unwrap();
        let rewritten = after.lines().filter(names).filter(|line| line.contains(":1.58.0@sha256:")).count();
        assert!(before > 0, "{} names no image", file.path);
        assert_eq!(rewritten, before, "{}:\n{after}", file.path);
    }
}

#[test]
fn parts_of_the_example_move_together_and_not_before_their_time() {
    let (desk, server) = released();
    jaeger::write_files(&desk.path(""), &[jaeger::PROJECT], &server.host()).unwrap();
    let mut lock = desk.command(&["lock", "--format", "json"]);
    // A day after the second release, which the cooldown does not admit yet.
    let outcome = crate::desk::Outcome::of(lock.env("SUPERCARGO_NOW", "2026-02-10T10:00:00Z").output().unwrap());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let text = std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap();
    assert_eq!(text.matches("\nversion = \"1.57.0\"\n").count(), 4, "{text}");
    desk.ok(&["update", "collector"]);
    let text = std::fs::read_to_string(desk.path("Supercargo.lock")).unwrap();
    assert!(text.contains("\nchosen = \"follows:collector\"\n"), "{text}");
    assert_eq!(text.matches("\nversion = \"1.57.0\"\n").count(), 2, "agent and all-in-one may stay:\n{text}");
}

#[test]
fn four_commands_lead_from_a_compose_file_to_an_application_elsewhere() {
    let (desk, source) = released();
    let destination = Server::new();
    let addresses = [source.host(), destination.host()];
    let compose = jaeger::DEPLOYED.iter().filter(|file| file.path == "compose.yaml").copied().collect::<Vec<_>>();
    jaeger::write_files(&desk.path(""), &compose, &source.host()).unwrap();

    let readme = repository_file("README.md");
    let shown = block(&readme, "console");
    let commands: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("$ supercargo ")).collect();
    assert_eq!(commands.len(), 4);
    let mut played = String::new();
    for command in commands {
        let typed = command.replace(SHOWN[0], &addresses[0]).replace(SHOWN[1], &addresses[1]);
        let mut process = desk.command(&typed.split(' ').collect::<Vec<_>>());
        process.env("SUPERCARGO_PROGRESS", "none");
        let outcome = crate::desk::Outcome::of(process.output().unwrap());
        assert_eq!(outcome.code, 0, "{command}: {}", outcome.stderr);
        played.extend(["$ supercargo ", &typed, "\n", &outcome.stdout, &outcome.stderr]);
    }
    let named = |text: &str| {
        let of_run = addresses.iter().map(String::as_str).zip(["FIRST", "SECOND"]);
        let of_readme = SHOWN.into_iter().zip(["FIRST", "SECOND"]);
        without_ports(text, &of_run.chain(of_readme).collect::<Vec<_>>())
    };
    let as_shown = played.replace(&addresses[0], SHOWN[0]).replace(&addresses[1], SHOWN[1]);
    assert!(named(shown) == named(&played), "README.md shows another transcript than this:\n{as_shown}");

    // What they promise: locked, in the file, published, and whole elsewhere.
    desk.ok(&["lock", "--check"]);
    desk.ok(&["rewrite", "--check"]);
    drop(source);
    let application = destination.at("apps/jaeger:1.0");
    desk.ok(&["install", &application, "--to", "elsewhere"]);
    let lock = |path: &str| std::fs::read_to_string(desk.path(path)).unwrap();
    assert_eq!(lock("elsewhere/Supercargo.lock"), lock("Supercargo.lock"));
}
