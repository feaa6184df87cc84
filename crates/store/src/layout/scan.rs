//! What refers to what in a layout.
//!
//! A layout has no list of referrers. Tools keep them in three ways: as entries of `index.json` without a name, in indexes
//! under fallback tags, or not at all, as blobs that nothing but their own `subject` connects to anything. So the truth is
//! taken from the bytes of every manifest, and `index.json` says only where to begin.

use std::collections::{BTreeMap, HashMap, HashSet};

use oci::{Descriptor, Digest, Manifest};

use super::index::LayoutIndex;
use crate::content_files::{ContentFiles, crawl, sift};
use crate::error::StoreError;

/// What refers to what.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    referrers: HashMap<Digest, BTreeMap<Digest, Descriptor>>,
    subjects: HashMap<Digest, Digest>,
    children: HashSet<Digest>,
    /// A nameless entry of `index.json` that cannot be read: nobody can say whose referrer it is.
    unreadable: Option<(Digest, Unreadable)>,
}

/// Why an entry cannot be read.
#[derive(Debug, Clone)]
enum Unreadable {
    Absent,
    Damaged(String),
}

impl Scan {
    /// Reads every manifest of a layout.
    pub(crate) fn new(index: &LayoutIndex, files: &dyn ContentFiles, location: &str) -> Result<Self, StoreError> {
        let mut scan = Self::default();
        let manifests = index.entries().filter(|entry| entry.descriptor.manifest_kind().is_some());
        let starts = manifests.map(|entry| entry.descriptor.digest);
        let crawl = crawl(files, starts, location, |manifest| scan.add(&manifest))?;
        let mut unlisted = Vec::new();
        sift(files, &crawl.reached, location, |manifest| unlisted.push(manifest))?;
        for manifest in unlisted.iter().filter(|manifest| manifest.subject().is_some()) {
            scan.add(manifest);
        }
        let nameless: HashSet<Digest> =
            index.entries().filter(|entry| entry.tag.is_none()).map(|entry| entry.descriptor.digest).collect();
        let unreadable = crawl.unreadable.into_iter().find(|(digest, _)| nameless.contains(digest));
        scan.unreadable = unreadable.map(|(digest, error)| match error {
            StoreError::Missing { .. } => (digest, Unreadable::Absent),
            error => (digest, Unreadable::Damaged(error.to_string())),
        });
        Ok(scan)
    }

    /// Adds a manifest.
    pub(crate) fn add(&mut self, manifest: &Manifest) {
        self.children.extend(manifest.children().iter().map(|child| child.digest));
        if let Some(subject) = manifest.subject() {
            self.subjects.insert(*manifest.digest(), subject.digest);
            let listed = self.referrers.entry(subject.digest).or_default();
            listed.insert(*manifest.digest(), manifest.referrer_descriptor());
        }
    }

    /// Returns what refers to a subject.
    ///
    /// # Errors
    /// When the layout lists something that cannot be read: a list that may lack an entry is no list.
    pub(crate) fn referrers(&self, subject: &Digest, location: &str) -> Result<Vec<Descriptor>, StoreError> {
        match &self.unreadable {
            None => Ok(self.referrers.get(subject).into_iter().flat_map(BTreeMap::values).cloned().collect()),
            Some((digest, reason)) => {
                let what = match reason {
                    Unreadable::Absent => format!("manifest {digest}, which its index.json lists"),
                    Unreadable::Damaged(reason) => {
                        format!("a whole manifest {digest}, which its index.json lists ({reason})")
                    }
                };
                Err(StoreError::Missing { location: location.to_owned(), what })
            }
        }
    }

    /// Returns the subject of a manifest.
    pub(crate) fn subject(&self, digest: &Digest) -> Option<&Digest> {
        self.subjects.get(digest)
    }

    /// Tells whether an index names this manifest as its child.
    pub(crate) fn is_child(&self, digest: &Digest) -> bool {
        self.children.contains(digest)
    }
}
