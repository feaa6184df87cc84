//! Among changes.

use std::fmt::Write as _;

use proptest::prelude::*;
use resolve::bisect::{ChangeSet, Changes, Contradiction, Ends, Finding, Search, Step, Verdict};

use super::{Course, Dice, course, jobs, logarithm};

fn changes(count: usize) -> Changes {
    Changes::new(count, &[], Ends::Given).unwrap()
}

fn set(changes: &[usize]) -> ChangeSet {
    changes.iter().copied().collect()
}

/// Bad is whatever holds all culprits.
fn holding(culprits: &ChangeSet) -> impl Fn(&ChangeSet) -> Verdict {
    let culprits = culprits.clone();
    move |test| if test.is_superset(&culprits) { Verdict::Bad } else { Verdict::Good }
}

fn minimal(changes: ChangeSet) -> Finding {
    Finding::Minimal { changes, untested: Vec::new() }
}

/// Returns every set of so many of 12 changes.
fn sets_of(size: u32) -> impl Iterator<Item = ChangeSet> {
    (1u32..1 << 12).filter(move |bits| bits.count_ones() == size).map(of_bits)
}

fn of_bits(bits: u32) -> ChangeSet {
    (0..12).filter(|change| bits >> change & 1 == 1).collect()
}

#[test]
fn every_single_change_pair_and_triple_of_12_is_found_in_few_tests() {
    let mut table = String::new();
    for size in 1..=3 {
        for parallel in [1, 2, 4, 8] {
            let mut tests = Vec::new();
            let mut rounds = 0;
            for culprits in sets_of(size) {
                let found = course(&mut changes(12), parallel, holding(&culprits));
                assert_eq!(found.finding, minimal(culprits));
                tests.push(found.tests);
                rounds = rounds.max(found.rounds);
            }
            let most = tests.iter().max().unwrap();
            assert!(rounds <= size as usize * (logarithm(12, parallel + 1) + 2));
            assert!(parallel > 1 || *most == rounds);
            let mean = tests.iter().sum::<usize>() * 10 / tests.len();
            let most = format!("at most {most} tests, {}.{} on average", mean / 10, mean % 10);
            writeln!(table, "{size} of 12, {parallel} at once: {most}, in at most {rounds} rounds").unwrap();
        }
    }
    insta::assert_snapshot!(table, @r"
    1 of 12, 1 at once: at most 5 tests, 4.5 on average, in at most 5 rounds
    1 of 12, 2 at once: at most 7 tests, 6.2 on average, in at most 4 rounds
    1 of 12, 4 at once: at most 10 tests, 8.6 on average, in at most 3 rounds
    1 of 12, 8 at once: at most 17 tests, 13.5 on average, in at most 3 rounds
    2 of 12, 1 at once: at most 11 tests, 9.3 on average, in at most 11 rounds
    2 of 12, 2 at once: at most 13 tests, 11.2 on average, in at most 8 rounds
    2 of 12, 4 at once: at most 17 tests, 14.0 on average, in at most 6 rounds
    2 of 12, 8 at once: at most 27 tests, 19.6 on average, in at most 6 rounds
    3 of 12, 1 at once: at most 17 tests, 14.0 on average, in at most 17 rounds
    3 of 12, 2 at once: at most 19 tests, 16.0 on average, in at most 11 rounds
    3 of 12, 4 at once: at most 24 tests, 19.0 on average, in at most 8 rounds
    3 of 12, 8 at once: at most 37 tests, 25.7 on average, in at most 8 rounds
    ");
}

#[test]
fn a_pair_among_many_changes_takes_tests_in_proportion_to_the_logarithm() {
    for (count, parallel) in [(100, 1), (100, 4), (1000, 1), (1000, 8)] {
        let culprits = set(&[count / 7, count - 3]);
        let found = course(&mut changes(count), parallel, holding(&culprits));
        assert_eq!(found.finding, minimal(culprits));
        if parallel == 1 {
            assert!(found.tests <= 2 * (10 + 2), "{} tests", found.tests);
        }
    }
}

#[test]
fn either_of_two_changes_is_found_alone() {
    let verdict = |test: &ChangeSet| if test.contains(&3) || test.contains(&8) { Verdict::Bad } else { Verdict::Good };
    for parallel in 1..=12 {
        let Course { finding, .. } = course(&mut changes(12), parallel, verdict);
        assert!(finding == minimal(set(&[3])) || finding == minimal(set(&[8])), "{finding:?}");
    }
}

/// Checks that what was found is closed, bad, and that nothing can be left out of it, by trying to.
fn assert_minimal(
    search: &Changes,
    finding: &Finding,
    verdict: impl Fn(&ChangeSet) -> Verdict,
    needs: &[(usize, usize)],
) {
    let Finding::Minimal { changes, untested } = finding else { panic!("{finding:?}") };
    assert_eq!(&search.closure(changes), changes, "not closed");
    assert_eq!(verdict(changes), Verdict::Bad);
    for left_out in changes {
        let mut lost = set(&[*left_out]);
        while let Some((change, _)) =
            needs.iter().find(|(change, needed)| lost.contains(needed) && !lost.contains(change))
        {
            lost.insert(*change);
        }
        let smaller: ChangeSet = changes.difference(&lost).copied().collect();
        let is_told = verdict(&smaller) == Verdict::Skip;
        assert!(smaller.is_empty() || verdict(&smaller) != Verdict::Bad, "{left_out} can be left out of {changes:?}");
        assert_eq!(untested.contains(&smaller), is_told && !smaller.is_empty());
    }
}

#[test]
fn implications_are_kept_and_the_set_is_minimal_among_those_that_are_valid() {
    // 2 needs 5, 5 needs 9; 7 and 8 need each other.
    let needs = [(2, 5), (5, 9), (7, 8), (8, 7)];
    for size in 1..=3 {
        for culprits in sets_of(size) {
            for parallel in [1, 3] {
                let mut search = Changes::new(12, &needs, Ends::Given).unwrap();
                let closed = search.clone();
                let Course { finding, .. } = course(&mut search, parallel, |test| {
                    assert_eq!(&closed.closure(test), test, "tested a set that is not valid");
                    holding(&culprits)(test)
                });
                assert_eq!(finding, minimal(closed.closure(&culprits)));
                assert_minimal(&search, &finding, holding(&culprits), &needs);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_can_be_left_out_whatever_the_verdicts_are(
        count in 1..13usize, seed in any::<u64>(), parallel in 1..9usize, bad in 5..60usize, skip in 0..40usize,
        needs in prop::collection::vec((0..12usize, 0..12usize), 0..8),
    ) {
        // Verdicts with no order in them at all.
        let needs: Vec<(usize, usize)> = needs.into_iter().filter(|(a, b)| *a < count && *b < count).collect();
        let verdict = |test: &ChangeSet| {
            let mut dice = Dice(test.iter().fold(seed, |seed, change| seed ^ 1u64.rotate_left(u32::try_from(*change * 5).unwrap())));
            if test.len() == count || dice.percent(bad) { Verdict::Bad }
            else if dice.percent(skip) { Verdict::Skip }
            else { Verdict::Good }
        };
        let mut search = Changes::new(count, &needs, Ends::Given).unwrap();
        let found = course(&mut search, parallel, verdict);
        assert_minimal(&search, &found.finding, verdict, &needs);
        prop_assert!(found.tests <= count * count + 3 * count, "{} tests of {count}", found.tests);
    }

    #[test]
    fn sets_that_cannot_be_tested_leave_the_culprits_in_the_answer(
        culprits in prop::collection::btree_set(0..12usize, 1..4), skip in 0..70usize, seed in any::<u64>(), parallel in 1..9usize,
    ) {
        let truth = holding(&culprits);
        let verdict = |test: &ChangeSet| {
            let mut dice = Dice(test.iter().fold(seed, |seed, change| seed ^ 1u64.rotate_left(u32::try_from(*change * 5).unwrap())));
            if test.len() < 12 && dice.percent(skip) { Verdict::Skip } else { truth(test) }
        };
        let mut search = changes(12);
        let found = course(&mut search, parallel, verdict);
        assert_minimal(&search, &found.finding, verdict, &[]);
        let Finding::Minimal { changes, untested } = found.finding else { unreachable!() };
        prop_assert!(changes.is_superset(&culprits));
        prop_assert!(changes == culprits || !untested.is_empty());
    }
}

#[test]
fn ends_that_are_tested_may_contradict_what_was_said() {
    let course = |verdict: Verdict, parallel: usize| {
        course(&mut Changes::new(5, &[], Ends::Tested).unwrap(), parallel, |_| verdict)
    };
    assert_eq!(course(Verdict::Bad, 1).finding, Finding::Contradiction(Contradiction::GoodEndIsBad));
    assert_eq!(course(Verdict::Good, 1).finding, Finding::Contradiction(Contradiction::BadEndIsGood));
    assert_eq!(course(Verdict::Good, 4).rounds, 1);
    let Finding::Minimal { changes, untested } = course(Verdict::Skip, 2).finding else { panic!("no set") };
    assert_eq!((changes.len(), untested.len()), (5, 5));
}

#[test]
fn ends_and_sets_are_tested_at_once_when_there_are_jobs_for_it() {
    let search = Changes::new(5, &[], Ends::Tested).unwrap();
    let Step::Test(round) = search.step(jobs(3)) else { panic!("nothing to test") };
    assert_eq!(round.test[..2], [set(&[]), set(&[0, 1, 2, 3, 4])]);
    assert_eq!(round.test.len(), 3);
}

#[test]
fn what_is_not_a_search_or_not_a_test_is_refused() {
    let refused =
        |count: usize, needs: &[(usize, usize)]| Changes::new(count, needs, Ends::Given).unwrap_err().to_string();
    insta::assert_snapshot!(refused(0, &[]), @"there is nothing to search: 0 given, at least 1 needed");
    insta::assert_snapshot!(refused(1025, &[]), @"1025 are too many to search, the limit is 1024");
    insta::assert_snapshot!(refused(2, &[(0, 2)]), @"number 2 is none of the 2 that are searched, which count from 0");
    let mut search = Changes::new(3, &[(0, 2)], Ends::Given).unwrap();
    insta::assert_snapshot!(search.record(&set(&[0, 1]), Verdict::Good).unwrap_err(), @"the set has change 0 but not change 2, without which it is not valid");
    insta::assert_snapshot!(search.record(&set(&[3]), Verdict::Good).unwrap_err(), @"number 3 is none of the 3 that are searched, which count from 0");
    assert_eq!(search.tested(), 0);
}
