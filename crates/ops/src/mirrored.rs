//! A repository and its copies, read as one repository.
//!
//! | what is asked | who answers |
//! |---|---|
//! | what a digest names | the first that has it, the mirrors before the repository; what has another digest is passed over |
//! | what a tag names | likewise, of the mirrors that are asked for tags |
//! | which tags there are | likewise, of those that a project names; those that files of the machine name often have only what somebody pulled, and are asked where the repository does not answer |
//! | what is attached to an image | the repository: a copy without a signature must not make an image unsigned. Only where the repository does not answer its mirrors are asked, and [`Reach`] says that it is known from them alone |
//!
//! A registry that did not answer once is passed over where another place may answer. Where none is left it is asked again: it may have
//! failed for one repository alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use client::routing::Pulls;
use futures_util::future::BoxFuture;
use oci::limits::CONFIG_MAX_BYTES;
use oci::{Descriptor, Digest, DigestError, Host, Manifest, Tag, Timestamp};
use resolve::project::MirrorUse;
use store::history::{TagMove, TagsThen};
use store::{BlobBody, Identity, Referrers, Store, StoreError};

use crate::reach::Reach;

/// One of the places where a repository is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The registry.
    pub(crate) host: Host,
    /// What it is asked for.
    pub(crate) by: MirrorUse,
    /// Whether it has all the tags that count. What keeps only what somebody pulled has not.
    pub(crate) has_all_tags: bool,
    /// The repository there.
    pub(crate) store: Arc<dyn Store>,
}

impl Place {
    /// Returns a mirror that a file of the user or the system names; `None` when it is asked for nothing.
    pub(crate) fn of_mirror(mirror: client::Mirror) -> Option<Self> {
        let by = match mirror.pulls {
            Pulls { tags: true, digests: true } => MirrorUse::All,
            Pulls { tags: false, digests: true } => MirrorUse::DigestOnly,
            Pulls { tags: true, digests: false } => MirrorUse::TagOnly,
            Pulls::NONE => return None,
        };
        let Identity::Repository { host, .. } = mirror.repository.identity() else { return None };
        Some(Self { host, by, has_all_tags: false, store: Arc::new(mirror.repository) })
    }
}

/// A repository and its mirrors. It cannot be changed.
#[derive(Debug)]
pub(crate) struct Mirrored {
    mirrors: Vec<Place>,
    origin: Place,
    reach: Arc<Reach>,
    blobs: Mutex<Blobs>,
}

/// Where blobs came from.
#[derive(Debug, Default)]
struct Blobs {
    /// The mirror that gave a blob last, by its number.
    given_by: BTreeMap<Digest, usize>,
    /// How many mirrors are passed over for a blob: up to the last that gave other content.
    passed_over: BTreeMap<Digest, usize>,
}

impl Blobs {
    /// Returns the number of the mirror that is asked first for a blob from an offset on. Who wants the rest of one has got no further
    /// with the mirror that gave the beginning.
    fn first_to_ask(&self, digest: &Digest, offset: u64) -> usize {
        let broken = self.given_by.get(digest).filter(|_| offset > 0).map_or(0, |number| number + 1);
        self.passed_over.get(digest).copied().unwrap_or_default().max(broken)
    }
}

impl Mirrored {
    /// Returns a repository that is read from its mirrors in their order, and from itself.
    pub(crate) fn new(mirrors: Vec<Place>, origin: Place, reach: Arc<Reach>) -> Self {
        Self { mirrors, origin, reach, blobs: Mutex::default() }
    }

    /// Waits for the answer of a place, unless its registry is known not to answer.
    async fn asked<T>(&self, place: &Place, answer: BoxFuture<'_, Result<T, StoreError>>) -> Result<T, StoreError> {
        match self.silence(place) {
            Some(silence) => Err(silence),
            None => self.waited_for(place, answer).await,
        }
    }

    /// Returns what the repository tells of its own past. Where it does not answer and mirrors say what tags name, nothing is told.
    async fn told<T>(&self, answer: BoxFuture<'_, Result<Option<T>, StoreError>>) -> Result<Option<T>, StoreError> {
        match self.asked(&self.origin, answer).await {
            Err(StoreError::Unreachable { .. }) if self.of_tags().next().is_some() => Ok(None),
            told => told,
        }
    }

    fn silence(&self, place: &Place) -> Option<StoreError> {
        self.reach.silence(&place.host, place.store.location())
    }

    /// Waits for the answer of a place, whatever is known of its registry.
    async fn waited_for<T>(
        &self,
        place: &Place,
        answer: BoxFuture<'_, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let answer = answer.await;
        if let Err(failure) = &answer {
            self.reach.note(&place.host, failure);
        }
        answer
    }

    /// Waits for the answer of a mirror. What it does not have, cannot say, or has wrong, another place may have.
    async fn found_at<T>(&self, mirror: &Place, answer: BoxFuture<'_, Result<Option<T>, StoreError>>) -> Option<T> {
        match self.asked(mirror, answer).await {
            Ok(found) => found,
            Err(StoreError::Digest { source: DigestError::Mismatch { expected, .. }, .. }) => {
                self.reach.note_wrong(mirror.store.location(), &expected);
                None
            }
            Err(_) => None,
        }
    }

