//! How a bad set of changes is made smaller.
//!
//! First it is narrowed: between a good and a bad set there is a chain of sets that grow by one change, which is a [`Line`]. The
//! change at which it breaks is a culprit; the search goes on in the chain from all culprits so far to the last bad set. What
//! is left is then proved by delta debugging ("ddmin"), which also finds a minimal set where narrowing could not tell.
//!
//! Nothing is kept between calls but the verdicts: the way so far is walked again, which needs no test.

use std::num::NonZeroUsize;

use super::changes::{ChangeSet, Changes};
use super::line::Line;
use super::{Contradiction, Ends, Finding, MAX_PREFETCH, Round, Search, Step, Verdict};

/// Returns the sets to test now, or the minimal set.
pub(super) fn minimize(changes: &Changes, jobs: NonZeroUsize) -> Step<ChangeSet> {
    match narrow(changes, jobs) {
        Narrowed::Asks(round) => Step::Test(round),
        Narrowed::To { set, parts } => prove(changes, set, parts, jobs),
    }
}

enum Narrowed {
    Asks(Round<ChangeSet>),
    /// A bad set, and into how many parts delta debugging first divides it.
    To {
        set: ChangeSet,
        parts: usize,
    },
}

fn narrow(changes: &Changes, jobs: NonZeroUsize) -> Narrowed {
    let mut culprits = ChangeSet::new();
    let mut bad: ChangeSet = (0..changes.needs.count()).collect();
    let mut is_exact = true;
    loop {
        let chain = chain(changes, &culprits, &bad);
        // The chain cannot be a line when the culprits are all that is left.
        let Some(line) = line(changes, &chain) else { break };
        match line.step(jobs) {
            Step::Test(round) => return Narrowed::Asks(round.map(|set| chain[set].clone())),
            Step::Done(Finding::FirstBad { last_good, first_bad } | Finding::Suspects { last_good, first_bad }) => {
                let broke = chain[first_bad].difference(&chain[last_good]);
                is_exact &= first_bad == last_good + 1;
                changes.needs.close(&mut culprits, broke.copied());
                bad.clone_from(&chain[first_bad]);
            }
            Step::Done(Finding::NotMonotone { bad: place, .. }) => {
                return Narrowed::To { set: chain[place].clone(), parts: 2 };
            }
            Step::Done(Finding::Contradiction(Contradiction::GoodEndIsBad)) => {
                bad = culprits;
                break;
            }
            // The last set is known to be bad and not the first one, and no line is minimised.
            Step::Done(Finding::Contradiction(_) | Finding::Minimal { .. }) => break,
        }
    }
    let parts = if is_exact { bad.len() } else { 2 };
    Narrowed::To { set: bad, parts }
}

/// Returns closed sets from `least` to `most`, each larger than the one before by as little as can be.
fn chain(changes: &Changes, least: &ChangeSet, most: &ChangeSet) -> Vec<ChangeSet> {
    let mut chain = vec![least.clone()];
    let mut set = least.clone();
    for &change in changes.needs.order().iter().filter(|change| most.contains(change)) {
        if !set.contains(&change) {
            changes.needs.close(&mut set, [change]);
            chain.push(set.clone());
        }
    }
    chain
}

/// Returns the chain as candidates, with the verdicts on them; `None` when it is a single set.
fn line(changes: &Changes, chain: &[ChangeSet]) -> Option<Line> {
    let mut line = Line::new(0..chain.len(), Ends::Tested).ok()?;
    for (place, set) in chain.iter().enumerate() {
        if let Some(verdict) = changes.verdict(set) {
            line.record(&place, verdict).ok()?;
        }
    }
    Some(line)
}

/// Delta debugging: divides a bad set into parts, looks for a part that is bad alone and for a part without which it is still
/// bad, and divides more finely when there is none.
fn prove(changes: &Changes, mut set: ChangeSet, mut parts: usize, jobs: NonZeroUsize) -> Step<ChangeSet> {
    loop {
        parts = parts.clamp(1, set.len().max(1));
        let is_finest = parts == set.len();
        let members: Vec<usize> = set.iter().copied().collect();
        let divided: Vec<&[usize]> =
            (0..parts).map(|part| &members[part * members.len() / parts..(part + 1) * members.len() / parts]).collect();
        // Single changes alone prove nothing about the set being minimal, and narrowing has looked for them already.
        let alone = divided.iter().filter(|_| !is_finest).map(|part| (2, changes.needs.closure(part.iter().copied())));
        let without = divided.iter().map(|part| (parts.saturating_sub(1).max(2), changes.needs.remove(&set, part)));
        let smaller: Vec<(usize, ChangeSet)> = alone.chain(without).filter(|(_, smaller)| *smaller != set).collect();
        if let Some((next_parts, bad)) = smaller.iter().find(|(_, set)| changes.verdict(set) == Some(Verdict::Bad)) {
            (parts, set) = (*next_parts, bad.clone());
            continue;
        }
        let mut unknown: Vec<ChangeSet> = Vec::new();
        let limit = jobs.get().saturating_add(MAX_PREFETCH);
        for (_, set) in smaller.iter().filter(|(_, set)| changes.verdict(set).is_none()) {
            if unknown.len() < limit && !unknown.contains(set) {
                unknown.push(set.clone());
            }
        }
        if !unknown.is_empty() {
            let prefetch = unknown.split_off(unknown.len().min(jobs.get()));
            return Step::Test(Round { test: unknown, prefetch });
        }
        if is_finest {
            let mut untested: Vec<ChangeSet> = smaller.into_iter().map(|(_, set)| set).collect();
            untested.retain(|set| changes.verdict(set) == Some(Verdict::Skip));
            untested.sort();
            untested.dedup();
            return Step::Done(Finding::Minimal { changes: set, untested });
        }
        parts *= 2;
    }
}
