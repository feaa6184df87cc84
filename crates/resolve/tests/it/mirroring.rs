//! Which tags a mirror wants.

use oci::Tag;
use proptest::prelude::*;
use resolve::mirror::{Glob, MirrorFile, VersionRule, Wanted};

fn tags(text: &str) -> Vec<Tag> {
    text.split_whitespace().map(|tag| tag.parse().unwrap()).collect()
}

fn selected(wanted: &Wanted, from: &str) -> String {
    wanted.select(&tags(from)).iter().map(Tag::as_str).collect::<Vec<_>>().join(" ")
}

fn rules(keys: &str) -> Vec<Wanted> {
    let text = format!("[[mirror]]\nfrom = \"h.example/a\"\nto = \"h.example/b\"\n{keys}\n");
    MirrorFile::parse(&text)
        .unwrap_or_else(|error| panic!("{error}"))
        .rules
        .into_iter()
        .map(|rule| rule.wanted)
        .collect()
}

fn wanted(keys: &str) -> Wanted {
    rules(keys).remove(0)
}

const RELEASES: &str = "1.56.0 1.57.0 1.57.1 1.58.0 1.58 1 2.0.0-rc.1 latest nightly-1 sha256-0000000000000000000000000000000000000000000000000000000000000000.sig";

#[test]
fn versions_and_names_are_wanted_together_and_everything_where_neither_is_said() {
    assert_eq!(selected(&wanted("version = \"^1.57\""), RELEASES), "1.57.0 1.57.1 1.58.0");
    assert_eq!(
        selected(&wanted("version = \"^1.57\"\ntags = [\"lat*\", \"nightly-?\"]"), RELEASES),
        "1.57.0 1.57.1 1.58.0 latest nightly-1"
    );
    assert_eq!(selected(&wanted("tags = [\"1.5?\"]"), RELEASES), "1.58");
    assert_eq!(selected(&wanted("tags = []"), RELEASES), "");
    let all = "1 1.56.0 1.57.0 1.57.1 1.58 1.58.0 2.0.0-rc.1 latest nightly-1";
    assert_eq!(selected(&wanted(""), RELEASES), all);
    assert_eq!(selected(&wanted("except = [\"1*\", \"nightly-*\"]"), RELEASES), "2.0.0-rc.1 latest");
}

#[test]
fn the_newest_are_kept_of_those_that_are_allowed() {
    assert_eq!(selected(&wanted("keep = 2"), RELEASES), "1.57.1 1.58.0");
    assert_eq!(selected(&wanted("keep = 2\nexcept = [\"1.58.0\"]"), RELEASES), "1.57.0 1.57.1");
    assert_eq!(selected(&wanted("keep = 1\nprerelease = \"allow\""), RELEASES), "2.0.0-rc.1");
    assert_eq!(selected(&wanted("version = \"^2\""), RELEASES), "", "a prerelease of 2.0.0 is below it");
    assert_eq!(selected(&wanted("version = \">=2.0.0-rc.1\""), RELEASES), "2.0.0-rc.1");
    let systems = "4.1-bookworm 4.1.9-bookworm 4.1.9-trixie 4.1.10-bookworm 4.2.0-bookworm";
    let keys = "version = \"~4.1\"\ntag = \"{version}-{os}\"\naxes = { os = \"bookworm\" }";
    assert_eq!(selected(&wanted(keys), systems), "4.1.10-bookworm 4.1.9-bookworm");
    assert_eq!(selected(&wanted("variant = \"trixie\""), systems), "4.1.9-trixie");
}

