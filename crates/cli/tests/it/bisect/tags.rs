//! The versions of an image.

use std::collections::HashSet;

use testkit::application::{ApplicationBuilder, Image};

use super::{find, logarithm, plant, without};
use crate::desk::{Desk, Outcome, document};
use crate::server::Server;

#[test]
fn the_first_bad_version_is_found_in_few_rounds() {
    let (desk, server) = (Desk::new(), Server::new());
    let (planted, layer) = plant(&desk, &server, "app", 40, 23);
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.39.0"));
    let test = without(&layer);
    for jobs in [1, 2, 4] {
        let arguments = ["--over", "tags", "--good", &good, "--bad", &bad, "--jobs", &jobs.to_string(), "--no-cache"];
        let found = find(&desk, &arguments, &test);
        assert_eq!(found["schema"], "supercargo.bisect.v1");
        assert_eq!(found["state"], "found");
        assert_eq!(found["candidates"], 40);
        assert_eq!(found["first_bad"]["label"], "1.23.0");
        assert_eq!(found["first_bad"]["digest"], planted[23].digest.to_string());
        assert_eq!(found["first_bad"]["created"], "2025-01-24T10:00:00Z");
        assert_eq!(found["last_good"]["label"], "1.22.0");
        let rounds = found["rounds"].as_u64().unwrap();
        assert!(rounds <= logarithm(40, jobs + 1) + 1, "{rounds} rounds with {jobs} jobs");
        let added = found["difference"]["layers"].as_array().unwrap();
        assert!(
            added.iter().any(|added| added["digest"] == layer.to_string() && added["change"] == "added"),
            "{found}"
        );
        assert_eq!(found["next"][0], format!("git bisect start {:040x} {:040x}", 23, 22));
    }
}

#[test]
fn as_many_commands_run_at_once_as_there_are_jobs() {
    let (desk, server) = (Desk::new(), Server::new());
    let (_, layer) = plant(&desk, &server, "app", 9, 4);
    // Each of the first three waits for the other two.
    let together = "echo >> here; i=0; while [ $(wc -l < here) -lt 3 ]; do i=$((i+1)); [ $i -gt 600 ] && exit 200; \
                    sleep 0.05; done; ";
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.8.0"));
    let arguments = ["--over", "tags", "--good", &good, "--bad", &bad, "--jobs", "3"];
    let found = find(&desk, &arguments, &(together.to_owned() + &without(&layer)));
    assert_eq!(found["first_bad"]["label"], "1.4.0");
}

#[test]
fn versions_that_cannot_be_tested_are_left_out_and_equal_ones_are_tested_once() {
    let (desk, server) = (Desk::new(), Server::new());
    let (_, layer) = plant(&desk, &server, "app", 30, 17);
    // The same image again, between its neighbours.
    for (tag, same) in [("1.16.1", "1.16.0"), ("1.16.2", "1.16.0"), ("1.17.1", "1.17.0")] {
        desk.ok(&["tag", &server.at(&format!("app:{same}")), tag]);
    }
    let test = format!("case $SUPERCARGO_IMAGE in *:1.1[45].0@*|*:1.2[0-4].0@*) exit 125;; esac; {}", without(&layer));
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.29.0"));
    let found = find(&desk, &["--over", "tags", "--good", &good, "--bad", &bad], &test);
    assert_eq!((&found["candidates"], &found["first_bad"]["label"]), (&33.into(), &"1.17.0".into()));
    assert_eq!(found["last_good"]["label"], "1.16.2");
    let runs = desk.runs();
    let digests: HashSet<&str> = runs.iter().map(|run| run.rsplit_once('@').unwrap().1).collect();
    assert_eq!(digests.len(), runs.len(), "{runs:?}");
    // The older end may be the bad one.
    let found =
        find(&desk, &["--over", "tags", "--good", &bad, "--bad", &good], &format!("! {{ {}; }}", without(&layer)));
    assert_eq!((&found["first_bad"]["label"], &found["last_good"]["label"]), (&"1.16.2".into(), &"1.17.0".into()));
}

#[test]
fn only_what_cannot_be_tested_is_left_when_the_culprit_is_among_it() {
    let (desk, server) = (Desk::new(), Server::new());
    let (_, layer) = plant(&desk, &server, "app", 12, 6);
    let test = format!("case $SUPERCARGO_IMAGE in *:1.[567].0@*) exit 125;; esac; {}", without(&layer));
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.11.0"));
    let run = ["bisect", "run", "--over", "tags", "--good", &good, "--bad", &bad, "-q", "--", "sh", "-c", &test];
    let outcome = desk.run(&run);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[0], "one of these is the first bad one; only the last could be tested");
    let suspects: Vec<&str> = lines.iter().filter_map(|line| line.split_whitespace().next()).collect();
    for suspect in ["1.5.0", "1.6.0", "1.7.0", "1.8.0"] {
        assert!(suspects.contains(&suspect), "{}", outcome.stdout);
    }
    assert!(!suspects.contains(&"1.9.0"));
}

