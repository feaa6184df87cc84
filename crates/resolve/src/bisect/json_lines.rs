//! Logs of one JSON object per line, to which lines are appended.

use oci::text::printable;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::session::SessionError;

/// The most bytes that a log is read from.
pub const MAX_LOG_BYTES: usize = 64 * 1024 * 1024;

/// A log that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// More bytes than are read.
    #[error("the log has {found} bytes, the limit is {MAX_LOG_BYTES}")]
    TooLarge {
        /// Its size in bytes.
        found: usize,
    },
    /// Not even a first line: nothing was written, or the writer was killed while it wrote the first line.
    #[error("the log has no complete first line")]
    Empty,
    /// Another kind of file, or one of a version that this program does not know.
    #[error("line 1: the schema is `{}`, not `{expected}`", printable(.found))]
    Schema {
        /// What the first line says.
        found: String,
        /// What it should say.
        expected: &'static str,
    },
    /// A line that is not JSON of its type.
    #[error("line {line}{}: {problem}", place_in_line(*column))]
    Syntax {
        /// Counts from 1.
        line: usize,
        /// Counts bytes from 1; 0 when it is about the whole line.
        column: usize,
        /// What the parser says.
        problem: String,
    },
    /// A line that says what cannot be.
    #[error("line {line}: {problem}")]
    Event {
        /// Counts from 1.
        line: usize,
        /// What is wrong.
        problem: SessionError,
    },
}

fn place_in_line(column: usize) -> String {
    if column == 0 { String::new() } else { format!(", column {column}") }
}

/// What was read from a log.
#[derive(Clone, Debug)]
pub struct Parsed<T> {
    /// What the complete lines say.
    pub value: T,
    /// How many bytes these lines have. A file with more ends in half a line: it must be cut to this size before anything is
    /// appended.
    pub intact: usize,
}

/// The complete lines of a log.
pub(super) struct Lines<'a> {
    /// The first one, of the schema that was asked for.
    pub(super) first: &'a [u8],
    rest: &'a [u8],
    /// How many bytes they have together, line ends included.
    pub(super) intact: usize,
}

impl<'a> Lines<'a> {
    /// Divides a log into lines. What comes after the last line end is left out: its writer was killed before it was done.
    pub(super) fn of(bytes: &'a [u8], schema: &'static str) -> Result<Self, LogError> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        if bytes.len() > MAX_LOG_BYTES {
            return Err(LogError::TooLarge { found: bytes.len() });
        }
        let intact = bytes.iter().rposition(|&byte| byte == b'\n').ok_or(LogError::Empty)? + 1;
        let mut lines = bytes[..intact].splitn(2, |&byte| byte == b'\n');
        let (first, rest) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let head: Head = read(first, 1)?;
        if head.schema != schema {
            return Err(LogError::Schema { found: head.schema.chars().take(80).collect(), expected: schema });
        }
        Ok(Self { first, rest, intact })
    }

    /// Returns the lines after the first with their numbers.
    pub(super) fn rest(&self) -> impl Iterator<Item = (usize, &'a [u8])> {
        let lines = self.rest.split_inclusive(|&byte| byte == b'\n');
        lines.zip(2..).map(|(line, number)| (number, line.strip_suffix(b"\n").unwrap_or(line)))
    }
}

/// Reads one line, which must be an object: the parser alone would also take an array of the fields in some order.
pub(super) fn read<T: DeserializeOwned>(line: &[u8], number: usize) -> Result<T, LogError> {
    if line.first() != Some(&b'{') {
        return Err(LogError::Syntax { line: number, column: 1, problem: "not a JSON object".to_owned() });
    }
    serde_json::from_slice(line).map_err(|error| {
        let text = error.to_string();
        let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem);
        LogError::Syntax { line: number, column: error.column(), problem: printable(problem).into_owned() }
    })
}

/// Returns a value as a line, its end included.
pub(super) fn write<T: Serialize>(value: &T) -> String {
    // Everything that is written has string keys, and writing to memory cannot fail.
    let mut line = serde_json::to_string(value).unwrap_or_default();
    line.push('\n');
    line
}
