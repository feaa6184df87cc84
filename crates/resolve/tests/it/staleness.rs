//! A lock is stale exactly when no fresh lock of what is declared now could hold what it holds.

use oci::{Digest, Tag};
use proptest::prelude::*;
use resolve::lock::{Lock, LockedImage, LockedKind};
use resolve::project::Image;
use resolve::requirement::Requirement;
use resolve::tag::may_name;
use resolve::{Candidate, Candidates, Project};

const VERSIONS: [&str; 7] = ["1.0.0", "1.1.0", "1.2.0", "1.2.1", "2.0.0", "2.1.0", "20.4.1"];
const BEFORE: [&str; 3] = ["", "v", "release-"];
const AFTER: [&str; 8] = ["", "-slim", "-alpine3.19", "-alpine3.20", "-bookworm", "-trixie", "-r7", "-77"];
const MOVING: [&str; 4] = ["latest", "1", "1.2", "2"];

const HOW: [&str; 20] = [
    "",
    "",
    "variant = \"slim\"",
    "variant = \"alpine3.20\"",
    "variant = \"bookworm\"",
    "tag = \"{version}\"",
    "tag = \"{v?}{version}\"",
    "tag = \"v{version}\"",
    "tag = \"release-{version}\"",
    "tag = \"{version}-slim\"",
    "tag = \"{version}-{os}\"",
    "tag = \"{version}-{os}\", axes = { os = \"bookworm\" }",
    "tag = \"{version}-{os}\", axes = { os = \"slim || trixie\" }",
    "tag = \"{version}-alpine{os}\", schemes = { os = \"dotted\" }, axes = { os = \"^3.20\" }",
    "tag = \"{version}-alpine{os}\"",
    "tag = \"{version}-{build}\", schemes = { build = \"int\" }",
    "tag = \"{version}-r{build}\", schemes = { build = \"int\" }",
    "tag = \"latest\"",
    "tag = \"1.2\"",
    "tag = \"1.2.0\"",
];
const SCHEMES: [&str; 7] = ["", "", "semver", "debian", "pep440", "opaque", "int"];
const REQUIREMENTS: [&str; 6] = ["", "*", "^1", "^1.2", ">=2", "<2"];

/// Declarations of the image `a`.
fn declarations() -> impl Strategy<Value = String> {
    let parts = (0..HOW.len(), 0..SCHEMES.len(), 0..REQUIREMENTS.len());
    parts.prop_filter_map("a declaration that cannot be read", |(how, scheme, requirement)| {
        let quoted = |key: &str, text: &str| match text {
            "" => String::new(),
            text => format!(", {key} = \"{text}\""),
        };
        let how = if HOW[how].is_empty() { String::new() } else { format!(", {}", HOW[how]) };
        let (scheme, version) = (quoted("scheme", SCHEMES[scheme]), quoted("version", REQUIREMENTS[requirement]));
        let text = format!("[images]\na = {{ repo = \"registry.example/a\"{how}{scheme}{version} }}\n");
        Project::parse(&text).is_ok().then_some(text)
    })
}

/// The tags of a repository.
fn repositories() -> impl Strategy<Value = Vec<Tag>> {
    let all: Vec<String> = BEFORE
        .iter()
        .flat_map(|before| VERSIONS.iter().map(move |version| format!("{before}{version}")))
        .flat_map(|version| AFTER.iter().map(move |after| format!("{version}{after}")))
        .chain(MOVING.iter().map(|tag| (*tag).to_owned()))
        .collect();
    let count = all.len();
    proptest::sample::subsequence(all, 1..count)
        .prop_map(|tags| tags.iter().map(|tag| tag.parse().unwrap()).collect::<Vec<Tag>>())
}

/// Tags that mean something else beside some than beside others.
fn any_repository() -> impl Strategy<Value = Vec<String>> {
    let tag = "v?[0-9]{1,2}([.-](0|[1-9]|1[0-9]|alpine[0-9]|slim|rc[0-9]|[a-z]{2}|20260[1-9]01)){0,4}";
    proptest::collection::vec(tag, 1..12)
}

/// Returns what a tag names: a tag that moves names the newest release that it may.
fn named(tag: &Tag, tags: &[Tag]) -> String {
    if !MOVING.contains(&tag.as_str()) {
        return tag.to_string();
    }
    let releases = VERSIONS
        .iter()
        .rev()
        .filter(|version| tags.iter().any(|tag| tag.as_str() == **version) && may_name(tag, &version.parse().unwrap()));
    releases.map(|version| (*version).to_owned()).next().unwrap_or_else(|| tag.to_string())
}

