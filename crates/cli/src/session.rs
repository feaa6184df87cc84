//! What every command is given.

use std::ffi::OsString;
use std::sync::Arc;

use anyhow::Result;
use oci::{Reference, Timestamp};
use ops::{Context, Destination, Progress};

use crate::error;
use crate::printer::{self, Document, Printer};
use crate::progress::Display;
use crate::settings::Settings;

/// What every command is given: what the user wants, and the ways to do and to show it.
pub(crate) struct Session {
    /// What the user wants.
    pub(crate) settings: Settings,
    /// Where operations run.
    pub(crate) context: Context,
    /// Writes results and notes.
    pub(crate) printer: Printer,
    /// Shows progress.
    pub(crate) display: Display,
    /// The command line, from which errors make the command that helps.
    typed: Vec<OsString>,
}

impl Session {
    /// Returns a session. Nothing is opened, no connection made.
    pub(crate) fn new(settings: Settings, typed: &[OsString]) -> Self {
        Self {
            context: Context::new(settings.context.clone()),
            printer: Printer::new(settings.format, settings.quiet),
            display: Display::new(&settings),
            typed: typed.to_vec(),
            settings,
        }
    }

    /// Returns the time; `None` when the clock stands before 1970 or after 9999.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        self.settings.context.clock.now()
    }

    /// Reads a reference that the user has typed, which may begin with a short name that stands for another.
    ///
    /// # Errors
    /// As [`ops::Context::reference`].
    pub(crate) fn reference(&self, text: &str) -> Result<Reference> {
        let (reference, was_short) = self.context.reference(text)?;
        if was_short {
            self.printer.note(&format!("{text} is {reference}, by an alias of registries.conf"));
        }
        Ok(reference)
    }

    /// Reads a place that the user has typed and to which something goes.
    ///
    /// # Errors
    /// As [`ops::Context::destination`].
    pub(crate) fn destination(&self, text: &str) -> Result<Destination> {
        Ok(self.context.destination(text)?)
    }

    /// Writes down what registries have answered until now.
    pub(crate) fn keep_observations(&self) {
        for warning in self.context.observer().keep() {
            printer::warn(&warning);
        }
    }

    /// Says what could not be found out until now, as registries did not answer, and what those that did want to be told.
    pub(crate) fn tell_unknown(&self) {
        for warning in self.context.reach().warnings().into_iter().chain(self.context.registry_warnings()) {
            printer::warn(&warning);
        }
    }

    /// Begins to show a copy.
    pub(crate) fn progress(&self) -> Arc<dyn Progress> {
        self.display.start()
    }

    /// Tells of an error on the standard error.
    pub(crate) fn tell(&self, error: &anyhow::Error) {
        self.display.finish();
        if let Some(text) = error::show(error, &self.typed, self.settings.color) {
            printer::say(&text);
        }
    }

    /// Prints a result after taking away what shows progress.
    ///
    /// # Errors
    /// As [`Printer::print`].
    pub(crate) fn print<D: Document>(&self, document: &D) -> Result<()> {
        self.display.finish();
        self.printer.print(document)
    }
}