#[test]
fn what_was_mended_and_broke_again_is_no_answer() {
    let (desk, server) = (Desk::new(), Server::new());
    plant(&desk, &server, "app", 20, 99);
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.19.0"));
    let test = "case $SUPERCARGO_IMAGE in *:1.[2-9].0@*|*:1.19.0@*) exit 1;; esac";
    let run = ["--over", "tags", "--good", &good, "--bad", &bad, "--jobs", "4", "--format", "json", "-q"];
    let outcome = desk.run(&[&["bisect", "run"], &run[..], &["--", "sh", "-c", test]].concat());
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    let document = document(&outcome.stdout);
    assert_eq!(document["state"], "not-monotone");
    assert_eq!(document["first_bad"], serde_json::Value::Null);
    let run = ["bisect", "run", "--over", "tags", "--good", &good, "--bad", &bad, "--jobs", "4", "-q"];
    insta::assert_snapshot!(desk.run(&[&run[..], &["--", "sh", "-c", test]].concat()).stdout, @"
    1.6.0 is bad, and 1.12.0 after it is good
    it broke more than once or was mended: search again with 1.6.0 as the bad end

    4 tests of 20 candidates in 0 rounds, 0 runs of the command, 4 verdicts known before
    ");
}

#[test]
fn a_fault_that_shows_only_sometimes_is_found_with_repetitions() {
    let (desk, server) = (Desk::new(), Server::new());
    let (_, layer) = plant(&desk, &server, "app", 16, 11);
    // A bad image fails in the third run of its test only.
    let test = format!(
        "f=runs-${{SUPERCARGO_DIGEST#sha256:}}; echo >> $f; [ $(wc -l < $f) -ne 3 ] || {{ {}; }}",
        without(&layer)
    );
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.15.0"));
    let arguments = ["--over", "tags", "--good", &good, "--bad", &bad, "--repeat", "3", "--no-cache"];
    let found = find(&desk, &arguments, &test);
    assert_eq!(found["first_bad"]["label"], "1.11.0");
    assert_eq!(found["runs"].as_u64().unwrap(), 3 * found["tests"].as_u64().unwrap());
    // Several runs of one candidate at once share what it is made of.
    let found = find(&desk, &[&arguments[..], &["--jobs", "3"]].concat(), &test.replace("runs-", "again-"));
    assert_eq!(found["first_bad"]["label"], "1.11.0");
}

#[test]
fn the_report_is_for_people() {
    let (desk, server) = (Desk::new(), Server::new());
    let (planted, layer) = plant(&desk, &server, "app", 10, 6);
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.9.0"));
    let test = without(&layer);
    let run = ["bisect", "run", "--over", "tags", "--good", &good, "--bad", &bad, "--", "sh", "-c", &test];
    let outcome = desk.run(&run);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let digests = planted.iter().fold(outcome.stdout.clone(), |text, image| {
        text.replace(&image.digest.to_string(), &format!("DIGEST-OF-{}", image.tag))
    });
    let stable = digests.replace(layer.encoded().as_str(), "the-broken-layer").replace(&server.host(), "HOST");
    insta::assert_snapshot!(super::without_digests(&stable), @"
               CANDIDATE  CREATED               VERSION  WHAT
    first bad  1.6.0      2025-01-07T10:00:00Z  -        HOST/app:1.6.0@DIGEST-OF-1.6.0
    last good  1.5.0      2025-01-06T10:00:00Z  -        HOST/app:1.5.0@DIGEST-OF-1.5.0

    LAYER           DIGEST                                                                      SIZE  MADE BY
    2      removed  sha256:…  7.70 kB  RUN step 2
    2      added    sha256:…  7.70 kB  RUN step 2
    3      added    sha256:…the-broken-layer  7.70 kB  RUN step 3

    4 tests of 10 candidates in 4 rounds, 4 runs of the command
    next: git bisect start 0000000000000000000000000000000000000006 0000000000000000000000000000000000000005
    next: supercargo bisect run --over layers --good HOST/app:1.5.0@DIGEST-OF-1.5.0 --bad HOST/app:1.6.0@DIGEST-OF-1.6.0 -- sh -c 'echo $SUPERCARGO_IMAGE >> runs; test ! -e $SUPERCARGO_LAYOUT/blobs/sha256/the-broken-layer'
    ");
    insta::assert_snapshot!(outcome.stderr, @"
    round 1: 1.0.0
    good  1.0.0  (run 1, exit code 0)
    round 2: 1.5.0
    good  1.5.0  (run 1, exit code 0)
    round 3: 1.7.0
    bad   1.7.0  (run 1, exit code 1)
    round 4: 1.6.0
    bad   1.6.0  (run 1, exit code 1)
    ");
}

#[test]
fn an_image_of_the_project_is_searched_by_its_name() {
    let (desk, server) = (Desk::new(), Server::new());
    plant(&desk, &server, "app", 12, 99);
    plant(&desk, &server, "db", 2, 99);
    desk.write(
        "Supercargo.toml",
        &format!(
            "[images]\napp = {{ repo = \"{}\", version = \"^1\" }}\ndb = {{ repo = \"{}\", version = \"^1\" }}\n",
            server.at("app"),
            server.at("db")
        ),
    );
    desk.ok(&["lock"]);
    // The command is given the project's lock with the candidate in it.
    let test = "grep -q 'tag = \"1.1.0\"' {lock} || exit 200; ! grep -q 'tag = \"1.\\([6-9]\\|1[01]\\).0\"' {lock}";
    let found = find(&desk, &["--over", "tags", "--good", "app:1.0.0", "--bad", "app", "--trust-ends"], test);
    assert_eq!((&found["candidates"], &found["first_bad"]["label"]), (&12.into(), &"1.6.0".into()), "{found}");
    assert_eq!(found["first_bad"]["reference"].as_str().unwrap().split('@').next().unwrap(), server.at("app:1.6.0"));
}

#[test]
fn programs_are_told_what_happens() {
    let (desk, server) = (Desk::new(), Server::new());
    plant(&desk, &server, "app", 4, 99);
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.3.0"));
    let run = ["bisect", "run", "--over", "tags", "--good", &good, "--bad", &bad, "--progress", "json", "--trust-ends"];
    let outcome =
        desk.run(&[&run[..], &["--", "sh", "-c", "echo up; case {image} in *:1.[12].0@*) exit 1;; esac"]].concat());
    insta::assert_snapshot!(outcome.stderr, @r#"
    {"schema":"supercargo.bisect.progress.v1","event":"round","number":1,"tests":["1.1.0"]}
    {"schema":"supercargo.bisect.progress.v1","event":"said","of":"1.1.0","line":"up"}
    {"schema":"supercargo.bisect.progress.v1","event":"verdict","of":"1.1.0","verdict":"bad","how":"run 1, exit code 1"}
    "#);
}

#[test]
fn what_is_tested_next_is_fetched_while_a_test_runs() {
    let (desk, server) = (Desk::new(), Server::new());
    let (planted, layer) = plant(&desk, &server, "app", 10, 6);
    // The first test waits until the candidate of the second one is on this machine.
    let next = planted[5].digest.encoded();
    let wait = format!(
        "i=0; until [ -e $SUPERCARGO_LAYOUT/../../fetched/blobs/sha256/{next} ]; do i=$((i+1)); [ $i -gt 600 ] && exit 200; \
         sleep 0.05; done; "
    );
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.9.0"));
    let found = find(&desk, &["--over", "tags", "--good", &good, "--bad", &bad], &(wait + &without(&layer)));
    assert_eq!(found["first_bad"]["label"], "1.6.0");
    // Nothing of it is left in the local content store, or for long.
    assert_eq!(desk.json(&["store", "size"])["names"], 0);
    desk.ok(&["store", "verify"]);
    desk.ok(&["store", "prune"]);
    let session = desk.path("home/.local/share/supercargo/store/bisect/session");
    assert!(session.join("fetched").exists());
    desk.ok(&["bisect", "reset"]);
    assert!(!session.exists());
}

#[test]
fn images_that_are_equal_on_the_platform_are_tested_once() {
    let (desk, server) = (Desk::new(), Server::new());
    let mut builder = ApplicationBuilder::new(5);
    let (ours, broken) = (builder.layer("ours", 50), builder.layer("broken", 60));
    for number in 0..12 {
        let theirs = builder.layer("theirs", 40);
        let layer = if number < 8 { &ours } else { &broken };
        let here = builder.image(&Image::new("linux/amd64", std::slice::from_ref(layer)));
        let there = builder.image(&Image::new("linux/arm64", &[theirs]));
        let index = builder.index(&[here, there]);
        builder.tag(&format!("1.{number}.0"), &index);
    }
    builder.build().write_layout(&desk.path("app"));
    desk.ok(&["copy", "oci:app", &server.at("app"), "--all-tags", "-q"]);
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.11.0"));
    let arguments = ["--over", "tags", "--good", &good, "--bad", &bad, "--platform", "linux/amd64"];
    let found = find(&desk, &arguments, &without(&broken.descriptor.digest));
    assert_eq!((&found["first_bad"]["label"], &found["last_good"]["label"]), (&"1.8.0".into(), &"1.7.0".into()));
    assert_eq!((&found["candidates"], &found["tests"]), (&12.into(), &2.into()));
}

#[test]
fn the_command_that_searches_deeper_can_be_pasted() {
    let (desk, server) = (Desk::new(), Server::new());
    let (_, layer) = plant(&desk, &server, "app", 8, 5);
    let (good, bad) = (server.at("app:1.0.0"), server.at("app:1.7.0"));
    let found = find(&desk, &["--over", "tags", "--good", &good, "--bad", &bad], &without(&layer));
    let deeper = found["next"][1].as_str().unwrap().strip_prefix("supercargo bisect run ").unwrap();
    let shell = desk.command(&[]);
    let line = format!("exec {} bisect run --format json -q {deeper}", env!("CARGO_BIN_EXE_supercargo"));
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &line]).current_dir(shell.get_current_dir().unwrap()).env_clear();
    command.envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let outcome = Outcome::of(command.output().unwrap());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let found = document(&outcome.stdout);
    assert_eq!(found["over"], "layers");
    assert_eq!(found["first_bad"]["label"], format!("layer 3 added: {layer}"), "{found}");
}
