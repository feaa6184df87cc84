//! What is told on the standard error.

use std::time::Duration;

use resolve::document::{DocumentError, Table};

use super::read::duration;

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object.
    Json,
}

/// How much something matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something failed that should not.
    Error,
    /// Something is odd.
    Warning,
    /// Something began, ended or was decided.
    #[default]
    Info,
    /// What is only of use to find a fault.
    Debug,
}

/// Which decisions about access are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoggedDecisions {
    /// Those that deny.
    #[default]
    Denied,
    /// All.
    All,
    /// None.
    None,
}

/// Which requests are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoggedRequests {
    /// None.
    #[default]
    None,
    /// Those that the server failed at, or that were not answered to the end.
    Failures,
    /// Those, and the ones that took long.
    Slow,
    /// All.
    All,
}

/// What is told, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How a line is written.
    pub format: LogFormat,
    /// The least that is told.
    pub level: LogLevel,
    /// Which decisions are told.
    pub decisions: LoggedDecisions,
    /// Which requests are told.
    pub requests: LoggedRequests,
    /// From when on a request took long.
    pub slow: Duration,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            level: LogLevel::default(),
            decisions: LoggedDecisions::default(),
            requests: LoggedRequests::default(),
            slow: Duration::from_secs(1),
        }
    }
}

impl LogFormat {
    const WORDS: [(&str, Self); 2] = [("text", Self::Text), ("json", Self::Json)];

    pub(super) fn word(self) -> &'static str {
        word(&Self::WORDS, self)
    }
}

impl LogLevel {
    const WORDS: [(&str, Self); 4] =
        [("error", Self::Error), ("warning", Self::Warning), ("info", Self::Info), ("debug", Self::Debug)];

    /// Returns the word that says so.
    pub fn word(self) -> &'static str {
        word(&Self::WORDS, self)
    }
}

impl LoggedDecisions {
    const WORDS: [(&str, Self); 3] = [("denied", Self::Denied), ("all", Self::All), ("none", Self::None)];

    pub(super) fn word(self) -> &'static str {
        word(&Self::WORDS, self)
    }
}

impl LoggedRequests {
    const WORDS: [(&str, Self); 4] =
        [("none", Self::None), ("failures", Self::Failures), ("slow", Self::Slow), ("all", Self::All)];

    pub(super) fn word(self) -> &'static str {
        word(&Self::WORDS, self)
    }
}

impl LogSettings {
    pub(super) fn apply(&mut self, table: &Table<'_>) -> Result<(), DocumentError> {
        choose(table, "format", &LogFormat::WORDS, &mut self.format);
        choose(table, "level", &LogLevel::WORDS, &mut self.level);
        choose(table, "decisions", &LoggedDecisions::WORDS, &mut self.decisions);
        choose(table, "requests", &LoggedRequests::WORDS, &mut self.requests);
        duration(table, "slow", &mut self.slow)
    }
}

/// Takes over a choice, of which the shape of the table has said that it is one of these.
fn choose<T: Copy>(table: &Table<'_>, name: &str, words: &[(&str, T)], value: &mut T) {
    let said = table.text(name);
    if let Some((_, choice)) = said.and_then(|text| words.iter().find(|(word, _)| *word == text.text)) {
        *value = *choice;
    }
}

fn word<T: Copy + PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, choice)| *choice == value).map_or("", |(word, _)| word)
}
