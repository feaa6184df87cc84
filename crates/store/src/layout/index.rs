//! `index.json` (image-spec, "index.json file"): what a layout lists.
//!
//! The file may be another tool's. Every field and every entry is kept as the text it was read as, in its order; only an
//! entry that is changed is written anew, and of it only what changes.

mod saved;

use std::path::Path;

use oci::{Descriptor, Digest, MediaType, Tag, annotation};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::StoreError;

/// Largest `index.json` that is read, in bytes. It lists roots and referrers, about 300 bytes each.
pub(crate) const INDEX_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Most fields of an object that is changed.
const FIELDS_MAX: usize = 1000;

const MANIFESTS: &str = "manifests";
const ANNOTATIONS: &str = "annotations";

/// What a layout lists.
#[derive(Debug, Clone)]
pub(crate) struct LayoutIndex {
    fields: Fields,
    entries: Vec<Entry>,
}

/// One entry of the list.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    text: Box<RawValue>,
    /// What it says; `None` for what is no descriptor that we understand, such as one with another digest algorithm.
    view: Option<EntryView>,
}

/// What an entry says.
#[derive(Debug, Clone)]
pub(crate) struct EntryView {
    pub(crate) descriptor: Descriptor,
    /// The name of the entry when it is a tag. Some tools write a full reference instead, which is no tag. What cosign has
    /// saved with an image has the convention tag under which a registry keeps it.
    pub(crate) tag: Option<Tag>,
}

impl LayoutIndex {
    /// Returns the list of a layout that has nothing.
    pub(crate) fn empty() -> Self {
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]}}"#, MediaType::OCI_INDEX);
        let fields = serde_json::from_str(&text);
        Self { fields: fields.unwrap_or_default(), entries: Vec::new() }
    }

    /// Reads the file's content.
    pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Self, StoreError> {
        let broken = |error: serde_json::Error| {
            StoreError::format(path, format!("is not the index of an OCI layout: {}", printable(&error)))
        };
        let fields: Fields = serde_json::from_slice(bytes).map_err(broken)?;
        let entries = match fields.get(MANIFESTS) {
            Some(text) => serde_json::from_str::<Option<Vec<Box<RawValue>>>>(text.get()).map_err(broken)?,
            None => return Err(StoreError::format(path, "is not the index of an OCI layout: it lists no manifests")),
        };
        let mut entries: Vec<Entry> = entries.unwrap_or_default().into_iter().map(Entry::new).collect();
        saved::name_attached(&mut entries);
        Ok(Self { fields, entries })
    }

    /// Returns the file's content.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let entries: Vec<&RawValue> = self.entries.iter().map(|entry| &*entry.text).collect();
        let mut fields = self.fields.clone();
        fields.set(MANIFESTS, serde_json::value::to_raw_value(&entries)?);
        serde_json::to_vec(&fields)
    }

    /// Returns what the entries say, in their order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &EntryView> {
        self.entries.iter().filter_map(|entry| entry.view.as_ref())
    }

    /// Returns what a tag names. When several entries have the same name, as happens where tools drop the repository from
    /// it, and they are not the same, none is meant.
    pub(crate) fn resolve(&self, tag: &Tag, path: &Path) -> Result<Option<&Descriptor>, StoreError> {
        let mut named = self.entries().filter(|entry| entry.tag.as_ref() == Some(tag)).map(|entry| &entry.descriptor);
        let Some(first) = named.next() else { return Ok(None) };
        match named.find(|other| other.digest != first.digest) {
            None => Ok(Some(first)),
            Some(other) => Err(StoreError::format(
                path,
                format!("names two manifests `{tag}`, {} and {}: give the digest", first.digest, other.digest),
            )),
        }
    }

    /// Tells whether an entry names this content.
    pub(crate) fn lists(&self, digest: &Digest) -> bool {
        self.entries().any(|entry| entry.descriptor.digest == *digest)
    }

    /// Points a tag to a manifest. An entry of that name is replaced in its place; else a nameless entry of the manifest gets
    /// the name; else an entry is added after the last one with a name. Other entries of the name lose it. Returns whether anything changed.
    pub(crate) fn set_tag(&mut self, tag: &Tag, manifest: &Descriptor) -> Result<bool, serde_json::Error> {
        let has_name = |entry: &Entry| entry.view.as_ref().is_some_and(|view| view.tag.as_ref() == Some(tag));
        let is_manifest = |entry: &Entry| entry.digest() == Some(&manifest.digest);
        let named = self.entries.iter().filter(|entry| has_name(entry));
        if named.clone().count() == 1 && named.clone().all(is_manifest) {
            return Ok(false);
        }
        let place = match self.entries.iter().position(|entry| has_name(entry) && is_manifest(entry)) {
            Some(place) => place,
            None => match self.entries.iter().position(has_name) {
                Some(place) => {
                    self.entries[place] = Entry::of(&with_name(manifest, tag))?;
                    place
                }
                None => self.name_or_add(tag, manifest)?,
            },
        };
        for (position, entry) in self.entries.iter_mut().enumerate() {
            if position != place && has_name(entry) {
                entry.rename(None)?;
            }
        }
        Ok(true)
    }

    fn name_or_add(&mut self, tag: &Tag, manifest: &Descriptor) -> Result<usize, serde_json::Error> {
        let nameless = self.entries.iter().position(|entry| entry.is_nameless_of(&manifest.digest));
        let mut entry = match nameless {
            Some(place) => self.entries.remove(place),
            None => Entry::of(manifest)?,
        };
        entry.rename(Some(tag))?;
        let is_tagged = |entry: &Entry| entry.view.as_ref().is_some_and(|view| view.tag.is_some());
        let place = self.entries.iter().rposition(is_tagged).map_or(0, |last| last + 1);
        self.entries.insert(place, entry);
        Ok(place)
    }

    /// Lists a manifest without a name, at the end, unless it is listed. Returns whether anything changed.
    pub(crate) fn add(&mut self, manifest: &Descriptor) -> Result<bool, serde_json::Error> {
        if self.lists(&manifest.digest) {
            return Ok(false);
        }
        self.entries.push(Entry::of(manifest)?);
        Ok(true)
    }

    /// Removes a tag: its entry goes, unless `keep` says that the manifest is listed for its own sake; then only the
    /// name goes. Returns whether anything changed.
    pub(crate) fn remove_tag(&mut self, tag: &Tag, keep: impl Fn(&Digest) -> bool) -> Result<bool, serde_json::Error> {
        let mut changed = false;
        let mut kept = Vec::with_capacity(self.entries.len());
        for mut entry in std::mem::take(&mut self.entries) {
            let digest = match &entry.view {
                Some(view) if view.tag.as_ref() == Some(tag) => view.descriptor.digest,
                _ => {
                    kept.push(entry);
                    continue;
                }
            };
            changed = true;
            if keep(&digest) {
                entry.rename(None)?;
                kept.push(entry);
            }
        }
        self.entries = kept;
        Ok(changed)
    }

    /// Removes every entry of a manifest. Returns whether anything changed.
    pub(crate) fn remove(&mut self, digest: &Digest) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.digest() != Some(digest));
        self.entries.len() != before
    }
}