#[test]
fn ranges_of_other_tools_are_read_as_they_mean_them() {
    let selected = |range: &str| {
        let versions = VersionRule::semver("h.example/a".parse().unwrap(), range).unwrap();
        selected(
            &Wanted { versions: Some(versions), tags: Some(Vec::new()), except: Vec::new() },
            "3.0.0 v3.1.0 3.2.0 4.0.0-rc.1 4.0.0 edge",
        )
    };
    assert_eq!(selected(">=3.1, <4"), "3.2.0 v3.1.0");
    assert_eq!(selected(">= 3.1.0 < 4.0.0"), "3.2.0 v3.1.0");
    assert_eq!(selected("3.0.0 || >=4"), "3.0.0 4.0.0", "a version alone means itself");
    assert_eq!(selected("3.1.x"), "v3.1.0");
    assert_eq!(selected("3.*"), "3.0.0 3.2.0 v3.1.0");
    assert_eq!(selected("=3.0.0||=4.0.0"), "3.0.0 4.0.0");
    assert!(VersionRule::semver("h.example/a".parse().unwrap(), ">= ").is_err());
}

#[test]
fn places_are_of_one_form() {
    let refused = |text: &str, reason: &str| {
        let said = MirrorFile::parse(text).unwrap_err().to_string();
        assert!(said.contains(reason), "{said}");
    };
    let rule = |keys: &str| format!("[[mirror]]\n{keys}");
    refused(&rule("from = \"h.example/a:1\"\nto = \"h.example/b\""), "names an image");
    refused(&rule("from = \"a\"\nto = \"h.example/b\""), "does not say which registry");
    refused(&rule("from = \"h.example/a\"\nto = \"h.example/b:1\""), "has none");
    refused(&rule("from = \"h.example/\"\nimages = [\"a\", \"b\"]\nto = \"h.example/b\""), "would become one");
    refused(&rule("from = \"h.example/a\"\nimages = [\"a\"]\nto = \"h.example/b\""), "below a `from`");
    refused(&rule("from = \"h.example/a\"\nto = \"h.example/b\"\ntags = [\"a b\"]"), "matches no tag");
    refused("every = \"0s\"\nmirror = []", "longer than nothing");
    refused("every = \"often\"\nmirror = []", "is no time");
    let file = "every = \"2h\"\n[[mirror]]\nfrom = \"h.example/team/\"\nimages = [\"a\", \"b/c\"]\nto = \"oci:dir/\"\nartifacts = false\n";
    let file = MirrorFile::parse(file).unwrap();
    assert_eq!(file.every, Some(7200));
    let places: Vec<String> = file.rules.iter().map(|rule| format!("{} {}", rule.source, rule.destination)).collect();
    assert_eq!(places, ["h.example/team/a oci:dir/a", "h.example/team/b/c oci:dir/b/c"]);
    assert!(file.rules.iter().all(|rule| !rule.artifacts));
}

#[test]
fn the_example_of_the_documentation_is_a_mirror() {
    let documentation = include_str!("../../../../docs/formats/mirror.md");
    let example = documentation.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let file = MirrorFile::parse(example).unwrap();
    assert_eq!((file.every, file.rules.len()), (Some(3600), 3));
    assert_eq!(file.rules[2].destination.to_string(), "registry.example/mirror/prometheus/alertmanager");
}

/// What the pattern means, one letter after the other.
fn naive(pattern: &[u8], tag: &[u8]) -> bool {
    match pattern.split_first() {
        None => tag.is_empty(),
        Some((b'*', rest)) => (0..=tag.len()).any(|skipped| naive(rest, &tag[skipped..])),
        Some((letter, rest)) => {
            tag.split_first().is_some_and(|(first, tag)| (*letter == b'?' || letter == first) && naive(rest, tag))
        }
    }
}

proptest! {
    #[test]
    fn patterns_match_what_they_mean(pattern in "[ab*?]{1,8}", tag in "[ab]{0,10}") {
        let glob = Glob::parse(&pattern).unwrap();
        prop_assert_eq!(glob.matches(&tag), naive(pattern.as_bytes(), tag.as_bytes()));
    }

    #[test]
    fn what_is_selected_was_there(keep in 1..5_usize, tags in proptest::collection::vec("(v?[0-9]{1,2}[.][0-9](-rc[.]1)?|latest)", 0..12)) {
        let tags: Vec<Tag> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
        let selected = wanted(&format!("version = \"*\"\nkeep = {keep}")).select(&tags);
        prop_assert!(selected.iter().all(|tag| tags.contains(tag)));
    }
}
