//! A result for people.

use std::fmt::Arguments;

use oci::text::printable;

use super::Table;

/// Lines for people. Control characters in a line are escaped, so text from outside can neither drive the terminal nor make
/// lines of its own.
#[derive(Debug, Default)]
pub(crate) struct Text(String);

impl Text {
    /// Adds a line.
    pub(crate) fn line(&mut self, line: Arguments<'_>) {
        self.0.push_str(&printable(&line.to_string()));
        self.0.push('\n');
    }

    /// Adds an empty line.
    pub(crate) fn gap(&mut self) {
        self.0.push('\n');
    }

    /// Adds the lines of a table.
    pub(crate) fn table(&mut self, table: &Table) {
        for line in table.lines() {
            self.line(format_args!("{line}"));
        }
    }

    /// Returns the lines, each ended.
    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn a_line_stays_one_line() {
        let mut text = Text::default();
        text.line(format_args!("a\nb{}", "\u{1b}[2J"));
        text.gap();
        assert_eq!(text.into_string(), "a\\u{a}b\\u{1b}[2J\n\n");
    }
}
