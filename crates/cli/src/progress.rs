//! How a copy is shown while it runs: bars on a terminal, lines otherwise.

mod bars;
mod json;
mod lines;

use std::sync::{Arc, Mutex, PoisonError};

use ops::{Progress, Silent};

use crate::printer::say;
use crate::settings::{ProgressDisplay, Settings};

/// Receives lines that are shown to a person or read by a program.
pub(crate) type Sink = Box<dyn Fn(&str) + Send + Sync>;

/// What is shown of a copy, and how it is taken away before something else is written.
pub(crate) struct Display {
    kind: ProgressDisplay,
    verbose: bool,
    bars: Mutex<Option<Arc<bars::Bars>>>,
}

impl Display {
    /// Returns a display that shows nothing yet.
    pub(crate) const fn new(settings: &Settings) -> Self {
        Self { kind: settings.progress, verbose: settings.verbose, bars: Mutex::new(None) }
    }

    /// Begins to show a copy.
    pub(crate) fn start(&self) -> Arc<dyn Progress> {
        match self.kind {
            ProgressDisplay::Silent => Arc::new(Silent),
            ProgressDisplay::Lines => Arc::new(lines::Lines::new(self.verbose, Box::new(say))),
            ProgressDisplay::Json => Arc::new(json::Json::new(Box::new(say))),
            ProgressDisplay::Bars => {
                let bars = Arc::new(bars::Bars::new());
                let former = self.bars.lock().unwrap_or_else(PoisonError::into_inner).replace(Arc::clone(&bars));
                if let Some(former) = former {
                    former.clear();
                }
                bars
            }
        }
    }

    /// Takes the bars away, so that what is written next stands alone.
    pub(crate) fn finish(&self) {
        if let Some(bars) = self.bars.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bars.clear();
        }
    }
}
