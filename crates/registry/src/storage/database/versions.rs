//! Versions of what repositories have, by which an answer that was remembered is known to be still right.
//!
//! A repository has a number that its changes count up: to an odd one before they are committed, and to an even one after that and
//! before anybody is told. Who remembers an answer reads the number, asks the database, and keeps the number with the answer. The
//! answer is good while the number is the same, and even.
//!
//! *What was acknowledged is seen.* Say that a change was acknowledged before a read begins, and that the read takes an answer that was
//! remembered. The number that it sees is at least the one after the change, for numbers only grow; the answer has the same, so it was
//! asked for after the change was committed. An answer that was read before a change and comes to be remembered after it has the number
//! of before.
//!
//! *Nobody sees a change and then does not.* While it is being committed, when some may see it already, the number is odd: everybody
//! asks the database.
//!
//! Repositories share numbers when their hashes do. That makes more be asked than has to be, and nothing wrong.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use oci::RepositoryName;

/// Numbers that repositories share.
const NUMBERS: usize = 1024;

/// What a change gave other answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Touched {
    /// Nothing that is remembered.
    Nothing,
    /// Some repositories.
    Repositories(Vec<RepositoryName>),
    /// Perhaps everything.
    Everything,
}

/// The versions of the repositories in one database, all of whose changes are made by this process.
#[derive(Debug)]
pub(crate) struct Versions {
    /// Counted up by what may change everything.
    common: AtomicU64,
    numbers: Box<[AtomicU64]>,
    hashes: RandomState,
}

/// A version of a repository at which answers may be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    common: u64,
    number: u64,
}

impl Default for Versions {
    fn default() -> Self {
        let numbers = std::iter::repeat_with(AtomicU64::default).take(NUMBERS).collect();
        Self { common: AtomicU64::default(), numbers, hashes: RandomState::new() }
    }
}

impl Versions {
    /// Returns the version of a repository; `None` while it is being changed.
    pub(crate) fn of(&self, repository: &RepositoryName) -> Option<Version> {
        let common = self.common.load(Ordering::SeqCst);
        let number = self.number(repository).load(Ordering::SeqCst);
        let is_settled = common.is_multiple_of(2) && number.is_multiple_of(2);
        is_settled.then_some(Version { common, number })
    }

    /// Says what the next commit changes. To be called by one at a time, and the outcome to be dropped when the commit has come to
    /// its end, well or not, and nobody has been told.
    pub(crate) fn begin(&self, touched: impl IntoIterator<Item = Touched>) -> Changing<'_> {
        let mut numbers = BTreeSet::new();
        for touched in touched {
            match touched {
                Touched::Nothing => {}
                Touched::Repositories(names) => numbers.extend(names.iter().map(|name| self.position(name))),
                Touched::Everything => {
                    numbers.insert(NUMBERS);
                }
            }
        }
        let changing = Changing { versions: self, numbers };
        changing.count();
        changing
    }

    fn position(&self, repository: &RepositoryName) -> usize {
        let hash = self.hashes.hash_one(repository).to_ne_bytes();
        usize::from(u16::from_ne_bytes([hash[0], hash[1]])) % NUMBERS
    }

    fn number(&self, repository: &RepositoryName) -> &AtomicU64 {
        self.counter(self.position(repository))
    }

    fn counter(&self, position: usize) -> &AtomicU64 {
        self.numbers.get(position).unwrap_or(&self.common)
    }
}

/// A commit under way.
pub(crate) struct Changing<'v> {
    versions: &'v Versions,
    /// Positions of the numbers; one behind the last stands for the common one.
    numbers: BTreeSet<usize>,
}

impl Changing<'_> {
    fn count(&self) {
        for position in &self.numbers {
            self.versions.counter(*position).fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.count();
    }
}

#[cfg(test)]
mod tests {
    use oci::RepositoryName;

    use super::{Touched, Versions};

    fn name(text: &str) -> RepositoryName {
        text.parse().unwrap()
    }

    #[test]
    fn a_change_ends_the_version_of_its_repository_and_of_no_other() {
        let versions = Versions::default();
        let (one, other) = (name("one"), name("other"));
        let before = (versions.of(&one), versions.of(&other));
        let changing = versions.begin([Touched::Nothing, Touched::Repositories(vec![one.clone(), one.clone()])]);
        assert_eq!(versions.of(&one), None, "while it is being committed nothing is certain");
        drop(changing);
        assert!(versions.of(&one).is_some() && versions.of(&one) != before.0);
        // They may share a number, as any two may.
        if versions.position(&one) != versions.position(&other) {
            assert_eq!(versions.of(&other), before.1);
        }
    }

    #[test]
    fn what_may_change_everything_ends_every_version() {
        let versions = Versions::default();
        let before = versions.of(&name("one"));
        let changing = versions.begin([Touched::Everything, Touched::Repositories(vec![name("one")])]);
        assert_eq!((versions.of(&name("one")), versions.of(&name("other"))), (None, None));
        drop(changing);
        assert!(versions.of(&name("one")).is_some() && versions.of(&name("one")) != before);
        drop(versions.begin([Touched::Nothing]));
        assert_eq!(versions.of(&name("other")), versions.of(&name("other")));
    }
}
