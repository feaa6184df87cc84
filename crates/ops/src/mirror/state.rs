//! What a mirror remembers: the tags that it put itself, and what it let them point to.

use std::collections::BTreeMap;
use std::path::Path;

use oci::{Digest, Reference, Tag};
use serde_json::{Value, json};

use super::place;
use crate::error::OpsError;
use crate::project::read_regular_text;

/// What the file says it is.
const SCHEMA: &str = "supercargo.mirror-state.v1";
/// Most bytes of the file.
const FILE_MAX_BYTES: usize = 64 << 20;

/// Tags by destination, which is named by its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) tags: BTreeMap<String, BTreeMap<Tag, Digest>>,
    /// The text that was read.
    text: Option<String>,
}

impl State {
    /// Reads the file; one that is not there says nothing.
    ///
    /// # Errors
    /// [`OpsError::Usage`] when it cannot be understood, [`OpsError::File`] when it cannot be read.
    pub(super) fn read(path: &Path) -> Result<Self, OpsError> {
        let Some(text) = read_regular_text(path, FILE_MAX_BYTES)? else { return Ok(Self::default()) };
        let parsed: Option<BTreeMap<String, BTreeMap<Tag, Digest>>> = serde_json::from_str(&text)
            .ok()
            .filter(|value: &Value| value["schema"] == SCHEMA)
            .and_then(|mut value| serde_json::from_value(value["tags"].take()).ok());
        match parsed.and_then(canonical) {
            Some(tags) => Ok(Self { tags, text: Some(text) }),
            None => Err(OpsError::usage(
                format!("{} is not the state of a mirror", path.display()),
                format!("rm {}    (then no tag that is there is ever deleted)", path.display()),
            )),
        }
    }

    /// Writes the file, where it would say something else.
    ///
    /// # Errors
    /// What the file system brings; then the file is what it was.
    pub(super) fn write(&mut self, path: &Path) -> Result<(), OpsError> {
        self.tags.retain(|_, tags| !tags.is_empty());
        if self.tags.is_empty() && self.text.is_none() {
            return Ok(());
        }
        let text = format!("{:#}\n", json!({ "schema": SCHEMA, "tags": self.tags }));
        if self.text.as_ref() != Some(&text) {
            store::atomic::write(path, text.as_bytes())?;
            self.text = Some(text);
        }
        Ok(())
    }

    /// Remembers tags that are at a destination now: those that were not there `before`, and those that were ours already.
    pub(super) fn remember(&mut self, destination: String, roots: &[(Option<Tag>, Digest)], before: &[Tag]) {
        let ours = self.tags.entry(destination).or_default();
        for (tag, digest) in roots {
            let Some(tag) = tag else { continue };
            if ours.contains_key(tag) || before.binary_search(tag).is_err() {
                ours.insert(tag.clone(), *digest);
            }
        }
    }
}

/// Returns the tags by the keys of their destinations, where a registry may be spelled in any way; `None` where something is no
/// destination.
fn canonical(spelled: BTreeMap<String, BTreeMap<Tag, Digest>>) -> Option<BTreeMap<String, BTreeMap<Tag, Digest>>> {
    let mut tags: BTreeMap<String, BTreeMap<Tag, Digest>> = BTreeMap::new();
    for (destination, named) in spelled {
        let key = match place::of_key(&destination).ok()? {
            // Where its path leads today may be another's.
            Reference::Layout { .. } => destination,
            place => place::key(&place),
        };
        tags.entry(key).or_default().extend(named);
    }
    Some(tags)
}
