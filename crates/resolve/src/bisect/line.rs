//! The first bad one of ordered candidates.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::num::NonZeroUsize;

use super::sections::Gap;
use super::{Contradiction, Ends, Finding, MAX_CANDIDATES, MAX_PREFETCH, Round, Search, SearchError, Step, Verdict};

/// Candidates in order, of which the first is known to be good and the last to be bad.
///
/// With `n` candidates of which all from some place on are bad, none skipped, and `jobs` tests at once, the culprit is found in
/// `⌈log(n - 1) / log(jobs + 1)⌉` rounds. Testing the ends takes one more: both are in the first round where there are several
/// jobs. A single job tests the good end first, and the bad one when nothing else was found to be bad, as the last of the
/// candidates: `1 + ⌈log₂ n⌉` tests.
///
/// Candidates with one identity (the digest of the platform's image) are one thing: they are tested once, the verdict holds for
/// all of them, and where they are neighbours they count as one place.
#[derive(Clone, Debug)]
pub struct Line {
    /// The identity of each candidate: equal numbers for equal keys.
    identities: Vec<usize>,
    /// Neighbours of one identity, in order.
    places: Vec<Place>,
    /// By identity.
    verdicts: Vec<Option<Verdict>>,
    /// By identity: whether it was never there to be tested.
    absent: Vec<bool>,
    ends: Ends,
}

/// Neighbours of one identity.
#[derive(Clone, Copy, Debug)]
struct Place {
    first: usize,
    last: usize,
    identity: usize,
}

impl Line {
    /// Returns a search among candidates, given by their identity, the good end first.
    ///
    /// # Errors
    /// When there are fewer than two or more than [`MAX_CANDIDATES`].
    pub fn new<K: Eq + Hash>(keys: impl IntoIterator<Item = K>, ends: Ends) -> Result<Self, SearchError> {
        let mut numbers: HashMap<K, usize> = HashMap::new();
        let mut identities = Vec::new();
        let mut places: Vec<Place> = Vec::new();
        for (candidate, key) in keys.into_iter().enumerate() {
            if candidate >= MAX_CANDIDATES {
                return Err(SearchError::TooMany { found: candidate + 1, limit: MAX_CANDIDATES });
            }
            let next = numbers.len();
            let identity = *numbers.entry(key).or_insert(next);
            identities.push(identity);
            match places.last_mut().filter(|place| place.identity == identity) {
                Some(place) => place.last = candidate,
                None => places.push(Place { first: candidate, last: candidate, identity }),
            }
        }
        if identities.len() < 2 {
            return Err(SearchError::TooFew { found: identities.len(), least: 2 });
        }
        let count = numbers.len();
        Ok(Self { identities, places, verdicts: vec![None; count], absent: vec![false; count], ends })
    }

    /// Takes a candidate out of the search that is not there to be tested, such as a digest that the registry has deleted. A
    /// verdict that it had is forgotten; it stays a suspect. Unlike one that was skipped after a test it says nothing about its
    /// neighbours.
    ///
    /// # Errors
    /// When there is no such candidate.
    pub fn exclude(&mut self, candidate: usize) -> Result<(), SearchError> {
        let identity = self.identity(candidate)?;
        self.absent[identity] = true;
        self.verdicts[identity] = None;
        Ok(())
    }

    /// Returns what is known about a candidate: its own verdict or that of an equal one. The ends have the verdict that was
    /// given for them until they are tested; one that was excluded is skipped.
    pub fn verdict(&self, candidate: usize) -> Option<Verdict> {
        self.identities.get(candidate).and_then(|&identity| self.known(identity))
    }

    /// Tells whether a verdict on this candidate would still narrow the search. While a round runs, tests of which this is no
    /// longer true can be stopped.
    pub fn is_open(&self, candidate: usize) -> bool {
        let Ok(identity) = self.identity(candidate) else { return false };
        let (good, bad) = self.ends();
        let gap = self.gap();
        if identity == bad && self.rests_on_bad_end(&gap) {
            return true;
        }
        let Ok(gap) = gap else { return false };
        identity == good && self.is_in_doubt(good)
            || gap.untested.iter().any(|&place| self.places[place].identity == identity)
    }

    fn identity(&self, candidate: usize) -> Result<usize, SearchError> {
        let unknown = SearchError::Unknown { number: candidate, count: self.identities.len() };
        self.identities.get(candidate).copied().ok_or(unknown)
    }

    /// Returns the identities of the good and the bad end.
    fn ends(&self) -> (usize, usize) {
        // There are at least two candidates, so there is a first and a last.
        (self.identities[0], self.identities[self.identities.len() - 1])
    }

    /// Returns the verdict on an identity, where an end is what it was said to be until a test says otherwise.
    fn known(&self, identity: usize) -> Option<Verdict> {
        let (good, bad) = self.ends();
        match self.verdicts[identity] {
            None | Some(Verdict::Skip) if identity == good => Some(Verdict::Good),
            None | Some(Verdict::Skip) if identity == bad => Some(Verdict::Bad),
            None if self.absent[identity] => Some(Verdict::Skip),
            verdict => verdict,
        }
    }

