//! The log of a search, from which it goes on after the process is gone. No I/O.
//!
//! A log is a file of JSON objects, one a line, to which lines are only ever appended: first how the search was started, then
//! what has happened. [`Session::append`] returns the line to write, [`Session::parse`] reads the file again. A process that is
//! killed while it writes leaves half a line, which does not count.

mod event;
mod log;
mod search;

use std::borrow::Cow;
use std::num::NonZeroUsize;

use oci::Digest;
use serde::{Deserialize, Serialize};

use super::json_lines::{self, Lines, LogError, MAX_LOG_BYTES, Parsed};
use super::repeat::{Repeat, Run};
use super::{Search, SearchError, Step, Verdict};
pub use event::{Candidate, Event, Searched, Source, Start, Subject};
pub use log::Log;
use search::Either;

const SCHEMA: &str = "supercargo.bisect-session.v1";

/// The most tests that a session runs at once.
pub const MAX_JOBS: usize = 1024;

/// The most runs that a session asks for a test.
pub const MAX_RUNS: u32 = 1000;

/// The most bytes of a label, a key, a reference, an axis, a reason, or an argument of the command.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;

/// The most arguments of a command.
pub const MAX_ARGUMENTS: usize = 1024;

/// A session that cannot be started, or an event that cannot happen in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The search cannot be made, or does not have what the event is about.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// A number above its limit.
    #[error("{what}: {found} are too many, the limit is {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A run that the session does not ask for.
    #[error("run {number} of a test that is run {runs} times")]
    RunNumber {
        /// The number of the run.
        number: u32,
        /// How often tests are run.
        runs: u32,
    },
    /// A verdict that is not what the exit code says.
    #[error("exit code {code} is not {verdict}")]
    ExitCode {
        /// What the command exited with.
        code: i32,
        /// What the event says.
        verdict: Verdict,
    },
    /// Undo where nothing counts.
    #[error("there is nothing to undo")]
    NothingToUndo,
}

/// A search with its log.
#[derive(Clone, Debug)]
pub struct Session {
    start: Start,
    events: Vec<Event>,
    /// Which of the events are verdicts and skips that count, in order.
    counting: Vec<usize>,
    search: Repeat<Either>,
    /// The size of the log.
    bytes: usize,
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstLine<'a> {
    schema: Cow<'a, str>,
    start: Cow<'a, Start>,
}

impl Session {
    /// Starts a session.
    ///
    /// # Errors
    /// When there is nothing to search or a limit is exceeded.
    pub fn new(start: Start) -> Result<Self, SessionError> {
        check_start(&start)?;
        let search = Repeat::new(Either::new(&start)?, start.repeat);
        let mut session = Self { start, events: Vec::new(), counting: Vec::new(), search, bytes: 0 };
        session.bytes = session.first_line().len();
        check("bytes of the log", session.bytes, MAX_LOG_BYTES)?;
        Ok(session)
    }

    /// Reads a log.
    ///
    /// # Errors
    /// When the log is too large, of another schema, has no complete first line, or has a line that is not an event of this
    /// session. The error names the line.
    pub fn parse(bytes: &[u8]) -> Result<Parsed<Self>, LogError> {
        let lines = Lines::of(bytes, SCHEMA)?;
        let first: FirstLine<'_> = json_lines::read(lines.first, 1)?;
        let mut session =
            Self::new(first.start.into_owned()).map_err(|problem| LogError::Event { line: 1, problem })?;
        for (line, text) in lines.rest() {
            let event = json_lines::read(text, line)?;
            session.check(&event).map_err(|problem| LogError::Event { line, problem })?;
            session.push(event);
        }
        session.bytes = lines.intact;
        // Once, and not for every undo: a log of nothing else would take forever.
        session.replay().map_err(|error| LogError::Event { line: 1, problem: error.into() })?;
        Ok(Parsed { value: session, intact: lines.intact })
    }

    /// Takes an event and returns the line to append to the log.
    ///
    /// # Errors
    /// When the event cannot happen in this session, which stays as it was.
    pub fn append(&mut self, event: Event) -> Result<String, SessionError> {
        self.check(&event)?;
        let line = json_lines::write(&event);
        check("bytes of the log", self.bytes + line.len(), MAX_LOG_BYTES)?;
        let takes_back = matches!(event, Event::Undo {} | Event::Reset {});
        if !takes_back {
            apply(&mut self.search, &event)?;
        }
        self.push(event);
        self.bytes += line.len();
        if takes_back {
            self.replay()?;
        }
        Ok(line)
    }

    /// Returns the whole log.
    pub fn encode(&self) -> String {
        let mut log = self.first_line();
        log.extend(self.events.iter().map(json_lines::write));
        log
    }

    /// Returns the runs to start now, at most `jobs` ([`Start::jobs`] unless the user has changed their mind), or what has been
    /// found.
    pub fn step(&self, jobs: NonZeroUsize) -> Step<Run<Subject>> {
        self.search.step(jobs)
    }

    /// Tells whether a verdict would still narrow the search. While a round runs, runs of tests of which this is no longer true
    /// can be stopped. Of a set it is said until the search has ended or the set has its verdict.
    pub fn is_open(&self, subject: &Subject) -> bool {
        self.search.search().is_open(subject)
    }

