//! Which tags are versions of an image, and whether a lock is still an answer.

use oci::{Digest, Tag};
use resolve::lock::{Lock, LockedImage, LockedKind, LockedPlatform};
use resolve::{Candidates, Project};

/// Returns the versions of an image whose entry in the project is `entry`.
fn versions(entry: &str, tags: &[&str]) -> Vec<String> {
    let project = Project::parse(&format!("[images]\na = {{ repo = \"h.example/a\", {entry} }}")).unwrap();
    let tags: Vec<Tag> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
    let candidates = Candidates::of(&project.images["a"], &tags);
    candidates.versions.iter().map(|candidate| candidate.tag.to_string()).collect()
}

const PYTHON: [&str; 12] = [
    "3.12.1",
    "3.12.2",
    "3.13.0rc1",
    "3.13.0",
    "3.12.1-alpine3.19",
    "3.12.2-alpine3.20",
    "3.13.0-alpine3.20",
    "3.12.1-slim",
    "3.12.2-slim",
    "3.13.0-slim",
    "3.12",
    "latest",
];

#[test]
fn without_a_template_the_repository_shows_the_versions() {
    assert_eq!(versions("", &PYTHON), ["3.12.1", "3.12.2", "3.13.0rc1", "3.13.0"]);
    assert_eq!(versions("variant = \"slim\"", &PYTHON), ["3.12.1-slim", "3.12.2-slim", "3.13.0-slim"]);
    assert_eq!(versions("variant = \"alpine3.20\"", &PYTHON), ["3.12.2-alpine3.20", "3.13.0-alpine3.20"]);
    assert_eq!(versions("variant = \"windows\"", &PYTHON), [""; 0]);
}

#[test]
fn a_template_crosses_the_values_of_an_axis() {
    assert_eq!(
        versions("tag = \"{version}-alpine{alpine}\", axes = { alpine = \"^3.19\" }", &PYTHON),
        ["3.12.1-alpine3.19", "3.12.2-alpine3.20", "3.13.0-alpine3.20"]
    );
    let tags = ["1.0-a1", "1.0-a2", "1.0-a10", "0.9-a11"];
    assert_eq!(
        versions("tag = \"{version}-a{build}\", schemes = { build = \"int\" }", &tags),
        ["0.9-a11", "1.0-a1", "1.0-a2", "1.0-a10"]
    );
}

#[test]
fn a_scheme_says_what_a_version_is() {
    let tags = ["20260101", "20260912", "20261301", "main", "latest"];
    assert_eq!(versions("scheme = \"calver:YYYYMMDD\"", &tags), ["20260101", "20260912"]);
    let tags = ["v1.0.0", "1.0.0-rc.1", "1.0", "v1.1.0-slim"];
    assert_eq!(versions("scheme = \"semver\"", &tags), ["1.0.0-rc.1", "v1.0.0", "v1.1.0-slim"]);
}

#[test]
fn one_version_is_one_candidate() {
    let project = Project::parse("[images]\na = { repo = \"h.example/a\" }").unwrap();
    let tags: Vec<Tag> = ["v1.2.0", "1.2.0", "1.1.0"].iter().map(|tag| tag.parse().unwrap()).collect();
    let found = Candidates::of(&project.images["a"], &tags);
    assert_eq!(found.versions.len(), 2);
    assert_eq!((found.versions[1].tag.as_str(), found.versions[1].also.len()), ("1.2.0", 1));
}

#[test]
fn where_nothing_has_a_version_latest_is_what_there_is() {
    assert_eq!(versions("optional = false", &["latest", "edge", "main"]), ["latest"]);
    assert_eq!(versions("tag = \"stable\"", &["latest", "stable", "1.0.0"]), ["stable"]);
}

fn locked(version: &str, tag: &str, track: &str) -> LockedImage {
    let digest = Digest::sha256(version.as_bytes());
    let repository = "h.example/a".parse().unwrap();
    let mut image = LockedImage::new(repository, version.to_owned(), tag.parse().unwrap(), digest, LockedKind::Index);
    track.clone_into(&mut image.track);
    image.platforms.push(LockedPlatform {
        on: "linux/amd64".to_owned(),
        digest,
        config: None,
        layers: Vec::new(),
        bytes: 0,
        base: None,
    });
    image
}

