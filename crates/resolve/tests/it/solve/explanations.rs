//! What is said where there is no solution.

use insta::assert_snapshot;
use resolve::solve::ReasonKind;

use super::worded::{Tale, Which};

const VERSIONS: [&str; 6] = ["1.55.0", "1.56.0", "1.57.0", "1.58.0", "1.60.0", "1.76.0"];

fn jaeger() -> Tale {
    Tale::default().package("collector", &VERSIONS).package("query", &VERSIONS)
}

#[test]
fn no_version_is_there_for_the_platform() {
    let tale = jaeger().demand("query", "^1.57", Which::From("1.57.0")).refuse(
        "query",
        Which::From("1.56.0"),
        ReasonKind::NotOnPlatform,
        "there is no image for linux/arm64",
    );
    assert_snapshot!(tale.why_not(), @r"
    query ^1.57 is required (line 20)
    query 1.57.0 to 1.76.0 cannot be used: there is no image for linux/arm64; 1.55.0 is the newest that can
    ");
}

#[test]
fn the_policy_refuses_every_version() {
    let text = "policy.verify[0] requires an SBOM";
    let tale = jaeger().demand("query", "", Which::All).refuse("query", Which::All, ReasonKind::Policy, text);
    assert_snapshot!(tale.why_not(), @r"
    query is required (line 20)
    all 6 versions of query cannot be used: policy.verify[0] requires an SBOM
    ");
}

#[test]
fn what_matches_is_too_young_or_yanked() {
    let tale = jaeger()
        .demand("query", "^1.60", Which::From("1.60.0"))
        .refuse("query", Which::Only(&["1.76.0"]), ReasonKind::Cooldown, "it is younger than 3 days")
        .refuse("query", Which::Only(&["1.56.0", "1.60.0"]), ReasonKind::Yanked, "its publisher took it back");
    assert_snapshot!(tale.why_not(), @r"
    query ^1.60 is required (line 20)
    query 1.60.0 cannot be used: its publisher took it back
    query 1.76.0 cannot be used: it is younger than 3 days; 1.58.0 is the newest that can
    ");
}

#[test]
fn what_is_followed_is_limited_and_refused() {
    let tale = jaeger()
        .demand("collector", "~1.55", Which::Before("1.57.0"))
        .demand("query", "^1.56", Which::From("1.56.0"))
        .follows("query", "collector")
        .refuse("collector", Which::From("1.56.0"), ReasonKind::Policy, "policy.verify[0] requires an SBOM");
    assert_snapshot!(tale.why_not(), @r"
    query ^1.56 is required (line 21)
    query needs collector 1.56.0 to 1.76.0 (same version)
    collector is limited to ~1.55 (line 20)
    collector 1.56.0 cannot be used: policy.verify[0] requires an SBOM; 1.55.0 is the newest that can
    ");
}

#[test]
fn a_chain_of_followers_is_pulled_from_both_ends() {
    let tale = jaeger()
        .package("agent", &VERSIONS)
        .demand("agent", "^1.58", Which::From("1.58.0"))
        .follows("agent", "query")
        .follows("query", "collector")
        .demand("collector", "<1.58", Which::Before("1.58.0"));
    assert_snapshot!(tale.why_not(), @r"
    agent ^1.58 is required (line 20)
    agent needs query 1.58.0 to 1.76.0 (same version)
    query 1.58.0 to 1.76.0 needs collector 1.58.0 to 1.76.0 (same version)
    collector is limited to <1.58 (line 21)
    ");
}

#[test]
fn a_version_is_missing_of_what_is_followed() {
    let tale = Tale::default()
        .package("query", &["1.57.0", "1.58.0"])
        .package("collector", &["1.55.0", "1.57.0"])
        .demand("query", "^1.58", Which::Only(&["1.58.0"]))
        .follows("query", "collector");
    assert_snapshot!(tale.why_not(), @r"
    query ^1.58 is required (line 20)
    query needs collector same version, which no version matches
    ");
}

#[test]
fn three_packages_do_not_agree() {
    let tale = Tale::default()
        .package("app", &["1", "2", "3"])
        .package("storage", &["4.0", "4.1", "5.0"])
        .package("driver", &["1.0", "2.0"])
        .demand("app", "*", Which::All)
        .demand("storage", ">=4.1", Which::From("4.1"))
        .requires("app", Which::All, "driver", "^1", Which::Only(&["1.0"]))
        .requires("storage", Which::From("4.1"), "driver", "^2", Which::Only(&["2.0"]));
    assert_snapshot!(tale.why_not(), @r"
    app is required (line 20)
    app needs driver ^1
    storage >=4.1 is required (line 21)
    storage needs driver ^2
    ");
}

#[test]
fn each_version_fails_in_its_own_way() {
    let tale = Tale::default()
        .package("app", &["1", "2"])
        .package("left", &["1", "2"])
        .package("right", &["1", "2"])
        .package("base", &["1", "2"])
        .demand("app", "", Which::All)
        .demand("base", "", Which::All)
        .requires("app", Which::Only(&["1"]), "left", "=1", Which::Only(&["1"]))
        .requires("app", Which::Only(&["2"]), "left", "=2", Which::Only(&["2"]))
        .requires("app", Which::All, "right", "", Which::All)
        .requires("left", Which::Only(&["1"]), "base", "=1", Which::Only(&["1"]))
        .requires("left", Which::Only(&["2"]), "base", "=2", Which::Only(&["2"]))
        .requires("right", Which::Only(&["1"]), "left", "=2", Which::Only(&["2"]))
        .requires("right", Which::Only(&["2"]), "left", "=1", Which::Only(&["1"]))
        .requires("right", Which::Only(&["1"]), "base", "=1", Which::Only(&["1"]))
        .requires("right", Which::Only(&["2"]), "base", "=2", Which::Only(&["2"]));
    assert_snapshot!(tale.why_not(), @r"
    right 2 needs left =1
    right 1 needs base =1
    left 2 needs base =2
    so left 2 cannot be used with right
    app is required (line 20)
    app 1 needs left =1
    app 2 needs left =2
    app needs right
    right 1 needs left =2
    right 2 needs base =2
    left 1 needs base =1
    ");
}

#[test]
fn there_is_nothing_to_choose_from() {
    let tale = Tale::default().package("query", &[]).demand("query", "^1.57", Which::None);
    assert_snapshot!(tale.why_not(), @"query ^1.57 is required, of which there is no version (line 20)");
}

#[test]
fn nothing_matches() {
    let tale = jaeger().demand("query", "^2", Which::None);
    assert_snapshot!(tale.why_not(), @"query ^2 is required, which no version matches (line 20)");
}

#[test]
fn what_is_required_is_nowhere() {
    let tale = jaeger().demand("query", "", Which::All).requires("query", Which::All, "collector", "^2", Which::None);
    assert_snapshot!(tale.why_not(), @r"
    query is required (line 20)
    query needs collector ^2, which no version matches
    ");
}

#[test]
fn two_wishes_of_the_user_contradict_each_other() {
    let tale =
        jaeger().demand("query", "^1.57", Which::From("1.57.0")).limit("query", "<1.57", Which::Before("1.57.0"));
    assert_snapshot!(tale.why_not(), @r"
    query ^1.57 is required (line 20)
    query is limited to <1.57 (line 21)
    ");
}

#[test]
fn a_ring_does_not_close() {
    let tale = Tale::default()
        .package("a", &["1", "2"])
        .package("b", &["1", "2"])
        .demand("a", "", Which::All)
        .requires("a", Which::Only(&["1"]), "b", "=2", Which::Only(&["2"]))
        .requires("a", Which::Only(&["2"]), "b", "=1", Which::Only(&["1"]))
        .follows("b", "a");
    assert_snapshot!(tale.why_not(), @r"
    a is required (line 20)
    a 1 needs b =2
    a 2 needs b =1
    b needs a (same version)
    ");
}

#[test]
fn a_version_excludes_what_is_demanded() {
    let tale = jaeger()
        .demand("query", "^1.60", Which::From("1.60.0"))
        .demand("collector", "=1.58.0", Which::Only(&["1.58.0"]))
        .excludes("query", Which::From("1.58.0"), "collector", &["1.57.0", "1.58.0"]);
    assert_snapshot!(tale.why_not(), @r"
    query ^1.60 is required (line 20)
    query excludes collector 1.57.0 to 1.58.0
    collector is limited to =1.58.0 (line 21)
    ");
}

#[test]
fn each_version_excludes_another_one() {
    let tale = jaeger()
        .demand("query", "^1.60", Which::From("1.60.0"))
        .demand("collector", "~1.58", Which::Only(&["1.58.0"]))
        .excludes("query", Which::Only(&["1.60.0"]), "collector", &["1.55.0", "1.58.0"])
        .excludes("query", Which::Only(&["1.76.0"]), "collector", &["1.58.0", "1.60.0"]);
    assert_snapshot!(tale.why_not(), @r"
    query ^1.60 is required (line 20)
    query excludes collector 1.58.0
    collector is limited to ~1.58 (line 21)
    ");
}

#[test]
fn a_version_contradicts_itself() {
    let tale = jaeger().demand("query", "=1.60.0", Which::Only(&["1.60.0"])).requires(
        "query",
        Which::Only(&["1.60.0"]),
        "query",
        "=1.58.0",
        Which::Only(&["1.58.0"]),
    );
    assert_snapshot!(tale.why_not(), @r"
    query =1.60.0 is required (line 20)
    query needs another version of itself
    ");
}

#[test]
fn many_scattered_versions_are_counted() {
    let labels: Vec<String> = (0..40).map(|minor| format!("1.{minor}.0")).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let even: Vec<&str> = labels.iter().copied().step_by(2).collect();
    let tale = Tale::default().package("query", &labels).demand("query", "even", Which::Only(&even)).refuse(
        "query",
        Which::Only(&even),
        ReasonKind::EndOfLife,
        "it is no longer maintained",
    );
    assert_snapshot!(tale.why_not(), @r"
    query even is required (line 20)
    query 1.0.0 to 1.38.0 (20 versions) cannot be used: it is no longer maintained
    ");
}
