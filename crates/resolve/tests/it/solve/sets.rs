//! Sets of candidates, against sets of numbers.

use std::collections::BTreeSet;

use proptest::prelude::*;
use resolve::solve::{CandidateId, CandidateSet};

type Numbers = BTreeSet<u32>;

fn set(numbers: &Numbers) -> CandidateSet {
    numbers.iter().copied().map(CandidateId).collect()
}

fn numbers(set: &CandidateSet) -> Numbers {
    set.iter().map(|candidate| candidate.0).collect()
}

proptest! {
    #[test]
    fn they_do_what_sets_of_numbers_do(
        one in prop::collection::btree_set(0_u32..40, 0..30),
        other in prop::collection::btree_set(0_u32..40, 0..30),
    ) {
        let (one_set, other_set) = (set(&one), set(&other));
        prop_assert_eq!(&numbers(&one_set), &one);
        prop_assert_eq!(one_set.union(&other_set), set(&(&one | &other)));
        prop_assert_eq!(one_set.intersection(&other_set), set(&(&one & &other)));
        prop_assert_eq!(one_set.difference(&other_set), set(&(&one - &other)));
        prop_assert_eq!(one_set.is_subset(&other_set), one.is_subset(&other));
        prop_assert!(one_set.intersection(&other_set).is_subset(&other_set));
        prop_assert_eq!(one_set.is_disjoint(&other_set), one.is_disjoint(&other));
        prop_assert_eq!(one_set == other_set, one == other);
        prop_assert_eq!(one_set.len(), one.len());
        prop_assert_eq!(one_set.is_empty(), one.is_empty());
        prop_assert_eq!(one_set.first().map(|it| it.0), one.first().copied());
        prop_assert_eq!(one_set.last().map(|it| it.0), one.last().copied());
        for number in 0..41 {
            prop_assert_eq!(one_set.contains(CandidateId(number)), one.contains(&number));
        }
    }

    #[test]
    fn the_order_in_which_candidates_come_is_of_no_matter(numbers in prop::collection::vec(0_u32..40, 0..30)) {
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        let collected = |numbers: Vec<u32>| numbers.into_iter().map(CandidateId).collect::<CandidateSet>();
        prop_assert_eq!(collected(numbers.clone()), set(&numbers.into_iter().collect()));
        prop_assert_eq!(collected(sorted.clone()), set(&sorted.into_iter().collect()));
    }
}

#[test]
fn neighbours_are_one_range() {
    let upper = CandidateSet::between(5, 9);
    assert_eq!(CandidateSet::between(0, 5).union(&upper), CandidateSet::all(9));
    assert_eq!(CandidateSet::between(5, 5), CandidateSet::none());
    assert_eq!(CandidateSet::matching(9, |it| it.0 >= 5), upper);
}
