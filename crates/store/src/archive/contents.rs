//! What an archive lists, and the content behind it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oci::{Descriptor, Digest, Manifest, Tag};

use crate::content_files::ContentFiles;
use crate::error::StoreError;
use crate::layout::index::LayoutIndex;
use crate::layout::roots::{Root, needs_scan, roots};
use crate::layout::scan::Scan;

/// What an archive lists, and the content behind it.
#[derive(Debug)]
pub(super) struct ArchiveContents {
    path: PathBuf,
    location: String,
    files: Arc<dyn ContentFiles>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    index: LayoutIndex,
    /// What refers to what, once somebody has asked.
    scan: Option<Scan>,
}

impl ArchiveContents {
    pub(super) fn new(path: &Path, transport: &str, index: LayoutIndex, files: Arc<dyn ContentFiles>) -> Self {
        let location = format!("{transport}:{}", oci::text::printable(&path.to_string_lossy()));
        Self { path: path.to_owned(), location, files, state: Mutex::new(State { index, scan: None }) }
    }

    // A panic elsewhere leaves at worst a scan that is missing.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn location(&self) -> &str {
        &self.location
    }

    pub(super) fn files(&self) -> &dyn ContentFiles {
        &*self.files
    }

    pub(super) fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        Ok(self.state().index.resolve(tag, &self.path)?.cloned())
    }

    pub(super) fn tags(&self) -> Vec<Tag> {
        let mut tags: Vec<Tag> = self.state().index.entries().filter_map(|entry| entry.tag.clone()).collect();
        tags.sort();
        tags.dedup();
        tags
    }

    pub(super) fn roots(&self) -> Result<Vec<Root>, StoreError> {
        let mut state = self.state();
        if needs_scan(&state.index) {
            self.scan(&mut state)?;
        }
        roots(&state.index, &*self.files, state.scan.as_ref())
    }

    pub(super) fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, StoreError> {
        let mut state = self.state();
        self.scan(&mut state)?.referrers(subject, &self.location)
    }

    /// Reads what refers to what, unless that is known.
    fn scan<'a>(&self, state: &'a mut State) -> Result<&'a Scan, StoreError> {
        let scan = match state.scan.take() {
            Some(scan) => scan,
            None => Scan::new(&state.index, &*self.files, &self.location)?,
        };
        Ok(state.scan.insert(scan))
    }

    /// Returns the content of the archive's `index.json`.
    pub(super) fn index_bytes(&self) -> Result<Vec<u8>, StoreError> {
        self.state().index.to_bytes().map_err(|error| self.unchangeable(&error))
    }

    /// Lists a manifest that has been added, if its subject is what connects it to anything.
    pub(super) fn added(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Some(scan) = &mut state.scan {
            scan.add(manifest);
        }
        if manifest.subject().is_some() {
            state.index.add(&manifest.referrer_descriptor()).map_err(|error| self.unchangeable(&error))?;
        }
        Ok(())
    }

    /// Changes what is listed. Returns whether anything changed.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&mut LayoutIndex) -> Result<bool, serde_json::Error>,
    ) -> Result<bool, StoreError> {
        change(&mut self.state().index).map_err(|error| self.unchangeable(&error))
    }

    /// Forgets what refers to what, because something was removed.
    pub(super) fn forget_scan(&self) {
        self.state().scan = None;
    }

    fn unchangeable(&self, error: &serde_json::Error) -> StoreError {
        let reason = format!("has an entry in its index that cannot be changed: {error}");
        StoreError::format(&self.path, oci::text::printable(&reason))
    }
}
