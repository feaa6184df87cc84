//! Changes to a project's file that keep everything else as it is: comments, order, blanks.

use std::collections::BTreeSet;

use toml_edit::{DocumentMut, InlineTable, Item, RawString, Table, TableLike, Value};

use super::keys::TAKEN;
use super::line_ends::LineEnds;
use super::{Project, Sources};
use crate::document::DocumentError;

/// What some editors write before a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A project's file that is being changed.
#[derive(Clone, Debug)]
pub struct ProjectFile {
    document: DocumentMut,
    /// Whether the text begins with a byte order mark, which the document does not know.
    has_mark: bool,
    /// Whether the text ends without a line end, which the document does not know either.
    is_open_ended: bool,
    /// The ends of lines that are not what the document writes.
    line_ends: Option<LineEnds>,
    /// All files of the project, as they were read.
    sources: Sources,
    /// Which of them this is.
    file: usize,
}

/// An image to add.
#[derive(Clone, Debug, Default)]
pub struct Addition {
    /// What the project calls it.
    pub name: String,
    /// The repository, as it is to be written.
    pub repository: String,
    /// The versions that are wanted.
    pub version: Option<String>,
    /// How its tags are made.
    pub template: Option<String>,
    /// What is wanted on the other axes.
    pub axes: Vec<(String, String)>,
    /// What stands in its tags beside the version.
    pub variant: Option<String>,
    /// The groups it belongs to.
    pub groups: Vec<String>,
}

/// Why a file cannot be changed like that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// There is an image of that name.
    #[error("there is an image `{name}` already")]
    Exists {
        /// The name.
        name: String,
    },
    /// There is none of that name.
    #[error("there is no image `{name}`")]
    Missing {
        /// The name.
        name: String,
    },
    /// An edge or another image speaks of it.
    #[error("`{name}` is named by {by}")]
    Needed {
        /// The name.
        name: String,
        /// What speaks of it.
        by: String,
    },
}

