//! Requirements and the schemes below them.

use resolve::{Requirement, Scheme};

/// Returns which of the values a requirement matches.
fn matched<'a>(scheme: &str, requirement: &str, values: &[&'a str]) -> Vec<&'a str> {
    let scheme: Scheme = scheme.parse().unwrap();
    let requirement = Requirement::parse(requirement, &scheme).unwrap();
    values.iter().copied().filter(|value| requirement.matches(&scheme.read(value).unwrap())).collect()
}

fn error(scheme: &str, requirement: &str) -> (usize, usize, String) {
    let scheme: Scheme = scheme.parse().unwrap();
    let error = Requirement::parse(requirement, &scheme).unwrap_err();
    (error.start, error.length, error.reason)
}

/// Asserts that the values are in ascending order, each below the next.
fn ascend(scheme: &str, values: &[&str]) {
    let scheme: Scheme = scheme.parse().unwrap();
    let read: Vec<_> = values.iter().map(|value| scheme.read(value).unwrap_or_else(|| panic!("{value}"))).collect();
    for (place, one) in read.iter().enumerate() {
        for other in &read[place + 1..] {
            assert!(one < other, "{one} < {other}");
        }
    }
}

#[test]
fn operators_mean_what_they_mean_to_cargo() {
    let values = ["0.0.3", "0.2.3", "0.2.9", "0.3.0", "1.2.2", "1.2.3", "1.2.9", "1.3.0", "2.0.0"];
    for (requirement, wanted) in [
        ("^1.2.3", vec!["1.2.3", "1.2.9", "1.3.0"]),
        ("1.2.3", vec!["1.2.3", "1.2.9", "1.3.0"]),
        ("^0.2.3", vec!["0.2.3", "0.2.9"]),
        ("^0.0.3", vec!["0.0.3"]),
        ("^0", vec!["0.0.3", "0.2.3", "0.2.9", "0.3.0"]),
        ("^0.0", vec!["0.0.3"]),
        ("~1.2.3", vec!["1.2.3", "1.2.9"]),
        ("~1.2", vec!["1.2.2", "1.2.3", "1.2.9"]),
        ("~1", vec!["1.2.2", "1.2.3", "1.2.9", "1.3.0"]),
        ("1.2.*", vec!["1.2.2", "1.2.3", "1.2.9"]),
        ("=1.2", vec!["1.2.2", "1.2.3", "1.2.9"]),
        ("=1.2.3", vec!["1.2.3"]),
        (">1.2", vec!["1.3.0", "2.0.0"]),
        (">1.2.3", vec!["1.2.9", "1.3.0", "2.0.0"]),
        ("<=1.2", vec!["0.0.3", "0.2.3", "0.2.9", "0.3.0", "1.2.2", "1.2.3", "1.2.9"]),
        (">=1.2.3, <1.3", vec!["1.2.3", "1.2.9"]),
        ("<0.1 || ^2", vec!["0.0.3", "2.0.0"]),
        ("*", values.to_vec()),
    ] {
        assert_eq!(matched("semver", requirement, &values), wanted, "{requirement}");
        assert_eq!(matched("dotted", requirement, &values), wanted, "{requirement}");
    }
}

#[test]
fn prereleases_are_below_their_release_and_outside_the_upper_end() {
    let values = ["1.56.9", "1.57.0-rc.1", "1.57.0", "1.58.0-rc.1", "2.0.0-rc.1", "2.0.0"];
    assert_eq!(matched("semver", "^1.57", &values), ["1.57.0", "1.58.0-rc.1"]);
    assert_eq!(matched("semver", "<2.0.0", &values), ["1.56.9", "1.57.0-rc.1", "1.57.0", "1.58.0-rc.1"]);
    assert_eq!(matched("semver", ">=1.57.0-rc.1, <1.58", &values), ["1.57.0-rc.1", "1.57.0"]);
    assert_eq!(matched("semver", "=2.0.0-rc.1", &values), ["2.0.0-rc.1"]);
    let scheme = Scheme::Semver;
    let named = Requirement::parse(">=1.58.0-rc.1", &scheme).unwrap();
    assert!(named.names_prereleases_of(&scheme.read("1.58.0-rc.7").unwrap()));
    assert!(!named.names_prereleases_of(&scheme.read("1.59.0-rc.1").unwrap()));
}

#[test]
fn dotted_versions_have_any_length_and_builds() {
    ascend(
        "dotted",
        &["1.2-dev", "1.2-rc9", "1.2-rc.10", "1.2", "1.2.1", "1.2.1.1", "1.10", "8.6-990", "8.7-929", "8.7-1000"],
    );
    let values = ["8.6-990", "8.7-929", "8.10", "17.0.4.1_1"];
    assert_eq!(matched("dotted", "~8.6", &values), ["8.6-990"]);
    assert_eq!(matched("dotted", "=8.7", &values), ["8.7-929"]);
    assert_eq!(matched("dotted", ">8.6", &values), ["8.7-929", "8.10", "17.0.4.1_1"]);
}

