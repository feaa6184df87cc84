//! Copies of registries, and what each of them is asked for.

use oci::RegistryReference;

use super::keys::MIRROR_PLACE;
use crate::document::{DocumentError, Table, Text, TextOrTable};

/// A copy of a registry that is asked before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorPlace {
    /// Where it is: `HOST` or `HOST/PREFIX`.
    pub place: String,
    /// What it is asked for.
    pub by: MirrorUse,
}

/// What a copy of a registry is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MirrorUse {
    /// For everything.
    #[default]
    All,
    /// For what a digest names: manifests and blobs. It cannot decide what a tag names, nor which tags there are.
    DigestOnly,
    /// For which tags there are and what they name.
    TagOnly,
}

impl MirrorUse {
    /// Tells whether the copy is asked for what a digest names.
    pub const fn answers_digests(self) -> bool {
        matches!(self, Self::All | Self::DigestOnly)
    }

    /// Tells whether the copy is asked for tags.
    pub const fn answers_tags(self) -> bool {
        matches!(self, Self::All | Self::TagOnly)
    }
}

/// Reads the copies of one registry, in their order.
pub(super) fn read(registry: &Table<'_>) -> Result<Vec<MirrorPlace>, DocumentError> {
    let entries = registry.texts_or_tables("mirrors", MIRROR_PLACE)?;
    entries
        .into_iter()
        .map(|entry| match entry {
            TextOrTable::Text(text) => Ok(MirrorPlace { place: place(&text)?, by: MirrorUse::All }),
            TextOrTable::Table(table) => {
                // That there is a host was seen when the keys were checked.
                let host = table.text("host").map(|text| place(&text)).transpose()?.unwrap_or_default();
                Ok(MirrorPlace {
                    place: host,
                    by: table.text("by").map_or(MirrorUse::All, |text| mirror_use(text.text)),
                })
            }
        })
        .collect()
}

// What else it could be was refused when the keys were checked.
fn mirror_use(text: &str) -> MirrorUse {
    match text {
        "digest-only" => MirrorUse::DigestOnly,
        "tag-only" => MirrorUse::TagOnly,
        _ => MirrorUse::All,
    }
}

/// Reads what the reference of every repository there begins with.
fn place(text: &Text<'_>) -> Result<String, DocumentError> {
    if format!("{}/image", text.text).parse::<RegistryReference>().is_ok() {
        return Ok(text.text.to_owned());
    }
    Err(DocumentError::new(format!("`{}` is no place for a mirror", text.text.escape_debug()), text.place.clone())
        .help("mirrors = [\"mirror.example:5000\"]   # or mirror.example/prefix"))
}
