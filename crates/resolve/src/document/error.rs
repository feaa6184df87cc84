//! What is wrong with a file, and where.

use std::fmt;
use std::ops::Range;

use super::secret::{is_secret, without_value};

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError {
    /// What is wrong, in one line.
    pub message: String,
    /// Where, in bytes of the text.
    pub place: Range<usize>,
    /// What stands below the place.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Another place that belongs to it, and what stands there.
    pub related: Option<(String, Range<usize>)>,
    /// Whether the place is that of a key that nobody knows.
    pub is_unknown_key: bool,
}

impl DocumentError {
    /// Returns the error that something is wrong at a place.
    pub fn new(message: impl Into<String>, place: Range<usize>) -> Self {
        Self { message: message.into(), place, label: String::new(), help: None, related: None, is_unknown_key: false }
    }

    /// Returns the error with another place that belongs to it.
    pub(crate) fn related(mut self, what: impl Into<String>, place: Range<usize>) -> Self {
        self.related = Some((what.into(), place));
        self
    }

    /// Returns the error of a file that begins at a place among others.
    pub(crate) fn below(self, start: usize) -> Self {
        Self { place: shifted(&self.place, start), ..self }
    }

    /// Returns the error with what stands below the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Returns the error with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns the lines that show the place in the text: the file with line and column, the line, and a mark below it.
    /// The value of a key that nobody knows is left out where its name says that it is secret.
    pub fn excerpt(&self, file: &str, text: &str) -> String {
        let key = text.get(self.place.clone()).unwrap_or_default();
        if self.is_unknown_key && is_secret(key) {
            return excerpt(file, &without_value(text, &self.place), &self.place, &self.label);
        }
        excerpt(file, text, &self.place, &self.label)
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DocumentError {}

/// Returns a place of a file that begins at a place among others.
pub(crate) fn shifted(place: &Range<usize>, start: usize) -> Range<usize> {
    place.start + start..place.end + start
}

/// Longest line that is shown, in characters; of a longer one the part around the place is.
const LINE_MAX_CHARACTERS: usize = 160;

/// Returns the lines that show a place in a text, lines and columns counted from 1, columns in characters.
pub(crate) fn excerpt(file: &str, text: &str, place: &Range<usize>, label: &str) -> String {
    let start = floor(text, place.start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let line = text[..line_start].bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = text[line_start..start].chars().count() + 1;
    let end = floor(text, place.end).clamp(start, line_end);
    let length = text[start..end].trim_end().chars().count().max(1);

    let skipped = if column > LINE_MAX_CHARACTERS { column - LINE_MAX_CHARACTERS / 2 } else { 0 };
    let shown: String = text[line_start..line_end].chars().skip(skipped).take(LINE_MAX_CHARACTERS).collect();
    let shown = oci::text::printable(shown.trim_end_matches('\r').trim_end()).replace("\\t", " ");
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let indent = " ".repeat(column - 1 - skipped);
    let marks = "^".repeat(length.min(LINE_MAX_CHARACTERS));
    let label = if label.is_empty() { String::new() } else { format!(" {label}") };
    format!("{margin}--> {file}:{line}:{column}\n{margin} |\n{number} | {shown}\n{margin} | {indent}{marks}{label}")
}

/// Returns the nearest place at or before `place` where a character begins.
fn floor(text: &str, place: usize) -> usize {
    let mut place = place.min(text.len());
    while !text.is_char_boundary(place) {
        place -= 1;
    }
    place
}