    /// Returns how the session was started.
    pub const fn start(&self) -> &Start {
        &self.start
    }

    /// Returns everything that happened since, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Returns how many runs of the command count.
    pub fn runs(&self) -> usize {
        self.search.tested()
    }

    /// Returns how many candidates or sets have a verdict.
    pub fn tested(&self) -> usize {
        self.search.search().tested()
    }

    /// Returns a candidate of the line, or a change, by its number.
    pub fn candidate(&self, number: usize) -> Option<&Candidate> {
        match &self.start.search {
            Searched::Line { candidates } | Searched::Changes { changes: candidates, .. } => candidates.get(number),
        }
    }

    /// Returns the identity of what a test is about, by which the [`VerdictCache`](super::VerdictCache) knows it: the key of a
    /// candidate, a digest over base and changes of a set. `None` when there is no such candidate.
    pub fn key(&self, subject: &Subject) -> Option<String> {
        match (subject, &self.start.search) {
            (Subject::Candidate(number), Searched::Line { .. }) => Some(self.candidate(*number)?.key.clone()),
            (Subject::Changes(changes), Searched::Changes { base, .. }) => {
                let mut keys = changes
                    .iter()
                    .map(|number| self.candidate(*number).map(|change| change.key.as_str()))
                    .collect::<Option<Vec<_>>>()?;
                // The same changes in another order are the same set.
                keys.sort_unstable();
                Some(Digest::sha256(json_lines::write(&(base, keys)).as_bytes()).to_string())
            }
            _ => None,
        }
    }

    fn first_line(&self) -> String {
        json_lines::write(&FirstLine { schema: Cow::Borrowed(SCHEMA), start: Cow::Borrowed(&self.start) })
    }

    /// Checks that an event can happen now.
    fn check(&self, event: &Event) -> Result<(), SessionError> {
        match event {
            Event::Verdict { of, verdict, source } => {
                self.search.search().check(of)?;
                if let Source::Run { number, exit_code } = *source {
                    let runs = self.start.repeat.runs();
                    if number == 0 || number > runs {
                        return Err(SessionError::RunNumber { number, runs });
                    }
                    if let Some(code) = exit_code.filter(|code| Verdict::from_exit_code(*code) != Some(*verdict)) {
                        return Err(SessionError::ExitCode { code, verdict: *verdict });
                    }
                }
                Ok(())
            }
            Event::Skip { of, reason } => {
                check_text("bytes of a reason", reason)?;
                Ok(self.search.search().check(of)?)
            }
            Event::Undo {} if self.counting.is_empty() => Err(SessionError::NothingToUndo),
            Event::Undo {} | Event::Reset {} => Ok(()),
        }
    }

    /// Takes an event into the log alone.
    fn push(&mut self, event: Event) {
        match event {
            Event::Verdict { .. } | Event::Skip { .. } => self.counting.push(self.events.len()),
            Event::Undo {} => drop(self.counting.pop()),
            Event::Reset {} => self.counting.clear(),
        }
        self.events.push(event);
    }

    /// Makes the search anew from the events that count.
    fn replay(&mut self) -> Result<(), SearchError> {
        let mut search = Repeat::new(Either::new(&self.start)?, self.start.repeat);
        for &number in &self.counting {
            apply(&mut search, &self.events[number])?;
        }
        self.search = search;
        Ok(())
    }
}

/// Gives the search what an event says.
fn apply(search: &mut Repeat<Either>, event: &Event) -> Result<(), SearchError> {
    match event {
        Event::Verdict { of, verdict, source: Source::Run { number, .. } } => {
            search.record(&Run { test: of.clone(), number: *number }, *verdict)
        }
        Event::Verdict { of, verdict, source: Source::Manual | Source::Cache } => search.decide(of, *verdict),
        Event::Skip { of, .. } => search.search_mut().exclude(of),
        Event::Undo {} | Event::Reset {} => Ok(()),
    }
}

fn check_start(start: &Start) -> Result<(), SessionError> {
    check("jobs", start.jobs.get(), MAX_JOBS)?;
    check("runs", start.repeat.runs() as usize, MAX_RUNS as usize)?;
    check("arguments of the command", start.command.len(), MAX_ARGUMENTS)?;
    check_text("bytes of the axis", &start.axis)?;
    start.command.iter().try_for_each(|argument| check_text("bytes of an argument", argument))?;
    let candidates = match &start.search {
        Searched::Line { candidates } => candidates,
        Searched::Changes { base, changes, .. } => {
            check_text("bytes of a key", base)?;
            changes
        }
    };
    for Candidate { label, key, reference, .. } in candidates {
        [label, key, reference].into_iter().try_for_each(|text| check_text("bytes of a candidate", text))?;
    }
    Ok(())
}

fn check_text(what: &'static str, text: &str) -> Result<(), SessionError> {
    check(what, text.len(), MAX_TEXT_BYTES)
}

fn check(what: &'static str, found: usize, limit: usize) -> Result<(), SessionError> {
    if found > limit { Err(SessionError::TooMany { what, found, limit }) } else { Ok(()) }
}
