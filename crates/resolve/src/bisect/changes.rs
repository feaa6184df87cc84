//! A smallest set of changes that is bad.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;

use super::minimize::minimize;
use super::{Contradiction, Ends, Finding, MAX_PREFETCH, Round, Search, SearchError, Step, Verdict};

/// Some of the changes that are searched, by their number.
pub type ChangeSet = BTreeSet<usize>;

/// The most changes that one search takes.
pub const MAX_CHANGES: usize = 1024;

/// The most implications that one search takes.
pub const MAX_IMPLICATIONS: usize = 16_384;

/// Changes of which none at all is known to be good, and all of them together to be bad.
///
/// Some may be valid only together with others: where `a` implies `b`, no set with `a` but without `b` is tested. A set to which
/// this does not happen is closed. What is found is 1-minimal among closed sets: leaving out any one change, and all that need
/// it, is no longer bad.
///
/// When everything that contains the culprits is bad and the rest good, `c` culprits among `m` changes are found in
/// `c · (⌈log₂ m⌉ + 2)` tests at most, and with `jobs` at once in `c · (⌈log(m) / log(jobs + 1)⌉ + 2)` rounds. When verdicts
/// contradict each other or sets cannot be tested, delta debugging takes over, with up to `m² + 3m` more.
#[derive(Clone, Debug)]
pub struct Changes {
    pub(super) needs: Needs,
    verdicts: HashMap<ChangeSet, Verdict>,
    ends: Ends,
}

/// Which changes need which.
#[derive(Clone, Debug)]
pub(super) struct Needs {
    /// By change: those that it needs itself, not through others.
    required: Vec<Vec<usize>>,
    /// By change: those that need it themselves.
    dependents: Vec<Vec<usize>>,
    /// All changes, each after those that it needs unless they need each other.
    order: Vec<usize>,
}

impl Changes {
    /// Returns a search among `count` changes, where the first of each pair of `implications` needs the second.
    ///
    /// # Errors
    /// When there is no change, when there are more than [`MAX_CHANGES`] or [`MAX_IMPLICATIONS`], or when an implication names a
    /// change that does not exist.
    pub fn new(count: usize, implications: &[(usize, usize)], ends: Ends) -> Result<Self, SearchError> {
        if count == 0 {
            return Err(SearchError::TooFew { found: 0, least: 1 });
        }
        for (found, limit) in [(count, MAX_CHANGES), (implications.len(), MAX_IMPLICATIONS)] {
            if found > limit {
                return Err(SearchError::TooMany { found, limit });
            }
        }
        let mut needs = Needs {
            required: vec![Vec::new(); count],
            dependents: vec![Vec::new(); count],
            order: (0..count).collect(),
        };
        for &(change, needed) in implications {
            if let Some(number) = [change, needed].into_iter().find(|&number| number >= count) {
                return Err(SearchError::Unknown { number, count });
            }
            needs.required[change].push(needed);
            needs.dependents[needed].push(change);
        }
        // Whatever needs a change needs all that the change needs, and the change.
        let sizes: Vec<usize> = (0..count).map(|change| needs.closure([change]).len()).collect();
        needs.order.sort_by_key(|&change| sizes[change]);
        Ok(Self { needs, verdicts: HashMap::new(), ends })
    }

    /// Returns the smallest closed set that holds `changes`; those that do not exist are left out.
    pub fn closure(&self, changes: &ChangeSet) -> ChangeSet {
        let known = changes.iter().copied().filter(|&change| change < self.needs.count());
        self.needs.closure(known)
    }

    /// Returns what is known about a set. No change at all and all changes have the verdict that was given for them until they
    /// are tested.
    pub fn verdict(&self, changes: &ChangeSet) -> Option<Verdict> {
        match self.verdicts.get(changes).copied() {
            None | Some(Verdict::Skip) if changes.is_empty() => Some(Verdict::Good),
            None | Some(Verdict::Skip) if changes.len() == self.needs.count() => Some(Verdict::Bad),
            verdict => verdict,
        }
    }

    fn all(&self) -> ChangeSet {
        (0..self.needs.count()).collect()
    }
}

impl Needs {
    pub(super) fn count(&self) -> usize {
        self.order.len()
    }

    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// Returns the changes and all that they need.
    pub(super) fn closure(&self, changes: impl IntoIterator<Item = usize>) -> ChangeSet {
        let mut set = ChangeSet::new();
        self.close(&mut set, changes);
        set
    }

    /// Adds the changes and all that they need to a closed set.
    pub(super) fn close(&self, set: &mut ChangeSet, changes: impl IntoIterator<Item = usize>) {
        reach(set, changes, &self.required);
    }

    /// Returns the largest closed subset of a closed set that has none of `without`.
    pub(super) fn remove(&self, from: &ChangeSet, without: &[usize]) -> ChangeSet {
        let mut lost = ChangeSet::new();
        reach(&mut lost, without.iter().copied(), &self.dependents);
        from.difference(&lost).copied().collect()
    }
}

/// Adds what can be reached along `edges`, each of which is followed once.
fn reach(reached: &mut ChangeSet, from: impl IntoIterator<Item = usize>, edges: &[Vec<usize>]) {
    let mut waiting: Vec<usize> = from.into_iter().collect();
    while let Some(change) = waiting.pop() {
        if reached.insert(change) {
            waiting.extend(&edges[change]);
        }
    }
}

impl Search for Changes {
    type Test = ChangeSet;

    fn step(&self, jobs: NonZeroUsize) -> Step<ChangeSet> {
        let ends = [ChangeSet::new(), self.all()];
        if self.verdict(&ends[0]) == Some(Verdict::Bad) {
            return Step::Done(Finding::Contradiction(Contradiction::GoodEndIsBad));
        }
        if self.verdict(&ends[1]) == Some(Verdict::Good) {
            return Step::Done(Finding::Contradiction(Contradiction::BadEndIsGood));
        }
        let is_untested = |end: &ChangeSet| self.ends == Ends::Tested && !self.verdicts.contains_key(end);
        let mut untested: Vec<ChangeSet> = ends.into_iter().filter(is_untested).take(jobs.get()).collect();
        if untested.is_empty() {
            return minimize(self, jobs);
        }
        let mut prefetch = Vec::new();
        if let Step::Test(mut round) = minimize(self, jobs) {
            prefetch = round.test.split_off(round.test.len().min(jobs.get() - untested.len()));
            prefetch.truncate(MAX_PREFETCH);
            untested.append(&mut round.test);
        }
        Step::Test(Round { test: untested, prefetch })
    }

    fn check(&self, test: &ChangeSet) -> Result<(), SearchError> {
        let count = self.needs.count();
        for &change in test {
            let required = self.needs.required.get(change).ok_or(SearchError::Unknown { number: change, count })?;
            if let Some(&needs) = required.iter().find(|needs| !test.contains(needs)) {
                return Err(SearchError::NotClosed { change, needs });
            }
        }
        Ok(())
    }

    fn record(&mut self, test: &ChangeSet, verdict: Verdict) -> Result<(), SearchError> {
        self.check(test)?;
        self.verdicts.insert(test.clone(), verdict);
        Ok(())
    }

    fn tested(&self) -> usize {
        self.verdicts.len()
    }
}
