//! `history`, and what is written into the observation log

use crate::desk::{Desk, Outcome};
use crate::releases::{publish, release};
use crate::server::Server;

/// Runs a command at a time.
pub(crate) fn on(desk: &Desk, now: &str, arguments: &[&str]) -> Outcome {
    Outcome::of(desk.command(arguments).env("SUPERCARGO_NOW", now).output().unwrap())
}

/// Runs a command at a time that has to succeed, and returns its result.
pub(crate) fn ok_on(desk: &Desk, now: &str, arguments: &[&str]) -> String {
    let outcome = on(desk, now, arguments);
    assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.stderr);
    outcome.stdout
}

/// Returns text with what is different in every run taken out, and digests by numbers in the order in which they appear.
pub(crate) fn stable(text: &str, server: &Server) -> String {
    let text = text.replace(&server.host(), "HOST");
    let mut known: Vec<&str> = Vec::new();
    let mut rest = &*text;
    let mut shown = String::new();
    while let Some((before, after)) = rest.split_once("sha256:") {
        let end = after.find(|digit: char| !digit.is_ascii_hexdigit()).unwrap_or(after.len());
        let number = known.iter().position(|digest| *digest == &after[..end]).unwrap_or_else(|| {
            known.push(&after[..end]);
            known.len() - 1
        });
        shown.extend([before, "<", &number.to_string(), ">"]);
        rest = &after[end..];
    }
    shown + rest
}

/// Publishes releases on a desk of its own, so that nobody sees it.
pub(crate) fn published(server: &Server, repository: &str, day: &str, tags: &[&str]) {
    publish(&Desk::new(), server, repository, &[release(day, tags)]);
}

fn log_file(desk: &Desk, server: &Server, repository: &str) -> std::path::PathBuf {
    let directory = desk.path("home/.local/state/supercargo/observations");
    directory.join(server.host()).join(repository).join("_observations.txt")
}

