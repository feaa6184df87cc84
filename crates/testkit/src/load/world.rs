//! What a client knows of the server: what it was promised, and what may be either way as an answer never came.

use std::collections::{BTreeMap, BTreeSet};

use oci::Digest;

/// What a client knows of all repositories in which it writes.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) repositories: BTreeMap<String, Repository>,
}

/// What a client knows of a repository.
#[derive(Debug, Default)]
pub(super) struct Repository {
    /// What each of the client's tags may point to.
    pub(super) tags: BTreeMap<String, BTreeSet<Option<Digest>>>,
    /// Manifests that were ever put.
    pub(super) manifests: BTreeMap<Digest, Pushed>,
    /// What the client asked to be deleted, and has not put again since.
    pub(super) deleted: BTreeSet<Digest>,
    /// Referrers that live with a tag, as it has pointed to their subject ever since.
    pub(super) attached: BTreeSet<(String, Digest, Digest)>,
}

/// A manifest.
#[derive(Clone, Debug)]
pub(super) struct Pushed {
    pub(super) media_type: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) blobs: Vec<Digest>,
    pub(super) children: Vec<Digest>,
}

/// Returns the name of the repository in which a client alone writes.
pub(super) fn own(client: u64) -> String {
    format!("own{client}")
}

impl Repository {
    /// Notes that a tag points to something, or to nothing, and that this is certain.
    pub(super) fn is_now(&mut self, tag: &str, digest: Option<Digest>) {
        self.move_from(tag, digest);
        self.tags.insert(tag.to_owned(), BTreeSet::from([digest]));
    }

    /// Notes that a tag may point to something, or to nothing, beside what it may point to already.
    pub(super) fn may_be(&mut self, tag: &str, digest: Option<Digest>) {
        self.move_from(tag, digest);
        self.tags.entry(tag.to_owned()).or_insert_with(|| BTreeSet::from([None])).insert(digest);
    }

    /// What lived with what the tag pointed to may go.
    fn move_from(&mut self, tag: &str, digest: Option<Digest>) {
        self.attached.retain(|(other, subject, _)| other != tag || Some(*subject) == digest);
    }

    /// Returns what a tag certainly points to.
    pub(super) fn certain(&self, tag: &str) -> Option<Digest> {
        let states = self.tags.get(tag)?;
        states.first().copied().flatten().filter(|_| states.len() == 1)
    }

    /// Returns the tags that certainly point to something, and what it is.
    pub(super) fn tagged(&self) -> Vec<(String, Digest)> {
        self.tags.keys().filter_map(|tag| Some((tag.clone(), self.certain(tag)?))).collect()
    }

    /// Notes that a manifest was, or with `is_certain` false may have been, deleted with all tags that point to it.
    pub(super) fn without(&mut self, digest: &Digest, is_certain: bool) {
        for states in self.tags.values_mut().filter(|states| states.contains(&Some(*digest))) {
            states.insert(None);
            if is_certain {
                states.remove(&Some(*digest));
            }
        }
        self.deleted.insert(*digest);
        self.attached.retain(|(_, subject, referrer)| subject != digest && referrer != digest);
    }
}
