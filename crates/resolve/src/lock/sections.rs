//! A lock's text in parts: each entry as it stands there, and everything that this version of the program does not know.

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

/// Returns the text of every entry in the order in which they stand there, and what is no entry.
pub(super) fn split<'a>(text: &'a str, root: &Table) -> (Vec<&'a str>, Unknown) {
    let headers = headers(text, root);
    let ends = headers.iter().skip(1).map(|header| header.start).chain([text.len()]);
    let mut entries = Vec::new();
    let mut unknown = Unknown { keys: keys(text, root), tables: String::new() };
    for (header, end) in headers.iter().zip(ends) {
        let section = text.get(header.start..end).unwrap_or_default();
        if header.is_entry {
            // Without the blank line before what comes next.
            entries.push(section.strip_suffix("\n\n").map_or(section, |_| &section[..section.len() - 1]));
        } else {
            unknown.tables.push_str(section);
        }
    }
    (entries, unknown)
}

/// Where a part of the text begins.
struct Header {
    start: usize,
    is_entry: bool,
}

/// Returns where each entry and each unknown table begins, in their order. Tables of an entry are part of it.
fn headers(text: &str, root: &Table) -> Vec<Header> {
    let mut headers = Vec::new();
    let mut open: Vec<(&Table, bool)> = Vec::new();
    for (key, item) in root {
        tables(item).for_each(|table| open.push((table, key == "image")));
    }
    while let Some((table, is_entry)) = open.pop() {
        if let Some(span) = table.span().filter(|_| !table.is_implicit() && !table.is_dotted()) {
            let line = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
            headers.push(Header { start: line, is_entry });
        }
        if !is_entry {
            // A table within a table may stand anywhere in the file.
            table.iter().for_each(|(_, item)| open.extend(tables(item).map(|table| (table, false))));
        }
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
