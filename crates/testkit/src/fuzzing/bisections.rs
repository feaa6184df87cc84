//! The files of bisections.

use std::collections::HashSet;
use std::num::NonZeroUsize;

use oci::Digest;
use resolve::bisect::session::{Event, Source, Subject};
use resolve::bisect::{MAX_PREFETCH, Rule, Session, Step, Verdict, VerdictCache};

use super::assert_printable;

/// Most rounds that a search is continued for.
const ROUNDS_MAX: usize = 64;

/// Reads the log of a session and a cache of verdicts. What stands after the last line end is no part of them; by it the
/// session goes on.
pub fn bisection(data: &[u8]) {
    match VerdictCache::parse(data) {
        Ok(parsed) => {
            assert_intact(data, parsed.intact);
            let again = VerdictCache::parse(parsed.value.encode().as_bytes()).unwrap();
            assert_eq!(again.value, parsed.value);
            let verdict = parsed.value.verdict("", Digest::sha256(b""), Rule::ONCE);
            assert_ne!(verdict, Some(Verdict::Skip), "a skip is kept");
        }
        Err(error) => assert_printable(&error),
    }
    match Session::parse(data) {
        Ok(parsed) => {
            assert_intact(data, parsed.intact);
            let mut session = parsed.value;
            check(&session);
            go_on(&mut session, &data[parsed.intact..]);
            check(&session);
            session.append(Event::Reset {}).unwrap();
            assert_eq!((session.runs(), session.tested()), (0, 0));
        }
        Err(error) => assert_printable(&error),
    }
}

/// The complete lines are read, and nothing else.
fn assert_intact(data: &[u8], intact: usize) {
    assert!(data[..intact].ends_with(b"\n") && !data[intact..].contains(&b'\n'));
}

/// A session that is read from its log goes on as the one that wrote it.
fn check(session: &Session) {
    let again = Session::parse(session.encode().as_bytes()).unwrap().value;
    assert_eq!((again.start(), again.events()), (session.start(), session.events()));
    assert_eq!((again.runs(), again.tested()), (session.runs(), session.tested()));
    for jobs in [NonZeroUsize::MIN, session.start().jobs] {
        assert_eq!(again.step(jobs), session.step(jobs));
    }
    for line in session.log().to_string().lines() {
        assert_printable(&line);
    }
}

/// Gives every test that is asked for a verdict, by turns those that `verdicts` say. A round has tests that were not there
/// before, at most one for each job, none twice.
fn go_on(session: &mut Session, verdicts: &[u8]) {
    let mut verdicts = verdicts.iter().cycle();
    for _ in 0..ROUNDS_MAX {
        let jobs = session.start().jobs;
        let Step::Test(round) = session.step(jobs) else { return };
        assert!(!round.test.is_empty() && round.test.len() <= jobs.get(), "{} tests", round.test.len());
        assert!(round.prefetch.len() <= MAX_PREFETCH);
        let distinct: HashSet<_> = round.test.iter().chain(&round.prefetch).collect();
        assert_eq!(distinct.len(), round.test.len() + round.prefetch.len(), "a test twice");
        for run in round.test {
            assert!(session.key(&run.test).is_some());
            let Some(verdict) = verdicts.next() else { return };
            let number = run.number;
            session.append(event(run.test, number, *verdict)).unwrap();
        }
    }
}

fn event(of: Subject, number: u32, verdict: u8) -> Event {
    let (verdict, exit_code) = match verdict % 4 {
        0 => (Verdict::Good, 0),
        1 => (Verdict::Bad, 1),
        2 => (Verdict::Skip, 125),
        _ => return Event::Skip { of, reason: "gone".to_owned() },
    };
    Event::Verdict { of, verdict, source: Source::Run { number, exit_code: Some(exit_code) } }
}
