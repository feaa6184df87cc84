//! No secret is shown: every command is run, in success and in every failure that we could think of, and whatever it says, writes and
//! hands to other programs is searched for secrets that were planted wherever one can be.

mod configurations;
mod home;
mod lines;
mod modes;
mod place;
mod planted;
mod serving;
mod typed;
mod watched;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::lines::{LINES, Line};
use self::modes::{MODES, Mode};
use self::place::Place;
use crate::desk::Desk;
use crate::usage::every_command;

/// How many commands run at once. Most of their time they wait.
const THREADS: usize = 6;

#[test]
fn every_command_has_a_line() {
    let commands = every_command(&Desk::new()).into_iter().filter(|(words, acts)| *acts && !words.is_empty());
    let found: BTreeSet<String> = commands.map(|(words, _)| words.join(" ")).collect();
    assert!(found.len() > 50 && found.contains("lock merge"), "{found:?}");
    let lines: BTreeSet<String> = LINES.iter().map(|line| line.command.to_owned()).collect();
    let missing: Vec<_> = found.difference(&lines).collect();
    assert!(
        missing.is_empty(),
        "nobody looks whether these show secrets; they need lines in secrets/lines.rs: {missing:?}"
    );
    let unknown: Vec<_> = lines.difference(&found).collect();
    assert!(unknown.is_empty(), "these are no commands: {unknown:?}");
}

/// Runs the lines of a mode, and returns what was wrong.
fn run(place: &Place, mode: &Mode) -> Vec<String> {
    place.open(mode);
    let next = AtomicUsize::new(0);
    let (wrong, failed) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    let lines: Vec<&Line> = LINES.iter().filter(|line| mode.is_about(line)).collect();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some(line) = lines.get(number) else { return };
                    let seen = place.run(mode, number, line);
                    if seen.failed {
                        failed.fetch_add(1, Ordering::SeqCst);
                    }
                    wrong.lock().unwrap().extend(seen.wrong);
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    // A mode in which nothing secret was used would prove nothing.
    let failed = failed.into_inner();
    if failed < mode.failures {
        wrong.push(format!("{}: only {failed} commands failed", mode.name));
    }
    wrong.extend(place.assert_used(mode));
    wrong
}

#[test]
fn no_command_shows_a_secret() {
    let place = Place::new();
    let wrong: Vec<String> = MODES.iter().flat_map(|mode| run(&place, mode)).collect();
    assert!(wrong.is_empty(), "{} times:\n{}", wrong.len(), wrong.join("\n"));
}