/// Returns the entry of a lock that is made of a candidate.
fn entry(image: &Image, candidates: &Candidates, candidate: &Candidate, tags: &[Tag]) -> LockedImage {
    let names_it = |tag: &Tag| named(tag, tags) == named(&candidate.tag, tags);
    let precise = candidates.precise.iter().find(|(tag, _)| candidate.is_floating && names_it(tag));
    let (tag, version) = match precise {
        Some((tag, version)) => (tag.clone(), version.clone()),
        None => (candidate.tag.clone(), candidate.version.text().to_owned()),
    };
    let digest = Digest::sha256(named(&tag, tags).as_bytes());
    let mut locked = LockedImage::new(image.repository.clone(), version, tag.clone(), digest, LockedKind::Index);
    locked.track = candidate.locked_track(image);
    locked.floating = candidate.is_floating && precise.is_none();
    let may_be = |alias: &&Tag| candidates.floating.contains(&tag) || may_name(alias, &tag);
    let likely =
        candidate.also.iter().chain([&candidate.tag]).chain(candidates.floating.iter().filter(|alias| may_be(alias)));
    locked.aliases = likely.filter(|alias| **alias != tag && names_it(alias)).cloned().collect();
    locked.aliases.sort();
    locked.aliases.dedup();
    locked
}

/// Returns every entry that a fresh lock of an image may hold, each with the tags that name the same version.
fn entries(image: &Image, tags: &[Tag]) -> Vec<(LockedImage, Vec<Tag>)> {
    let candidates = Candidates::of(image, tags);
    let is_wanted = |candidate: &&Candidate| {
        image.version.matches(&candidate.version) && (!candidate.is_floating || image.version == Requirement::any())
    };
    let wanted = candidates.versions.iter().filter(is_wanted);
    wanted.map(|candidate| (entry(image, &candidates, candidate, tags), candidate.also.clone())).collect()
}

/// Tells whether a fresh lock may name the same, where the repository has some tags.
fn could_hold(project: &Project, tags: &[Tag], locked: &LockedImage) -> bool {
    let fresh = entries(&project.images["a"], tags);
    fresh.iter().any(|(fresh, also)| fresh.tag == locked.tag || also.contains(&locked.tag))
}

fn is_stale(project: &Project, locked: &LockedImage) -> bool {
    let mut lock = Lock::default();
    lock.images.insert("a".to_owned(), locked.clone());
    !lock.stale(project).is_empty()
}

#[test]
fn another_variant_is_another_image_under_every_scheme() {
    let project = |rest: &str| {
        Project::parse(&format!("[images]\na = {{ repo = \"registry.example/a\", scheme = \"semver\"{rest} }}\n"))
            .unwrap()
    };
    let tags: Vec<Tag> = ["1.0.0", "1.0.0-slim", "1.0.0-trixie"].iter().map(|tag| tag.parse().unwrap()).collect();
    let slim = project(", variant = \"slim\"");
    let (locked, _) = entries(&slim.images["a"], &tags).remove(0);
    assert_eq!(locked.tag.as_str(), "1.0.0-slim");
    assert!(!is_stale(&slim, &locked));
    assert!(is_stale(&project(", variant = \"trixie\""), &locked));
    assert!(is_stale(&project(", tag = \"{version}-trixie\""), &locked));
    assert!(!is_stale(&project(", tag = \"{version}-{os}\""), &locked));
}

#[test]
fn a_tag_that_moves_is_no_other_tag_that_names_the_same() {
    let project = |tag: &str| {
        Project::parse(&format!("[images]\na = {{ repo = \"registry.example/a\", tag = \"{tag}\" }}\n")).unwrap()
    };
    let tags: Vec<Tag> = ["1.2.0", "v1.2.0-r7", "latest"].iter().map(|tag| tag.parse().unwrap()).collect();
    let latest = project("latest");
    let (locked, _) = entries(&latest.images["a"], &tags).remove(0);
    assert_eq!((locked.tag.as_str(), locked.floating), ("latest", true));
    assert_eq!(locked.aliases, ["1.2.0".parse::<Tag>().unwrap()]);
    assert!(!is_stale(&latest, &locked));
    assert!(is_stale(&project("1.2.0"), &locked));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 250,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_lock_is_stale_exactly_when_a_fresh_one_could_not_hold_it(
        tags in repositories(), before in declarations(), now in declarations(),
    ) {
        let [before, now] = [before, now].map(|text| Project::parse(&text).unwrap());
        for (locked, _) in entries(&before.images["a"], &tags) {
            let is_stale = is_stale(&now, &locked);
            // A lock does not tell what else was there.
            let own: Vec<Tag> = locked.aliases.iter().chain([&locked.tag]).cloned().collect();
            let could_hold = could_hold(&now, &tags, &locked);
            prop_assert!(!(is_stale && could_hold), "stale: {:?}", locked);
            prop_assert!(is_stale || could_hold || self::could_hold(&now, &own, &locked), "not stale: {:?}", locked);
        }
    }

    #[test]
    fn no_fresh_lock_is_stale(tags in any_repository(), now in declarations()) {
        let (tags, now): (Vec<Tag>, _) = (tags.iter().map(|tag| tag.parse().unwrap()).collect(), Project::parse(&now).unwrap());
        for (fresh, _) in entries(&now.images["a"], &tags) {
            prop_assert!(!is_stale(&now, &fresh), "{:?}", fresh);
        }
    }
}
