//! What is different between two locks.

use super::{Lock, LockedImage};

/// What is different between two locks, in the order of the names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The images that are not the same.
    pub images: Vec<ImageChange>,
}

/// What is different about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageChange {
    /// Its name in the project.
    pub name: String,
    /// What has become of it.
    pub change: Change,
}

/// What has become of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added(Box<LockedImage>),
    /// It is gone.
    Removed(Box<LockedImage>),
    /// It names something else now.
    Moved {
        /// What it was.
        from: Box<LockedImage>,
        /// What it is.
        to: Box<LockedImage>,
    },
    /// It names the same; what is said about it is different: what is attached, say.
    Described {
        /// What was said.
        from: Box<LockedImage>,
        /// What is said.
        to: Box<LockedImage>,
    },
}

impl Lock {
    /// Returns what is different in another lock.
    pub fn difference(&self, other: &Self) -> Difference {
        let names = self.images.keys().chain(other.images.keys().filter(|name| !self.images.contains_key(*name)));
        let mut names: Vec<&String> = names.collect();
        names.sort();
        let change = |name: &String| {
            let boxed = |image: &LockedImage| Box::new(image.clone());
            let change = match (self.images.get(name), other.images.get(name)) {
                (None, None) => return None,
                (None, Some(new)) => Change::Added(boxed(new)),
                (Some(old), None) => Change::Removed(boxed(old)),
                (Some(old), Some(new)) if old == new => return None,
                (Some(old), Some(new)) if old.digest == new.digest && old.repository == new.repository => {
                    Change::Described { from: boxed(old), to: boxed(new) }
                }
                (Some(old), Some(new)) => Change::Moved { from: boxed(old), to: boxed(new) },
            };
            Some(ImageChange { name: name.clone(), change })
        };
        Difference { images: names.into_iter().filter_map(change).collect() }
    }
}
