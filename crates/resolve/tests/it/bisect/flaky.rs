//! Commands that are not always right.

use std::num::NonZeroU32;

use resolve::bisect::repeat::Tally;
use resolve::bisect::{ChangeSet, Changes, Ends, Finding, Line, Repeat, Rule, Run, Search, Step, Verdict};

use super::{Dice, course, jobs};

const SEEDS: usize = 1000;

fn any_bad(runs: u32) -> Rule {
    Rule::AnyBad(NonZeroU32::new(runs).unwrap())
}

fn majority(runs: u32) -> Rule {
    Rule::Majority(NonZeroU32::new(runs).unwrap())
}

/// Returns how many of 1000 searches among 300 candidates find the culprit, where bad candidates fail `bad` times of a hundred
/// and good ones `good` times.
fn found(rule: Rule, parallel: usize, bad: usize, good: usize) -> usize {
    (0..SEEDS)
        .filter(|seed| {
            let mut dice = Dice(*seed as u64);
            let culprit = 1 + dice.below(299);
            let mut search = Repeat::new(Line::new(0..300, Ends::Given).unwrap(), rule);
            let verdict = |run: &Run<usize>| {
                let chance = if run.test >= culprit { bad } else { good };
                if dice.percent(chance) { Verdict::Bad } else { Verdict::Good }
            };
            let finding = course(&mut search, parallel, verdict).finding;
            finding == Finding::FirstBad { last_good: culprit - 1, first_bad: culprit }
        })
        .count()
}

#[test]
fn a_fault_that_shows_half_of_the_time_is_found_with_ten_runs() {
    // Wrong with a probability of at most 9 · 0.5^10 = 0.88 %: nine candidates decide, and each bad one of them may pass.
    let table: Vec<usize> = [1, 4].map(|parallel| found(any_bad(10), parallel, 50, 0)).to_vec();
    assert!(table.iter().all(|found| *found >= 990), "{table:?} of 1000");
    // Without repetitions the search is lost.
    assert!(found(Rule::ONCE, 1, 50, 0) < 500);
}

#[test]
fn a_command_that_is_wrong_one_time_in_ten_is_trusted_by_majority() {
    // A verdict of 9 runs is wrong with a probability of 0.09 %, one of nine verdicts with at most 0.8 %.
    let table: Vec<usize> = [1, 4].map(|parallel| found(majority(9), parallel, 90, 10)).to_vec();
    assert!(table.iter().all(|found| *found >= 990), "{table:?} of 1000");
    // One bad run of nine would blame the wrong one.
    assert!(found(any_bad(9), 1, 90, 10) < 500);
}

#[test]
fn a_pair_of_changes_is_found_although_it_fails_only_sometimes() {
    let found = (0..SEEDS)
        .filter(|seed| {
            let mut dice = Dice(*seed as u64);
            let culprits: ChangeSet = [dice.below(6), 6 + dice.below(6)].into();
            let mut search = Repeat::new(Changes::new(12, &[], Ends::Given).unwrap(), any_bad(11));
            let verdict = |run: &Run<ChangeSet>| {
                if run.test.is_superset(&culprits) && dice.percent(50) { Verdict::Bad } else { Verdict::Good }
            };
            let finding = course(&mut search, 2, verdict).finding;
            finding == Finding::Minimal { changes: culprits.clone(), untested: Vec::new() }
        })
        .count();
    assert!(found >= 990, "{found} of 1000");
}

#[test]
fn runs_become_a_verdict_as_soon_as_the_rest_cannot_change_it() {
    let tally = |good, bad, skip| Tally { good, bad, skip };
    for (rule, tally, verdict) in [
        (any_bad(3), tally(0, 0, 0), None),
        (any_bad(3), tally(2, 0, 0), None),
        (any_bad(3), tally(3, 0, 0), Some(Verdict::Good)),
        (any_bad(3), tally(2, 1, 0), Some(Verdict::Bad)),
        (any_bad(3), tally(0, 1, 1), Some(Verdict::Bad)),
        (any_bad(3), tally(1, 0, 1), Some(Verdict::Skip)),
        (majority(5), tally(2, 2, 0), None),
        (majority(5), tally(3, 0, 0), Some(Verdict::Good)),
        (majority(5), tally(1, 3, 0), Some(Verdict::Bad)),
        (majority(5), tally(2, 0, 1), Some(Verdict::Skip)),
        (majority(4), tally(2, 2, 0), Some(Verdict::Skip)),
        // Of two sessions.
        (majority(3), tally(4, 2, 0), Some(Verdict::Good)),
    ] {
        assert_eq!(rule.verdict(tally), verdict, "{rule:?} {tally:?}");
    }
}

#[test]
fn idle_jobs_run_the_same_candidate_again() {
    let mut search = Repeat::new(Line::new(0..3, Ends::Given).unwrap(), any_bad(3));
    let runs = |search: &Repeat<Line>, count| match search.step(jobs(count)) {
        Step::Test(round) => round.test.iter().map(|run| (run.test, run.number)).collect(),
        Step::Done(_) => Vec::new(),
    };
    assert_eq!(runs(&search, 1), [(1, 1)]);
    assert_eq!(runs(&search, 8), [(1, 1), (1, 2), (1, 3)]);
    search.record(&Run { test: 1, number: 1 }, Verdict::Good).unwrap();
    assert_eq!(runs(&search, 8), [(1, 2), (1, 3)]);
    search.decide(&1, Verdict::Bad).unwrap();
    assert_eq!(runs(&search, 8), []);
    assert!(search.record(&Run { test: 3, number: 1 }, Verdict::Good).is_err());
    assert_eq!((search.tested(), search.search().tested()), (1, 1));
}
