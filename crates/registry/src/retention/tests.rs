//! The rules against a naive reading of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use oci::{RepositoryName, Tag};
use proptest::prelude::*;
use proptest::{collection, option, sample};
use resolve::retention::{Age, Pattern, Rules};

use super::{Fate, Retention, RetentionRule};

/// In milliseconds since 1970, in the midst of a second.
const NOW: i64 = 1_000_000_500;

fn rule() -> impl Strategy<Value = RetentionRule> {
    let patterns = |most| collection::vec(sample::select(vec!["*", "a*", "*1", "b?", "c"]), 0..=most);
    let age = || option::of((1..20_u64).prop_map(|seconds| Age { seconds }));
    let repositories = sample::select(vec!["*", "app", "other"]);
    (repositories, patterns(2), patterns(1), option::of(1..4_usize), age(), age()).prop_map(
        |(repositories, tags, except, keep, older_than, pulled_within)| {
            let parse = |texts: Vec<&str>| texts.into_iter().map(|text| Pattern::parse(text).unwrap()).collect();
            RetentionRule {
                repositories: parse(vec![repositories]),
                tags: Rules { keep, keep_tags: parse(except), delete: parse(tags), older_than },
                pulled_within,
                untagged: None,
            }
        },
    )
}

fn tags() -> impl Strategy<Value = BTreeMap<String, i64>> {
    collection::btree_map("[abc][12]?|latest", (0..20_i64).prop_map(|seconds| NOW - seconds * 1000), 0..12)
}

/// Returns within how many seconds somebody must have asked for a tag for it to stay; `None` for one that stays anyway.
fn naive(rules: &[RetentionRule], tags: &BTreeMap<String, i64>, tag: &str) -> Option<u64> {
    let any = |patterns: &[Pattern], text: &str| patterns.iter().any(|pattern| pattern.matches(text));
    let says_something = |rule: &RetentionRule| {
        rule.tags.keep.is_some() || rule.tags.older_than.is_some() || !rule.tags.delete.is_empty()
    };
    let mut goes = false;
    let mut pulled_within = 0;
    for rule in rules.iter().filter(|rule| any(&rule.repositories, "app") && says_something(rule)) {
        if any(&rule.tags.keep_tags, tag) {
            return None;
        }
        let is_candidate = |tag: &str| {
            let is_meant = rule.tags.delete.is_empty() || any(&rule.tags.delete, tag);
            is_meant && !any(&rule.tags.keep_tags, tag)
        };
        if !is_candidate(tag) {
            continue;
        }
        let mut newest: Vec<(&String, &i64)> = tags.iter().filter(|(tag, _)| is_candidate(tag)).collect();
        newest.sort_by_key(|(tag, at)| Reverse((**at, (*tag).clone())));
        newest.truncate(rule.tags.keep.unwrap_or(0));
        if newest.iter().any(|(newest, _)| newest.as_str() == tag) {
            return None;
        }
        let age = (NOW / 1000 - tags[tag] / 1000).unsigned_abs();
        if rule.tags.older_than.is_some_and(|least| age < least.seconds) {
            return None;
        }
        goes = true;
        pulled_within = pulled_within.max(rule.pulled_within.map_or(0, |age| age.seconds));
    }
    goes.then_some(pulled_within)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_rules_say_what_a_naive_reading_says(rules in collection::vec(rule(), 0..4), tags in tags()) {
        let retention = Retention::new(rules.clone());
        let app: RepositoryName = "app".parse().unwrap();
        let mut judge = retention.judge(&app, NOW);
        let mut ordered: Vec<(&String, &i64)> = tags.iter().collect();
        ordered.sort_by_key(|(tag, at)| Reverse((**at, (*tag).clone())));
        for (name, pushed_at) in ordered {
            let tag: Tag = name.parse().unwrap();
            let fate = judge.as_mut().map_or(Fate::Stays, |judge| judge.next(&tag, *pushed_at));
            let said = match fate {
                Fate::Goes { pulled_within, .. } => Some(pulled_within.map_or(0, |age| age.seconds)),
                Fate::Young { until } => {
                    prop_assert!(until > NOW, "it is looked at again");
                    None
                }
                Fate::Stays => None,
            };
            prop_assert_eq!(said, naive(&rules, &tags, name), "{} of {:?} by {:?}", name, tags, rules);
        }
    }
}

#[test]
fn what_is_attached_is_no_version() {
    let all = Rules { keep: Some(1), ..Rules::default() };
    let star = Pattern::parse("*").unwrap();
    let rule = RetentionRule { repositories: vec![star], tags: all, pulled_within: None, untagged: None };
    let retention = Retention::new(vec![rule]);
    let mut judge = retention.judge(&"app".parse().unwrap(), NOW).unwrap();
    let signature = format!("sha256-{}.sig", "a".repeat(64));
    for (tag, fate) in [
        (signature.as_str(), Fate::Stays),
        ("2", Fate::Stays),
        ("1", Fate::Goes { pulled_within: None, pushed_within: None }),
    ] {
        assert_eq!(judge.next(&tag.parse().unwrap(), NOW), fate, "{tag}");
    }
}

#[test]
fn what_was_pushed_in_the_future_stays_and_takes_no_place() {
    let tags = Rules { keep: Some(1), ..Rules::default() };
    let star = Pattern::parse("*").unwrap();
    let rule = RetentionRule { repositories: vec![star], tags, pulled_within: None, untagged: None };
    let retention = Retention::new(vec![rule]);
    let mut judge = retention.judge(&"app".parse().unwrap(), NOW).unwrap();
    let goes = Fate::Goes { pulled_within: None, pushed_within: None };
    let day = 24 * 60 * 60 * 1000;
    for (tag, pushed_at, fate) in
        [("wrong", NOW + day, Fate::Young { until: NOW + day }), ("2", NOW + 1, Fate::Stays), ("1", NOW, goes)]
    {
        assert_eq!(judge.next(&tag.parse().unwrap(), pushed_at), fate, "{tag}");
    }
}
