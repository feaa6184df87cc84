//! A lock's text in parts: each entry as it stands there, and everything that this version of the program does not know.

use std::ops::Range;

use toml_edit::{Item, Table};

/// Keys of the root that are known.
const KNOWN: [&str; 2] = ["lock-version", "image"];

/// What this version of the program does not know of a file, as it stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unknown {
    /// Lines of keys before the first table.
    pub(super) keys: String,
    /// Tables.
    pub(super) tables: String,
}

/// Returns the text of every entry in the order in which they stand there, and what is no entry. There are no texts of entries
/// where a table of one stands behind something else: then no part of the text is all of it.
pub(super) fn split<'a>(text: &'a str, root: &Table) -> (Vec<&'a str>, Unknown) {
    let headers = headers(text, root);
    let ends = headers.iter().skip(1).map(|header| header.start).chain([text.len()]);
    let mut entries: Vec<Range<usize>> = Vec::new();
    let mut unknown = Unknown { keys: keys(text, root), tables: String::new() };
    let mut is_scattered = false;
    for (header, end) in headers.iter().zip(ends) {
        match (header.part, entries.last_mut()) {
            (Part::Entry, _) => entries.push(header.start..end),
            (Part::OfEntry, Some(entry)) if entry.end == header.start => entry.end = end,
            (Part::OfEntry, _) => is_scattered = true,
            (Part::Unknown, _) => unknown.tables.push_str(text.get(header.start..end).unwrap_or_default()),
        }
    }
    if is_scattered {
        return (Vec::new(), unknown);
    }
    let entry = |range: Range<usize>| {
        let is_last = range.end == text.len();
        let section = text.get(range).unwrap_or_default();
        // Without the blank line before what comes next.
        let is_parted = !is_last && section.ends_with("\n\n");
        if is_parted { &section[..section.len() - 1] } else { section }
    };
    (entries.into_iter().map(entry).collect(), unknown)
}

/// Where a part of the text begins.
struct Header {
    start: usize,
    part: Part,
}

/// A part of the text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The beginning of an entry.
    Entry,
    /// A table of an entry.
    OfEntry,
    /// A table that this version of the program does not know.
    Unknown,
}

/// Returns where each table begins, in their order.
fn headers(text: &str, root: &Table) -> Vec<Header> {
    let mut headers = Vec::new();
    let mut open: Vec<(&Table, Part)> = Vec::new();
    for (key, item) in root {
        let part = if key == "image" { Part::Entry } else { Part::Unknown };
        tables(item).for_each(|table| open.push((table, part)));
    }
    while let Some((table, part)) = open.pop() {
        if let Some(span) = table.span().filter(|_| !table.is_implicit() && !table.is_dotted()) {
            let line = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
            headers.push(Header { start: line, part });
        }
        // A table within a table may stand anywhere in the file.
        let part = if part == Part::Unknown { Part::Unknown } else { Part::OfEntry };
        table.iter().for_each(|(_, item)| open.extend(tables(item).map(|table| (table, part))));
    }
    headers.sort_by_key(|header| header.start);
    headers
}

fn tables(item: &Item) -> impl Iterator<Item = &Table> {
    let listed = item.as_array_of_tables().into_iter().flatten();
    item.as_table().into_iter().chain(listed)
}

fn keys(text: &str, root: &Table) -> String {
    let mut keys = String::new();
    for (name, item) in root.iter().filter(|(name, _)| !KNOWN.contains(name)) {
        let key = root.key(name).and_then(toml_edit::Key::span);
        let value = item.as_value().and_then(toml_edit::Value::span);
        if let (Some(key), Some(value)) = (key, value)
            && let (Some(key), Some(value)) = (text.get(key), text.get(value))
        {
            keys.extend([key, " = ", value, "\n"]);
        }
    }
    keys
}
