//! The result on the standard output, as text or JSON; notes on the standard error.

mod number;
mod table;
mod text;

use std::io::Write as _;

use anyhow::Result;
use oci::text::printable;
use serde::Serialize;

pub(crate) use number::{ByteSize, count};
pub(crate) use table::Table;
pub(crate) use text::Text;

use crate::arguments::Format;
use crate::exit::{OutputClosed, OutputFailed};

/// A result that can be printed. Its fields are the public interface of the JSON.
pub(crate) trait Document: Serialize {
    /// Returns the command, as it stands in the schema's name.
    fn command(&self) -> &'static str;

    /// Writes the result for people.
    fn text(&self, text: &mut Text);

    /// Returns the items of which the result is a list, for one JSON document a line; `None` for a result that is none.
    fn items(&self) -> Option<Vec<impl Serialize>> {
        None::<Vec<()>>
    }
}

/// Writes results and notes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    format: Format,
    quiet: bool,
}

/// A JSON document: the schema first, then the result's own fields.
#[derive(Serialize)]
struct Envelope<T> {
    schema: String,
    #[serde(flatten)]
    content: T,
}

impl Printer {
    /// Returns a printer.
    pub(crate) const fn new(format: Format, quiet: bool) -> Self {
        Self { format, quiet }
    }

    /// Writes a result to the standard output.
    ///
    /// # Errors
    /// [`OutputClosed`] when nobody reads it, [`OutputFailed`] when it cannot be written.
    pub(crate) fn print<D: Document>(self, document: &D) -> Result<()> {
        let text = match self.format {
            Format::Table => {
                let mut text = Text::default();
                document.text(&mut text);
                text.into_string()
            }
            Format::Json => json(document)?,
            Format::Jsonl => lines(document)?,
        };
        write(text.as_bytes())
    }

    /// Writes a note to the standard error, unless notes are left out.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            say(&format!("note: {}", printable(text)));
        }
    }
}

/// Writes a warning to the standard error.
pub(crate) fn warn(text: &str) {
    say(&format!("warning: {}", printable(text)));
}

/// Writes bytes to the standard output as they are.
///
/// # Errors
/// [`OutputClosed`] when nobody reads it, [`OutputFailed`] when it cannot be written.
pub(crate) fn write(bytes: &[u8]) -> Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(bytes).and_then(|()| output.flush()).map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => OutputClosed.into(),
        _ => OutputFailed(error).into(),
    })
}

/// Writes a line to the standard error. When nobody reads that there is nobody left to tell.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn json<D: Document>(document: &D) -> Result<String> {
    let envelope = Envelope { schema: format!("supercargo.{}.v1", document.command()), content: document };
    let mut text = escape_controls(&serde_json::to_string_pretty(&envelope)?);
    text.push('\n');
    Ok(text)
}

fn lines<D: Document>(document: &D) -> Result<String> {
    let line = |json: String| escape_controls(&json) + "\n";
    let Some(items) = document.items() else {
        let schema = format!("supercargo.{}.v1", document.command());
        return Ok(line(serde_json::to_string(&Envelope { schema, content: document })?));
    };
    let mut text = String::new();
    for content in items {
        let schema = format!("supercargo.{}.item.v1", document.command());
        text.push_str(&line(serde_json::to_string(&Envelope { schema, content })?));
    }
    Ok(text)
}

const HEXADECIMAL: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

/// JSON escapes the control characters of ASCII only; the others would reach the terminal. They can only stand in strings,
/// except the line feeds between members, so escaping them changes nothing that the document says.
pub(crate) fn escape_controls(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        let mut bytes = [0; 4];
        if character == '\n' || matches!(printable(character.encode_utf8(&mut bytes)), std::borrow::Cow::Borrowed(_)) {
            escaped.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.extend(['\\', 'u']);
                escaped.extend([12, 8, 4, 0].map(|shift| HEXADECIMAL[usize::from(*unit >> shift & 0xf)]));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Sheet {
        title: String,
        #[serde(skip)]
        items: Option<Vec<Entry>>,
    }

    #[derive(Clone, Serialize)]
    struct Entry {
        name: &'static str,
    }

    impl Document for Sheet {
        fn command(&self) -> &'static str {
            "sheet"
        }

        fn text(&self, text: &mut Text) {
            text.line(format_args!("{}", self.title));
        }

        fn items(&self) -> Option<Vec<impl Serialize>> {
            self.items.clone()
        }
    }

    #[test]
    fn the_schema_comes_first_and_no_control_character_gets_through() {
        let sheet = Sheet { title: "a\u{1b}[31m\u{9b}b\u{202e}".into(), items: None };
        let text = json(&sheet).unwrap();
        assert_eq!(
            text,
            "{\n  \"schema\": \"supercargo.sheet.v1\",\n  \"title\": \"a\\u001b[31m\\u009bb\\u202e\"\n}\n"
        );
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["title"], sheet.title);
    }

    #[test]
    fn a_list_becomes_a_document_a_line() {
        let items = Some(vec![Entry { name: "one" }, Entry { name: "two" }]);
        let sheet = Sheet { title: String::new(), items };
        assert_eq!(
            lines(&sheet).unwrap(),
            "{\"schema\":\"supercargo.sheet.item.v1\",\"name\":\"one\"}\n\
             {\"schema\":\"supercargo.sheet.item.v1\",\"name\":\"two\"}\n"
        );
    }
}
