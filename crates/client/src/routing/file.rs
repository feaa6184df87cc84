//! Files and directories that say where to go: read with limits, and TOML with the line of what is wrong in it.

use std::ffi::OsString;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use store::StoreError;
use toml_edit::{Document, Item, TableLike, Value};

/// Largest file that is read, in bytes.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// Most entries that a directory may have.
const DIRECTORY_MAX: usize = 4096;

/// What is wrong with a file, without its name.
pub(super) type Reason = String;

/// Returns what makes a reason name its file.
pub(super) fn refused(path: &Path) -> impl FnOnce(Reason) -> StoreError {
    move |reason| StoreError::Format { path: path.to_owned(), reason: format!("cannot be used: {reason}") }
}

/// Reads a file; `None` when it is not there.
pub(super) fn read(path: &Path) -> Result<Option<String>, StoreError> {
    let mut bytes = Vec::new();
    match std::fs::File::open(path).and_then(|file| file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::file("cannot read", path)(error)),
        Ok(_) if bytes.len() as u64 > FILE_MAX_BYTES => {
            return Err(refused(path)(format!("it has more than {FILE_MAX_BYTES} bytes")));
        }
        Ok(_) => {}
    }
    String::from_utf8(bytes).map(Some).map_err(|_| refused(path)("it is not UTF-8".to_owned()))
}

/// A name in a directory.
pub(super) struct Entry {
    pub(super) name: OsString,
    /// Whether it is a directory itself, and not a link to one.
    pub(super) is_directory: bool,
}

/// Returns what is in a directory, by name; `None` when it is not there.
pub(super) fn list(path: &Path) -> Result<Option<Vec<Entry>>, StoreError> {
    let failed = |error| StoreError::file("cannot list", path)(error);
    let listing = match std::fs::read_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        listing => listing.map_err(failed)?,
    };
    let mut entries = Vec::new();
    for entry in listing {
        let entry = entry.map_err(failed)?;
        if entries.len() == DIRECTORY_MAX {
            return Err(refused(path)(format!("it has more than {DIRECTORY_MAX} entries")));
        }
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        entries.push(Entry { name: entry.file_name(), is_directory });
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Some(entries))
}

/// Reads a text as TOML. What stands there is never part of the reason: it may be secret.
pub(super) fn document(text: &str) -> Result<Document<&str>, Reason> {
    Document::parse(text).map_err(|error| {
        let message = error.message().lines().next().unwrap_or_default();
        let place = error.span().map_or_else(String::new, |span| format!(" (line {})", line(text, span.start)));
        format!("it is not TOML: {message}{place}")
    })
}

fn line(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}

/// A table of a document. A key counts however it is capitalised, as it does for the tools whose files these are.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    table: &'a dyn TableLike,
    text: &'a str,
}

impl<'a> Fields<'a> {
    pub(super) fn new(table: &'a dyn TableLike, text: &'a str) -> Self {
        Self { table, text }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Item> {
        let exact = self.table.get(name);
        let found =
            exact.or_else(|| self.table.iter().find_map(|(key, item)| key.eq_ignore_ascii_case(name).then_some(item)));
        found.filter(|item| !item.is_none())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a Item)> {
        self.table.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Makes a reason say in which line it is.
    pub(super) fn wrong(&self, item: &Item, reason: impl std::fmt::Display) -> Reason {
        match item.span() {
            Some(span) => format!("{reason} (line {})", line(self.text, span.start)),
            None => reason.to_string(),
        }
    }

    /// Makes a reason say in which line a field is.
    pub(super) fn wrong_field(&self, name: &str, reason: impl std::fmt::Display) -> Reason {
        self.get(name).map_or_else(|| reason.to_string(), |item| self.wrong(item, &reason))
    }

    /// Returns a text; one that is empty counts as none.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Reason> {
        let Some(item) = self.get(name) else { return Ok(None) };
        let text = item.as_str().ok_or_else(|| self.wrong(item, format!("`{name}` must be a text")))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Reason> {
        let Some(item) = self.get(name) else { return Ok(None) };
        item.as_bool().map(Some).ok_or_else(|| self.wrong(item, format!("`{name}` must be true or false")))
    }

    pub(super) fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, Reason> {
        let Some(item) = self.get(name) else { return Ok(None) };
        let texts = item.as_array().and_then(|array| array.iter().map(Value::as_str).collect());
        texts.map(Some).ok_or_else(|| self.wrong(item, format!("`{name}` must be a list of texts")))
    }

    pub(super) fn table(&self, name: &str) -> Result<Option<Self>, Reason> {
        let Some(item) = self.get(name) else { return Ok(None) };
        self.table_of(item).map(Some).ok_or_else(|| self.wrong(item, format!("`{name}` must be a table")))
    }

    pub(super) fn table_of(&self, item: &'a Item) -> Option<Self> {
        item.as_table_like().map(|table| Self { table, text: self.text })
    }

    /// Returns tables, `[[name]]` or `name = [{ … }]`; no more than `most`.
    pub(super) fn tables(&self, name: &str, most: usize) -> Result<Option<Vec<Self>>, Reason> {
        let Some(item) = self.get(name) else { return Ok(None) };
        let of = |table| Self { table, text: self.text };
        let tables: Option<Vec<Self>> = match item {
            Item::ArrayOfTables(tables) => Some(tables.iter().map(|table| of(table)).collect()),
            Item::Value(Value::Array(values)) => {
                values.iter().map(|value| value.as_inline_table().map(|table| of(table))).collect()
            }
            _ => None,
        };
        let tables = tables.ok_or_else(|| self.wrong(item, format!("`{name}` must be a list of tables")))?;
        if tables.len() > most {
            return Err(format!("there are more than {most} of `{name}`"));
        }
        Ok(Some(tables))
    }
}