    /// Asks mirrors and then the repository until one of them has something. The repository knows what it does not have; where it fails,
    /// that counts.
    async fn first<'a, T>(
        &'a self,
        mirrors: impl Iterator<Item = &'a Place> + Send,
        ask: impl Fn(&'a dyn Store) -> BoxFuture<'a, Result<Option<T>, StoreError>> + Send,
    ) -> Result<Option<T>, StoreError> {
        for mirror in mirrors {
            if let Some(found) = self.found_at(mirror, ask(&*mirror.store)).await {
                return Ok(Some(found));
            }
        }
        self.waited_for(&self.origin, ask(&*self.origin.store)).await
    }

    fn of_digests(&self) -> impl Iterator<Item = &Place> + Send {
        self.mirrors.iter().filter(|mirror| mirror.by.answers_digests())
    }

    fn of_tags(&self) -> impl Iterator<Item = &Place> + Send {
        self.mirrors.iter().filter(|mirror| mirror.by.answers_tags())
    }

    /// Returns the mirrors that are asked for everything, and so for lists of what is attached.
    fn of_everything(&self) -> impl Iterator<Item = &Place> + Send {
        self.mirrors.iter().filter(|mirror| mirror.by == MirrorUse::All)
    }

    /// Returns the first mirror's list of referrers that is not empty.
    async fn listed_by_mirrors(&self, subject: &Digest, artifact_type: Option<&str>) -> Vec<Descriptor> {
        for mirror in self.of_everything() {
            let listed = match self.asked(mirror, mirror.store.referrers(subject, artifact_type)).await {
                Ok(Referrers::Listed(listed)) => listed,
                Ok(Referrers::Unsupported) => {
                    transfer::fallback::read(&*mirror.store, subject).await.unwrap_or_default()
                }
                Err(_) => continue,
            };
            if !listed.is_empty() {
                return listed;
            }
        }
        Vec::new()
    }

    /// Returns the first list of tags that is not empty.
    async fn first_tags<'a>(&'a self, mirrors: impl Iterator<Item = &'a Place> + Send) -> Option<Vec<Tag>> {
        for mirror in mirrors {
            match self.asked(mirror, mirror.store.tags()).await {
                Ok(tags) if !tags.is_empty() => return Some(tags),
                _ => {}
            }
        }
        None
    }

    /// Returns the body of a blob from a mirror. A small one has been checked: who reads it has no second try.
    async fn open_at_mirror(
        &self,
        mirror: &Place,
        descriptor: &Descriptor,
        offset: u64,
    ) -> Result<Option<BlobBody>, StoreError> {
        let Some(body) = mirror.store.open_blob(descriptor, offset).await? else { return Ok(None) };
        if offset > 0 || descriptor.size > CONFIG_MAX_BYTES as u64 {
            return Ok(Some(body));
        }
        let bytes = body.into_bytes(descriptor, mirror.store.location(), CONFIG_MAX_BYTES).await?;
        Ok(Some(BlobBody::from_bytes(bytes)))
    }

    fn blobs(&self) -> MutexGuard<'_, Blobs> {
        // Both maps are whole between two statements.
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Mirrored {
    fn location(&self) -> &str {
        self.origin.store.location()
    }

    fn identity(&self) -> Identity {
        Identity::Opaque
    }

    fn concurrency(&self) -> usize {
        let stores = self.mirrors.iter().chain([&self.origin]);
        stores.map(|place| place.store.concurrency()).min().unwrap_or(1)
    }

    async fn resolve(&self, tag: &Tag) -> Result<Option<Descriptor>, StoreError> {
        if !tag.is_attachment() {
            return self.first(self.of_tags(), |store| store.resolve(tag)).await;
        }
        let own = self.origin.store.resolve(tag);
        if self.of_tags().next().is_none() {
            return self.waited_for(&self.origin, own).await;
        }
        let failure = match self.asked(&self.origin, own).await {
            Err(failure) => failure,
            found => return found,
        };
        for mirror in self.of_tags() {
            if let Some(found) = self.found_at(mirror, mirror.store.resolve(tag)).await {
                return Ok(Some(found));
            }
        }
        Err(failure)
    }

    async fn stat_manifest(&self, digest: &Digest) -> Result<Option<Descriptor>, StoreError> {
        // What a mirror says of the size and type of something is not believed without its bytes.
        for mirror in self.of_digests() {
            if let Some(found) = self.found_at(mirror, mirror.store.manifest(digest)).await {
                return Ok(Some(found.descriptor()));
            }
        }
        self.waited_for(&self.origin, self.origin.store.stat_manifest(digest)).await
    }

    async fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>, StoreError> {
        self.first(self.of_digests(), |store| store.manifest(digest)).await
    }

    async fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        let listed = self.first_tags(self.of_tags().filter(|mirror| mirror.has_all_tags));
        let was_silent = self.silence(&self.origin).is_some();
        let own = self.asked(&self.origin, self.origin.store.tags());
        let (listed, own) = futures_util::future::join(listed, own).await;
        match (listed, own) {
            (None, Err(failure)) if cannot_be_asked(&failure) => {
                match self.first_tags(self.of_tags().filter(|mirror| !mirror.has_all_tags)).await {
                    Some(tags) => {
                        self.reach.note_unknown(self.location(), &failure);
                        Ok(tags)
                    }
                    None if was_silent => self.waited_for(&self.origin, self.origin.store.tags()).await,
                    None => Err(failure),
                }
            }
            (None, own) => own,
            // Tags attach things too: which of those there are the repository itself says.
            (Some(listed), Ok(own)) => {
                let images = listed.into_iter().filter(|tag| !tag.is_attachment());
                Ok(images.chain(own.into_iter().filter(Tag::is_attachment)).collect())
            }
            // A mirror of everything says which tags there are; what is attached by tags it may not have.
            (Some(listed), Err(failure)) => {
                self.reach.note_unknown(self.location(), &failure);
                Ok(listed)
            }
        }
    }

    /// The tags of a mirror have moved when it was brought up to date.
    async fn tag_history(&self, tag: &Tag) -> Result<Option<Vec<TagMove>>, StoreError> {
        self.told(self.origin.store.tag_history(tag)).await
    }

    async fn tags_then(&self, at: Timestamp) -> Result<Option<TagsThen>, StoreError> {
        self.told(self.origin.store.tags_then(at)).await
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers, StoreError> {
        let own = self.origin.store.referrers(subject, artifact_type);
        if self.of_everything().next().is_none() {
            return self.waited_for(&self.origin, own).await;
        }
        let failure = match self.asked(&self.origin, own).await {
            Err(failure) if cannot_be_asked(&failure) => failure,
            listed => return listed,
        };
        self.reach.note_unknown(self.location(), &failure);
        Ok(Referrers::Listed(self.listed_by_mirrors(subject, artifact_type).await))
    }

    async fn stat_blob(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        self.first(self.of_digests(), |store| store.stat_blob(digest)).await
    }

    async fn open_blob(&self, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        let digest = descriptor.digest;
        let first = self.blobs().first_to_ask(&digest, offset);
        for (number, mirror) in self.mirrors.iter().enumerate().skip(first) {
            if !mirror.by.answers_digests() {
                continue;
            }
            if let Some(body) = self.found_at(mirror, Box::pin(self.open_at_mirror(mirror, descriptor, offset))).await {
                self.blobs().given_by.insert(digest, number);
                return Ok(Some(body));
            }
        }
        if offset == 0 {
            self.blobs().given_by.remove(&digest);
        }
        self.waited_for(&self.origin, self.origin.store.open_blob(descriptor, offset)).await
    }

    fn distrust(&self, digest: &Digest) -> bool {
        let mut blobs = self.blobs();
        let Some(number) = blobs.given_by.remove(digest) else { return false };
        if let Some(mirror) = self.mirrors.get(number) {
            self.reach.note_wrong(mirror.store.location(), digest);
        }
        blobs.passed_over.insert(*digest, number + 1);
        true
    }
}

