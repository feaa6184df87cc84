//! The function that decides, as a function.

use std::collections::BTreeMap;

use oci::RepositoryName;
use proptest::prelude::*;
use registry::access::{Action, Decision, Identity, Policy, Reference, Rule, Subject, Why};
use resolve::glob::Glob;

use crate::people::{allowance, group, rule, rules, user};

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

/// The letters of what may be done: r, c, u, d, m.
fn rights(policy: &Policy, identity: &Identity, repository: &str, reference: Reference) -> String {
    let letters = ["r", "c", "u", "d", "m"];
    let may = |action| policy.decide(identity, action, &name(repository), reference).allowed;
    Action::ALL.into_iter().zip(letters).filter(|(action, _)| may(*action)).map(|(_, letter)| letter).collect()
}

#[test]
fn every_person_may_what_the_rules_say() {
    let policy = Policy::new(rules());
    for (who, in_team, in_public) in [
        ("stranger", "", "rm"),
        ("reader", "rm", "rm"),
        ("creator", "rcm", "rm"),
        ("updater", "rum", "rm"),
        ("writer", "rcum", "rm"),
        ("cleaner", "rdm", "rm"),
        ("blind", "", "rm"),
        ("owner", "", "rm"),
    ] {
        let identity = Identity::user(who);
        assert_eq!(rights(&policy, &identity, "team/app", Reference::Tag), in_team, "{who}");
        assert_eq!(rights(&policy, &identity, "public/app", Reference::Tag), in_public, "{who}");
        assert_eq!(rights(&policy, &identity, "secret/app", Reference::Tag), "", "{who}");
    }
    let owner = Identity::user("owner").in_groups(["owners"]);
    assert_eq!(rights(&policy, &owner, "team/app", Reference::Tag), "rcudm");
    assert_eq!(rights(&policy, &Identity::anonymous(), "team/app", Reference::Tag), "");
    assert_eq!(rights(&policy, &Identity::anonymous(), "public/a/b", Reference::Blob), "rm");
}

#[test]
fn nothing_but_a_tag_is_updated() {
    let policy = Policy::new(rules());
    let owner = Identity::user("owner").in_groups(["owners"]);
    for reference in Reference::ALL {
        let expected = if reference == Reference::Tag { "rcudm" } else { "rcdm" };
        assert_eq!(rights(&policy, &owner, "team/app", reference), expected, "{reference}");
    }
}

#[test]
fn says_why() {
    let policy = Policy::new(rules());
    let why = |identity: &Identity, action, reference| policy.decide(identity, action, &name("team/app"), reference);
    let reader = Identity::user("reader");
    assert_eq!(why(&reader, Action::Read, Reference::Tag), Decision { allowed: true, why: Why::Rule(2) });
    assert_eq!(why(&reader, Action::Delete, Reference::Tag).why, Why::NoRule);
    assert_eq!(why(&Identity::user("blind"), Action::Create, Reference::Tag).why, Why::NotReadable);
    assert_eq!(why(&Identity::user("writer"), Action::Update, Reference::Blob).why, Why::NotATag);
    let key = Identity::user("writer").by_key("ci", vec![allowance("team/other", &[Action::Read])]);
    assert_eq!(why(&key, Action::Read, Reference::Tag).why, Why::KeyScope);
    assert_eq!(Why::Rule(2).to_string(), "rule 2 allows it");
}

#[test]
fn a_key_never_allows_more_than_its_user_may() {
    let policy = Policy::new(rules());
    let all = [Action::Read, Action::Create, Action::Update, Action::Delete];
    for (scope, expected) in [
        (allowance("*", &all), "rcm"),
        (allowance("team/app", &[Action::Read]), "rm"),
        (allowance("x", &all), ""),
        (allowance("*", &all[1..]), ""),
    ] {
        let key = Identity::user("creator").by_key("ci", vec![scope]);
        assert_eq!(rights(&policy, &key, "team/app", Reference::Tag), expected);
    }
    assert_eq!(rights(&policy, &Identity::user("creator").by_key("ci", vec![]), "team/app", Reference::Tag), "");
}

