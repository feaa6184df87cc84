//! A workspace as one file, for where there is place for one alone.

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::keys::TAKEN;
use super::{FILE_MAX_BYTES, Project, Sources};
use crate::document::DocumentError;

/// Returns the text of one file that says what all files of a project say. That of a project of one file is the file's own.
///
/// # Errors
/// As [`Project::join`], and when it is too large for one file.
pub fn flat(sources: &Sources) -> Result<String, DocumentError> {
    let [_, members @ ..] = sources.files() else { return Ok(String::new()) };
    if members.is_empty() && Project::join(sources)?.workspace.is_none() {
        return Ok(sources.root().to_owned());
    }
    let mut flat = parsed(sources.root())?;
    flat.remove("workspace");
    let mut edges = lists(&flat, "edges");
    let mut targets = lists(&flat, "targets");
    for member in members {
        let document = parsed(&member.text)?;
        add_images(&mut flat, &document);
        edges.extend(lists(&document, "edges"));
        targets.extend(lists(&document, "targets").into_iter().map(|mut target| {
            place_below(&mut target, &member.directory);
            target
        }));
    }
    for (name, tables) in [("edges", edges), ("targets", targets)] {
        flat.remove(name);
        if !tables.is_empty() {
            flat.insert(name, Item::ArrayOfTables(tables.into_iter().collect::<ArrayOfTables>()));
        }
    }
    let flat = flat.to_string();
    if flat.len() > FILE_MAX_BYTES {
        return Err(DocumentError::new(
            format!("the workspace has more than {FILE_MAX_BYTES} bytes in one file"),
            0..0,
        ));
    }
    Ok(flat)
}

fn parsed(text: &str) -> Result<DocumentMut, DocumentError> {
    text.parse().map_err(|error: toml_edit::TomlError| DocumentError::new(error.message(), 0..0))
}

/// Adds the images that a member declares, each with the platforms that the member asks for.
fn add_images(flat: &mut DocumentMut, member: &DocumentMut) {
    let images = member.get("images").and_then(Item::as_table_like);
    let platforms = member.get("project").and_then(Item::as_table_like).and_then(|project| project.get("platforms"));
    let declared = images.into_iter().flat_map(TableLike::iter);
    let all = flat.entry("images").or_insert_with(|| Item::Table(Table::new()));
    let Some(all) = all.as_table_like_mut() else { return };
    for (name, image) in declared {
        let Some(image) = image.as_table_like().filter(|image| !image.contains_key(TAKEN)) else { continue };
        let mut image: InlineTable = plain(image);
        if let Some(platforms) = platforms.and_then(Item::as_value).filter(|_| !image.contains_key("platforms")) {
            image.insert("platforms", platforms.clone());
        }
        image.fmt();
        all.insert(name, Item::Value(Value::InlineTable(image)));
    }
}

/// Returns the values of a table, without what stands around them.
fn plain(table: &dyn TableLike) -> InlineTable {
    table.iter().filter_map(|(key, item)| Some((key, item.clone().into_value().ok()?))).collect()
}

/// Returns the tables of a list.
fn lists(document: &DocumentMut, name: &str) -> Vec<Table> {
    let tables: Vec<&dyn TableLike> = match document.get(name) {
        Some(Item::ArrayOfTables(tables)) => tables.iter().map(|table| table as &dyn TableLike).collect(),
        Some(Item::Value(Value::Array(tables))) => {
            tables.iter().filter_map(Value::as_inline_table).map(|table| table as &dyn TableLike).collect()
        }
        _ => Vec::new(),
    };
    tables.into_iter().map(|table| plain(table).into_table()).collect()
}

/// Makes the paths of a target relative to the root. The names of members have nothing that means something in a pattern.
fn place_below(target: &mut Table, directory: &str) {
    let Some(paths) = target.get_mut("paths").and_then(Item::as_array_mut) else { return };
    *paths = paths.iter().filter_map(Value::as_str).map(|path| format!("{directory}/{path}")).collect::<Array>();
}
