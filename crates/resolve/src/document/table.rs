//! TOML with the places where everything stands, checked against the tables of keys.

use std::ops::Range;

use toml_edit::{Item, TableLike, Value};

use super::error::DocumentError;
use super::keys::{Key, Presence, Shape};
use crate::duration;

/// A text and where it stands.
#[derive(Clone, Debug)]
pub struct Text<'a> {
    /// What it says.
    pub text: &'a str,
    /// Bytes of the file, with the quotes.
    pub place: Range<usize>,
}

impl Text<'_> {
    /// Returns the place of a part of the text. Where escapes make it uncertain, that of the whole.
    pub fn part(&self, start: usize, length: usize) -> Range<usize> {
        let quotes = self.place.len().saturating_sub(self.text.len());
        // One quote before and one after: nothing is escaped.
        if quotes == 2 && length > 0 {
            let start = self.place.start + 1 + start;
            start..start + length
        } else {
            self.place.clone()
        }
    }
}

/// A table whose keys are known and whose values have the right shape.
#[derive(Clone)]
pub struct Table<'a> {
    table: &'a dyn TableLike,
    /// Bytes of the file.
    pub place: Range<usize>,
}

impl<'a> Table<'a> {
    /// Checks a table.
    pub(super) fn check(
        table: &'a dyn TableLike,
        place: Range<usize>,
        keys: &'static [Key],
    ) -> Result<Self, DocumentError> {
        for (name, item) in table.iter() {
            let place = key_place(table, name, &place);
            let Some(key) = keys.iter().find(|key| key.name == name) else {
                return Err(unknown(name, place, keys));
            };
            check_shape(item, &key.shape, &place_of(item, &place), key.name)?;
        }
        let needs_no_other = |key: &Key| key.presence == Presence::InPlaceOfAll && table.contains_key(key.name);
        let is_missing = |key: &&Key| key.presence == Presence::Required && !table.contains_key(key.name);
        if let Some(missing) = keys.iter().find(is_missing)
            && !keys.iter().any(needs_no_other)
        {
            let name = missing.name;
            return Err(DocumentError::new(format!("`{name}` is missing"), place)
                .help(format!("{name} = …   # {}", missing.meaning)));
        }
        Ok(Self { table, place })
    }

    /// Returns a table that is not checked.
    pub(super) fn of_all(table: &'a dyn TableLike, place: Range<usize>) -> Self {
        Self { table, place }
    }

    /// Returns the place of a key that is there.
    pub fn key(&self, name: &str) -> Option<Range<usize>> {
        self.has(name).then(|| key_place(self.table, name, &self.place))
    }

