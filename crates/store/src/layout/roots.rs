//! What a layout holds for its own sake.

use std::collections::BTreeSet;

use oci::{Descriptor, Digest, Tag};

use super::Layout;
use super::index::LayoutIndex;
use super::scan::Scan;
use crate::content_files::ContentFiles;
use crate::error::StoreError;

/// A root with its tag, if it has one.
pub(crate) type Root = (Option<Tag>, Descriptor);

/// Returns the manifests that `index` lists without a name: only of these it has to be found out what they are.
fn nameless(index: &LayoutIndex) -> BTreeSet<Digest> {
    let manifests = || index.entries().filter(|entry| entry.descriptor.manifest_kind().is_some());
    let plain = |tag: &Option<Tag>| tag.as_ref().is_some_and(|tag| !tag.is_attachment());
    let tagged: BTreeSet<Digest> =
        manifests().filter(|entry| plain(&entry.tag)).map(|entry| entry.descriptor.digest).collect();
    let nameless = manifests().filter(|entry| entry.tag.is_none()).map(|entry| entry.descriptor.digest);
    nameless.filter(|digest| !tagged.contains(digest)).collect()
}

/// Tells whether [`roots`] needs to know what refers to what.
pub(crate) fn needs_scan(index: &LayoutIndex) -> bool {
    !nameless(index).is_empty()
}

/// Returns the tagged roots and those without a tag, in the order of `index`.
///
/// What is attached to something that is here is no root: referrers, convention tags, fallback tags. Neither are children
/// that a tool lists although their parents are here.
pub(crate) fn roots(
    index: &LayoutIndex,
    files: &dyn ContentFiles,
    scan: Option<&Scan>,
) -> Result<Vec<Root>, StoreError> {
    let nameless = nameless(index);
    let mut seen = BTreeSet::new();
    let mut roots = Vec::new();
    for entry in index.entries().filter(|entry| entry.descriptor.manifest_kind().is_some()) {
        let digest = entry.descriptor.digest;
        let is_root = match &entry.tag {
            Some(tag) if !tag.is_attachment() => true,
            // The fallback tag of a sha512 digest does not hold all of it.
            Some(tag) => match tag.attached_to() {
                Some((subject, _)) => files.stat(&subject)?.is_none(),
                None => false,
            },
            None => nameless.contains(&digest) && !is_part(&digest, files, scan)?,
        };
        if is_root && seen.insert((entry.tag.clone(), digest)) {
            roots.push((entry.tag.clone(), entry.descriptor.clone()));
        }
    }
    Ok(roots)
}

/// Tells whether a manifest is a child of another one, or about something that is here.
fn is_part(digest: &Digest, files: &dyn ContentFiles, scan: Option<&Scan>) -> Result<bool, StoreError> {
    let Some(scan) = scan else { return Ok(false) };
    match scan.subject(digest) {
        _ if scan.is_child(digest) => Ok(true),
        Some(subject) => Ok(files.stat(subject)?.is_some()),
        None => Ok(false),
    }
}

impl Layout {
    /// Returns the layout's roots.
    pub(super) fn roots(&self) -> Result<Vec<Root>, StoreError> {
        let index = self.index(&mut self.state())?;
        if needs_scan(&index) {
            self.scanned(|scan, index| roots(index, &*self.blobs, Some(scan)))
        } else {
            roots(&index, &*self.blobs, None)
        }
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