#[test]
fn a_claim_is_one_by_name_and_value() {
    let value = Glob::parse("refs/heads/release-*").unwrap();
    let subject = Subject::Workload { issuer: "ci".to_owned(), claims: vec![("ref".to_owned(), value)] };
    let policy = Policy::new(vec![rule(subject, "app", &[Action::Read])]);
    for (claim, value, expected) in [
        ("ref", "refs/heads/release-1", "rm"),
        ("ref", "refs/heads/main", ""),
        ("ref", "x/refs/heads/release-1", ""),
        ("sub", "refs/heads/release-1", ""),
    ] {
        let claims = BTreeMap::from([(claim.to_owned(), vec![value.to_owned(), "another".to_owned()])]);
        let identity = Identity::workload("ci", "job", claims.clone());
        assert_eq!(rights(&policy, &identity, "app", Reference::Tag), expected, "{claim}={value}");
        let of_another = Identity::workload("other", "job", claims);
        assert_eq!(rights(&policy, &of_another, "app", Reference::Tag), "", "of another issuer");
    }
}

#[test]
fn names_of_different_things_are_never_taken_for_each_other() {
    let all = [Action::Read, Action::Create, Action::Update, Action::Delete];
    let of_group = Policy::new(vec![rule(group("ada"), "*", &all)]);
    assert_eq!(rights(&of_group, &Identity::user("ada"), "app", Reference::Tag), "");
    let of_user = Policy::new(vec![rule(user("ada"), "*", &all)]);
    assert_eq!(rights(&of_user, &Identity::user("eve").in_groups(["ada"]), "app", Reference::Tag), "");
    assert_eq!(rights(&of_user, &Identity::user("Ada"), "app", Reference::Tag), "");
    let of_workload = Identity::workload("ci", "ada", BTreeMap::new());
    let of_certificate = Identity::certificate("ada");
    let of_holder = Policy::new(vec![rule(Subject::Certificate(Glob::parse("ada").unwrap()), "*", &all)]);
    assert_eq!(rights(&of_holder, &of_certificate, "app", Reference::Tag), "rcudm");
    for other in [&of_workload, &Identity::user("ada"), &Identity::user("certificate:ada"), &Identity::anonymous()] {
        assert_eq!(rights(&of_holder, other, "app", Reference::Tag), "", "{other}");
    }
    for other in [&of_workload, &of_certificate] {
        assert_eq!(rights(&of_user, other, "app", Reference::Tag), "", "{other}");
        assert_eq!(rights(&of_group, other, "app", Reference::Tag), "", "{other}");
    }
    let known = Policy::new(vec![rule(Subject::Authenticated, "*", &[Action::Read])]);
    assert_eq!(rights(&known, &Identity::anonymous(), "app", Reference::Tag), "");
    assert_eq!(rights(&known, &Identity::user("eve"), "app", Reference::Tag), "rm");
    assert_eq!(rights(&known, &of_workload, "app", Reference::Tag), "", "an issuer vouches for strangers, too");
    assert_eq!(rights(&known, &of_certificate, "app", Reference::Tag), "");
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let subject =
        prop_oneof![Just(Subject::Anonymous), Just(Subject::Authenticated), Just(user("ada")), Just(group("team")),];
    let pattern = prop_oneof![Just("*"), Just("team/*"), Just("team/app"), Just("other")];
    let actions = proptest::sample::subsequence(&Action::ALL[..4], 0..=4);
    (subject, pattern, actions).prop_map(|(subject, pattern, actions)| rule(subject, pattern, &actions))
}

proptest! {
    /// An independent reading of the rules, by sets: read and the action itself are each allowed by some rule.
    #[test]
    fn more_rules_never_take_a_right_away_and_none_grants_nothing(rules in prop::collection::vec(any_rule(), 0..6)) {
        let people = [Identity::anonymous(), Identity::user("ada"), Identity::user("eve").in_groups(["team"])];
        for identity in &people {
            for repository in ["team/app", "team/x/y", "other", "else"] {
                for reference in Reference::ALL {
                    prop_assert_eq!(rights(&Policy::default(), identity, repository, reference), "");
                    let mut before = String::new();
                    for count in 0..=rules.len() {
                        let policy = Policy::new(rules[..count].to_vec());
                        let now = rights(&policy, identity, repository, reference);
                        prop_assert!(before.chars().all(|right| now.contains(right)), "{} then {}", before, now);
                        prop_assert!(now.is_empty() || now.contains('r'), "{}", now);
                        before = now;
                    }
                    let reversed = Policy::new(rules.iter().rev().cloned().collect());
                    prop_assert_eq!(rights(&reversed, identity, repository, reference), before);
                }
            }
        }
    }
}
