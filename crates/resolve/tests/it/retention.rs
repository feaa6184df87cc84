//! Which tags of a repository go.

use std::collections::BTreeMap;

use oci::Tag;
use oci::date::Timestamp;
use resolve::retention::{Age, Pattern, Rules, Verdict};

const DAY: i64 = 24 * 60 * 60;

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
}

/// Tags with the day on which their images were made; the clock shows day 100.
fn judged(rules: &Rules, tags: &[(&str, Option<i64>)]) -> Vec<Verdict> {
    let moment = |day: i64| Timestamp::from_seconds(day * DAY).unwrap();
    let parsed: BTreeMap<Tag, _> = tags.iter().map(|(tag, day)| (tag.parse().unwrap(), day.map(moment))).collect();
    let verdicts = rules.judge(&parsed, Some(moment(100)));
    assert_eq!(verdicts.len(), parsed.len());
    tags.iter().map(|(tag, _)| verdicts[&tag.parse::<Tag>().unwrap()]).collect()
}

#[test]
fn without_a_rule_that_takes_away_nothing_goes() {
    for rules in [Rules::default(), Rules { keep_tags: patterns(&["v*"]), ..Rules::default() }] {
        assert_eq!(judged(&rules, &[("v1", Some(1)), ("x", None)]), [Verdict::NoRule; 2]);
        assert!(!rules.is_candidate(&"x".parse().unwrap()));
    }
}

#[test]
fn all_rules_have_to_agree_and_what_is_kept_by_name_does_not_count() {
    use Verdict::{Goes, Kept, Newest, Undated, Unmatched, Young};
    let tags = [
        ("v1", Some(1)),
        ("ci-1", Some(1)),
        ("ci-2", Some(20)),
        ("ci-3", Some(95)),
        ("ci-4", Some(99)),
        ("ci-x", None),
        ("ci-keep", Some(100)),
    ];
    let rules = Rules {
        keep: Some(1),
        keep_tags: patterns(&["*-keep"]),
        delete: patterns(&["ci-*"]),
        older_than: Some(Age::parse("10d").unwrap()),
    };
    assert_eq!(judged(&rules, &tags), [Unmatched, Goes, Goes, Young, Newest, Undated, Kept]);
    let by_name = Rules { delete: patterns(&["ci-*"]), ..Rules::default() };
    assert_eq!(judged(&by_name, &tags), [Unmatched, Goes, Goes, Goes, Goes, Goes, Goes]);
    let by_number = Rules { keep: Some(2), ..Rules::default() };
    assert_eq!(judged(&by_number, &tags), [Goes, Goes, Goes, Goes, Newest, Undated, Newest]);
}

#[test]
fn an_age_is_reached_to_the_second_and_never_in_the_future() {
    use Verdict::{Goes, Young};
    let rules = Rules { older_than: Some(Age::parse("10d").unwrap()), ..Rules::default() };
    assert_eq!(judged(&rules, &[("a", Some(90)), ("b", Some(91)), ("c", Some(200))]), [Goes, Young, Young]);
    let tags = BTreeMap::from([("a".parse().unwrap(), Timestamp::from_seconds(0))]);
    assert_eq!(rules.judge(&tags, None).into_values().collect::<Vec<_>>(), [Young], "nobody knows what time it is");
}

#[test]
fn what_is_no_pattern_and_no_age_is_refused() {
    for text in ["", "a{b}", "[a"] {
        assert!(Pattern::parse(text).is_err(), "{text}");
    }
    for text in ["", "90", "d", "-1d", "1y", "99999999999999999999d"] {
        assert!(Age::parse(text).is_err(), "{text}");
    }
    assert_eq!(Age::parse("14d").unwrap().to_string(), "2w");
}
