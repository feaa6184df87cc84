//! Among ordered candidates.

use std::collections::HashSet;
use std::ops::Range;

use proptest::prelude::*;
use resolve::bisect::{Contradiction, Ends, Finding, Line, Search, Step, Verdict};

use super::{Dice, course, jobs, logarithm};

fn line(count: usize) -> Line {
    Line::new(0..count, Ends::Given).unwrap()
}

fn bad_from(culprit: usize) -> impl Fn(&usize) -> Verdict {
    move |candidate| if *candidate >= culprit { Verdict::Bad } else { Verdict::Good }
}

/// Follows a search for all culprits at once: it branches where their verdicts differ. Returns the most rounds.
fn rounds(line: &Line, parallel: usize, culprits: Range<usize>) -> usize {
    let round = match line.step(jobs(parallel)) {
        Step::Test(round) => round,
        Step::Done(finding) => {
            assert_eq!(culprits.len(), 1, "one answer for all of {culprits:?}");
            assert_eq!(finding, Finding::FirstBad { last_good: culprits.start - 1, first_bad: culprits.start });
            return 0;
        }
    };
    let mut bounds: Vec<usize> = round.test.iter().map(|test| (test + 1).clamp(culprits.start, culprits.end)).collect();
    bounds.extend([culprits.start, culprits.end]);
    bounds.sort_unstable();
    bounds.dedup();
    let branches = bounds.windows(2).map(|bounds| {
        let mut line = line.clone();
        for test in &round.test {
            line.record(test, bad_from(bounds[0])(test)).unwrap();
        }
        1 + rounds(&line, parallel, bounds[0]..bounds[1])
    });
    branches.max().unwrap()
}

#[test]
fn every_culprit_is_found_within_the_bound_of_rounds() {
    for count in 2..=300 {
        for parallel in 1..=8 {
            let bound = logarithm(count - 1, parallel + 1);
            assert!(rounds(&line(count), parallel, 1..count) <= bound, "{count} candidates, {parallel} at once");
        }
    }
}

#[test]
fn ends_that_are_tested_take_one_round_more() {
    for count in 2..=150 {
        for parallel in 1..=8 {
            // With a single job that the last one is not bad either is one more that can come out.
            let bound = logarithm(if parallel == 1 { count } else { count - 1 }, parallel + 1) + 1;
            let line = Line::new(0..count, Ends::Tested).unwrap();
            assert!(rounds(&line, parallel, 1..count) <= bound, "{count} candidates, {parallel} at once");
        }
    }
}

#[test]
fn a_thousand_versions_take_the_rounds_that_are_promised() {
    for (parallel, most) in [(1, 10), (2, 7), (4, 5), (8, 4)] {
        assert_eq!(rounds(&line(1000), parallel, 1..1000), most, "{parallel} at once");
    }
}

#[test]
fn what_is_tested_next_has_been_prefetched() {
    for parallel in 1..=4 {
        for culprit in 1..200 {
            let mut line = line(200);
            let mut fetched: Option<Vec<usize>> = None;
            while let Step::Test(round) = line.step(jobs(parallel)) {
                if let Some(fetched) = fetched {
                    assert!(round.test.iter().all(|test| fetched.contains(test)), "{round:?} after {fetched:?}");
                }
                for test in &round.test {
                    line.record(test, bad_from(culprit)(test)).unwrap();
                }
                fetched = Some(round.prefetch);
            }
        }
    }
}

#[test]
fn a_test_is_open_until_another_verdict_has_made_it_pointless() {
    let mut line = line(100);
    let Step::Test(round) = line.step(jobs(3)) else { panic!("nothing to test") };
    assert_eq!(round.test, [24, 49, 74]);
    line.record(&49, Verdict::Bad).unwrap();
    assert_eq!([24, 49, 74].map(|test| line.is_open(test)), [true, false, false]);
    assert!(!line.is_open(100));
}

