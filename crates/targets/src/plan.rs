//! What to write at a place.

use oci::{Algorithm, RegistryReference, Selector};

use crate::edit::Edit;
use crate::error::PlanError;
use crate::place::{Content, Image, Place};
use crate::slot::{Slot, Slots, Split, Whole};

/// What of a reference is written, besides the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// `NAME:TAG`.
    Tag,
    /// `NAME@DIGEST`.
    Digest,
    /// `NAME:TAG@DIGEST`; without the tag where none is known, or where the file's format has no place for both.
    TagAndDigest,
}

/// What is to be changed at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The place: its [`Place::index`].
    pub place: usize,
    /// What stands there afterwards.
    pub after: Image,
    /// How it comes there. Empty when it stands there already.
    pub edits: Vec<Edit>,
}

impl Place {
    /// Returns what to change so that this place names `locked`.
    ///
    /// A name that means the same repository stays as it is written: `nginx` is not made `docker.io/library/nginx`. Quotes
    /// stay too, and are added to a plain YAML scalar only where the new text would not be a string without them.
    ///
    /// A reference that is split over keys is written to the keys that are there:
    ///
    /// - With a key for the digest, the digest goes there, and the tag to its own key where there is one. A template that
    ///   reads such keys may put the tag before the digest, so a tag that is there is kept in step, never emptied.
    ///   [`Write::Tag`] empties the key of the digest, which would else go before the tag.
    /// - Without one, [`Write::TagAndDigest`] writes `TAG@DIGEST` to the key of the tag, which templates put after `NAME:`.
    ///   [`Write::Digest`] has no place, because the colon before an empty tag would remain.
    ///
    /// # Errors
    ///
    /// [`PlanError`]: what stands there is left alone, a part is not known, has no key, or cannot be written.
    pub fn plan(&self, locked: &RegistryReference, write: Write) -> Result<Change, PlanError> {
        let Selector { tag, digest } = &locked.selector;
        let image = match &self.content {
            Content::Image(image) => &**image,
            Content::Skipped { reason, .. } => {
                return Err(PlanError::Skipped { path: self.path.clone(), reason: reason.clone() });
            }
        };
        if write == Write::Tag && tag.is_none() {
            return Err(PlanError::NoTag { path: self.path.clone() });
        }
        if write != Write::Tag && digest.is_none() {
            return Err(PlanError::NoDigest { path: self.path.clone() });
        }
        let mut draft = Draft { place: self, image, locked, edits: Vec::new() };
        let after = match &self.slots {
            Slots::Whole(whole) => draft.whole(whole, write)?,
            Slots::Split(split) => draft.split(split, write)?,
            // Only what is left alone has no slots.
            Slots::None => image.clone(),
        };
        Ok(Change { place: self.index, after, edits: draft.edits })
    }
}

struct Draft<'a> {
    place: &'a Place,
    image: &'a Image,
    locked: &'a RegistryReference,
    edits: Vec<Edit>,
}

impl Draft<'_> {
    fn put(&mut self, slot: &Slot, text: &str) -> Result<(), PlanError> {
        let edit = slot.edit(text).map_err(|why| self.unwritable(text, why))?;
        self.edits.extend(edit);
        Ok(())
    }

    fn unwritable(&self, text: &str, why: &'static str) -> PlanError {
        PlanError::Unwritable { path: self.place.path.clone(), text: text.to_owned(), why }
    }

    fn no_key(&self, part: &'static str) -> PlanError {
        PlanError::NoKey { path: self.place.path.clone(), part }
    }

    fn is_same_name(&self) -> bool {
        let written = &self.image.reference;
        written.host == self.locked.host && written.repository == self.locked.repository
    }

    /// Returns what stands at the place when this selector is written there.
    fn after(&self, selector: Selector) -> Image {
        let name = if self.is_same_name() { self.image.name.clone() } else { self.full_name() };
        Image { name, reference: RegistryReference { selector, ..self.locked.clone() } }
    }

    fn full_name(&self) -> String {
        format!("{}/{}", self.locked.host, self.locked.repository)
    }

    fn whole(&mut self, whole: &Whole, write: Write) -> Result<Image, PlanError> {
        let Selector { tag, digest } = self.locked.selector.clone();
        let after = self.after(match write {
            Write::Tag => Selector { tag, digest: None },
            Write::TagAndDigest if whole.both => Selector { tag, digest },
            Write::TagAndDigest | Write::Digest => Selector { tag: None, digest },
        });
        self.put(&whole.slot, &after.to_string())?;
        Ok(after)
    }

    fn split(&mut self, split: &Split, write: Write) -> Result<Image, PlanError> {
        if !self.is_same_name() {
            let name = split.name.as_ref().ok_or_else(|| self.no_key("name"))?;
            match &split.registry {
                Some(registry) => {
                    self.put(registry, self.locked.host.as_str())?;
                    self.put(name, self.locked.repository.as_str())?;
                }
                None => self.put(name, &self.full_name())?,
            }
        }
        let selector = match (&split.tag, &split.digest) {
            (tag_slot, Some(slot)) if write != Write::Tag => {
                self.beside_digest(tag_slot.as_ref(), slot, split, write)?
            }
            (Some(slot), digest_slot) => {
                if write == Write::Digest {
                    return Err(self.no_key("digest"));
                }
                let Selector { tag, digest } = self.locked.selector.clone();
                let Some(tag) = tag else { return Err(PlanError::NoTag { path: self.place.path.clone() }) };
                let digest = digest.filter(|_| write == Write::TagAndDigest);
                match &digest {
                    Some(digest) => self.put(slot, &format!("{tag}@{digest}"))?,
                    None => self.put(slot, tag.as_str())?,
                }
                if let Some(slot) = digest_slot.as_ref().filter(|slot| !slot.text.is_empty()) {
                    self.put(slot, "")?;
                }
                Selector { tag: Some(tag), digest }
            }
            (None, _) => return Err(self.no_key(if write == Write::Digest { "digest" } else { "tag" })),
        };
        Ok(self.after(selector))
    }

    /// Writes the digest to its own key, and the tag to its own where there is one.
    fn beside_digest(
        &mut self,
        tag_slot: Option<&Slot>,
        digest_slot: &Slot,
        split: &Split,
        write: Write,
    ) -> Result<Selector, PlanError> {
        let Selector { tag, digest } = self.locked.selector.clone();
        let Some(digest) = digest else { return Err(PlanError::NoDigest { path: self.place.path.clone() }) };
        if split.digest_is_bare && digest.algorithm() != Algorithm::Sha256 {
            return Err(self.unwritable(&digest.to_string(), "only a sha256 digest is taken"));
        }
        let text = if split.digest_is_bare { digest.encoded() } else { digest.to_string() };
        self.put(digest_slot, &text)?;
        let mut written = None;
        if let Some(slot) = tag_slot {
            // An empty tag stands for what the chart is made for; by digest alone there is no reason to fill it.
            let is_kept_empty = write == Write::Digest && slot.text.is_empty();
            match tag {
                Some(tag) if !is_kept_empty => {
                    self.put(slot, tag.as_str())?;
                    written = Some(tag);
                }
                // An old tag beside a new digest would tell a version that is not there.
                None if !slot.text.is_empty() => {
                    return Err(PlanError::NoTag { path: self.place.path.clone() });
                }
                _ => {}
            }
        }
        Ok(Selector { tag: written, digest: Some(digest) })
    }
}