impl ProjectFile {
    /// Reads the file.
    ///
    /// # Errors
    /// As [`Project::parse`]: only a file that says something is changed.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        Self::of(Sources::new(text.to_owned()), 0)
    }

    /// Reads one file of a workspace, by its position among the sources.
    ///
    /// # Errors
    /// As [`Project::join`].
    pub fn of(sources: Sources, file: usize) -> Result<Self, DocumentError> {
        Project::join(&sources)?;
        let text = sources.files().get(file).map_or("", |source| source.text.as_str());
        let document = text
            .replace("\r\n", "\n")
            .parse()
            .map_err(|error: toml_edit::TomlError| DocumentError::new(error.message(), 0..0))?;
        let is_open_ended = !text.is_empty() && !text.ends_with('\n');
        let line_ends = LineEnds::of(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text));
        let has_mark = text.starts_with(BYTE_ORDER_MARK);
        Ok(Self { document, has_mark, is_open_ended, line_ends, sources, file })
    }

    /// Returns the text of the file.
    pub fn text(&self) -> String {
        let mut text = self.document.to_string();
        if self.is_open_ended && text.ends_with('\n') {
            text.pop();
        }
        if let Some(line_ends) = &self.line_ends {
            text = line_ends.restore(&text);
        }
        if self.has_mark {
            text.insert(0, BYTE_ORDER_MARK);
        }
        text
    }

    /// Adds an image, after the others.
    ///
    /// # Errors
    /// [`EditError::Exists`].
    pub fn add(&mut self, image: &Addition) -> Result<(), EditError> {
        if self.image(&image.name).is_some() {
            return Err(EditError::Exists { name: image.name.clone() });
        }
        let mut entry = InlineTable::new();
        entry.insert("repo", image.repository.as_str().into());
        let mut text = |key: &str, value: &Option<String>| {
            if let Some(value) = value {
                entry.insert(key, value.as_str().into());
            }
        };
        text("version", &image.version);
        text("tag", &image.template);
        text("variant", &image.variant);
        if !image.axes.is_empty() {
            let axes: InlineTable = image.axes.iter().map(|(axis, wanted)| (axis.as_str(), wanted.as_str())).collect();
            entry.insert("axes", Value::InlineTable(axes));
        }
        if !image.groups.is_empty() {
            entry.insert("groups", Value::Array(image.groups.iter().map(String::as_str).collect()));
        }
        let images = self.document.entry("images").or_insert_with(|| Item::Table(Table::new()));
        if let Some(images) = images.as_table_like_mut() {
            images.insert(&image.name, Item::Value(Value::InlineTable(entry)));
        }
        Ok(())
    }

    /// Takes an image out.
    ///
    /// # Errors
    /// [`EditError::Missing`], or [`EditError::Needed`] when something else in the project speaks of it.
    pub fn remove(&mut self, name: &str) -> Result<(), EditError> {
        let missing = || EditError::Missing { name: name.to_owned() };
        let image = self.image(name).ok_or_else(missing)?;
        // An image that is taken over stays where it is.
        let by = if image.contains_key(TAKEN) { None } else { self.named_by(name) };
        if let Some(by) = by {
            return Err(EditError::Needed { name: name.to_owned(), by });
        }
        let images = self.document.get_mut("images").and_then(Item::as_table_like_mut).ok_or_else(missing)?;
        images.remove(name);
        Ok(())
    }

    /// Takes out all images but some, and what the file says of them: edges that begin at them and places of targets that hold them.
    /// What is left makes no sense where one of those that stay needs one that goes.
    pub fn retain(&mut self, wanted: &BTreeSet<&str>) {
        let is_other = |item: Option<&Item>| item.and_then(Item::as_str).is_some_and(|name| !wanted.contains(name));
        match self.document.get_mut("edges") {
            Some(Item::ArrayOfTables(edges)) => edges.retain(|edge| !is_other(edge.get("if"))),
            Some(Item::Value(Value::Array(edges))) => {
                let is_other = |name: Option<&Value>| is_other(name.cloned().map(Item::Value).as_ref());
                edges.retain(|edge| !is_other(edge.as_inline_table().and_then(|edge| edge.get("if"))));
            }
            _ => {}
        }
        let remove = |table: &mut dyn TableLike, is_other: &dyn Fn(&str, &Item) -> bool| {
            let others = table.iter().filter(|(key, item)| is_other(key, item)).map(|(key, _)| key.to_owned());
            for key in others.collect::<Vec<_>>() {
                table.remove(&key);
            }
        };
        let clear = |target: &mut dyn TableLike| {
            if let Some(map) = target.get_mut("map").and_then(Item::as_table_like_mut) {
                remove(map, &|_, image| is_other(Some(image)));
            }
        };
        match self.document.get_mut("targets") {
            Some(Item::ArrayOfTables(targets)) => targets.iter_mut().for_each(|target| clear(target)),
            Some(Item::Value(Value::Array(targets))) => {
                targets.iter_mut().filter_map(Value::as_inline_table_mut).for_each(|target| clear(target));
            }
            _ => {}
        }
        if let Some(images) = self.document.get_mut("images").and_then(Item::as_table_like_mut) {
            remove(images, &|name, _| !wanted.contains(name));
        }
    }

    /// Says that an image stays as it is locked, or no longer.
    ///
    /// # Errors
    /// [`EditError::Missing`].
    pub fn hold(&mut self, name: &str, hold: bool) -> Result<(), EditError> {
        let image = self.image_mut(name)?;
        if hold {
            set(image, "hold", true.into());
        } else {
            unset(image, "hold");
        }
        Ok(())
    }

    /// Sets the versions that are wanted of an image.
    ///
    /// # Errors
    /// [`EditError::Missing`].
    pub fn set_version(&mut self, name: &str, requirement: &str) -> Result<(), EditError> {
        set(self.image_mut(name)?, "version", requirement.into());
        Ok(())
    }

    fn image(&self, name: &str) -> Option<&dyn TableLike> {
        self.document.get("images")?.as_table_like()?.get(name)?.as_table_like()
    }

    fn image_mut(&mut self, name: &str) -> Result<&mut dyn TableLike, EditError> {
        let images = self.document.get_mut("images").and_then(Item::as_table_like_mut);
        images
            .and_then(|images| images.get_mut(name)?.as_table_like_mut())
            .ok_or_else(|| EditError::Missing { name: name.to_owned() })
    }

    /// Returns what speaks of an image.
    fn named_by(&self, name: &str) -> Option<String> {
        let sources = self.sources.clone().with(self.file, self.text());
        Project::join(&sources).ok()?.named_by(name)
    }
}

/// Sets a value and keeps the blanks and comments around the one that was there.
fn set(table: &mut dyn TableLike, key: &str, mut value: Value) {
    if let Some(old) = table.get(key).and_then(Item::as_value) {
        *value.decor_mut() = old.decor().clone();
    } else if let Some(last) = last_value(table) {
        move_last_blanks(last, &mut value);
    }
    table.insert(key, Item::Value(value));
}

/// Takes a value out.
fn unset(table: &mut dyn TableLike, key: &str) {
    let is_last = table.iter().last().is_some_and(|(last, _)| last == key);
    let removed = table.remove(key).filter(|_| is_last);
    if let (Some(Item::Value(mut removed)), Some(last)) = (removed, last_value(table)) {
        move_last_blanks(&mut removed, last);
    }
}

/// Moves the blanks between the last value and the `}` of an inline table to the value that becomes the last. Comments stay where
/// they are, and so does what nobody has written: a document chooses it by the place of the value.
fn move_last_blanks(from: &mut Value, to: &mut Value) {
    let is_blank = |text: &RawString| text.as_str().is_some_and(|text| text.trim().is_empty());
    let Some(blanks) = from.decor().suffix().filter(|suffix| is_blank(suffix)).cloned() else { return };
    if to.decor().suffix().is_none_or(is_blank) {
        to.decor_mut().set_suffix(blanks);
        from.decor_mut().set_suffix("");
    }
}

fn last_value(table: &mut dyn TableLike) -> Option<&mut Value> {
    table.iter_mut().last().and_then(|(_, item)| item.as_value_mut())
}