/// The answer that follows from being able to test everything but `holes`.
fn answer(count: usize, culprit: usize, holes: &HashSet<usize>) -> Finding {
    let known = |candidate: &usize| *candidate == 0 || *candidate == count - 1 || !holes.contains(candidate);
    let last_good = (0..culprit).rev().find(known).unwrap();
    let first_bad = (culprit..count).find(known).unwrap();
    if first_bad == last_good + 1 {
        Finding::FirstBad { last_good, first_bad }
    } else {
        Finding::Suspects { last_good, first_bad }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn suspects_are_what_no_test_can_tell_apart_and_no_more(
        count in 2..150usize, culprit in any::<prop::sample::Index>(), parallel in 1..9usize,
        holes in prop::collection::hash_set(0..150usize, 0..120), absent in prop::collection::hash_set(0..150usize, 0..60),
    ) {
        let culprit = 1 + culprit.index(count - 1);
        let mut line = line(count);
        for candidate in absent.iter().filter(|candidate| **candidate < count) {
            line.exclude(*candidate).unwrap();
        }
        let found = course(&mut line, parallel, |candidate| {
            assert!(!absent.contains(candidate));
            if holes.contains(candidate) { Verdict::Skip } else { bad_from(culprit)(candidate) }
        });
        let all = holes.union(&absent).copied().collect();
        prop_assert_eq!(found.finding, answer(count, culprit, &all));
    }

    #[test]
    fn equal_candidates_are_one(
        runs in prop::collection::vec(1..6usize, 2..40), culprit in any::<prop::sample::Index>(), parallel in 1..9usize,
    ) {
        let keys: Vec<usize> = runs.iter().enumerate().flat_map(|(key, length)| vec![key; *length]).collect();
        let culprit = 1 + culprit.index(runs.len() - 1);
        let mut line = Line::new(&keys, Ends::Given).unwrap();
        let found = course(&mut line, parallel, |candidate| bad_from(culprit)(&keys[*candidate]));
        let first_bad = keys.iter().position(|key| *key == culprit).unwrap();
        prop_assert_eq!(found.finding, Finding::FirstBad { last_good: first_bad - 1, first_bad });
        prop_assert!(found.rounds <= logarithm(runs.len() - 1, parallel + 1));
        for (candidate, key) in keys.iter().enumerate() {
            prop_assert!(line.verdict(candidate).is_none_or(|verdict| verdict == bad_from(culprit)(key)));
        }
    }

    #[test]
    fn no_answer_contradicts_a_verdict(
        verdicts in prop::collection::vec(0..3usize, 0..60), keys in prop::collection::vec(0..40usize, 62), parallel in 1..9usize,
    ) {
        // Equal keys have equal verdicts; the ends are what they are said to be.
        let keys = &keys[..verdicts.len() + 2];
        let truth = |candidate: usize| match keys.iter().position(|key| *key == keys[candidate]).unwrap() {
            _ if keys[candidate] == keys[0] => Verdict::Good,
            _ if keys[candidate] == keys[keys.len() - 1] => Verdict::Bad,
            first => [Verdict::Good, Verdict::Bad, Verdict::Skip][verdicts[first - 1]],
        };
        let mut line = Line::new(keys, Ends::Tested).unwrap();
        let found = course(&mut line, parallel, |candidate| truth(*candidate));
        match found.finding {
            Finding::FirstBad { last_good, first_bad } => {
                prop_assert_eq!((truth(last_good), truth(first_bad)), (Verdict::Good, Verdict::Bad));
                prop_assert_eq!(first_bad, last_good + 1);
            }
            Finding::Suspects { last_good, first_bad } => {
                prop_assert_eq!((truth(last_good), truth(first_bad)), (Verdict::Good, Verdict::Bad));
                prop_assert!((last_good + 1..first_bad).all(|candidate| truth(candidate) == Verdict::Skip));
            }
            Finding::NotMonotone { bad, good } => {
                prop_assert_eq!((truth(bad), truth(good)), (Verdict::Bad, Verdict::Good));
                prop_assert!(bad < good);
            }
            Finding::Contradiction(found) => {
                prop_assert_eq!(found, Contradiction::EqualEnds);
                prop_assert_eq!(keys[0], keys[keys.len() - 1]);
            }
            Finding::Minimal { .. } => prop_assert!(false, "a set was found on a line"),
        }
        if !matches!(line.step(jobs(1)), Step::Done(Finding::NotMonotone { .. } | Finding::Contradiction(_))) {
            let known: Vec<Verdict> = (0..keys.len()).filter_map(|candidate| line.verdict(candidate)).collect();
            let first_bad = known.iter().position(|verdict| *verdict == Verdict::Bad).unwrap();
            prop_assert!(!known[first_bad..].contains(&Verdict::Good));
        }
    }
}

#[test]
fn a_hole_in_the_middle_is_left_in_few_steps() {
    // 200 candidates in a row do not start; the search must not try them one after the other.
    let holes = 400..600;
    let mut worst = 0;
    for culprit in (1..=400).chain(600..1000) {
        let verdict =
            |candidate: &usize| if holes.contains(candidate) { Verdict::Skip } else { bad_from(culprit)(candidate) };
        let found = course(&mut line(1000), 1, verdict);
        if culprit == 400 || culprit == 600 {
            // Only when all of the hole has been tried is it known that nothing in it can be.
            continue;
        }
        worst = worst.max(found.tests);
    }
    assert!(worst <= 50, "{worst} tests");
}

#[test]
fn single_holes_cost_little() {
    let mut dice = Dice(1);
    let mut tests = 0;
    for culprit in 1..1000 {
        let verdict = |candidate: &usize| {
            if *candidate != culprit && *candidate != culprit - 1 && dice.percent(20) {
                Verdict::Skip
            } else {
                bad_from(culprit)(candidate)
            }
        };
        let found = course(&mut line(1000), 1, verdict);
        assert_eq!(found.finding, Finding::FirstBad { last_good: culprit - 1, first_bad: culprit });
        tests += found.tests;
    }
    // Ten verdicts each, and a fifth of the tests gives none.
    assert!(tests <= 999 * 10 * 100 / 80, "{tests} tests");
}

#[test]
fn a_good_candidate_above_a_bad_one_is_reported() {
    // Mended at 60 and broken again at 80.
    let verdict = |candidate: &usize| match candidate {
        30..60 | 80.. => Verdict::Bad,
        _ => Verdict::Good,
    };
    let found = course(&mut line(100), 3, verdict);
    assert_eq!(found.finding, Finding::NotMonotone { bad: 49, good: 74 });
}

#[test]
fn what_returns_after_it_was_bad_is_reported_without_a_test_of_its_own() {
    // 2 and 6 are one image. 4 is bad.
    let mut line = Line::new(["a", "b", "c", "d", "e", "f", "c", "h"], Ends::Given).unwrap();
    line.record(&4, Verdict::Bad).unwrap();
    line.record(&2, Verdict::Good).unwrap();
    assert_eq!(line.step(jobs(1)), Step::Done(Finding::NotMonotone { bad: 4, good: 6 }));
}

#[test]
fn ends_that_are_not_what_they_were_said_to_be_are_reported() {
    let found = |verdict: Verdict| course(&mut Line::new(0..50, Ends::Tested).unwrap(), 1, |_| verdict);
    let everything_bad = found(Verdict::Bad);
    assert_eq!(everything_bad.finding, Finding::Contradiction(Contradiction::GoodEndIsBad));
    assert_eq!(everything_bad.tests, 1);
    let everything_good = found(Verdict::Good);
    assert_eq!(everything_good.finding, Finding::Contradiction(Contradiction::BadEndIsGood));
    assert_eq!(everything_good.tests, 1 + logarithm(50, 2), "the bad end is the last that is asked about");
    let mut line = Line::new(0..50, Ends::Tested).unwrap();
    assert_eq!(course(&mut line, 2, |_| Verdict::Good).rounds, 1, "two jobs ask about both ends at first");
    assert_eq!(found(Verdict::Skip).finding, Finding::Suspects { last_good: 0, first_bad: 49 });
    let equal = Line::new(["a", "b", "a"], Ends::Given).unwrap();
    assert_eq!(equal.step(jobs(1)), Step::Done(Finding::Contradiction(Contradiction::EqualEnds)));
}

#[test]
fn a_search_needs_two_ends_and_knows_its_candidates() {
    let error = |count: usize| Line::new(0..count, Ends::Given).unwrap_err().to_string();
    insta::assert_snapshot!(error(1), @"there is nothing to search: 1 given, at least 2 needed");
    insta::assert_snapshot!(error(100_001), @"100001 are too many to search, the limit is 100000");
    insta::assert_snapshot!(line(3).record(&3, Verdict::Good).unwrap_err(), @"number 3 is none of the 3 that are searched, which count from 0");
}