/// Tells why a lock of `a` and `b` is stale.
fn stale(project: &str, a: LockedImage, b: Option<LockedImage>) -> Vec<String> {
    let project = Project::parse(project).unwrap();
    let mut lock = Lock::default();
    lock.images.insert("a".to_owned(), a);
    lock.images.extend(b.map(|b| ("b".to_owned(), b)));
    lock.stale(&project).iter().map(ToString::to_string).collect()
}

#[test]
fn a_lock_is_stale_only_when_it_is_no_answer() {
    let project = |rest: &str| format!("[images]\na = {{ repo = \"h.example/a\", {rest} }}\n");
    let one = || locked("1.57.2", "1.57.2", "");
    for fresh in ["version = \"^1.57\"", "version = \"^1\"", "version = \"=1.57.2\"", "platforms = [\"linux/amd64\"]"] {
        assert_eq!(stale(&project(fresh), one(), None), [""; 0], "{fresh}");
    }
    for (asked, reason) in [
        ("version = \"^1.58\"", "`a` is locked at 1.57.2, and ^1.58 is wanted"),
        ("variant = \"slim\"", "`a` is locked as 1.57.2, which is no longer how its tags are read"),
        ("tag = \"{version}-{os}\"", "`a` is locked as 1.57.2, which is no longer how its tags are read"),
        ("platforms = [\"linux/arm64\"]", "`a` is locked without linux/arm64"),
    ] {
        assert_eq!(stale(&project(asked), one(), None), [reason], "{asked}");
    }
    let elsewhere = "[images]\na = { repo = \"h.example/other\" }\n";
    assert_eq!(stale(elsewhere, one(), None), ["`a` is locked in h.example/a, and is wanted in h.example/other"]);
    assert_eq!(stale("", one(), None), ["`a` is locked, and the project has no such image"]);
    let two = format!("{}b = {{ repo = \"h.example/a\" }}\n", project("version = \"*\""));
    assert_eq!(stale(&two, one(), None), ["`b` is not locked"]);
    assert_eq!(stale(&two.replace("example/a\" }", "example/a\", optional = true }"), one(), None), [""; 0]);
}

#[test]
fn what_a_tag_has_beside_its_version_counts() {
    let variant = "[images]\na = { repo = \"h.example/a\", variant = \"alpine3.20\" }\n";
    assert_eq!(stale(variant, locked("3.12.2", "3.12.2-alpine3.20", "{version}-alpine-3.20"), None), [""; 0]);
    assert_eq!(stale(variant, locked("3.12.2", "3.12.2-slim", "{version}-slim"), None).len(), 1);
    let build = "[images]\na = { repo = \"h.example/a\", version = \"=8.7+929\" }\n";
    assert_eq!(stale(build, locked("8.7+929", "8.7-929", ""), None), [""; 0]);
    assert_eq!(stale(build, locked("8.7+930", "8.7-930", ""), None).len(), 1);
}

#[test]
fn broken_edges_make_a_lock_stale() {
    let project = "[images]\na = { repo = \"h.example/a\" }\nb = { repo = \"h.example/a\", follows = \"a\" }\n";
    assert_eq!(stale(project, locked("1.0", "1.0", ""), Some(locked("1.0.0", "1.0.0", ""))), [""; 0]);
    assert_eq!(
        stale(project, locked("1.0", "1.0", ""), Some(locked("1.1", "1.1", ""))),
        ["`b` needs a =1.1, which is locked at 1.0"]
    );
    let edge = "[images]\na = { repo = \"h.example/a\" }\nb = { repo = \"h.example/a\" }\n[[edges]]\nif = \"b\"\nversion = \">=2\"\nrequires = { a = \"^1.5\" }\n";
    assert_eq!(stale(edge, locked("1.0", "1.0", ""), Some(locked("1.9", "1.9", ""))), [""; 0]);
    assert_eq!(
        stale(edge, locked("1.0", "1.0", ""), Some(locked("2.0", "2.0", ""))),
        ["`b` needs a ^1.5, which is locked at 1.0"]
    );
}
