//! What to write at a place.

use oci::{Algorithm, Digest, RegistryReference, Selector, Tag};

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
        let image = match &self.content {
            Content::Image(image) => &**image,
            Content::Skipped { reason, .. } => {
                return Err(PlanError::Skipped { path: self.path.clone(), reason: reason.clone() });
            }
        };
        let mut draft = Draft { place: self, image, locked, edits: Vec::new() };
        if write == Write::Tag && locked.selector.tag.is_none() {
            return Err(draft.no_tag());
        }
        if write != Write::Tag && locked.selector.digest.is_none() {
            return Err(PlanError::NoDigest { path: self.path.clone() });
        }
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

    fn no_tag(&self) -> PlanError {
        PlanError::NoTag { path: self.place.path.clone() }
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
        let Selector { tag, digest } = self.locked.selector.clone();
        let selector = match (write, digest, &split.digest) {
            (Write::Digest | Write::TagAndDigest, Some(digest), Some(slot)) => {
                if split.digest_is_bare && digest.algorithm() != Algorithm::Sha256 {
                    return Err(self.unwritable(&digest.to_string(), "only a sha256 digest is taken"));
                }
                self.put(slot, &if split.digest_is_bare { digest.encoded() } else { digest.to_string() })?;
                Selector { tag: self.tag_beside_digest(split, tag, write)?, digest: Some(digest) }
            }
            (Write::Digest, ..) => return Err(self.no_key("digest")),
            (Write::Tag, ..) => self.tag_alone(split, tag, None)?,
            (Write::TagAndDigest, digest, _) => self.tag_alone(split, tag, digest)?,
        };
        Ok(self.after(selector))
    }

    /// Writes the tag to its key, where there is one. Returns what stands there then.
    fn tag_beside_digest(&mut self, split: &Split, tag: Option<Tag>, write: Write) -> Result<Option<Tag>, PlanError> {
        let Some(slot) = &split.tag else { return Ok(None) };
        match tag {
            // An empty tag stands for what the chart is made for; by digest alone there is no reason to fill it.
            _ if write == Write::Digest && slot.text.is_empty() => Ok(None),
            Some(tag) => self.put(slot, tag.as_str()).map(|()| Some(tag)),
            None if slot.text.is_empty() => Ok(None),
            // An old tag beside a new digest would tell a version that is not there.
            None => Err(self.no_tag()),
        }
    }

    /// Writes the tag, and the digest behind it if there is one, to the key of the tag.
    fn tag_alone(&mut self, split: &Split, tag: Option<Tag>, digest: Option<Digest>) -> Result<Selector, PlanError> {
        let slot = split.tag.as_ref().ok_or_else(|| self.no_key("tag"))?;
        let selector = Selector { tag: Some(tag.ok_or_else(|| self.no_tag())?), digest };
        // It begins with the colon that stands between name and tag.
        self.put(slot, selector.to_string().trim_start_matches(':'))?;
        if let Some(slot) = split.digest.as_ref().filter(|slot| !slot.text.is_empty()) {
            self.put(slot, "")?;
        }
        Ok(selector)
    }
}
