//! Locks: reading, writing, differences, merging.

use resolve::lock::{Change, LockError, Merged, merge};
use resolve::{Lock, Project};

use super::assert_printable;
use super::projects::assert_shown;

/// Reads up to three locks and a project, with zero bytes between them: a base, ours, theirs, and what they are of.
pub fn lock(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut pieces = text.split('\0');
    let mut piece = || pieces.next().unwrap_or_default();
    let [base, ours, theirs] = [piece(), piece(), piece()].map(|text| read(text).unwrap_or_default());
    check_merges(&base, &ours, &theirs);
    if let Ok(project) = Project::parse(piece()) {
        for lock in [&base, &ours, &theirs] {
            check_stale(lock, &project);
        }
    }
}

/// Reads a lock. What is written of it is read as the same and written the same.
fn read(text: &str) -> Option<Lock> {
    let lock = match Lock::parse(text) {
        Ok(lock) => lock,
        Err(error) => {
            let place = if let LockError::Invalid { place, .. } = &error { place.clone() } else { 0..0 };
            assert_shown(&error, place, text, &error.excerpt(text).unwrap_or_default());
            return None;
        }
    };
    let written = lock.text();
    assert_eq!(written, read_again(&lock, &written).text(), "the second time it is written otherwise");
    let mut anew = lock.clone();
    anew.images.values_mut().for_each(resolve::lock::LockedImage::forget_source);
    let written = anew.text();
    assert_eq!(written, read_again(&lock, &written).text(), "the second time it is written otherwise");
    Some(lock)
}

fn read_again(lock: &Lock, written: &str) -> Lock {
    let read = Lock::parse(written);
    let read = read.unwrap_or_else(|error| panic!("{error}\n{}", error.excerpt(written).unwrap_or_default()));
    assert_eq!(read.images, lock.images, "{written}");
    read
}

fn check_merges(base: &Lock, ours: &Lock, theirs: &Lock) {
    let clean = |lock: &Lock| Merged { lock: lock.clone(), conflicts: Vec::new() };
    assert_eq!(merge(base, ours, base), clean(ours), "they have changed nothing");
    assert_eq!(merge(base, base, theirs), clean(theirs), "we have changed nothing");
    assert_eq!(merge(base, ours, ours), clean(ours), "both have changed the same");
    let (one, other) = (merge(base, ours, theirs), merge(base, theirs, ours));
    assert_eq!(one.conflicts.len(), other.conflicts.len());
    for (our, their) in one.conflicts.iter().zip(&other.conflicts) {
        assert_eq!((&our.name, &our.ours, &our.theirs), (&their.name, &their.theirs, &their.ours));
    }
    if one.conflicts.is_empty() {
        assert_eq!(one.lock.images, other.lock.images);
    }
    read_again(&one.lock, &one.lock.text());
    check_difference(ours, &one.lock);
    check_difference(base, theirs);
}

/// A difference is empty between equals, and the other way round the reverse.
fn check_difference(from: &Lock, to: &Lock) {
    assert!(from.difference(from).images.is_empty());
    let (there, back) = (from.difference(to), to.difference(from));
    assert_eq!(there.images.is_empty(), from.images == to.images);
    assert_eq!(there.images.len(), back.images.len());
    for (there, back) in there.images.iter().zip(&back.images) {
        let reversed = match back.change.clone() {
            Change::Added(image) => Change::Removed(image),
            Change::Removed(image) => Change::Added(image),
            Change::Moved { from, to } => Change::Moved { from: to, to: from },
            Change::Described { from, to } => Change::Described { from: to, to: from },
        };
        assert_eq!((&there.name, &there.change), (&back.name, &reversed));
    }
}

/// A lock without what the project wants is stale.
fn check_stale(lock: &Lock, project: &Project) {
    let reasons = lock.stale(project);
    reasons.iter().for_each(assert_printable);
    for name in lock.images.keys() {
        let is_named = reasons.iter().any(|reason| reason.name() == name);
        assert!(is_named || lock.admits(project, name).is_some(), "`{name}` is refused, and nobody says so");
    }
}
