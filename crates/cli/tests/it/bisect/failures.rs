//! What makes a search impossible, and what is said about it.

use super::plant;
use crate::desk::Desk;
use crate::server::Server;

#[test]
fn every_error_says_what_to_do() {
    let (desk, server) = (Desk::new(), Server::new());
    plant(&desk, &server, "app", 6, 3);
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.5.0"));
    let run = |command: &[&str], code: i32| {
        let arguments = ["bisect", "run", "--over", "tags", "--good", &good, "--bad", &bad, "-q", "--"];
        let said = desk.fails(&[&arguments, command].concat(), code);
        desk.ok(&["bisect", "reset"]);
        said
    };
    insta::assert_snapshot!(run(&["false"], 2), @"
    error: 1.0.0 is not good: the test says that it is bad
    help: supercargo bisect log
    ");
    insta::assert_snapshot!(run(&["true"], 2), @"
    error: 1.5.0 is not bad: the test says that it is good
    help: supercargo bisect log
    ");
    insta::assert_snapshot!(run(&["./absent"], 9), @"
    error: cannot run ./absent
      caused by: No such file or directory (os error 2)
    help: ls -l .
    ");
    insta::assert_snapshot!(run(&["sh", "-c", "exit 128"], 2), @"
    error: the command ended with exit code 128 on 1.0.0, so nothing can be said of it; what was found out is kept
    help: supercargo bisect run    (goes on)    or    supercargo bisect skip
    ");
    insta::assert_snapshot!(run(&["sh", "-c", "kill -9 $$"], 2), @"
    error: the command was ended by signal 9 on 1.0.0, so nothing can be said of it; what was found out is kept
    help: supercargo bisect run    (goes on)    or    supercargo bisect skip
    ");
    insta::assert_snapshot!(run(&[], 2), @"
    error: there is no command that tests
    help: supercargo bisect run -- COMMAND
    ");
    insta::assert_snapshot!(desk.fails(&["bisect", "run", "--", "true"], 2), @"
    error: nothing says what to search, and there is no search that could go on
    help: supercargo bisect run --over tags --good REF --bad REF -- COMMAND
    ");
    insta::assert_snapshot!(desk.fails(&["bisect", "good"], 2), @"
    error: there is no search that could go on
    help: supercargo bisect start --over tags --good REF --bad REF
    ");
    insta::assert_snapshot!(desk.fails(&["bisect", "log"], 2), @"
    error: there is no search that could go on
    help: supercargo bisect start --over tags --good REF --bad REF
    ");
    desk.ok(&["bisect", "start", "--over", "tags", "--good", &good, "--bad", &bad]);
    insta::assert_snapshot!(desk.fails(&["bisect", "bad", "9.9.9"], 2), @"
    error: `9.9.9` is none of the 6 candidates
    help: supercargo bisect log
    ");
    let said = desk.fails(&["bisect", "run", "--over", "tags", "--good", &bad, "--bad", &good, "--", "true"], 2);
    insta::assert_snapshot!(said.replace(desk.path("").to_str().unwrap(), "DESK/"), @"
    error: another search has not ended: DESK/home/.local/share/supercargo/store/bisect/session/session.jsonl
    help: supercargo bisect run    (goes on)    or    supercargo bisect reset
    ");
}

#[test]
fn ends_that_make_no_line_are_refused() {
    let (desk, server) = (Desk::new(), Server::new());
    plant(&desk, &server, "app", 6, 3);
    let (good, absent, other) = (server.at("app:1.0.0"), server.at("app:9.0.0"), server.at("web:1.0.0"));
    let start = |arguments: &[&str], code: i32| {
        let said = desk.fails(&[&["bisect", "start"], arguments].concat(), code);
        said.replace(&server.host(), "HOST")
    };
    insta::assert_snapshot!(start(&["--over", "tags", "--good", &good, "--bad", &absent], 9), @"
    error: HOST/app has no tag 9.0.0
    help: curl http://HOST/v2/app/tags/list
    ");
    insta::assert_snapshot!(start(&["--over", "tags", "--good", &good, "--bad", &other], 2), @"
    error: `HOST/app:1.0.0` and `HOST/web:1.0.0` are not in one repository
    help: supercargo bisect run --over layers --good HOST/app:1.0.0 --bad HOST/web:1.0.0 -- COMMAND
    ");
    insta::assert_snapshot!(start(&["--over", "tags", "--good", &good], 2), @"
    error: a search over tags needs an end that works and one that does not
    help: supercargo bisect run --over tags --good A --bad B -- COMMAND
    ");
    insta::assert_snapshot!(start(&["--over", "tags", "--good", &good, "--bad", &good], 2), @"
    error: 1.0.0 is what --good and --bad both name
    help: supercargo bisect log
    ");
    insta::assert_snapshot!(start(&["--over", "digests"], 2), @"
    error: a search over digests needs the tag that has had them
    help: supercargo bisect run --over digests --tag REF --digests FILE -- COMMAND
    ");
    insta::assert_snapshot!(start(&["--over", "locks", "--good", "v1", "--bad", "v2"], 2), @"
    error: the history of a lock is searched in its project, and there is no project here
    help: supercargo -C DIR bisect run --over locks --good v1 --bad v2 -- COMMAND
    ");
}
