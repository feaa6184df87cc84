//! Which registries do not answer, and what is not known because of that.
//!
//! One run of the program asks many repositories of few registries. A registry that could not be reached once is not waited for again
//! where something else may answer in its place.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci::{Digest, Host};
use store::StoreError;

/// What operations that share a context have learnt of the registries that do not answer.
#[derive(Debug, Default)]
pub struct Reach {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// What happened, by the registries that could not be reached.
    silent: BTreeMap<Host, String>,
    /// Mirrors that gave other bytes than a digest names, each with such a digest, and whether that has been told.
    wrong: BTreeMap<String, (Digest, bool)>,
    /// By the places of repositories: why it is not known what is attached to their images, and whether that has been told.
    unknown: BTreeMap<String, (String, bool)>,
}

impl Reach {
    /// Returns the error of asking a registry at `location` that could not be reached before; `None` for one that is to be asked.
    pub(crate) fn silence(&self, host: &Host, location: &str) -> Option<StoreError> {
        let reason = self.known().silent.get(host)?.clone();
        Some(StoreError::Unreachable { location: location.to_owned(), reason, source: None })
    }

    /// Takes note of a failure. One that says nothing about whether the registry can be reached changes nothing.
    pub(crate) fn note(&self, host: &Host, failure: &StoreError) {
        if let StoreError::Unreachable { reason, .. } = failure {
            self.known().silent.entry(host.clone()).or_insert_with(|| reason.clone());
        }
    }

    /// Takes note that what is attached to the images of a repository is known from its mirrors alone.
    pub(crate) fn note_unknown(&self, location: &str, failure: &StoreError) {
        if let Entry::Vacant(place) = self.known().unknown.entry(location.to_owned()) {
            place.insert((failure.to_string(), false));
        }
    }

    /// Takes note that a mirror gave other bytes than a digest names.
    pub(crate) fn note_wrong(&self, mirror: &str, digest: &Digest) {
        self.known().wrong.entry(mirror.to_owned()).or_insert((*digest, false));
    }

    /// Returns a warning for every mirror that gave wrong bytes, and for every repository of which it is not known what is attached to its images, each once.
    pub fn warnings(&self) -> Vec<String> {
        let mut known = self.known();
        let Known { unknown, wrong, .. } = &mut *known;
        let untold = unknown.iter_mut().filter(|(_, (_, is_told))| !is_told);
        let told = untold.map(|(location, (why, is_told))| {
            *is_told = true;
            format!("what is attached to the images of {location} is known from its mirrors alone: {why}")
        });
        let wrong = wrong.iter_mut().filter(|(_, (_, is_told))| !is_told);
        let wrong = wrong.map(|(mirror, (digest, is_told))| {
            *is_told = true;
            format!("{mirror} gave other bytes than {digest} names: they were read elsewhere")
        });
        wrong.chain(told).collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // What was learnt before a panic is as true as before.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