/// Tells whether a failure says that a repository cannot or must not be asked, and nothing of what it would have answered.
fn cannot_be_asked(failure: &StoreError) -> bool {
    matches!(failure, StoreError::Unreachable { .. } | StoreError::Blocked { .. })
}

#[cfg(test)]
mod tests {
    use store::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn a_registry_that_has_failed_is_asked_again_where_no_mirror_answers() {
        let place = |host: &str, by, has_all_tags| {
            let store = Arc::new(MemoryStore::new(host));
            (Place { host: host.parse().unwrap(), by, has_all_tags, store: store.clone() }, store)
        };
        let index = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
        let manifest = Manifest::parse(index.as_slice().into(), None, None).unwrap();
        let tag: Tag = "1.0".parse().unwrap();
        let uses = [MirrorUse::DigestOnly, MirrorUse::TagOnly, MirrorUse::All];
        for (by, has_all_tags) in uses.into_iter().flat_map(|by| [(by, true), (by, false)]) {
            let (mirror, _) = place("mirror.example", by, has_all_tags);
            let (origin, held) = place("registry.example", MirrorUse::All, true);
            held.put_manifest(&manifest).await.unwrap();
            held.tag(&tag, &manifest).await.unwrap();
            let reach = Arc::new(Reach::default());
            let failure = StoreError::Unreachable {
                location: "registry.example/other".to_owned(),
                reason: "it answered 500".to_owned(),
                source: None,
            };
            reach.note(&origin.host, &failure);
            let mirrored = Mirrored::new(vec![mirror], origin, reach);
            let digest = *manifest.digest();
            assert_eq!(mirrored.tags().await.unwrap(), std::slice::from_ref(&tag), "{by:?}");
            assert_eq!(mirrored.resolve(&tag).await.unwrap().unwrap().digest, digest, "{by:?}");
            assert!(mirrored.manifest(&digest).await.unwrap().is_some(), "{by:?}");
            assert!(mirrored.stat_manifest(&digest).await.unwrap().is_some(), "{by:?}");
        }
    }
}