    /// Tells whether an end has to be tested, because all that is known of it is what was said.
    fn is_in_doubt(&self, end: usize) -> bool {
        self.ends == Ends::Tested && self.verdicts[end].is_none() && !self.absent[end]
    }

    /// Tells whether what is left to search, or what was found, rests on the bad end, of which all that is known is what was said.
    fn rests_on_bad_end(&self, gap: &Result<Gap, Finding>) -> bool {
        let (_, end) = self.ends();
        let bad = match gap {
            Ok(gap) => self.places[gap.first_bad].identity,
            Err(Finding::NotMonotone { bad, .. }) => self.identities[*bad],
            Err(_) => return false,
        };
        bad == end && self.is_in_doubt(end)
    }

    /// Returns what is left to search, as positions in `places`, or why there is nothing. Ends that are in doubt are believed.
    fn gap(&self) -> Result<Gap, Finding> {
        let (good, bad) = self.ends();
        if good == bad {
            return Err(Finding::Contradiction(Contradiction::EqualEnds));
        }
        if self.known(good) == Some(Verdict::Bad) {
            return Err(Finding::Contradiction(Contradiction::GoodEndIsBad));
        }
        if self.known(bad) == Some(Verdict::Good) {
            return Err(Finding::Contradiction(Contradiction::BadEndIsGood));
        }
        let (mut last_good, mut first_bad, mut last_bad) = (0, self.places.len() - 1, None);
        for (position, place) in self.places.iter().enumerate() {
            match (self.known(place.identity), last_bad) {
                (Some(Verdict::Good), None) => last_good = position,
                (Some(Verdict::Good), Some(bad)) => return Err(Finding::NotMonotone { bad, good: place.first }),
                (Some(Verdict::Bad), _) => {
                    first_bad = first_bad.min(position);
                    last_bad = Some(place.last);
                }
                (Some(Verdict::Skip) | None, _) => {}
            }
        }
        let mut gap = Gap { last_good, first_bad, untested: Vec::new(), skipped: Vec::new() };
        for position in last_good + 1..first_bad {
            let identity = self.places[position].identity;
            match (self.known(identity), self.verdicts[identity]) {
                (None, _) => gap.untested.push(position),
                (_, Some(_)) => gap.skipped.push(position),
                // It is not there.
                (_, None) => {}
            }
        }
        Ok(gap)
    }

    fn found(&self, gap: &Gap) -> Finding {
        let last_good = self.places[gap.last_good].last;
        let first_bad = self.places[gap.first_bad].first;
        if gap.first_bad == gap.last_good + 1 {
            Finding::FirstBad { last_good, first_bad }
        } else {
            Finding::Suspects { last_good, first_bad }
        }
    }

    /// Returns the first candidate of each place, of every identity only once.
    fn candidates(&self, places: impl IntoIterator<Item = usize>, taken: &mut HashSet<usize>) -> Vec<usize> {
        let places = places.into_iter().map(|place| self.places[place]);
        places.filter(|place| taken.insert(place.identity)).map(|place| place.first).collect()
    }
}

impl Search for Line {
    type Test = usize;

    fn step(&self, jobs: NonZeroUsize) -> Step<usize> {
        let gap = self.gap();
        let bad_end = self.rests_on_bad_end(&gap).then(|| self.places.len() - 1);
        let mut gap = match (gap, bad_end) {
            (Ok(gap), _) => gap,
            (Err(finding), None) => return Step::Done(finding),
            (Err(_), Some(end)) => {
                let test = self.candidates([end], &mut HashSet::new());
                return Step::Test(Round { test, prefetch: Vec::new() });
            }
        };
        let mut ends = Vec::new();
        ends.extend(self.is_in_doubt(self.ends().0).then_some(0));
        match bad_end {
            // Several jobs have one to spare for it.
            Some(end) if jobs.get() > 1 => ends.push(end),
            Some(_) => {
                gap.untested.push(gap.first_bad);
                gap.first_bad += 1;
            }
            None => {}
        }
        if ends.is_empty() && gap.untested.is_empty() {
            return Step::Done(self.found(&gap));
        }
        let mut taken = HashSet::new();
        let mut test = self.candidates(ends, &mut taken);
        let spare = jobs.get() - test.len();
        let cuts = if spare > 0 { gap.cuts(spare) } else { Vec::new() };
        let after = gap.cuts_after(&cuts, jobs.get());
        test.extend(self.candidates(cuts, &mut taken));
        let mut prefetch = self.candidates(after, &mut taken);
        prefetch.truncate(MAX_PREFETCH);
        Step::Test(Round { test, prefetch })
    }

    fn check(&self, test: &usize) -> Result<(), SearchError> {
        self.identity(*test).map(drop)
    }

    fn record(&mut self, test: &usize, verdict: Verdict) -> Result<(), SearchError> {
        let identity = self.identity(*test)?;
        self.verdicts[identity] = Some(verdict);
        Ok(())
    }

    fn tested(&self) -> usize {
        self.verdicts.iter().flatten().count()
    }
}
