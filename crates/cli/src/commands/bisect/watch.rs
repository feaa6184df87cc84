//! What is shown of a search while it runs.

use oci::text::printable;
use ops::bisect::Watch;
use ops::resolve::bisect::Verdict;
use serde::Serialize;

use crate::printer::{escape_controls, say};
use crate::settings::{ProgressDisplay, Settings};

/// Shows every round and verdict on the standard error, with what the commands say between them: as a line, or for programs as a
/// JSON document each.
pub(super) struct Lines {
    kind: ProgressDisplay,
}

/// An event. The names of the fields are a public interface.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Round { number: usize, tests: &'a [String] },
    Verdict { of: &'a str, verdict: Verdict, how: &'a str },
    Said { of: &'a str, line: &'a str },
}

#[derive(Serialize)]
struct Line<'a> {
    schema: &'static str,
    #[serde(flatten)]
    event: Event<'a>,
}

impl Lines {
    pub(super) const fn new(settings: &Settings) -> Self {
        Self { kind: settings.progress }
    }

    fn tell(&self, event: Event<'_>) {
        match self.kind {
            ProgressDisplay::Silent => {}
            ProgressDisplay::Json => {
                let line = Line { schema: "supercargo.bisect.progress.v1", event };
                if let Ok(json) = serde_json::to_string(&line) {
                    say(&escape_controls(&json));
                }
            }
            ProgressDisplay::Bars | ProgressDisplay::Lines => say(&printable(&match event {
                Event::Round { number, tests } => format!("round {number}: {}", tests.join(", ")),
                Event::Verdict { of, verdict, how } => format!("{verdict:<5} {of}  ({how})"),
                Event::Said { of, line } => format!("  {of} | {}", line.trim_end()),
            })),
        }
    }
}

impl Watch for Lines {
    fn listens(&self) -> bool {
        self.kind != ProgressDisplay::Silent
    }

    fn said(&self, of: &str, line: &str) {
        self.tell(Event::Said { of, line });
    }

    fn round(&self, number: usize, tests: &[String]) {
        self.tell(Event::Round { number, tests });
    }

    fn judged(&self, of: &str, verdict: Verdict, how: &str) {
        self.tell(Event::Verdict { of, verdict, how });
    }
}
