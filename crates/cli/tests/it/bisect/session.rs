//! Searches that are stopped, continued, repeated, and made by hand.

use serde_json::Value;

use super::{find, plant, without};
use crate::desk::Desk;
use crate::server::Server;

#[test]
fn a_search_that_is_killed_goes_on_where_it_was() {
    let (desk, server) = (Desk::new(), Server::new());
    let (_, layer) = plant(&desk, &server, "app", 40, 31);
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.39.0"));
    // The third test kills who runs it, before it says anything.
    let test = format!("{}; code=$?; [ $(wc -l < runs) -ne 3 ] || kill -9 $PPID; exit $code", without(&layer));
    let run = ["bisect", "run", "--over", "tags", "--good", &good, "--bad", &bad, "-q", "--", "sh", "-c", &test];
    assert_eq!(desk.run(&run).code, -1, "killed");
    assert_eq!(desk.runs().len(), 3);
    let log = desk.ok(&["bisect", "log"]);
    assert_eq!(log.lines().filter(|line| line.contains("exit code")).count(), 2, "{log}");
    // The process died while it wrote.
    let session = desk.path("home/.local/share/supercargo/store/bisect/session/session.jsonl");
    let mut written = std::fs::read(&session).unwrap();
    written.extend(b"{\"event\":\"verd");
    std::fs::write(&session, &written).unwrap();
    let found = desk.json(&["bisect", "run", "-q"]);
    assert_eq!(found["first_bad"]["label"], "1.31.0");
    let runs = desk.runs();
    assert_eq!(runs.len() as u64, found["runs"].as_u64().unwrap() + 1, "only what was cut off is repeated");
    let different: std::collections::HashSet<&String> = runs.iter().collect();
    assert_eq!(different.len(), runs.len() - 1);
}

#[test]
fn what_is_known_is_not_tested_again() {
    let (desk, server) = (Desk::new(), Server::new());
    let (_, layer) = plant(&desk, &server, "app", 20, 8);
    let test = without(&layer);
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.19.0"));
    let arguments = ["--over", "tags", "--good", &good, "--bad", &bad];
    let first = find(&desk, &arguments, &test);
    let runs = desk.runs().len();
    assert_eq!((&first["known"], first["runs"].as_u64().unwrap()), (&0.into(), runs as u64));
    let second = find(&desk, &arguments, &test);
    assert_eq!(desk.runs().len(), runs, "nothing is asked");
    assert_eq!(second["first_bad"], first["first_bad"]);
    assert_eq!((&second["known"], &second["runs"], &second["rounds"]), (&first["tests"], &0.into(), &0.into()));
    // Another command is another question.
    find(&desk, &arguments, &format!("{test} && true"));
    assert_eq!(desk.runs().len(), 2 * runs);
}

