//! Lines and columns of byte offsets.

use crate::error::TargetError;

/// Counts lines and columns, front to back, in one pass over a file.
pub(crate) struct Positions<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    column: usize,
}

impl<'a> Positions<'a> {
    pub(crate) const fn of(text: &'a str) -> Self {
        Self { text, at: 0, line: 1, column: 1 }
    }

    /// Returns the line and column of an offset that is not before the last one asked for. Both begin with 1; the column
    /// counts characters.
    pub(crate) fn next(&mut self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset).max(self.at);
        for character in self.text[self.at..offset].chars() {
            if character == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.at = offset;
        (self.line, self.column)
    }
}

/// Returns an error that points at an offset.
pub(crate) fn syntax(text: &str, offset: usize, message: impl Into<String>) -> TargetError {
    let (line, column) = Positions::of(text).next(offset);
    TargetError::Syntax { line, column, message: message.into() }
}
