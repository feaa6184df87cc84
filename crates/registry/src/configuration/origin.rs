//! Where something is said, for whoever finds later that it cannot be so.

use std::ops::Range;
use std::path::{Path, PathBuf};

use resolve::document::{DocumentError, Table, Text};

use super::ConfigurationError;

/// A place in the file, or a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    variable: Option<String>,
    place: Range<usize>,
}

/// A value, and where it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<T> {
    /// The value.
    pub value: T,
    /// Where it is said.
    pub origin: Origin,
}

impl Origin {
    /// Returns the error that this is wrong with what is said here.
    pub(super) fn error(&self, message: impl Into<String>) -> ConfigurationError {
        self.wrong(DocumentError::new(message, self.place.clone()))
    }

    /// As [`Origin::error`], with what to do about it.
    pub(super) fn error_with_help(&self, message: impl Into<String>, help: &str) -> ConfigurationError {
        self.wrong(DocumentError::new(message, self.place.clone()).help(help))
    }

    /// Returns a problem as one of the file or of the variable.
    pub(super) fn wrong(&self, problem: DocumentError) -> ConfigurationError {
        match &self.variable {
            Some(name) => ConfigurationError::Variable { name: name.clone(), problem },
            None => ConfigurationError::File(problem),
        }
    }

    pub(super) const fn variable(&self) -> Option<&String> {
        self.variable.as_ref()
    }

    pub(super) fn place(&self) -> Range<usize> {
        self.place.clone()
    }
}

/// What a text of the configuration comes from: the file in its directory, or a variable.
pub(super) struct Source<'s> {
    pub(super) directory: &'s Path,
    pub(super) variable: Option<&'s str>,
}

impl Source<'_> {
    pub(super) fn origin(&self, place: Range<usize>) -> Origin {
        Origin { variable: self.variable.map(str::to_owned), place }
    }

    pub(super) fn said<T>(&self, value: T, place: Range<usize>) -> Said<T> {
        Said { value, origin: self.origin(place) }
    }

    /// Takes over a text that is not empty.
    pub(super) fn text(
        &self,
        table: &Table<'_>,
        name: &str,
        value: &mut Option<Said<String>>,
    ) -> Result<(), DocumentError> {
        if let Some(text) = table.text(name) {
            *value = Some(self.said(filled(name, &text)?.to_owned(), text.place));
        }
        Ok(())
    }

    /// Takes over the path of a file, which begins at the directory of the configuration.
    pub(super) fn path(
        &self,
        table: &Table<'_>,
        name: &str,
        value: &mut Option<Said<PathBuf>>,
    ) -> Result<(), DocumentError> {
        if let Some(text) = table.text(name) {
            *value = Some(self.said(self.directory.join(filled(name, &text)?), text.place));
        }
        Ok(())
    }
}

fn filled<'a>(name: &str, text: &Text<'a>) -> Result<&'a str, DocumentError> {
    if text.text.is_empty() {
        return Err(DocumentError::new(format!("`{name}` is empty"), text.place.clone()));
    }
    Ok(text.text)
}
