//! What a layout holds for its own sake.

use std::collections::BTreeSet;

use oci::{Descriptor, Digest, Tag};

use super::Layout;
use super::index::EntryView;
use crate::error::StoreError;

impl Layout {
    /// Returns the tagged roots and those without a tag, in the order of `index.json`.
    ///
    /// What is attached to something that is here is no root: referrers, convention tags, fallback tags. Neither are children
    /// that a tool lists although their parents are here.
    pub(super) fn roots(&self) -> Result<Vec<(Option<Tag>, Descriptor)>, StoreError> {
        let index = self.index(&mut self.state())?;
        let plain = |entry: &EntryView| entry.tag.as_ref().is_some_and(|tag| !tag.is_attachment());
        let tagged: BTreeSet<Digest> =
            index.entries().filter(|entry| plain(entry)).map(|entry| entry.descriptor.digest).collect();
        let mut seen = BTreeSet::new();
        let mut roots = Vec::new();
        for entry in index.entries().filter(|entry| entry.descriptor.manifest_kind().is_some()) {
            let digest = entry.descriptor.digest;
            let tag = entry.tag.clone();
            let is_root = match &tag {
                Some(tag) if !tag.is_attachment() => true,
                // The fallback tag of a sha512 digest does not hold all of it.
                Some(tag) => match tag.attached_to() {
                    Some((subject, _)) => !self.has(&subject)?,
                    None => false,
                },
                None => !tagged.contains(&digest) && !self.is_part(&digest)?,
            };
            if is_root && seen.insert((tag.clone(), digest)) {
                roots.push((tag, entry.descriptor.clone()));
            }
        }
        Ok(roots)
    }

    /// Tells whether a manifest is a child of another one, or about something that is here.
    fn is_part(&self, digest: &Digest) -> Result<bool, StoreError> {
        let (is_child, subject) = self.scanned(|scan, _| Ok((scan.is_child(digest), scan.subject(digest).copied())))?;
        Ok(is_child || subject.map_or(Ok(false), |subject| self.has(&subject))?)
    }

    /// Removes a manifest, after everything that `index.json` says of it.
    pub(super) fn delete_manifest(&self, digest: &Digest) -> Result<bool, StoreError> {
        let there = self.blobs.stat_manifest(digest, &self.location)?.is_some();
        if !there && !self.index(&mut self.state())?.lists(digest) {
            return Ok(false);
        }
        self.state().unlisted.retain(|unlisted| unlisted.digest != *digest);
        self.change_index(|index| Ok(index.remove(digest)))?;
        self.blobs.remove(digest)?;
        self.blobs.sync()?;
        self.state().scan = None;
        Ok(true)
    }

    /// Removes a tag. A referrer stays listed.
    pub(super) fn delete_tag(&self, tag: &Tag) -> Result<bool, StoreError> {
        let index = self.index(&mut self.state())?;
        if !index.entries().any(|entry| entry.tag.as_ref() == Some(tag)) {
            return Ok(false);
        }
        let is_referrer = |digest: &Digest| {
            let manifest = self.blobs.manifest(digest, &self.location);
            manifest.is_ok_and(|manifest| manifest.is_some_and(|manifest| manifest.subject().is_some()))
        };
        self.change_index(|index| index.remove_tag(tag, is_referrer))
    }
}
