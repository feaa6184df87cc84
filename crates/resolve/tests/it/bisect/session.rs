//! Sessions go on where they stopped.

use std::num::NonZeroU32;

use oci::Digest;
use proptest::prelude::*;
use resolve::bisect::session::{Candidate, Event, Searched, Source, Start, Subject};
use resolve::bisect::{ChangeSet, Ends, Finding, LogError, Rule, Session, Step, Verdict};

use super::jobs;

fn candidate(number: usize) -> Candidate {
    let key = format!("sha256:{number:04}");
    let reference = format!("registry.example/app@{key}");
    Candidate { label: format!("1.{number}"), key, reference, absent: false }
}

fn start(search: Searched) -> Start {
    let command = vec!["./check".to_owned(), "{image}".to_owned()];
    let command_hash = Digest::sha256(b"./check {image}");
    let repeat = Rule::AnyBad(NonZeroU32::new(2).unwrap());
    Start { axis: "tags".into(), search, ends: Ends::Given, jobs: jobs(2), repeat, command, command_hash }
}

/// 12 candidates, of which 4 is 5 and 7 is gone.
fn line() -> Start {
    let mut candidates: Vec<Candidate> = (0..12).map(candidate).collect();
    candidates[4].key = candidate(5).key;
    candidates[7].absent = true;
    start(Searched::Line { candidates })
}

/// 6 changes, of which 1 needs 4.
fn changes() -> Start {
    let changes = (0..6).map(candidate).collect();
    start(Searched::Changes { base: "sha256:base".into(), changes, implications: vec![(1, 4)] })
}

/// What a run of the command exits with: candidates from 6 on and sets with 1 and 3 are bad, but show it in the second run only.
fn exit_code(subject: &Subject, number: u32) -> i32 {
    let is_bad = match subject {
        Subject::Candidate(candidate) => *candidate >= 6,
        Subject::Changes(changes) => changes.contains(&1) && changes.contains(&3),
    };
    i32::from(is_bad && number == 2)
}

fn run(of: Subject, number: u32, code: i32) -> Event {
    let verdict = Verdict::from_exit_code(code).unwrap();
    Event::Verdict { of, verdict, source: Source::Run { number, exit_code: Some(code) } }
}

/// Runs a session to its end and returns its log and what it has found.
fn finish(mut session: Session, mut log: String) -> (String, Finding) {
    loop {
        let round = match session.step(session.start().jobs) {
            Step::Done(finding) => return (log, finding),
            Step::Test(round) => round,
        };
        for test in round.test {
            let code = exit_code(&test.test, test.number);
            log += &session.append(run(test.test, test.number, code)).unwrap();
        }
    }
}

fn begin(start: Start) -> (Session, String) {
    let session = Session::new(start).unwrap();
    let log = session.encode();
    (session, log)
}

fn answers() -> [(Start, Finding); 2] {
    let set: ChangeSet = [1, 3, 4].into();
    [
        (line(), Finding::FirstBad { last_good: 5, first_bad: 6 }),
        (changes(), Finding::Minimal { changes: set, untested: Vec::new() }),
    ]
}

#[test]
fn a_session_that_is_cut_at_any_byte_goes_on_to_the_same_answer() {
    for (start, answer) in answers() {
        let (session, first) = begin(start);
        let (log, finding) = finish(session, first.clone());
        assert_eq!(finding, answer);
        assert_eq!(Session::parse(log.as_bytes()).unwrap().value.encode(), log);
        for cut in 0..=log.len() {
            let parsed = match Session::parse(&log.as_bytes()[..cut]) {
                Ok(parsed) => parsed,
                Err(error) => {
                    assert!(matches!(error, LogError::Empty) && cut < first.len(), "{error} after {cut} bytes");
                    continue;
                }
            };
            let intact = &log[..parsed.intact];
            assert_eq!(intact, &log[..=log[..cut].rfind('\n').unwrap()]);
            assert_eq!(parsed.value.encode(), intact);
            let (log, finding) = finish(parsed.value, intact.to_owned());
            assert_eq!(finding, answer, "cut after {cut} bytes");
            assert!(Session::parse(log.as_bytes()).is_ok());
        }
    }
}