#[test]
fn a_search_is_made_by_hand() {
    let (desk, server) = (Desk::new(), Server::new());
    plant(&desk, &server, "app", 16, 9);
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.15.0"));
    let start = ["bisect", "start", "--over", "tags", "--good", &good, "--bad", &bad];
    let shown = desk.ok(&start).replace(&server.host(), "HOST");
    insta::assert_snapshot!(super::without_digests(&shown), @"
    to be tested next
    1.7.0  HOST/app:1.7.0@sha256:…

    0 tests of 16 candidates in 0 rounds, 0 runs of the command
    ");
    desk.ok(&["bisect", "reset"]);
    let mut document = desk.json(&start);
    let mut asked = 0;
    let next = |document: &Value| document["testing"][0]["label"].as_str().map(str::to_owned);
    while let Some(label) = next(&document) {
        asked += 1;
        let minor: usize = label.split('.').nth(1).unwrap().parse().unwrap();
        let said = match minor {
            _ if asked == 2 => "skip",
            9.. => "bad",
            _ => "good",
        };
        document = desk.json(&["bisect", said]);
    }
    assert_eq!(document["first_bad"]["label"], "1.9.0");
    assert_eq!(document["tests"], asked);
    let log = desk.ok(&["bisect", "log"]);
    assert_eq!(log.lines().count(), 1 + asked);
    assert!(log.starts_with("bisect tags: 16 candidates from 1.0.0 (good) to 1.15.0 (bad)"), "{log}");
    assert!(log.contains("\nskip  "), "{log}");
    assert_eq!(desk.ok(&["bisect", "reset"]), "the search is removed\n");
    assert_eq!(desk.ok(&["bisect", "reset"]), "there was no search\n");
    // Candidates can be named.
    desk.ok(&["bisect", "start", "--over", "tags", "--good", &good, "--bad", &bad]);
    desk.ok(&["bisect", "good", "1.8.0"]);
    assert_eq!(desk.json(&["bisect", "bad", "1.9.0", "1.10.0"])["first_bad"]["label"], "1.9.0");
}

#[test]
fn a_search_begun_by_hand_is_finished_by_a_command() {
    let (desk, server) = (Desk::new(), Server::new());
    let (_, layer) = plant(&desk, &server, "app", 16, 9);
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.15.0"));
    desk.ok(&["bisect", "start", "--over", "tags", "--good", &good, "--bad", &bad]);
    desk.ok(&["bisect", "good"]);
    assert_eq!(find(&desk, &[], &without(&layer))["first_bad"]["label"], "1.9.0");
}

#[test]
fn a_script_that_speaks_of_the_layout_is_given_one() {
    let (desk, server) = (Desk::new(), Server::new());
    let (_, layer) = plant(&desk, &server, "app", 6, 2);
    desk.write("test.sh", &without(&layer));
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.5.0"));
    let run = ["bisect", "run", "--over", "tags", "--good", &good, "--bad", &bad, "-q", "--", "sh", "test.sh"];
    assert!(desk.ok(&run).contains("\nfirst bad  1.2.0 "));
}

#[test]
fn one_process_at_a_time_searches_and_the_log_can_be_read_meanwhile() {
    let (desk, server) = (Desk::new(), Server::new());
    plant(&desk, &server, "app", 3, 99);
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.2.0"));
    let supercargo = env!("CARGO_BIN_EXE_supercargo");
    let test = format!(
        "{supercargo} bisect log > log || exit 200; {supercargo} bisect good 2> refused; [ $? = 2 ] || exit 201; exit 1"
    );
    let found = find(&desk, &["--over", "tags", "--good", &good, "--bad", &bad, "--trust-ends"], &test);
    assert_eq!(found["first_bad"]["label"], "1.1.0");
    let read = |name: &str| std::fs::read_to_string(desk.path(name)).unwrap();
    assert!(read("log").starts_with("bisect tags: 3 candidates"));
    insta::assert_snapshot!(read("refused").replace(desk.path("").to_str().unwrap(), "DESK/"), @"
    error: another process is at work on the search in DESK/home/.local/share/supercargo/store/bisect/session/session.jsonl
    help: supercargo bisect log
    ");
}

#[test]
fn a_session_that_came_with_a_project_is_not_gone_on_with() {
    let (desk, server) = (Desk::new(), Server::new());
    plant(&desk, &server, "app", 3, 99);
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.2.0"));
    let run = ["bisect", "run", "--over", "tags", "--good", &good, "--bad", &bad, "-q", "--"];
    desk.fails(&[&run[..], &["sh", "-c", "touch ran; exit 200"]].concat(), 2);
    std::fs::remove_file(desk.path("ran")).unwrap();
    let session = desk.path("home/.local/share/supercargo/store/bisect/session/session.jsonl");
    std::fs::create_dir_all(desk.path(".supercargo/bisect")).unwrap();
    std::fs::copy(session, desk.path(".supercargo/bisect/session.jsonl")).unwrap();
    desk.write("Supercargo.toml", "[project]\nname = \"theirs\"\n");
    let said = desk.fails(&["bisect", "run"], 2);
    assert!(said.contains("there is no search that could go on"), "{said}");
    assert!(!desk.path("ran").exists());
    // Each project has a session of its own.
    desk.ok(&["bisect", "start", "--over", "tags", "--good", &good, "--bad", &bad]);
    assert!(desk.ok(&["bisect", "log"]).starts_with("bisect tags: 3 candidates"));
    assert!(desk.ok(&["bisect", "reset"]).contains("removed"));
    assert!(desk.path(".supercargo/bisect/session.jsonl").exists(), "which is not ours");
    std::fs::remove_file(desk.path("Supercargo.toml")).unwrap();
    assert!(desk.ok(&["bisect", "log"]).starts_with("bisect tags: 3 candidates"));
}

#[test]
fn nobody_starts_where_somebody_is_at_work() {
    let (desk, server) = (Desk::new(), Server::new());
    plant(&desk, &server, "app", 3, 99);
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.2.0"));
    let state = desk.path("home/.local/share/supercargo/store/bisect");
    std::fs::create_dir_all(&state).unwrap();
    // As while candidates are asked for: there is no session yet.
    let other = std::fs::File::create(state.join("session.lock")).unwrap();
    other.lock().unwrap();
    let ends = ["--over", "tags", "--good", &good, "--bad", &bad];
    for command in [&[&["bisect", "start"][..], &ends].concat()[..], &["bisect", "reset"], &["bisect", "good"]] {
        let said = desk.fails(command, 2);
        assert!(said.contains("another process is at work on the search"), "{said}");
    }
    assert!(!state.join("session").exists());
    drop(other);
    desk.ok(&[&["bisect", "start"][..], &ends].concat());
}