fn with_name(manifest: &Descriptor, tag: &Tag) -> Descriptor {
    let mut descriptor = manifest.clone();
    descriptor.annotations.insert(annotation::REF_NAME.to_owned(), tag.to_string());
    descriptor
}

fn printable(error: &serde_json::Error) -> String {
    oci::text::printable(&error.to_string()).into_owned()
}

impl Entry {
    fn new(text: Box<RawValue>) -> Self {
        let view = serde_json::from_str::<Descriptor>(text.get()).ok().map(|descriptor| {
            let tag = descriptor.annotation(annotation::REF_NAME).and_then(|name| name.parse().ok());
            EntryView { descriptor, tag }
        });
        Self { text, view }
    }

    fn of(descriptor: &Descriptor) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(descriptor).map(Self::new)
    }

    fn digest(&self) -> Option<&Digest> {
        self.view.as_ref().map(|view| &view.descriptor.digest)
    }

    /// Tells whether this is an entry of a manifest that has no name of any form.
    fn is_nameless_of(&self, digest: &Digest) -> bool {
        self.view.as_ref().is_some_and(|view| {
            view.descriptor.digest == *digest && view.descriptor.annotation(annotation::REF_NAME).is_none()
        })
    }

    /// Gives the entry another name, or none, and leaves the rest of it as it is.
    fn rename(&mut self, tag: Option<&Tag>) -> Result<(), serde_json::Error> {
        let mut fields: Fields = serde_json::from_str(self.text.get())?;
        let mut annotations: Fields = match fields.get(ANNOTATIONS) {
            Some(text) => serde_json::from_str::<Option<Fields>>(text.get())?.unwrap_or_default(),
            None => Fields::default(),
        };
        match tag {
            Some(tag) => annotations.set(annotation::REF_NAME, serde_json::value::to_raw_value(tag)?),
            None => annotations.0.retain(|(name, _)| name != annotation::REF_NAME),
        }
        if annotations.0.is_empty() {
            fields.0.retain(|(name, _)| name != ANNOTATIONS);
        } else {
            fields.set(ANNOTATIONS, serde_json::value::to_raw_value(&annotations)?);
        }
        *self = Self::new(serde_json::value::to_raw_value(&fields)?);
        Ok(())
    }
}

/// The fields of a JSON object in their order, each with the text of its value.
#[derive(Debug, Clone, Default)]
struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, text)| &**text)
    }

    fn set(&mut self, name: &str, text: Box<RawValue>) {
        match self.0.iter_mut().find(|(field, _)| field == name) {
            Some((_, old)) => *old = text,
            None => self.0.push((name.to_owned(), text)),
        }
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, text)| (name, text)))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, text)) = map.next_entry::<String, Box<RawValue>>()? {
                    if fields.0.len() == FIELDS_MAX {
                        return Err(serde::de::Error::custom(format_args!("more than {FIELDS_MAX} fields")));
                    }
                    if fields.get(&name).is_some() {
                        return Err(serde::de::Error::custom(format_args!("field `{name}` is given twice")));
                    }
                    fields.0.push((name, text));
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests;