#[test]
fn semver_is_as_its_specification_orders_it() {
    ascend(
        "semver",
        &[
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "v1.0.1_build.7",
            "1.2.0",
            "1.10.0",
        ],
    );
    for wrong in ["1.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0-a..b", "a.b.c", "", "1.0.0-ä"] {
        assert!(Scheme::Semver.read(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn pep_440_is_as_its_text_orders_it() {
    ascend(
        "pep440",
        &[
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0_abc.5",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.1.dev1",
        ],
    );
    let same =
        |one: &str, other: &str| assert_eq!(Scheme::Pep440.read(one), Scheme::Pep440.read(other), "{one} {other}");
    same("1.1RC1", "1.1rc1");
    same("1.1-a1", "1.1.a.1");
    same("1.0-1", "1.0.post1");
    same("1.0-r4", "1.0.post4");
    same("v1.0", "1.0.0");
    for wrong in ["", "rc1", "1.0zz1", "1..0", "1.0_", "1.0-"] {
        assert!(Scheme::Pep440.read(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn debian_versions_are_as_its_policy_orders_them() {
    ascend(
        "debian",
        &[
            "1.0~~",
            "1.0~~a",
            "1.0~",
            "1.0",
            "1.0-1~bpo12",
            "1.0-1",
            "1.0-1.1",
            "1.0a",
            "1.0+b1",
            "1.0.5",
            "1.2-9",
            "1.2-10",
            "1.10",
        ],
    );
    assert_eq!(Scheme::Debian.read("1.0"), Scheme::Debian.read("1.0-0"));
    assert_eq!(matched("debian", "^1.2", &["1.0", "1.2-9", "1.10", "2.0"]), ["1.2-9", "1.10"]);
    assert!(Scheme::Debian.read("a1").is_none());
}

#[test]
fn dates_are_read_in_the_stated_form_only() {
    let values = ["20251231", "20260101", "20260912"];
    assert_eq!(matched("calver:YYYYMMDD", ">=20260101", &values), ["20260101", "20260912"]);
    assert_eq!(matched("calver:YY.0M.MICRO", "~24.4", &["24.04.1", "24.10.0", "23.04.9"]), ["24.04.1"]);
    for (form, wrong) in [
        ("YYYYMMDD", "20261301"),
        ("YYYYMMDD", "2026101"),
        ("YYYYMMDD", "202610100"),
        ("YYYY.MM.DD", "2026.10"),
        ("YY.0M", "24.4"),
    ] {
        let scheme: Scheme = format!("calver:{form}").parse().unwrap();
        assert!(scheme.read(wrong).is_none(), "{form} {wrong}");
    }
    assert_eq!("calver:YYYY-MM-DD".parse::<Scheme>().unwrap().to_string(), "calver:YYYY-MM-DD");
    assert!("calver:yyyy".parse::<Scheme>().is_err());
    assert!("calver:..".parse::<Scheme>().is_err());
}

#[test]
fn codenames_come_in_the_order_of_their_releases() {
    ascend("codename:debian", &["stretch", "buster", "bullseye", "bookworm", "trixie"]);
    ascend("codename:ubuntu", &["focal", "jammy", "noble", "resolute"]);
    assert_eq!(matched("codename:debian", ">=bookworm", &["buster", "bookworm", "trixie"]), ["bookworm", "trixie"]);
    assert_eq!(matched("codename:debian", "bookworm", &["buster", "bookworm", "trixie"]), ["bookworm"]);
    assert_eq!(matched("codename:debian", "buster || trixie", &["buster", "bookworm", "trixie"]), ["buster", "trixie"]);
    assert_eq!(Scheme::guess("bookworm").to_string(), "codename:debian");
    assert_eq!(Scheme::guess("noble").to_string(), "codename:ubuntu");
    assert_eq!(Scheme::guess("3.19").to_string(), "dotted");
    assert_eq!(Scheme::guess("slim").to_string(), "opaque");
}

#[test]
fn words_are_equal_or_not() {
    assert_eq!(matched("opaque", "slim || alpine", &["slim", "alpine", "full"]), ["slim", "alpine"]);
    assert_eq!(matched("int", "24", &["22", "24", "25"]), ["24"]);
    assert_eq!(matched("int", ">=24", &["22", "24", "25"]), ["24", "25"]);
}

#[test]
fn errors_point_at_the_part_that_cannot_be_read() {
    assert_eq!(error("semver", "^1.57, >=x1").0, 7);
    assert_eq!(error("semver", "^1.57, >=x1").1, 4);
    assert_eq!(error("dotted", "^1.57 || ").0, 8);
    assert!(error("opaque", "^slim").2.contains("need numbers"));
    assert!(error("opaque", ">slim").2.contains("no order"));
    assert!(error("codename:debian", "bookwurm").2.contains("`bookwurm`"));
    assert!(error("semver", ">").2.contains("compares with nothing"));
    assert!(error("semver", ">1.*").2.contains("stands alone"));
    assert!(error("semver", &"1,".repeat(600)).2.contains("longer"));
    assert!(error("semver", &"1,".repeat(100)).2.contains("65th"));
}

#[test]
fn an_exact_requirement_matches_its_value_alone() {
    let scheme = Scheme::Dotted;
    let value = scheme.read("1.2.3-rc.1").unwrap();
    let requirement = Requirement::exactly(&value);
    assert!(requirement.matches(&value));
    assert!(!requirement.matches(&scheme.read("1.2.3").unwrap()));
    assert!(!requirement.matches(&scheme.read("1.2.3-rc.2").unwrap()));
}