#[test]
fn the_log_can_be_read_by_programs() {
    let (mut session, mut log) = begin(Start { jobs: jobs(1), ..changes() });
    let set = |changes: &[usize]| Subject::Changes(changes.iter().copied().collect());
    for event in [
        run(set(&[0, 2]), 1, 0),
        Event::Verdict { of: set(&[0, 2]), verdict: Verdict::Good, source: Source::Manual },
        Event::Verdict { of: set(&[4]), verdict: Verdict::Good, source: Source::Cache },
        Event::Verdict { of: set(&[3]), verdict: Verdict::Skip, source: Source::Run { number: 1, exit_code: None } },
        Event::Skip { of: set(&[]), reason: "gone".into() },
        Event::Undo {},
        Event::Reset {},
    ] {
        log += &session.append(event).unwrap();
    }
    assert_eq!(session.encode(), log);
    assert_eq!(Session::parse(log.as_bytes()).unwrap().value.events(), session.events());
    let events = log.split_once('\n').unwrap().1;
    insta::assert_snapshot!(events, @r#"
    {"event":"verdict","of":{"changes":[0,2]},"verdict":"good","source":{"run":{"number":1,"exit_code":0}}}
    {"event":"verdict","of":{"changes":[0,2]},"verdict":"good","source":"manual"}
    {"event":"verdict","of":{"changes":[4]},"verdict":"good","source":"cache"}
    {"event":"verdict","of":{"changes":[3]},"verdict":"skip","source":{"run":{"number":1,"exit_code":null}}}
    {"event":"skip","of":{"changes":[]},"reason":"gone"}
    {"event":"undo"}
    {"event":"reset"}
    "#);
    let (_, log) = begin(Start {
        search: Searched::Line { candidates: vec![candidate(0), Candidate { absent: true, ..candidate(1) }] },
        ..line()
    });
    insta::assert_snapshot!(log, @r#"{"schema":"supercargo.bisect-session.v1","start":{"axis":"tags","search":{"line":{"candidates":[{"label":"1.0","key":"sha256:0000","reference":"registry.example/app@sha256:0000"},{"label":"1.1","key":"sha256:0001","reference":"registry.example/app@sha256:0001","absent":true}]}},"ends":"given","jobs":2,"repeat":{"rule":"any-bad","runs":2},"command":["./check","{image}"],"command_hash":"sha256:6f66914f0f399e8580aefc519bd00000c06fe117cf4962a3c8d9f710341d659c"}}"#);
}

#[test]
fn the_log_can_be_read_by_people_and_does_not_drive_their_terminal() {
    let (session, log) = begin(line());
    let (log, _) = finish(session, log);
    insta::assert_snapshot!(Session::parse(log.as_bytes()).unwrap().value.log(), @r#"
    bisect tags: 12 candidates from 1.0 (good) to 1.11 (bad); at once: 2; runs: 2
    command: ./check {image}
    good  1.3  (run 1, exit code 0)
    good  1.8  (run 1, exit code 0)
    good  1.3  (run 2, exit code 0)
    bad   1.8  (run 2, exit code 1)
    good  1.4  (run 1, exit code 0)
    good  1.6  (run 1, exit code 0)
    good  1.4  (run 2, exit code 0)
    bad   1.6  (run 2, exit code 1)
    "#);
    let mut changes = changes();
    changes.axis = "lo\u{1b}[2Jcks".into();
    let Searched::Changes { changes: labels, .. } = &mut changes.search else { unreachable!() };
    labels.extend((6..12).map(candidate));
    labels[2].label = "\u{202e}query".into();
    let mut session = Session::new(changes).unwrap();
    session.append(run(Subject::Changes([2, 3].into()), 1, 1)).unwrap();
    session.append(run(Subject::Changes((0..12).collect()), 2, 0)).unwrap();
    session.append(Event::Skip { of: Subject::Changes([].into()), reason: "\r\n".into() }).unwrap();
    session.append(Event::Undo {}).unwrap();
    insta::assert_snapshot!(session.log(), @r#"
    bisect lo\u{1b}[2Jcks: 12 changes; at once: 2; runs: 2
    command: ./check {image}
    bad   \u{202e}query + 1.3  (run 1, exit code 1)
    good  1.0 + 1.1 + \u{202e}query + 1.3 + 1.4 + 1.5 + 1.6 + 1.7 + 4 more  (run 2, exit code 0)
    skip  no change  (\u{d}\u{a})
    undo
    "#);
}

#[test]
fn undo_takes_back_what_came_last_and_reset_everything() {
    let (mut session, _) = begin(line());
    let steps: Vec<Step<_>> = (0..4)
        .map(|_| {
            let Step::Test(round) = session.step(session.start().jobs) else { panic!("found too early") };
            let test = round.test[0].clone();
            let step = session.step(session.start().jobs);
            session.append(run(test.test.clone(), test.number, exit_code(&test.test, test.number))).unwrap();
            step
        })
        .collect();
    assert_eq!(session.runs(), 4);
    for step in steps.iter().rev() {
        session.append(Event::Undo {}).unwrap();
        assert_eq!(session.step(session.start().jobs), *step);
        assert_eq!(Session::parse(session.encode().as_bytes()).unwrap().value.step(jobs(2)), *step);
    }
    assert!(session.append(Event::Undo {}).is_err());
    session
        .append(Event::Verdict { of: Subject::Candidate(5), verdict: Verdict::Bad, source: Source::Manual })
        .unwrap();
    session.append(Event::Skip { of: Subject::Candidate(3), reason: String::new() }).unwrap();
    assert_eq!(session.tested(), 1);
    session.append(Event::Reset {}).unwrap();
    assert_eq!(session.step(session.start().jobs), steps[0]);
    assert!(session.append(Event::Undo {}).is_err());
}

#[test]
fn a_verdict_by_hand_is_final_and_a_skip_takes_one_back() {
    let (mut session, _) = begin(start(Searched::Line { candidates: (0..4).map(candidate).collect() }));
    let verdict =
        |candidate, verdict| Event::Verdict { of: Subject::Candidate(candidate), verdict, source: Source::Manual };
    session.append(verdict(1, Verdict::Good)).unwrap();
    session.append(verdict(2, Verdict::Good)).unwrap();
    assert_eq!(session.step(session.start().jobs), Step::Done(Finding::FirstBad { last_good: 2, first_bad: 3 }));
    session.append(Event::Skip { of: Subject::Candidate(2), reason: "wrong".into() }).unwrap();
    assert_eq!(session.step(session.start().jobs), Step::Done(Finding::Suspects { last_good: 1, first_bad: 3 }));
}

#[test]
fn sets_have_a_key_that_does_not_depend_on_the_order_of_changes() {
    let session = Session::new(changes()).unwrap();
    let mut turned = changes();
    let Searched::Changes { changes, implications, .. } = &mut turned.search else { unreachable!() };
    changes.reverse();
    implications.clear();
    let turned = Session::new(turned).unwrap();
    let key = |session: &Session, set: &[usize]| session.key(&Subject::Changes(set.iter().copied().collect())).unwrap();
    assert_eq!(key(&session, &[0, 2]), key(&turned, &[5, 3]));
    assert_ne!(key(&session, &[0, 2]), key(&turned, &[0, 2]));
    assert_ne!(key(&session, &[]), key(&session, &[0]));
    let line = Session::new(line()).unwrap();
    assert_eq!(line.key(&Subject::Candidate(4)).unwrap(), "sha256:0005");
    assert_eq!(line.key(&Subject::Candidate(12)), None);
    assert_eq!(line.key(&Subject::Changes([0].into())), None);
}

#[test]
fn exit_codes_are_read_as_git_does() {
    let verdicts = [0, 1, 124, 125, 126, 127, 128, 255, -1].map(Verdict::from_exit_code);
    let bad = Some(Verdict::Bad);
    assert_eq!(verdicts, [Some(Verdict::Good), bad, bad, Some(Verdict::Skip), bad, bad, None, None, None]);
}

#[test]
fn what_cannot_be_in_a_log_is_refused_with_its_line() {
    let (_, log) = begin(line());
    let (_, other) = begin(changes());
    let refused = |log: &str, line: &str| Session::parse(format!("{log}{line}\n").as_bytes()).unwrap_err();
    let chain = |log: &str, line: &str| refused(log, line).to_string();
    let verdict = |of: &str, rest: &str| format!("{{\"event\":\"verdict\",\"of\":{of},{rest}}}");
    let lines = [
        chain(&log, "not JSON"),
        chain(&log, ""),
        chain(&log, "{\"event\":\"undo\"}"),
        chain(&log, "{\"event\":\"redo\"}"),
        chain(&log, "{\"event\":\"skip\",\"of\":{\"candidate\":1},\"reason\":\"\",\"more\":1}"),
        chain(&log, &verdict("{\"candidate\":12}", "\"verdict\":\"bad\",\"source\":\"manual\"")),
        chain(&log, &verdict("{\"changes\":[1]}", "\"verdict\":\"bad\",\"source\":\"manual\"")),
        chain(&other, &verdict("{\"candidate\":1}", "\"verdict\":\"bad\",\"source\":\"manual\"")),
        chain(&other, &verdict("{\"changes\":[1]}", "\"verdict\":\"bad\",\"source\":\"manual\"")),
        chain(
            &log,
            &verdict("{\"candidate\":1}", "\"verdict\":\"bad\",\"source\":{\"run\":{\"number\":3,\"exit_code\":1}}"),
        ),
        chain(
            &log,
            &verdict("{\"candidate\":1}", "\"verdict\":\"bad\",\"source\":{\"run\":{\"number\":1,\"exit_code\":0}}"),
        ),
        chain(&log, &"[".repeat(100_000)),
        chain(&log, &format!("{{\"event\":{}", "[".repeat(100_000))),
        chain(&log, &format!("{{\"event\":\"undo\",\"more\":{}", "[".repeat(100_000))),
        chain(&log, "{\"event\":\"reset\",\"more\":1}"),
        chain("", "{\"schema\":\"supercargo.bisect-session.v2\"}"),
        chain("", "{\"schema\":\"supercargo.bisect-session.v1\"}"),
        chain("", log.replace("\"jobs\":2", "\"jobs\":0").trim()),
        chain("", log.replace("\"jobs\":2", "\"jobs\":2000").trim()),
        chain("", log.replace("\"runs\":2", "\"runs\":4000000000").trim()),
        chain("", log.replace("1.7", &"7".repeat(20_000)).trim()),
        chain("", other.replace("[[1,4]]", "[[1,6]]").trim()),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r#"
    line 2, column 1: not a JSON object
    line 2, column 1: not a JSON object
    line 2: there is nothing to undo
    line 2, column 15: unknown variant `redo`, expected one of `verdict`, `skip`, `undo`, `reset`
    line 2: unknown field `more`, expected `of` or `reason`
    line 2: number 12 is none of the 12 that are searched, which count from 0
    line 2: the verdict is about a set of changes, but the search is among candidates
    line 2: the verdict is about a candidate, but the search is among changes
    line 2: the set has change 1 but not change 4, without which it is not valid
    line 2: run 3 of a test that is run 2 times
    line 2: exit code 0 is not bad
    line 2, column 1: not a JSON object
    line 2, column 9: invalid type: sequence, expected variant identifier
    line 2, column 150: recursion limit exceeded
    line 2: unknown field `more`, there are no fields
    line 1: the schema is `supercargo.bisect-session.v2`, not `supercargo.bisect-session.v1`
    line 1, column 41: missing field `start`
    line 1, column 1134: invalid value: integer `0`, expected a nonzero usize
    line 1: jobs: 2000 are too many, the limit is 1024
    line 1: runs: 4000000000 are too many, the limit is 1000
    line 1: bytes of a candidate: 20000 are too many, the limit is 16384
    line 1: number 6 is none of the 6 that are searched, which count from 0
    "#);
}

#[test]
fn a_test_that_runs_is_open_until_its_verdict_is_known_or_does_not_matter() {
    let (mut session, _) = begin(line());
    let verdict = |of, verdict| Event::Verdict { of, verdict, source: Source::Manual };
    let open = |session: &Session| [2, 5, 6, 8].map(|number| session.is_open(&Subject::Candidate(number)));
    assert_eq!(open(&session), [true; 4]);
    session.append(verdict(Subject::Candidate(6), Verdict::Bad)).unwrap();
    assert_eq!(open(&session), [true, true, false, false]);
    session.append(verdict(Subject::Candidate(5), Verdict::Good)).unwrap();
    assert_eq!(open(&session), [false; 4]);
    let (mut session, _) = begin(changes());
    let set = |changes: &[usize]| Subject::Changes(changes.iter().copied().collect());
    assert!(session.is_open(&set(&[0])) && !session.is_open(&set(&[])) && !session.is_open(&Subject::Candidate(0)));
    session.append(verdict(set(&[0]), Verdict::Bad)).unwrap();
    assert!(!session.is_open(&set(&[0])) && !session.is_open(&set(&[2])));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_with_broken_bytes_is_refused_or_is_a_session(
        is_line in any::<bool>(), flaws in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (session, log) = begin(if is_line { line() } else { changes() });
        let mut bytes = finish(session, log).0.into_bytes();
        for (place, byte) in flaws {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(parsed) = Session::parse(&bytes) {
            let again = Session::parse(parsed.value.encode().as_bytes()).unwrap();
            prop_assert_eq!(again.value.step(jobs(3)), parsed.value.step(jobs(3)));
        }
    }
}

#[test]
fn a_log_of_nothing_but_undone_verdicts_is_read_in_one_go() {
    let (_, mut log) = begin(line());
    let line = "{\"event\":\"verdict\",\"of\":{\"candidate\":3},\"verdict\":\"good\",\"source\":\"manual\"}\n{\"event\":\"undo\"}\n";
    log += &line.repeat(20_000);
    let parsed = Session::parse(log.as_bytes()).unwrap();
    assert_eq!((parsed.value.tested(), parsed.value.events().len()), (0, 40_000));
}