#[test]
fn every_move_that_was_seen_is_shown() {
    let (desk, server) = (Desk::new(), Server::new());
    let app = server.at("app");
    desk.fails(&["history", &app], 9);
    published(&server, "app", "2025-01-01", &["1.0", "latest"]);
    ok_on(&desk, "2025-01-02T08:00:00Z", &["inspect", &server.at("app:latest")]);
    ok_on(&desk, "2025-01-05T08:00:00Z", &["tags", &app]);
    ok_on(&desk, "2025-01-05T08:00:01Z", &["inspect", &server.at("app:latest")]);
    published(&server, "app", "2025-01-06", &["1.1", "latest"]);
    ok_on(&desk, "2025-01-07T08:00:00Z", &["copy", &server.at("app:latest"), "oci:out"]);
    ok_on(&desk, "2025-01-08T07:59:00Z", &["delete", &server.at("app:1.0")]);
    ok_on(&desk, "2025-01-08T08:00:00Z", &["tags", &app]);
    insta::assert_snapshot!(stable(&desk.ok(&["history", &app]), &server), @r"
    TAG     FIRST SEEN            LAST SEEN             NAMES                                                                    FROM
    1.0     2025-01-02T08:00:00Z  2025-01-02T08:00:00Z  listed                                                                   here
    1.0     2025-01-08T07:59:00Z  2025-01-08T07:59:00Z  gone                                                                     here
    1.1     2025-01-07T08:00:00Z  2025-01-07T08:00:00Z  listed                                                                   here
    latest  2025-01-02T08:00:00Z  2025-01-05T08:00:01Z  <0>  here
    latest  2025-01-07T08:00:00Z  2025-01-07T08:00:00Z  <1>  here
    ");
    insta::assert_snapshot!(stable(&desk.ok(&["history", &server.at("app:latest")]), &server), @r"
    TAG     FIRST SEEN            LAST SEEN             NAMES                                                                    FROM
    latest  2025-01-02T08:00:00Z  2025-01-05T08:00:01Z  <0>  here
    latest  2025-01-07T08:00:00Z  2025-01-07T08:00:00Z  <1>  here
    ");
    insta::assert_snapshot!(stable(&desk.fails(&["history", &server.at("app:9")], 9), &server), @r"
    error: HOST/app has no history of the tag 9
    help: supercargo tags HOST/app
    ");
    insta::assert_snapshot!(desk.fails(&["history", "oci:out"], 2), @r"
    error: `oci:out` is not in a registry: nothing is written down about its tags
    help: supercargo history registry.example/app
    ");
    let moves = desk.json(&["history", &server.at("app:latest")]);
    assert_eq!(moves["schema"], "supercargo.history.v1");
    assert_eq!(moves["moves"].as_array().unwrap().len(), 2);
    let log = std::fs::read_to_string(log_file(&desk, &server, "app")).unwrap();
    insta::assert_snapshot!(stable(&log, &server).replace('\t', " "), @r"
    supercargo.observations.v1 HOST/app
    2025-01-02T08:00:00Z 1.0 listed
    2025-01-02T08:00:00Z latest <0>
    2025-01-02T08:00:00Z * listed
    2025-01-05T08:00:00Z * listed
    2025-01-05T08:00:01Z latest <0>
    2025-01-07T08:00:00Z 1.1 listed
    2025-01-07T08:00:00Z latest <1>
    2025-01-07T08:00:00Z * listed
    2025-01-08T07:59:00Z 1.0 gone
    2025-01-08T07:59:00Z * listed
    ");
}

#[test]
fn lines_that_say_nothing_are_skipped_and_told() {
    let (desk, server) = (Desk::new(), Server::new());
    published(&server, "app", "2025-01-01", &["1.0"]);
    ok_on(&desk, "2025-01-02T08:00:00Z", &["tags", &server.at("app")]);
    let file = log_file(&desk, &server, "app");
    let mut log = std::fs::read(&file).unwrap();
    log.extend(b"2025-01-03T00:00:00Z\t../../etc\tlisted\n\xff\xfe\n2025-01-03T00:00:00Z\t1.0\tsha256:12");
    std::fs::write(&file, &log).unwrap();
    let Outcome { code, stdout, stderr } = on(&desk, "2025-01-04T08:00:00Z", &["history", &server.at("app")]);
    assert_eq!((code, stdout.lines().count()), (0, 2), "{stdout}{stderr}");
    let told: Vec<&str> = stderr.lines().map(|line| line.split(" left out: ").last().unwrap()).collect();
    assert_eq!(
        told,
        [
            "line 4, column 22: a tag must stand here",
            "line 5, column 1: UTF-8 must stand here",
            "line 6, column 26: a digest must stand here"
        ]
    );
    // Somebody was cut off in the middle of a line: the next one begins anew.
    ok_on(&desk, "2025-01-04T08:00:00Z", &["inspect", &server.at("app:1.0")]);
    let moves = desk.json(&["history", &server.at("app")]);
    assert_eq!(moves["moves"][1]["first"], "2025-01-04T08:00:00Z");
    assert!(moves["moves"][1]["digest"].as_str().unwrap().starts_with("sha256:"), "{moves}");
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let (desk, server) = (Desk::new(), Server::new());
    published(&server, "app", "2025-01-01", &["1.0"]);
    std::fs::create_dir_all(desk.path("home/.local/state/supercargo")).unwrap();
    desk.write("home/.local/state/supercargo/observations", "in the way");
    let Outcome { code, stdout, stderr } = desk.run(&["tags", &server.at("app")]);
    assert_eq!((code, &*stdout), (0, "1.0\n"));
    assert!(stderr.starts_with("warning: what was seen of "), "{stderr}");
}

#[test]
fn processes_that_write_at_once_lose_nothing() {
    let (desk, server) = (Desk::new(), Server::new());
    let tags: Vec<String> = (0..8).map(|number| format!("1.{number}")).collect();
    published(&server, "app", "2025-01-01", &tags.iter().map(String::as_str).collect::<Vec<_>>());
    let look = |tag: &String| {
        let image = server.at(&format!("app:{tag}"));
        desk.command(&["inspect", &image]).stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let running: Vec<_> = tags.iter().map(look).collect();
    for mut process in running {
        assert!(process.wait().unwrap().success());
    }
    let moves = desk.json(&["history", &server.at("app")]);
    let named: std::collections::BTreeSet<&str> =
        moves["moves"].as_array().unwrap().iter().filter_map(|found| found["digest"].as_str()).collect();
    let seen = |tag: &String| {
        moves["moves"].as_array().unwrap().iter().any(|found| found["tag"] == **tag && found["seen"] == "names")
    };
    assert!(tags.iter().all(seen) && named.len() == 1, "{moves}");
}

#[test]
fn a_log_is_shared_as_an_artifact() {
    let (one, other, server) = (Desk::new(), Desk::new(), Server::new());
    let app = server.at("app");
    published(&server, "app", "2025-01-01", &["1.0", "latest"]);
    ok_on(&one, "2025-01-02T08:00:00Z", &["inspect", &server.at("app:latest")]);
    published(&server, "app", "2025-01-03", &["1.1", "latest"]);
    ok_on(&other, "2025-01-04T08:00:00Z", &["inspect", &server.at("app:latest")]);
    let logs = server.at("logs:app");
    let first = ok_on(&one, "2025-01-05T08:00:00Z", &["history", &app, "--export", &logs]);
    assert_eq!(ok_on(&one, "2025-01-06T08:00:00Z", &["history", &app, "--export", &logs]), first);
    let import = |source: &str| {
        let outcome = on(&other, "2025-01-06T08:00:00Z", &["history", &app, "--import", source]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        outcome.stderr
    };
    assert!(import(&logs).contains(", 3 new"), "{}", import(&logs));
    assert!(import(&logs).contains(", 0 new"));
    let shown = stable(&other.ok(&["history", &server.at("app:latest")]), &server);
    insta::assert_snapshot!(shown, @r"
    TAG     FIRST SEEN            LAST SEEN             NAMES                                                                    FROM
    latest  2025-01-02T08:00:00Z  2025-01-02T08:00:00Z  <0>  HOST/logs:app
    latest  2025-01-04T08:00:00Z  2025-01-04T08:00:00Z  <1>  here
    ");
    // The layout of somebody else; and what is no log, or one of another repository.
    ok_on(
        &one,
        "2025-01-06T08:00:00Z",
        &["history", &app, "--export", &format!("oci:{}:l", other.path("log").display())],
    );
    assert!(import("oci:log:l").contains(", 0 new"));
    let said = other.fails(&["history", &app, "--import", &server.at("app:latest")], 2);
    assert!(said.contains("holds no observation log"), "{said}");
    let said = other.fails(&["history", &server.at("shop"), "--import", &logs], 2);
    assert!(said.contains(&format!("is about {app}, not about {}", server.at("shop"))), "{said}");
}
