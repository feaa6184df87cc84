//! The images that differ between two locks.

use std::path::Path;

use oci::Digest;
use resolve::bisect::ChangeSet;
use resolve::bisect::session::{Candidate, Searched};
use resolve::lock::{self, Change, ImageChange, Lock, LockedImage};

use super::needs;
use crate::bisect::place::Workshop;
use crate::error::OpsError;
use crate::project::read_text;

/// The name under which the good lock is kept.
pub(in crate::bisect) const GOOD_LOCK: &str = "good";
/// The name under which the bad lock is kept.
pub(in crate::bisect) const BAD_LOCK: &str = "bad";

/// Keeps both locks for the session, and returns the search among what is different between them. What images need of each
/// other, by the project and by the locks, is kept together.
pub(super) fn search(workshop: &Workshop, good: &Lock, bad: &Lock) -> Result<Searched, OpsError> {
    let texts = [(GOOD_LOCK, good.text()), (BAD_LOCK, bad.text())];
    for (name, text) in &texts {
        workshop.write_lock(&workshop.lock_of(name), text)?;
    }
    let moves = good.difference(bad).images;
    let project = workshop.project.as_ref().map(|open| &*open.project);
    let implications = needs::implications(project, good, bad, &moves);
    let changes = moves.iter().map(candidate).collect();
    Ok(Searched::Changes { base: Digest::sha256(texts[0].1.as_bytes()).to_string(), changes, implications })
}

fn candidate(change: &ImageChange) -> Candidate {
    let (from, to) = sides(&change.change);
    let name = |image: Option<&LockedImage>| {
        image.map_or_else(String::new, |image| format!("{}:{}@{}", image.repository, image.tag, image.digest))
    };
    // Everything that is said of an image: what belongs to it may be what matters.
    let text = |image: Option<&LockedImage>| {
        let mut lock = Lock::default();
        lock.images.extend(image.map(|image| (change.name.clone(), image.clone())));
        lock.text()
    };
    let key = Digest::sha256(format!("{}\0{}", text(from), text(to)).as_bytes()).to_string();
    Candidate { label: change.name.clone(), key, reference: name(to), absent: false }
}

/// Returns what an image was and what it is.
pub(in crate::bisect) fn sides(change: &Change) -> (Option<&LockedImage>, Option<&LockedImage>) {
    match change {
        Change::Added(to) => (None, Some(to)),
        Change::Removed(from) => (Some(from), None),
        Change::Moved { from, to } | Change::Described { from, to } => (Some(from), Some(to)),
    }
}

/// Returns the good lock with some of the changes made.
pub(in crate::bisect) fn apply(good: &Lock, bad: &Lock, changes: &ChangeSet) -> Lock {
    let mut lock = good.clone();
    for (number, change) in good.difference(bad).images.iter().enumerate() {
        if !changes.contains(&number) {
            continue;
        }
        match sides(&change.change).1 {
            Some(image) => lock.images.insert(change.name.clone(), image.clone()),
            None => lock.images.remove(&change.name),
        };
    }
    lock
}

/// Reads a lock that was kept for the session.
///
/// # Errors
/// [`OpsError::Usage`] when it is not there any more, or is no lock.
pub(in crate::bisect) fn read_lock(path: &Path) -> Result<Lock, OpsError> {
    let broken =
        |reason: &str| OpsError::usage(format!("{} {reason}", path.display()), "supercargo bisect reset".to_owned());
    let text = read_text(path, lock::FILE_MAX_BYTES)?.ok_or_else(|| broken("is not there any more"))?;
    Lock::parse(&text).map_err(|error| broken(&format!("cannot be read: {error}")))
}
