//! The steps in which images were built, by name.

use oci::config::HistoryEntry;
use oci::{ChainId, Digest};

/// The steps in which an image was built, with the name of every prefix of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    prefixes: Vec<ChainId>,
    /// How many steps it took to each layer, itself counted.
    to_layer: Vec<usize>,
}

/// The history of a known image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trail {
    /// The number of steps; at least one.
    pub(crate) steps: usize,
    /// The name of all of them.
    pub(crate) all: ChainId,
    /// The name of those up to the one that made the topmost layer.
    pub(crate) to_top: ChainId,
}

/// What the histories of two images say about whether the one was built on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Descent {
    /// The one begins with the other.
    Told,
    /// They have nothing in common: a builder did not take over what was there.
    Untold,
    /// They tell of the same layers, and part before the other ends.
    Denied,
}

impl History {
    /// Returns the history that a configuration states.
    pub fn new(entries: &[HistoryEntry]) -> Self {
        let steps: Vec<Digest> = entries.iter().map(name).collect();
        let layers = entries.iter().enumerate().filter(|(_, entry)| !entry.empty_layer);
        Self {
            prefixes: ChainId::prefixes(&steps).collect(),
            to_layer: layers.map(|(position, _)| position + 1).collect(),
        }
    }

    /// Returns the history as that of a known image with so many layers; `None` when it tells of more or fewer.
    pub fn trail(&self, layers: usize) -> Option<Trail> {
        if !self.tells_of(layers) {
            return None;
        }
        let to_top = self.after(*self.to_layer.last()?)?;
        Some(Trail { steps: self.prefixes.len(), all: *self.prefixes.last()?, to_top })
    }

    /// Tells whether it is the history of so many layers.
    pub(super) fn tells_of(&self, layers: usize) -> bool {
        self.to_layer.len() == layers
    }

    /// Compares this history with that of a known image with so many layers.
    pub(super) fn descent_from(&self, other: Option<&Trail>, layers: usize) -> Descent {
        let to_top = layers.checked_sub(1).and_then(|top| self.after(*self.to_layer.get(top)?));
        match other {
            Some(other) if to_top == Some(other.to_top) => {
                if self.after(other.steps) == Some(other.all) {
                    Descent::Told
                } else {
                    Descent::Denied
                }
            }
            _ => Descent::Untold,
        }
    }

    /// Returns the name of the first steps.
    fn after(&self, steps: usize) -> Option<ChainId> {
        self.prefixes.get(steps.checked_sub(1)?).copied()
    }
}

/// Names a step. Lengths keep one field from running into the next.
fn name(entry: &HistoryEntry) -> Digest {
    let mut hasher = oci::Algorithm::Sha256.hasher();
    for field in [&entry.created, &entry.created_by, &entry.author, &entry.comment] {
        let text = field.as_deref().unwrap_or_default();
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.update(&[u8::from(entry.empty_layer)]);
    hasher.finish()
}
