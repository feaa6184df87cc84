//! What a server tells its operator: events, a line each.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use oci::text::printable;
use registry::access::DecisionEvent;
use registry::configuration::{LogFormat, LogLevel, LogSettings, LoggedDecisions};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::observations::Clock;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// How much it matters.
    pub level: LogLevel,
    /// What it is called, for programs that read the log: `start`, `failure`.
    pub name: &'static str,
    /// What happened, in one line.
    pub message: String,
    /// What is told beside it, for programs alone.
    pub fields: Vec<(&'static str, Value)>,
}

/// Where events are told. Cloning gives another handle to the same.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    settings: RwLock<LogSettings>,
    /// The least that is told, whatever the settings say.
    least: LogLevel,
    clock: Clock,
    write: Box<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

impl Event {
    /// Returns an event without more than a message.
    pub fn new(level: LogLevel, name: &'static str, message: impl Into<String>) -> Self {
        Self { level, name, message: message.into(), fields: Vec::new() }
    }

    /// Returns the event with something for programs.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// Returns the event as a line.
    fn line(&self, format: LogFormat, clock: &Clock) -> String {
        match format {
            LogFormat::Text => {
                let level = match self.level {
                    LogLevel::Info => "note",
                    level => level.word(),
                };
                printable(&format!("{level}: {}", self.message)).into_owned()
            }
            LogFormat::Json => {
                let time = clock.now().map(|now| ("time", json!(now.to_string())));
                let always = [
                    ("level", json!(self.level.word())),
                    ("event", json!(self.name)),
                    ("message", json!(printable(&self.message))),
                ];
                let fields = self.fields.iter().map(|(name, value)| (*name, value.clone()));
                let members = Members(time.into_iter().chain(always).chain(fields).collect());
                // Names and values of JSON are always written.
                serde_json::to_string(&members).unwrap_or_default()
            }
        }
    }
}

/// An object whose members stay in their order.
struct Members(Vec<(&'static str, Value)>);

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Log {
    /// Returns a log whose lines go to `write`, without a line end. Of what matters less than `least` nothing is told.
    pub fn new(least: LogLevel, clock: Clock, write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { settings: RwLock::default(), least, clock, write: Box::new(write) }))
    }

    /// Tells by other settings from now on.
    pub(super) fn set(&self, settings: LogSettings) {
        *self.0.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    pub(super) fn settings(&self) -> LogSettings {
        *self.0.settings.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of an event.
    pub fn tell(&self, event: &Event) {
        let settings = self.settings();
        if event.level <= settings.level && event.level <= self.0.least {
            (self.0.write)(&event.line(settings.format, &self.0.clock));
        }
    }

    /// Tells of a failure, with its causes.
    pub fn failure(&self, failure: &(dyn Error + Send + Sync + 'static)) {
        let causes = std::iter::successors(failure.source(), |error| (*error).source());
        let message = causes.fold(failure.to_string(), |line, cause| format!("{line}: {cause}"));
        self.tell(&Event::new(LogLevel::Error, "failure", message));
    }

    /// Tells of a decision about access, if such are told.
    pub(super) fn decision(&self, event: &DecisionEvent<'_>) {
        let allowed = event.decision.allowed;
        match self.settings().decisions {
            LoggedDecisions::All => {}
            LoggedDecisions::Denied if !allowed => {}
            LoggedDecisions::Denied | LoggedDecisions::None => return,
        }
        let mut told = Event::new(LogLevel::Info, "decision", event.to_string()).with("allowed", allowed);
        if let Some(identity) = event.identity {
            told = told.with("who", identity.to_string());
        }
        if let Some(asked) = event.asked {
            told = told
                .with("action", asked.action.to_string())
                .with("repository", asked.repository.as_str())
                .with("reference", asked.reference.to_string());
        }
        self.tell(&told.with("why", event.decision.why.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_line_is_for_people_or_for_programs() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&lines);
        let clock = Clock::new(|| "2026-03-31T12:00:00Z".parse().ok());
        let log = Log::new(LogLevel::Info, clock, move |line| written.lock().unwrap().push(line.to_owned()));
        let event = Event::new(LogLevel::Info, "start", "a\nb\u{9b}").with("address", "127.0.0.1:5000");
        log.tell(&event);
        log.set(LogSettings { format: LogFormat::Json, ..LogSettings::default() });
        log.tell(&event);
        log.set(LogSettings { level: LogLevel::Warning, ..LogSettings::default() });
        log.tell(&event);
        log.set(LogSettings { level: LogLevel::Debug, ..LogSettings::default() });
        log.tell(&Event::new(LogLevel::Debug, "detail", "beyond what is ever told"));
        assert_eq!(
            *lines.lock().unwrap(),
            [
                r"note: a\u{a}b\u{9b}",
                r#"{"time":"2026-03-31T12:00:00Z","level":"info","event":"start","message":"a\\u{a}b\\u{9b}","address":"127.0.0.1:5000"}"#,
            ]
        );
    }
}
