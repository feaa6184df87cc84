//! What has to hold of every rewritten file.

use oci::{Digest, RegistryReference, Selector};
use targets::{Change, Kind, Options, Place, Write, apply, find, rewrite, undo};

use crate::marked::{Marked, Role};

pub(crate) const WRITES: [Write; 3] = [Write::Tag, Write::Digest, Write::TagAndDigest];

/// Returns a reference that no file holds.
fn new_reference(seed: usize) -> RegistryReference {
    let digest = Digest::sha256(format!("image {seed}").as_bytes());
    format!("new.example:5000/moved/image-{seed}:v9.{seed}-new@{digest}").parse().unwrap()
}

/// Plans the same for every place; `None` where one of them cannot be written in this way.
fn changes(places: &[Place], write: Write, new: impl Fn(&Place) -> RegistryReference) -> Option<Vec<Change>> {
    places.iter().filter(|place| place.image().is_some()).map(|place| place.plan(&new(place), write).ok()).collect()
}

/// Asserts that references are rewritten and nothing else, that it can be undone, and that a second time changes nothing.
/// Returns in how many ways the file could be rewritten.
pub(crate) fn assert_rewrites(kind: Kind, file: &Marked, name: &str) -> usize {
    let options = Options::default();
    let bytes = file.text.as_bytes();
    let places = find(kind, &options, bytes).unwrap();
    let mut ways = 0;
    for write in WRITES {
        let new = |place: &Place| {
            let first = place.spans()[0].clone();
            let position = file.marks.iter().position(|mark| mark.span == first).unwrap();
            let mark = &file.marks[position];
            let seed = if mark.role == Role::Whole { position } else { mark.group };
            let is_named = mark.role == Role::Whole
                || file.marks.iter().any(|other| other.group == mark.group && other.role == Role::Name);
            let reference = new_reference(seed);
            // Where the name has no bytes of its own it stays.
            let image = &place.image().unwrap().reference;
            if is_named { reference } else { RegistryReference { selector: reference.selector, ..image.clone() } }
        };
        let Some(changes) = changes(&places, write, new) else { continue };
        ways += 1;
        let rewritten = rewrite(kind, &options, bytes, &changes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = file.expected(write, |_, seed| new_reference(seed));
        assert_eq!(String::from_utf8(rewritten.bytes.clone()).unwrap(), expected, "{name} {write:?}");

        let back = apply(&rewritten.bytes, &undo(bytes, &rewritten.edits).unwrap()).unwrap();
        assert_eq!(back, bytes, "{name}: undone");

        let again = find(kind, &options, &rewritten.bytes).unwrap();
        for (place, change) in again.iter().filter(|place| place.image().is_some()).zip(&changes) {
            let locked = &change.after.reference;
            // What was written without its tag cannot be written with it, but as it was.
            let write = match (&locked.selector.tag, &locked.selector.digest) {
                (Some(_), Some(_)) => Write::TagAndDigest,
                (None, _) => Write::Digest,
                _ => Write::Tag,
            };
            let change = place.plan(locked, write).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(change.edits, [], "{name}: a second time");
        }
    }
    assert_goes_back(kind, file, &places, name);
    ways
}

/// Asserts that references that are planned to other versions and back are as they were, byte for byte.
fn assert_goes_back(kind: Kind, file: &Marked, places: &[Place], name: &str) {
    let options = Options::default();
    let bytes = file.text.as_bytes();
    let (mut there, mut originals) = (Vec::new(), Vec::new());
    for place in places.iter().filter(|place| place.form() == targets::Form::Whole) {
        let Some(image) = place.image() else { continue };
        let write = match (&image.reference.selector.tag, &image.reference.selector.digest) {
            (Some(_), Some(_)) => Write::TagAndDigest,
            (Some(_), None) => Write::Tag,
            (None, Some(_)) => Write::Digest,
            (None, None) => continue,
        };
        let selector = Selector { tag: "v9-new".parse().ok(), digest: Some(Digest::sha256(b"new")) };
        let other = RegistryReference { selector, ..image.reference.clone() };
        there.push(place.plan(&other, write).unwrap());
        originals.push((place.index, image.reference.clone(), write));
    }
    let there = rewrite(kind, &options, bytes, &there).unwrap().bytes;
    assert_eq!(there != bytes, !originals.is_empty(), "{name}");
    let places = find(kind, &options, &there).unwrap();
    let back: Vec<_> =
        originals.iter().map(|(place, original, write)| places[*place].plan(original, *write).unwrap()).collect();
    let back = rewrite(kind, &options, &there, &back).unwrap();
    assert_eq!(String::from_utf8(back.bytes).unwrap(), file.text, "{name}: there and back");
}
