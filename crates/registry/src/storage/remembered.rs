//! Answers that are remembered, so that what is asked for often is not asked of the database.
//!
//! Only what stays is remembered: what a tag or a manifest holds, for the change that ends that says so, and what is promised, as long
//! as enough is left of the promise. Why an answer is never an old one is said at [`Versions`]. A cluster remembers nothing: there other
//! nodes change what this one would have to forget.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use oci::{Digest, RepositoryName};
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use super::collect::Stay;
use super::database::{Version, Versions};
use super::{StoredBlob, StoredManifest};
use crate::observe::{Counter, Exposition, family};
use crate::route::ManifestName;

/// Most bytes of manifests that are remembered.
const MANIFESTS_MAX_BYTES: u64 = 24 * 1024 * 1024;
/// Most bytes of what is known of blobs that is remembered.
const BLOBS_MAX_BYTES: u64 = 8 * 1024 * 1024;
/// What an answer takes beside its content: keys, header values, places in tables.
const OVERHEAD_BYTES: u64 = 768;

/// Answers of one database that only this process changes.
#[derive(Debug)]
pub(super) struct Remembered {
    pub(super) manifests: Shelf<ManifestName, StoredManifest>,
    pub(super) blobs: Shelf<Digest, StoredBlob>,
}

impl Remembered {
    pub(super) fn new(versions: &Arc<Versions>) -> Self {
        Self { manifests: Shelf::new(versions, MANIFESTS_MAX_BYTES), blobs: Shelf::new(versions, BLOBS_MAX_BYTES) }
    }

    /// Writes how often answers were found.
    pub(super) fn write(&self, exposition: &mut Exposition) {
        self.manifests.write("manifests", exposition);
        self.blobs.write("blobs", exposition);
    }
}

/// Something that takes memory.
pub(super) trait Measured {
    /// Returns how much, in bytes, as far as it differs much.
    fn bytes(&self) -> u64;
}

impl Measured for StoredManifest {
    fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl Measured for StoredBlob {
    fn bytes(&self) -> u64 {
        self.place.len() as u64
    }
}

/// Answers of one kind, under the repository and the name that was asked for.
pub(super) struct Shelf<N, V> {
    versions: Arc<Versions>,
    answers: Cache<(RepositoryName, N), Answer<V>, Weight>,
    hits: Counter,
    misses: Counter,
}

struct Answer<V> {
    value: Arc<V>,
    version: Version,
    /// Until when it is promised, if nothing holds it.
    promised: Option<i64>,
}

/// The version that a repository had before the database was asked; none where the answer cannot be remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before(Option<Version>);

impl<N: Hash + Eq + Clone, V: Measured> Shelf<N, V> {
    fn new(versions: &Arc<Versions>, max_bytes: u64) -> Self {
        let most = usize::try_from(max_bytes / OVERHEAD_BYTES).unwrap_or(usize::MAX);
        let answers = Cache::with_weighter(most, max_bytes, Weight);
        Self { versions: Arc::clone(versions), answers, hits: Counter::default(), misses: Counter::default() }
    }

    fn write(&self, name: &str, exposition: &mut Exposition) {
        exposition.labelled(&family::CACHE_REQUESTS, &[name, "hit"], self.hits.get());
        exposition.labelled(&family::CACHE_REQUESTS, &[name, "miss"], self.misses.get());
    }

    /// Returns what is remembered, if it is still right; `is_promised` tells that of the end of a promise. Otherwise returns what
    /// [`Self::remember`] wants to know.
    pub(super) fn recall(
        &self,
        repository: &RepositoryName,
        name: &N,
        is_promised: impl FnOnce(i64) -> bool,
    ) -> Result<Arc<V>, Before> {
        let version = self.versions.of(repository);
        let answer = self.answers.get(&Asked { repository, name });
        let good = answer.filter(|answer| Some(answer.version) == version && answer.promised.is_none_or(is_promised));
        if good.is_some() { &self.hits } else { &self.misses }.one();
        good.map(|answer| answer.value).ok_or(Before(version))
    }

    /// Remembers what the database answered after `before` was returned.
    pub(super) fn remember(&self, before: Before, key: (&RepositoryName, &N), value: &Arc<V>, stay: Stay) {
        let promised = match stay {
            Stay::Held => None,
            Stay::Promised(until) => Some(until),
            Stay::Uncertain => return,
        };
        if let Some(version) = before.0 {
            let (repository, name) = key;
            let answer = Answer { value: Arc::clone(value), version, promised };
            self.answers.insert((repository.clone(), name.clone()), answer);
        }
    }
}

impl<V> Clone for Answer<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), ..*self }
    }
}

impl<N, V> fmt::Debug for Shelf<N, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf")
    }
}

/// What is asked for. It hashes as the key does under which the answer is, a pair.
#[derive(Hash)]
struct Asked<'a, N> {
    repository: &'a RepositoryName,
    name: &'a N,
}

impl<N: Eq> Equivalent<(RepositoryName, N)> for Asked<'_, N> {
    fn equivalent(&self, key: &(RepositoryName, N)) -> bool {
        *self.repository == key.0 && *self.name == key.1
    }
}

#[derive(Clone, Debug)]
struct Weight;

impl<N, V: Measured> Weighter<(RepositoryName, N), Answer<V>> for Weight {
    fn weight(&self, _key: &(RepositoryName, N), answer: &Answer<V>) -> u64 {
        OVERHEAD_BYTES + answer.value.bytes()
    }
}

#[cfg(test)]
#[path = "remembered/tests.rs"]
mod tests;
