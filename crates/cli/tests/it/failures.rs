//! How failures end the program, and what they say.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use base64_of::base64;
use testkit::application::WholeGraph;

use crate::desk::{Desk, Outcome, blob_path};
use crate::server::Server;

#[test]
fn a_lost_layer_is_an_integrity_failure_and_sets_no_tag() {
    let (desk, application) = Desk::with_application();
    let server = Server::new();
    let lost = application.named("base-layer").digest;
    std::fs::remove_file(blob_path(&desk.path("app"), &lost)).unwrap();
    let said = desk.fails(&["copy", "oci:app:1.0", &server.at("app:1")], 6);
    assert!(said.contains(&lost.to_string()), "{said}");
    desk.fails(&["tags", &server.at("app")], 9);
}

#[test]
fn a_lost_artifact_is_an_integrity_failure() {
    let desk = Desk::new();
    let mut application = WholeGraph::default().build();
    let lost = application.named("sbom-amd64").digest;
    application.write_layout(&desk.path("app"));
    assert!(application.lose(&lost));
    std::fs::remove_file(blob_path(&desk.path("app"), &lost)).unwrap();
    for command in [&["copy", "oci:app:1.0", "oci:to"][..], &["artifacts", "oci:app:1.0"], &["inspect", "oci:app:1.0"]]
    {
        let said = desk.fails(command, 6);
        assert!(said.contains(&lost.to_string()), "{said}");
    }
}

#[test]
fn damaged_content_is_an_integrity_failure() {
    let (desk, application) = Desk::with_application();
    let server = Server::new();
    let damaged = application.named("base-layer");
    let path = blob_path(&desk.path("app"), &damaged.digest);
    let mut content = std::fs::read(&path).unwrap();
    content[0] ^= 1;
    std::fs::write(&path, content).unwrap();
    let said = desk.fails(&["copy", "oci:app:1.0", &server.at("app:1")], 6);
    assert!(said.contains(&damaged.digest.to_string()), "{said}");
    desk.fails(&["copy", "oci:app:1.0", "oci:other"], 6);
    desk.fails(&["tags", &server.at("app")], 9);
}

#[test]
fn what_is_not_there_is_not_found() {
    let (desk, _) = Desk::with_application();
    let server = Server::new();
    let said = desk.fails(&["inspect", "oci:app:nope"], 9);
    assert_eq!(said, "error: oci:app has no tag nope\nhelp: supercargo tags oci:app\n");
    desk.fails(&["inspect", "oci:absent"], 9);
    let said = desk.fails(&["inspect", &server.at("app:1")], 9);
    assert!(said.contains(&format!("help: supercargo tags {}", server.at("app"))), "{said}");
}

#[test]
fn a_registry_that_does_not_answer_is_unreachable() {
    let desk = Desk::new();
    // A port that was free a moment ago, and that nobody listens on.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = desk.fails(&["inspect", &format!("{address}/app:1")], 4);
    assert!(said.contains(&format!("help: curl --head http://{address}/v2/")), "{said}");
}

#[test]
fn credentials_come_from_the_files_of_docker_and_podman() {
    let (desk, _) = Desk::with_application();
    let server = Server::locked();
    let target = server.at("app:1");
    let said = desk.fails(&["copy", "oci:app:1.0", &target], 5);
    assert!(said.contains(&format!("help: supercargo login {0}", server.host())), "{said}");

    let file = |user: &str| {
        let pair = base64(user.as_bytes());
        format!("{{\"auths\":{{\"{}\":{{\"auth\":\"{pair}\"}}}}}}", server.host())
    };
    desk.write("good.json", &file("user:password"));
    desk.write("bad.json", &file("user:wrong"));
    desk.ok(&["copy", "oci:app:1.0", &target, "--authfile", "good.json"]);
    let with = |variables: &[(&str, &str)]| {
        let mut command = desk.command(&["tags", &server.at("app")]);
        Outcome::of(command.envs(variables.iter().copied()).output().unwrap())
    };
    assert_eq!(with(&[("REGISTRY_AUTH_FILE", "good.json")]).code, 0);
    let refused = with(&[("SUPERCARGO_AUTH_FILE", "bad.json"), ("REGISTRY_AUTH_FILE", "good.json")]);
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(!refused.stderr.contains("wrong"), "{}", refused.stderr);
    assert_eq!(with(&[("SUPERCARGO_AUTH_FILE", "absent.json")]).code, 9);

    std::fs::create_dir_all(desk.path("home/.docker")).unwrap();
    desk.write("home/.docker/config.json", &file("user:password"));
    desk.ok(&["tags", &server.at("app")]);
}

#[test]
fn credentials_are_not_read_for_what_is_local() {
    let (desk, _) = Desk::with_application();
    std::fs::create_dir_all(desk.path("home/.docker")).unwrap();
    desk.write("home/.docker/config.json", "not JSON");
    desk.ok(&["inspect", "oci:app:1.0"]);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (desk, _) = Desk::with_application();
    for arguments in [&["inspect", "oci:app:1.0"][..], &["--help"], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = desk.command(arguments).stdout(writer).output().unwrap();
        let outcome = Outcome::of(output);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{arguments:?}");
    }
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure_of_the_file_system() {
    let (desk, _) = Desk::with_application();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let outcome = Outcome::of(desk.command(&["inspect", "oci:app:1.0"]).stdout(full).output().unwrap());
    assert_eq!(outcome.code, 10, "{}", outcome.stderr);
}

#[test]
fn an_interruption_ends_the_program() {
    let desk = Desk::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let reference = format!("{}/app:1", silent.local_addr().unwrap());
    let mut child = desk.command(&["inspect", &reference]).stderr(Stdio::piped()).spawn().unwrap();
    // It waits for an answer that never comes.
    let connection = silent.accept().unwrap();
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "error: interrupted\n");
    drop(connection);
}

/// Base64 for the few bytes of a test.
mod base64_of {
    pub(crate) fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let group = chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for position in 0..4 {
                let digit = group >> (18 - 6 * position) & 63;
                text.push(if position > chunk.len() { '=' } else { char::from(DIGITS[digit as usize]) });
            }
        }
        text
    }
}