    /// Returns how many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns the text of a key that is there.
    pub fn text(&self, name: &str) -> Option<Text<'a>> {
        let item = self.table.get(name)?;
        Some(Text { text: item.as_str()?, place: place_of(item, &self.place) })
    }

    /// Returns the same without its place.
    pub fn owned_text(&self, name: &str) -> Option<String> {
        self.text(name).map(|text| text.text.to_owned())
    }

    /// Returns the texts of a key that is there.
    pub fn texts(&self, name: &str) -> Option<Vec<Text<'a>>> {
        let item = self.table.get(name)?;
        let place = place_of(item, &self.place);
        let text = |value: &'a Value| {
            Some(Text { text: value.as_str()?, place: value.span().unwrap_or_else(|| place.clone()) })
        };
        Some(item.as_array()?.iter().filter_map(text).collect())
    }

    /// Tells whether a flag is set.
    pub fn flag(&self, name: &str) -> bool {
        self.table.get(name).and_then(Item::as_bool).unwrap_or_default()
    }

    /// Tells whether a flag is set, or not there at all.
    pub fn is_true_or_absent(&self, name: &str) -> bool {
        self.table.get(name).and_then(Item::as_bool).unwrap_or(true)
    }

    /// Tells whether there is a key.
    pub fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// Returns a time, in seconds.
    ///
    /// # Errors
    /// [`DocumentError`] when the text is none.
    pub fn duration(&self, name: &str) -> Result<Option<u64>, DocumentError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match duration::parse(text.text) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(DocumentError::new(format!("`{}` is no time", text.text.escape_debug()), text.place)
                .help(format!("{name} = \"3d\"   # or 90m, 12h, 2w"))),
        }
    }

    /// Returns a whole number above zero.
    pub fn count(&self, name: &str) -> Option<usize> {
        self.table.get(name).and_then(Item::as_integer).and_then(|count| usize::try_from(count).ok())
    }

    /// Returns texts by the names that the user has chosen, with the names' places.
    pub fn text_map(&self, name: &str) -> Vec<(Text<'a>, Text<'a>)> {
        let Some(item) = self.table.get(name) else { return Vec::new() };
        let place = place_of(item, &self.place);
        let Some(table) = item.as_table_like() else { return Vec::new() };
        let pair = |(name, item): (&'a str, &'a Item)| {
            let key = Text { text: name, place: key_place(table, name, &place) };
            Some((key, Text { text: item.as_str()?, place: place_of(item, &place) }))
        };
        table.iter().filter_map(pair).collect()
    }

    /// Returns lists of texts by the names that the user has chosen, with the names' places.
    pub fn texts_map(&self, name: &str) -> Vec<(Text<'a>, Vec<Text<'a>>)> {
        let Some(item) = self.table.get(name) else { return Vec::new() };
        let place = place_of(item, &self.place);
        let Some(table) = item.as_table_like() else { return Vec::new() };
        let lists = Table::of_all(table, place.clone());
        let names = table.iter().map(|(name, _)| Text { text: name, place: key_place(table, name, &place) });
        names.filter_map(|name| lists.texts(name.text).map(|texts| (name, texts))).collect()
    }

    /// Returns a table in this one.
    ///
    /// # Errors
    /// [`DocumentError`] when a key is unknown, or a value not of the right shape.
    pub fn table(&self, name: &str, keys: &'static [Key]) -> Result<Option<Table<'a>>, DocumentError> {
        let Some(item) = self.table.get(name) else { return Ok(None) };
        let place = place_of(item, &key_place(self.table, name, &self.place));
        check_shape(item, &Shape::Table(keys), &place, name)?;
        item.as_table_like().map(|table| Table::check(table, place, keys)).transpose()
    }

    /// Returns tables by the names that the user has chosen.
    ///
    /// # Errors
    /// [`DocumentError`] when a key is unknown, or a value not of the right shape.
    pub fn map(&self, name: &str, keys: &'static [Key]) -> Result<Vec<(Text<'a>, Table<'a>)>, DocumentError> {
        let Some(item) = self.table.get(name) else { return Ok(Vec::new()) };
        let Some(tables) = item.as_table_like() else { return Ok(Vec::new()) };
        let mut map = Vec::new();
        for (name, item) in tables.iter() {
            let place = key_place(tables, name, &self.place);
            let key = Text { text: name, place: place.clone() };
            let Some(table) = item.as_table_like() else { continue };
            map.push((key, Table::check(table, place, keys)?));
        }
        Ok(map)
    }

    /// Returns texts and tables in the order in which they stand.
    ///
    /// # Errors
    /// [`DocumentError`] when a key is unknown, or a value not of the right shape.
    pub fn texts_or_tables(&self, name: &str, keys: &'static [Key]) -> Result<Vec<TextOrTable<'a>>, DocumentError> {
        let Some(item) = self.table.get(name) else { return Ok(Vec::new()) };
        let Some(array) = item.as_array() else {
            return Ok(self.list(name, keys)?.into_iter().map(TextOrTable::Table).collect());
        };
        let place = place_of(item, &self.place);
        let read = |value: &'a Value| {
            let place = value.span().unwrap_or_else(|| place.clone());
            match (value.as_str(), value.as_inline_table()) {
                (Some(text), _) => Some(Ok(TextOrTable::Text(Text { text, place }))),
                (None, Some(table)) => Some(Table::check(table, place, keys).map(TextOrTable::Table)),
                (None, None) => None,
            }
        };
        array.iter().filter_map(read).collect()
    }

    /// Returns tables one after the other.
    ///
    /// # Errors
    /// [`DocumentError`] when a key is unknown, or a value not of the right shape.
    pub fn list(&self, name: &str, keys: &'static [Key]) -> Result<Vec<Table<'a>>, DocumentError> {
        let Some(item) = self.table.get(name) else { return Ok(Vec::new()) };
        let place = key_place(self.table, name, &self.place);
        tables_of(item)
            .into_iter()
            .map(|(table, at)| Table::check(table, at.unwrap_or_else(|| place.clone()), keys))
            .collect()
    }
}

/// A text, or a table that says more.
pub enum TextOrTable<'a> {
    /// A text.
    Text(Text<'a>),
    /// A table.
    Table(Table<'a>),
}

/// Returns the tables of a list, in either of the forms that TOML has for it.
fn tables_of(item: &Item) -> Vec<(&dyn TableLike, Option<Range<usize>>)> {
    if let Some(tables) = item.as_array_of_tables() {
        return tables.iter().map(|table| (table as &dyn TableLike, table.span())).collect();
    }
    let values = item.as_array().into_iter().flat_map(toml_edit::Array::iter);
    values.filter_map(|value| Some((value.as_inline_table()? as &dyn TableLike, value.span()))).collect()
}

fn key_place(table: &dyn TableLike, name: &str, otherwise: &Range<usize>) -> Range<usize> {
    table.key(name).and_then(toml_edit::Key::span).unwrap_or_else(|| otherwise.clone())
}

fn place_of(item: &Item, otherwise: &Range<usize>) -> Range<usize> {
    item.span().unwrap_or_else(|| otherwise.clone())
}

fn check_shape(item: &Item, shape: &Shape, place: &Range<usize>, name: &str) -> Result<(), DocumentError> {
    let wrong = |place: Range<usize>| {
        let found = match (shape, item.as_integer()) {
            (Shape::Count, Some(number)) => number.to_string(),
            _ => item.type_name().to_owned(),
        };
        Err(DocumentError::new(format!("`{}` is {found}, not {}", name.escape_debug(), shape.name()), place))
    };
    let fits = match shape {
        Shape::Text | Shape::Duration | Shape::DurationOr(_) => item.is_str(),
        Shape::Choice(choices) => {
            let Some(text) = item.as_str() else { return wrong(place.clone()) };
            if !choices.contains(&text) {
                let (text, known) = (text.escape_debug(), choices.join(", "));
                let error =
                    DocumentError::new(format!("`{name}` cannot be `{text}`; there are {known}"), place.clone());
                return Err(match nearest(&text.to_string(), choices.iter().copied()) {
                    Some(near) => error.help(format!("{name} = \"{near}\"")),
                    None => error,
                });
            }
            true
        }
        Shape::Flag => item.is_bool(),
        Shape::Count => item.as_integer().is_some_and(|count| count > 0),
        Shape::Texts => item.as_array().is_some_and(|array| array.iter().all(Value::is_str)),
        Shape::TextsOrTables(_) => {
            let fits = |value: &Value| value.is_str() || value.is_inline_table();
            item.is_array_of_tables() || item.as_array().is_some_and(|array| array.iter().all(fits))
        }
        Shape::Table(_) => item.is_table_like(),
        Shape::Map(_) | Shape::TextMap | Shape::TextsMap => {
            let Some(table) = item.as_table_like() else { return wrong(place.clone()) };
            for (inner, item) in table.iter() {
                let at = place_of(item, &key_place(table, inner, place));
                let inner_shape = match shape {
                    Shape::TextMap => Shape::Text,
                    Shape::TextsMap => Shape::Texts,
                    _ => Shape::Table(&[]),
                };
                check_shape(item, &inner_shape, &at, inner)?;
            }
            true
        }
        Shape::List(_) => {
            let all_tables = |array: &toml_edit::Array| array.iter().all(Value::is_inline_table);
            item.is_array_of_tables() || item.as_array().is_some_and(all_tables)
        }
    };
    if fits { Ok(()) } else { wrong(place.clone()) }
}

fn unknown(name: &str, place: Range<usize>, keys: &[Key]) -> DocumentError {
    let mut error = DocumentError::new(format!("`{}` is not a key that is known here", name.escape_debug()), place);
    error.is_unknown_key = true;
    if let Some(near) = nearest(name, keys.iter().map(|key| key.name)) {
        return error.label(format!("did you mean `{near}`?")).help(format!("write `{near}` in its place"));
    }
    let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
    error.help(format!("there are {}", known.join(", ")))
}

/// Returns the word that is nearest to what was typed, where one is near.
pub fn nearest<'a>(typed: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = |word: &&str| {
        let distance = distance(typed, word);
        (distance * 3 <= word.len().max(typed.len())).then_some(distance)
    };
    words.filter_map(|word| Some((near(&word)?, word))).min().map(|(_, word)| word)
}

/// Most bytes of a word that is compared with others.
const WORD_MAX_BYTES: usize = 64;

/// Returns how many letters must be changed, added or taken away to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    if one.len() > WORD_MAX_BYTES {
        return usize::MAX / 4;
    }
    let other = other.as_bytes();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (place, known) in other.iter().enumerate() {
            let changed = diagonal + usize::from(*known != letter);
            diagonal = row[place + 1];
            row[place + 1] = changed.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
