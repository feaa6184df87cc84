//! Whatever ends a search ends its tests.

use std::fs::File;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use super::plant;
use crate::desk::Desk;
use crate::server::Server;

/// Says that a test has begun, and much later that it was not ended.
const SCRIPT: &str = "(printf begun; sleep 8; printf survived) > pipe & wait";

/// Starts a search with a program before it, waits until its first test runs, and returns it with what its tests write into.
fn searching(desk: &Desk, server: &Server, before: &[&str]) -> (Child, File) {
    let made = Command::new("mkfifo").arg(desk.path("pipe")).status().unwrap();
    assert!(made.success());
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.5.0"));
    let arguments = ["bisect", "run", "--over", "tags", "--good", &good, "--bad", &bad, "--jobs", "1", "-q"];
    let plain = desk.command(&[&arguments[..], &["--", "sh", "-c", SCRIPT]].concat());
    let words: Vec<_> = before.iter().map(AsRef::as_ref).chain([plain.get_program()]).chain(plain.get_args()).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(desk.path("")).env_clear().env("HOME", desk.path("home"));
    command.env("PATH", "/usr/bin:/bin").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    let mut pipe = File::open(desk.path("pipe")).unwrap();
    let mut begun = [0; 5];
    pipe.read_exact(&mut begun).unwrap();
    (child, pipe)
}

fn send(signal: &str, to: &Child) {
    assert!(Command::new("kill").args([signal, &to.id().to_string()]).status().unwrap().success());
}

#[test]
fn every_signal_that_ends_a_search_ends_its_tests() {
    let (desk, server) = (Desk::new(), Server::new());
    plant(&desk, &server, "app", 6, 3);
    for signal in ["-HUP", "-INT", "-QUIT", "-TERM"] {
        let (mut child, mut pipe) = searching(&desk, &server, &[]);
        send(signal, &child);
        let mut rest = String::new();
        // The pipe ends when no test has it open any more.
        pipe.read_to_string(&mut rest).unwrap();
        assert_eq!((child.wait().unwrap().code(), &*rest), (Some(130), ""), "{signal}");
        // What was found out is kept, and the search can be forgotten.
        desk.ok(&["bisect", "reset"]);
        std::fs::remove_file(desk.path("pipe")).unwrap();
    }
}

#[test]
fn a_search_that_nohup_protects_outlives_its_terminal() {
    let (desk, server) = (Desk::new(), Server::new());
    plant(&desk, &server, "app", 6, 3);
    let (mut child, pipe) = searching(&desk, &server, &["nohup"]);
    send("-HUP", &child);
    send("-TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(pipe);
}
