//! What has been learned about a registry while this process runs.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oci::{Algorithm, Digest, RepositoryName};
use reqwest::Url;
use tokio::sync::OnceCell;

use crate::history::Extensions;

/// Most upload sessions that are kept because a mount opened them.
const OPEN_UPLOADS_MAX: usize = 256;

/// What has been learned about a registry.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    single_post: AtomicU8,
    in_pieces: AtomicBool,
    verifying: Mutex<HashMap<Algorithm, Arc<OnceCell<bool>>>>,
    without_referrers: Mutex<HashSet<RepositoryName>>,
    extensions: Mutex<HashMap<RepositoryName, Extensions>>,
    with_referrers: Mutex<HashSet<RepositoryName>>,
    /// The last manifest that each has given, by the name by which it was asked for.
    given: Mutex<HashMap<RepositoryName, String>>,
    unmountable: Mutex<HashSet<(RepositoryName, RepositoryName)>>,
    open_uploads: Mutex<HashMap<(RepositoryName, Digest), Url>>,
}

/// Whether a registry takes a blob in one `POST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SinglePost {
    /// Nobody knows, and the caller is to find out.
    Try,
    /// It does.
    Works,
    /// It does not, or another request is finding out.
    Avoid,
}

const UNKNOWN: u8 = 0;
const LEARNING: u8 = 1;
const WORKS: u8 = 2;
const REFUSED: u8 = 3;

impl Learned {
    /// Returns whether to send a blob in one `POST`. Only one caller is told to try as long as nobody knows.
    pub(crate) fn single_post(&self) -> SinglePost {
        match self.single_post.compare_exchange(UNKNOWN, LEARNING, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => SinglePost::Try,
            Err(WORKS) => SinglePost::Works,
            Err(_) => SinglePost::Avoid,
        }
    }

    /// Remembers whether a blob was taken in one `POST`; `None` says that it could not be found out.
    pub(crate) fn learn_single_post(&self, works: Option<bool>) {
        let learned = match works {
            Some(true) => WORKS,
            Some(false) => REFUSED,
            None => UNKNOWN,
        };
        self.single_post.store(learned, Ordering::Relaxed);
    }

    /// Tells whether large blobs have to be sent in pieces.
    pub(crate) fn is_in_pieces(&self) -> bool {
        self.in_pieces.load(Ordering::Relaxed)
    }

    /// Remembers that large blobs have to be sent in pieces.
    pub(crate) fn learn_in_pieces(&self) {
        self.in_pieces.store(true, Ordering::Relaxed);
    }

    /// Returns the place for what is known about this registry refusing content of a wrong digest.
    pub(crate) fn verifying(&self, algorithm: Algorithm) -> Arc<OnceCell<bool>> {
        Arc::clone(lock(&self.verifying).entry(algorithm).or_default())
    }

    /// Tells whether this repository has no Referrers API. That is remembered by repository and not by registry: a gateway may
    /// send each repository to another server, and a wrong guess would lose artifacts.
    pub(crate) fn lacks_referrers(&self, repository: &RepositoryName) -> bool {
        lock(&self.without_referrers).contains(repository)
    }

    /// Remembers that this repository has no Referrers API.
    pub(crate) fn learn_lacks_referrers(&self, repository: &RepositoryName) {
        lock(&self.without_referrers).insert(repository.clone());
    }

    /// Tells whether this repository has listed referrers.
    pub(crate) fn has_referrers(&self, repository: &RepositoryName) -> bool {
        lock(&self.with_referrers).contains(repository)
    }

    /// Remembers that it has.
    pub(crate) fn learn_has_referrers(&self, repository: &RepositoryName) {
        lock(&self.with_referrers).insert(repository.clone());
    }

    /// Returns which extensions this repository has, if it has been asked.
    pub(crate) fn extensions(&self, repository: &RepositoryName) -> Option<Extensions> {
        lock(&self.extensions).get(repository).copied()
    }

    /// Remembers which extensions this repository has.
    pub(crate) fn learn_extensions(&self, repository: &RepositoryName, extensions: Extensions) {
        lock(&self.extensions).insert(repository.clone(), extensions);
    }

    /// Returns by which name this repository has given a manifest last.
    pub(crate) fn given(&self, repository: &RepositoryName) -> Option<String> {
        lock(&self.given).get(repository).cloned()
    }

    /// Remembers that this repository has given a manifest by a name.
    pub(crate) fn learn_given(&self, repository: &RepositoryName, name: &str) {
        let mut given = lock(&self.given);
        match given.get_mut(repository) {
            Some(last) => name.clone_into(last),
            None => drop(given.insert(repository.clone(), name.to_owned())),
        }
    }

    /// Tells whether it was refused to take blobs of one repository to another.
    pub(crate) fn refuses_mount(&self, from: &RepositoryName, to: &RepositoryName) -> bool {
        lock(&self.unmountable).contains(&(from.clone(), to.clone()))
    }

    /// Remembers that it was.
    pub(crate) fn learn_refuses_mount(&self, from: &RepositoryName, to: &RepositoryName) {
        lock(&self.unmountable).insert((from.clone(), to.clone()));
    }

    /// Keeps the upload session that a registry opened because it could not mount a blob. Returns false when too many are kept.
    pub(crate) fn keep_upload(&self, repository: &RepositoryName, digest: &Digest, location: Url) -> bool {
        let mut uploads = lock(&self.open_uploads);
        let room = uploads.len() < OPEN_UPLOADS_MAX;
        if room {
            uploads.insert((repository.clone(), *digest), location);
        }
        room
    }

    /// Takes the session kept for a blob.
    pub(crate) fn take_upload(&self, repository: &RepositoryName, digest: &Digest) -> Option<Url> {
        let mut uploads = lock(&self.open_uploads);
        if uploads.is_empty() {
            return None;
        }
        uploads.remove(&(repository.clone(), *digest))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{Learned, OPEN_UPLOADS_MAX, SinglePost};

    #[test]
    fn one_caller_tries_the_single_post() {
        let learned = Learned::default();
        assert_eq!(learned.single_post(), SinglePost::Try);
        assert_eq!(learned.single_post(), SinglePost::Avoid);
        learned.learn_single_post(None);
        assert_eq!(learned.single_post(), SinglePost::Try);
        learned.learn_single_post(Some(true));
        assert_eq!(learned.single_post(), SinglePost::Works);
        learned.learn_single_post(Some(false));
        assert_eq!(learned.single_post(), SinglePost::Avoid);
    }

    #[test]
    fn keeps_a_bounded_number_of_sessions() {
        let learned = Learned::default();
        let name = "a".parse().unwrap();
        let url: reqwest::Url = "http://h/u".parse().unwrap();
        for number in 0..OPEN_UPLOADS_MAX {
            assert!(learned.keep_upload(&name, &oci::Digest::sha256(&number.to_le_bytes()), url.clone()));
        }
        let one_more = oci::Digest::sha256(b"one more");
        assert!(!learned.keep_upload(&name, &one_more, url.clone()));
        assert!(learned.take_upload(&name, &one_more).is_none());
        assert!(learned.take_upload(&name, &oci::Digest::sha256(&0_usize.to_le_bytes())).is_some());
        assert!(learned.keep_upload(&name, &one_more, url));
    }
}
