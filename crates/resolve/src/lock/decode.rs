//! A lock from its text.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;

use toml_edit::{Document, Item, Table, TableLike};

use super::{
    FILE_MAX_BYTES, FILE_NAME, LOCK_VERSION, Lock, LockedArtifact, LockedBase, LockedImage, LockedKind, LockedPlatform,
    TimeSource, sections,
};
use crate::document::excerpt;

/// Why a lock cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// It is of a newer format.
    #[error("the lock has format {found}; this version of supercargo reads up to {LOCK_VERSION}")]
    Newer {
        /// Its format.
        found: i64,
    },
    /// It is no lock.
    #[error("{message}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// Where, in bytes of the text.
        place: Range<usize>,
    },
}

impl LockError {
    fn new(message: impl Into<String>, place: Range<usize>) -> Self {
        Self::Invalid { message: message.into(), place }
    }

    /// Returns the lines that show the place in the text, where there is one.
    pub fn excerpt(&self, text: &str) -> Option<String> {
        match self {
            Self::Newer { .. } => None,
            Self::Invalid { place, .. } => Some(excerpt(FILE_NAME, text, place, "")),
        }
    }
}

type Result<T> = std::result::Result<T, LockError>;

pub(super) fn lock(text: &str) -> Result<Lock> {
    if text.len() > FILE_MAX_BYTES {
        return Err(LockError::new(format!("the lock has more than {FILE_MAX_BYTES} bytes"), 0..0));
    }
    let conflict = text.lines().scan(0, |at, line| {
        let start = *at;
        *at += line.len() + 1;
        Some((start, line))
    });
    if let Some((start, line)) = conflict.into_iter().find(|(_, line)| line.starts_with("<<<<<<< ")) {
        return Err(LockError::new("the lock has conflicts of a merge in it", start..start + line.len()));
    }
    let document = Document::parse(text).map_err(|error| {
        LockError::new(error.message().lines().next().unwrap_or("is not TOML"), error.span().unwrap_or(0..0))
    })?;
    let root = document.as_table();
    match root.get("lock-version").and_then(Item::as_integer) {
        Some(found) if u64::try_from(found).is_ok_and(|found| found <= LOCK_VERSION) => {}
        Some(found) => return Err(LockError::Newer { found }),
        None => return Err(LockError::new("`lock-version` is missing", 0..0)),
    }
    let mut images = BTreeMap::new();
    let (sources, unknown) = sections::split(text, root);
    let tables: Vec<&Table> = match root.get("image") {
        Some(Item::ArrayOfTables(tables)) => tables.iter().collect(),
        Some(item) => return Err(LockError::new("`image` is not a list of tables", item.span().unwrap_or(0..0))),
        None => Vec::new(),
    };
    let has_sources = sources.len() == tables.len();
    for (place, table) in tables.into_iter().enumerate() {
        let entry = Entry::of(table);
        let name: String = entry.required("name")?;
        let mut image = image(&entry)?;
        image.source = sources.get(place).filter(|_| has_sources).map(|source| (*source).to_owned());
        if images.insert(name.clone(), image).is_some() {
            return Err(LockError::new(format!("`{}` is locked twice", name.escape_debug()), entry.place("name")));
        }
    }
    Ok(Lock { images, unknown })
}

fn image(entry: &Entry<'_>) -> Result<LockedImage> {
    let kind: String = entry.required("kind")?;
    let kind = LockedKind::ALL.iter().find(|(_, word)| *word == kind).map(|(kind, _)| *kind);
    let kind = kind.ok_or_else(|| LockError::new("`kind` is neither index nor image", entry.place("kind")))?;
    let mut image = LockedImage::new(
        entry.required("repo")?,
        entry.required("version")?,
        entry.required("tag")?,
        entry.required("digest")?,
        kind,
    );
    image.track = entry.optional("track")?.unwrap_or_default();
    image.aliases = entry.list("aliases")?;
    image.floating = entry.table.get("floating").and_then(Item::as_bool).unwrap_or_default();
    image.created = entry.optional("created")?;
    let source: Option<String> = entry.optional("created-from")?;
    // A source that newer versions may know is no reason not to read the rest.
    image.created_from =
        source.and_then(|source| TimeSource::ALL.iter().find(|(_, word)| *word == source).map(|(source, _)| *source));
    image.chosen = entry.optional("chosen")?.unwrap_or_default();
    image.requires = entry.list("requires")?;
    image.declared = entry.list("declared")?;
    image.conflicts = entry.list("conflicts")?;
    for table in entry.tables("platform") {
        image.platforms.push(LockedPlatform {
            on: table.required("on")?,
            digest: table.required("digest")?,
            config: table.optional("config")?,
            layers: table.list("layers")?,
            bytes: table.size("bytes")?,
            base: base(&table)?,
        });
    }
    for table in entry.tables("artifact") {
        image.artifacts.push(LockedArtifact {
            role: table.required("role")?,
            artifact_type: table.required("type")?,
            subject: table.required("subject")?,
            digest: table.required("digest")?,
        });
    }
    Ok(image)
}

fn base(platform: &Entry<'_>) -> Result<Option<LockedBase>> {
    let Some(item) = platform.table.get("base") else { return Ok(None) };
    let entry = Entry { table: item.as_table_like().ok_or_else(|| platform.wrong("base"))?, place: item.span() };
    Ok(Some(LockedBase {
        repository: entry.required("repo")?,
        tag: entry.optional("tag")?,
        digest: entry.required("digest")?,
        layers: entry.size("layers")?,
        proof: entry.optional("proof")?.unwrap_or_default(),
    }))
}

/// A table of the file.
struct Entry<'a> {
    table: &'a dyn TableLike,
    place: Option<Range<usize>>,
}

impl<'a> Entry<'a> {
    fn of(table: &'a Table) -> Self {
        Self { table, place: table.span() }
    }

    fn place(&self, key: &str) -> Range<usize> {
        let place = self.table.get(key).and_then(Item::span);
        place.or_else(|| self.place.clone()).unwrap_or(0..0)
    }

    fn required<T: FromStr>(&self, key: &str) -> Result<T> {
        self.optional(key)?.ok_or_else(|| LockError::new(format!("`{key}` is missing"), self.place(key)))
    }

    fn optional<T: FromStr>(&self, key: &str) -> Result<Option<T>> {
        let Some(item) = self.table.get(key) else { return Ok(None) };
        let read = item.as_str().and_then(|text| text.parse().ok());
        read.map_or_else(|| Err(self.wrong(key)), |value| Ok(Some(value)))
    }

    fn list<T: FromStr>(&self, key: &str) -> Result<Vec<T>> {
        let Some(item) = self.table.get(key) else { return Ok(Vec::new()) };
        let values = item.as_array().ok_or_else(|| self.wrong(key))?;
        values
            .iter()
            .map(|value| value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| self.wrong(key)))
            .collect()
    }

    fn size(&self, key: &str) -> Result<u64> {
        let Some(item) = self.table.get(key) else { return Ok(0) };
        item.as_integer().and_then(|size| u64::try_from(size).ok()).ok_or_else(|| self.wrong(key))
    }

    fn tables(&self, key: &str) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let tables = self.table.get(key).and_then(Item::as_array_of_tables);
        tables.into_iter().flatten().map(Entry::of)
    }

    fn wrong(&self, key: &str) -> LockError {
        LockError::new(format!("`{key}` is not what it should be"), self.place(key))
    }
}
