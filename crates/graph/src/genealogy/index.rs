//! Known images, found by their layers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use oci::{ChainId, Digest, Tag};

use super::history::Descent;
use super::{KnownImage, Match, Subject, encoding};

/// How many images an index holds. One more pushes out the one that has been in it for longest.
pub const INDEX_IMAGES_MAX: usize = 10_000;

/// How large an index may become, in bytes of its encoding.
pub const INDEX_MAX_BYTES: usize = 8 * 1024 * 1024;

/// Known images. Looking for a base takes two look-ups for each layer of the image.
#[derive(Clone, Debug, Default)]
pub struct BaseIndex {
    images: VecDeque<Entry>,
    /// The number of the oldest image; those after it count on.
    oldest: u64,
    /// The size of the encoding without its first line.
    bytes: usize,
    keys: BTreeSet<Key>,
    by_blobs: BTreeMap<ChainId, VecDeque<u64>>,
    by_diff_ids: BTreeMap<ChainId, VecDeque<u64>>,
    /// Manifests, and the indexes they were in.
    by_digest: BTreeMap<Digest, VecDeque<u64>>,
}

#[derive(Clone, Debug)]
struct Entry {
    image: KnownImage,
    bytes: usize,
}

/// What tells known images apart: one image may be known from several places and under several names.
type Key = (Digest, Option<Digest>, String, Option<Tag>);

/// A known image whose layers are the lowest of another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The image.
    pub image: &'a KnownImage,
    /// By what its layers were recognised.
    pub matched: Match,
}

impl BaseIndex {
    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Returns the images, the one that has been here for longest first.
    pub fn images(&self) -> impl Iterator<Item = &KnownImage> {
        self.images.iter().map(|entry| &entry.image)
    }

    /// Adds an image; the oldest ones go where there is no room. Returns whether it was added: not when it is here already, and not
    /// when the name of its place is empty, longer than any reference, or holds a control character.
    pub fn insert(&mut self, image: KnownImage) -> bool {
        if !encoding::is_place(&image.repository) || !self.keys.insert(key(&image)) {
            return false;
        }
        let number = self.oldest + self.images.len() as u64;
        self.by_blobs.entry(image.layers.blobs).or_default().push_back(number);
        self.by_diff_ids.entry(image.layers.diff_ids).or_default().push_back(number);
        for digest in digests(&image) {
            self.by_digest.entry(digest).or_default().push_back(number);
        }
        let bytes = encoding::line(&image).len();
        self.bytes += bytes;
        self.images.push_back(Entry { image, bytes });
        while self.images.len() > INDEX_IMAGES_MAX || self.bytes > INDEX_MAX_BYTES - encoding::FIRST_LINE.len() {
            self.remove_oldest();
        }
        true
    }

    /// Returns the known images that a digest names, itself or as the index they were in.
    pub fn named_by(&self, digest: &Digest) -> impl Iterator<Item = &KnownImage> {
        self.numbered(self.by_digest.get(digest))
    }

    /// Returns the known images whose layers are the lowest of the subject's, of those with most layers; never the subject itself, and
    /// none with as many layers as it has. Where some are for its platform, only they are returned; where the histories tell which are
    /// nearest, only those. What cannot be told apart is returned together: those recognised byte for byte first, then in the order of
    /// their names.
    pub fn find_base(&self, subject: &Subject<'_>) -> Vec<Found<'_>> {
        let heights = (1..subject.layers.height()).rev();
        let mut found = heights.map(|height| nearest(subject, self.at_height(subject, height)));
        found.find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// Returns the known images with the layers of the subject, all of them, and another configuration. One of them may be its base, or
    /// built on it, or neither.
    pub fn same_layers(&self, subject: &Subject<'_>) -> Vec<Found<'_>> {
        self.at_height(subject, subject.layers.height())
    }

    fn at_height(&self, subject: &Subject<'_>, height: usize) -> Vec<Found<'_>> {
        let Some(top) = height.checked_sub(1) else { return Vec::new() };
        let candidates = [
            (Match::Blobs, subject.layers.blobs.get(top).and_then(|chain| self.by_blobs.get(chain))),
            (Match::DiffIds, subject.layers.diff_ids.get(top).and_then(|chain| self.by_diff_ids.get(chain))),
        ];
        let mut seen = BTreeSet::new();
        let mut found: Vec<Found<'_>> = Vec::new();
        for (matched, numbers) in candidates {
            let new = numbers.into_iter().flatten().filter(|number| seen.insert(**number));
            let images = new.filter_map(|number| self.image(*number));
            let images = images.filter(|image| image.height() == height && !image.is(subject));
            found.extend(images.map(|image| Found { image, matched }));
        }
        if found.iter().any(|found| found.image.may_be_for(subject.platform)) {
            found.retain(|found| found.image.may_be_for(subject.platform));
        }
        found.sort_by(|a, b| (a.matched, name(a.image)).cmp(&(b.matched, name(b.image))));
        found
    }

    fn image(&self, number: u64) -> Option<&KnownImage> {
        let position = usize::try_from(number.checked_sub(self.oldest)?).ok()?;
        self.images.get(position).map(|entry| &entry.image)
    }

    fn numbered<'a>(&'a self, numbers: Option<&'a VecDeque<u64>>) -> impl Iterator<Item = &'a KnownImage> {
        numbers.into_iter().flatten().filter_map(|number| self.image(*number))
    }

    fn remove_oldest(&mut self) {
        let Some(Entry { image, bytes }) = self.images.pop_front() else { return };
        self.oldest += 1;
        self.bytes -= bytes;
        self.keys.remove(&key(&image));
        forget_first(&mut self.by_blobs, &image.layers.blobs);
        forget_first(&mut self.by_diff_ids, &image.layers.diff_ids);
        for digest in digests(&image) {
            forget_first(&mut self.by_digest, &digest);
        }
    }
}

/// Takes away what the subject's history denies, and, where it tells of some, all but those with most steps.
fn nearest<'a>(subject: &Subject<'_>, mut found: Vec<Found<'a>>) -> Vec<Found<'a>> {
    if !subject.history.tells_of(subject.layers.height()) {
        return found;
    }
    let descent = |image: &KnownImage| subject.history.descent_from(image.history.as_ref(), image.height());
    let steps = |image: &KnownImage| image.history.map_or(0, |trail| trail.steps);
    found.retain(|found| descent(found.image) != Descent::Denied);
    let told = found.iter().filter(|found| descent(found.image) == Descent::Told);
    if let Some(most) = told.map(|found| steps(found.image)).max() {
        found.retain(|found| descent(found.image) == Descent::Told && steps(found.image) == most);
    }
    found
}

/// Takes the oldest image out of a list; lists are in the order in which images came.
fn forget_first<K: Ord>(lists: &mut BTreeMap<K, VecDeque<u64>>, key: &K) {
    if let Some(list) = lists.get_mut(key) {
        list.pop_front();
        if list.is_empty() {
            lists.remove(key);
        }
    }
}

/// The digests by which a claim may name an image: its own, and that of the index it was in where that is another.
fn digests(image: &KnownImage) -> impl Iterator<Item = Digest> {
    let index = image.index.filter(|index| *index != image.manifest);
    std::iter::once(image.manifest).chain(index)
}

fn key(image: &KnownImage) -> Key {
    (image.manifest, image.index, image.repository.clone(), image.tag.clone())
}

fn name(image: &KnownImage) -> (&str, Option<&Tag>, &Digest) {
    (&image.repository, image.tag.as_ref(), &image.manifest)
}
