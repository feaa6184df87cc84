//! A session, for people to read.

use std::fmt;

use oci::text::printable;

use super::Session;
use super::event::{Event, Searched, Source, Subject};

/// How many changes of a set are named; the others are counted.
const NAMED_CHANGES: usize = 8;

/// What was started and everything that happened since, one line each. Safe to print.
#[derive(Clone, Copy, Debug)]
pub struct Log<'a>(&'a Session);

impl Session {
    /// Returns the log for people.
    pub const fn log(&self) -> Log<'_> {
        Log(self)
    }

    /// Returns what the user calls a candidate, or the changes of a set, of which at most eight are named. Safe to print.
    pub fn label(&self, subject: &Subject) -> String {
        let label = |number: &usize| match self.candidate(*number) {
            Some(candidate) => printable(&candidate.label).into_owned(),
            None => format!("number {number}"),
        };
        match subject {
            Subject::Candidate(number) => label(number),
            Subject::Changes(changes) if changes.is_empty() => "no change".to_owned(),
            Subject::Changes(changes) => {
                let mut names: Vec<String> = changes.iter().take(NAMED_CHANGES).map(label).collect();
                if let more @ 1.. = changes.len().saturating_sub(NAMED_CHANGES) {
                    names.push(format!("{more} more"));
                }
                names.join(" + ")
            }
        }
    }
}

impl fmt::Display for Log<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(session) = self;
        let start = session.start();
        write!(f, "bisect {}: ", printable(&start.axis))?;
        match &start.search {
            Searched::Line { candidates } => {
                let label = |number: usize| session.label(&Subject::Candidate(number));
                let (good, bad) = (label(0), label(candidates.len().saturating_sub(1)));
                write!(f, "{} candidates from {good} (good) to {bad} (bad)", candidates.len())?;
            }
            Searched::Changes { changes, .. } => write!(f, "{} changes", changes.len())?,
        }
        writeln!(f, "; at once: {}; runs: {}", start.jobs, start.repeat.runs())?;
        if !start.command.is_empty() {
            let command: Vec<_> = start.command.iter().map(|argument| printable(argument)).collect();
            writeln!(f, "command: {}", command.join(" "))?;
        }
        for event in session.events() {
            match event {
                Event::Verdict { of, verdict, source } => {
                    writeln!(f, "{verdict:<5} {}  ({})", session.label(of), How(*source))?;
                }
                Event::Skip { of, reason } => writeln!(f, "skip  {}  ({})", session.label(of), printable(reason))?,
                Event::Undo {} => writeln!(f, "undo")?,
                Event::Reset {} => writeln!(f, "reset")?,
            }
        }
        Ok(())
    }
}

/// How a verdict was reached.
struct How(Source);

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Source::Run { number, exit_code: Some(code) } => write!(f, "run {number}, exit code {code}"),
            Source::Run { number, exit_code: None } => write!(f, "run {number}, stopped"),
            Source::Manual => f.write_str("by hand"),
            Source::Cache => f.write_str("known"),
        }
    }
}
