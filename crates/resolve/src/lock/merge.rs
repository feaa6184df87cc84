//! Two locks that come from one.

use super::Lock;

/// What a merge has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The lock. Where there are conflicts it holds ours.
    pub lock: Lock,
    /// Images that both sides have changed, each in its own way.
    pub conflicts: Vec<Conflict>,
}

/// An image that both sides have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Its name in the project.
    pub name: String,
    /// The version on our side; `None` where it was taken out.
    pub ours: Option<String>,
    /// The version on their side.
    pub theirs: Option<String>,
}

/// Merges two locks that come from `base`: of each image the side that has changed it.
pub fn merge(base: &Lock, ours: &Lock, theirs: &Lock) -> Merged {
    let mut lock = ours.clone();
    let mut conflicts = Vec::new();
    let names = base.images.keys().chain(ours.images.keys()).chain(theirs.images.keys());
    let names: std::collections::BTreeSet<&String> = names.collect();
    for name in names {
        let (old, our, their) = (base.images.get(name), ours.images.get(name), theirs.images.get(name));
        if their == old || their == our {
            continue;
        }
        if our != old {
            let version = |image: Option<&super::LockedImage>| image.map(|image| image.version.clone());
            conflicts.push(Conflict { name: name.clone(), ours: version(our), theirs: version(their) });
            continue;
        }
        match their {
            Some(image) => {
                lock.images.insert(name.clone(), image.clone());
            }
            None => {
                lock.images.remove(name);
            }
        }
    }
    if lock.unknown == base.unknown {
        lock.unknown.clone_from(&theirs.unknown);
    }
    Merged { lock, conflicts }
}
