//! `Supercargo.lock`: the same bytes again, and two locks made one.

use std::collections::BTreeMap;

use oci::Digest;
use proptest::prelude::*;
use resolve::lock::{
    Change, Lock, LockError, LockedArtifact, LockedBase, LockedImage, LockedKind, LockedPlatform, TimeSource, merge,
};

fn digest(seed: u64) -> Digest {
    Digest::sha256(&seed.to_le_bytes())
}

fn base(seed: u64) -> LockedBase {
    LockedBase {
        repository: "docker.io/library/alpine".parse().unwrap(),
        tag: seed.is_multiple_of(2).then(|| "3.22".parse().unwrap()),
        digest: digest(seed + 500),
        layers: 1,
        proof: LockedBase::CONFIRMED.to_owned(),
    }
}

/// Returns an entry that has everything, made of a number.
fn image(seed: u64) -> LockedImage {
    let version = format!("1.{}.{seed}", seed % 7);
    let mut image = LockedImage::new(
        format!("registry.example/team/image-{}", seed % 5).parse().unwrap(),
        version.clone(),
        version.parse().unwrap(),
        digest(seed),
        LockedKind::Index,
    );
    image.aliases = vec!["1".parse().unwrap(), "latest".parse().unwrap()];
    image.created = Some("2025-12-03T10:11:12Z".to_owned());
    image.created_from = Some(TimeSource::Configuration);
    "highest".clone_into(&mut image.chosen);
    image.requires = vec!["collector =1.76.0".to_owned()];
    image.platforms = (0..seed % 3)
        .map(|number| LockedPlatform {
            on: format!("linux/arm64/v{number}"),
            digest: digest(seed + 100 + number),
            config: Some(digest(seed + 200 + number)),
            layers: (0..number).map(|layer| digest(seed + 300 + layer)).collect(),
            bytes: 1000 * number,
            base: (number == 1).then(|| base(seed)),
        })
        .collect();
    image.artifacts = vec![LockedArtifact {
        role: "sbom".to_owned(),
        artifact_type: "application/spdx+json; a=\"\\ä\n\"".to_owned(),
        subject: digest(seed),
        digest: digest(seed + 400),
    }];
    image
}

fn lock(entries: &BTreeMap<String, u64>) -> Lock {
    let mut lock = Lock::default();
    lock.images = entries.iter().map(|(name, seed)| (name.clone(), image(*seed))).collect();
    lock
}

#[test]
fn a_lock_is_written_one_fact_a_line() {
    let mut one = image(10);
    one.platforms.truncate(1);
    one.platforms[0].layers = vec![digest(1), digest(2)];
    let mut lock = Lock::default();
    lock.images.insert("query".to_owned(), one);
    let text = lock.text();
    let short: Vec<String> = text.lines().map(|line| line.split("sha256:").next().unwrap().to_owned()).collect();
    insta::assert_snapshot!(short.join("\n"), @r#"
    # Written by supercargo; commit it, and let `supercargo lock` change it.
    lock-version = 1

    [[image]]
    name = "query"
    repo = "registry.example/team/image-0"
    version = "1.3.10"
    tag = "1.3.10"
    aliases = ["1", "latest"]
    digest = "
    kind = "index"
    created = "2025-12-03T10:11:12Z"
    created-from = "config"
    chosen = "highest"
    requires = ["collector =1.76.0"]

    [[image.platform]]
    on = "linux/arm64/v0"
    digest = "
    config = "
    layers = [
      "
      "
    ]
    bytes = 0

    [[image.artifact]]
    role = "sbom"
    type = "application/spdx+json; a=\"\\ä\u000A\""
    subject = "
    digest = "
    "#);
    assert_eq!(Lock::parse(&text).unwrap(), lock);
}

#[test]
fn what_is_not_known_is_kept() {
    let text = lock(&BTreeMap::from([("a".to_owned(), 1), ("c".to_owned(), 3)])).text();
    let text = text.replacen("kind = \"index\"\n", "kind = \"index\"\nfuture = { a = 1 } # kept\n", 1);
    let text = format!("{text}\n[elsewhere]\nx = 1\n\n[[more]]\ny = 2\n");
    let mut read = Lock::parse(&text).unwrap();
    assert_eq!(read.text(), text);
    read.images.insert("b".to_owned(), image(2));
    let changed = read.text();
    assert!(changed.contains("future = { a = 1 } # kept\n"), "{changed}");
    assert!(changed.ends_with("\n[elsewhere]\nx = 1\n\n[[more]]\ny = 2\n"), "{changed}");
    read.images.remove("b");
    assert_eq!(read.text(), text);
}

#[test]
fn a_lock_that_is_written_is_written_the_same_again() {
    let entry = |name: &str| {
        let text = lock(&BTreeMap::from([(name.to_owned(), 1)])).text();
        text[text.find("[[image]]").unwrap()..].trim_end().to_owned()
    };
    let (a, b) = (entry("a"), entry("b"));
    let more = "[[more]]\nx = 1";
    for parts in [[&a, &b, more], [&b, &a, more], [more, &a, &b], [more, &b, &a], [&b, more, &a]] {
        for between in ["\n", "\n\n", "\n\n\n", "\r\n\r\n", "\n  \n", "\n# kept\n"] {
            for end in ["", "\n", "\n\n", "\n\n\n", "\r\n", "\n  ", "\n# kept"] {
                let text = format!("lock-version = 1\n\n{}{end}", parts.join(between));
                let read = Lock::parse(&text).unwrap();
                let written = read.text();
                let again = Lock::parse(&written).unwrap();
                assert_eq!(again, read, "{text:?}");
                assert_eq!(again.text(), written, "{text:?}");
            }
        }
    }
}

#[test]
fn what_is_no_lock_is_refused() {
    let text = lock(&BTreeMap::from([("a".to_owned(), 1)])).text();
    let newer = text.replace("lock-version = 1", "lock-version = 2");
    assert_eq!(Lock::parse(&newer), Err(LockError::Newer { found: 2 }));
    for (from, to, wanted) in [
        ("lock-version = 1", "", "`lock-version` is missing"),
        ("kind = \"index\"", "kind = \"list\"", "`kind` is neither index nor image"),
        ("name = \"a\"\n", "", "`name` is missing"),
        ("digest = \"sha256:", "digest = \"sha256:zz", "`digest` is not what it should be"),
        ("chosen", "<<<<<<< ours\nchosen", "the lock has conflicts of a merge in it"),
        ("aliases = [", "aliases = [1, ", "`aliases` is not what it should be"),
    ] {
        let error = Lock::parse(&text.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.to_string(), wanted);
    }
    let twice = format!("{text}\n{}", &text[text.find("[[image]]").unwrap()..]);
    assert_eq!(Lock::parse(&twice).unwrap_err().to_string(), "`a` is locked twice");
}

#[test]
fn differences_are_told_by_name() {
    let entries = |pairs: &[(&str, u64)]| lock(&pairs.iter().map(|(name, seed)| ((*name).to_owned(), *seed)).collect());
    let old = entries(&[("a", 1), ("b", 2), ("c", 3), ("e", 5)]);
    let mut new = entries(&[("a", 1), ("b", 20), ("d", 4), ("e", 5)]);
    let described = new.images.get_mut("e").unwrap();
    described.aliases.clear();
    described.forget_source();
    let told: Vec<String> = old
        .difference(&new)
        .images
        .into_iter()
        .map(|change| {
            let what = match change.change {
                Change::Added(_) => "added",
                Change::Removed(_) => "removed",
                Change::Moved { .. } => "moved",
                Change::Described { .. } => "described",
            };
            format!("{} {what}", change.name)
        })
        .collect();
    assert_eq!(told, ["b moved", "c removed", "d added", "e described"]);
}

fn entries() -> impl Strategy<Value = BTreeMap<String, u64>> {
    proptest::collection::btree_map("[a-h]{1,3}", 0_u64..40, 0..12)
}

/// What one side does to a lock: of each name a new entry, or none.
fn changes(names: &'static str) -> impl Strategy<Value = BTreeMap<String, Option<u64>>> {
    proptest::collection::btree_map(names, proptest::option::of(0_u64..40), 0..8)
}

fn changed(base: &BTreeMap<String, u64>, changes: &BTreeMap<String, Option<u64>>) -> BTreeMap<String, u64> {
    let mut entries = base.clone();
    for (name, change) in changes {
        match change {
            Some(seed) => entries.insert(name.clone(), *seed),
            None => entries.remove(name),
        };
    }
    entries
}

proptest! {
    #[test]
    fn a_lock_that_is_read_is_written_the_same(entries in entries()) {
        let written = lock(&entries).text();
        let read = Lock::parse(&written).unwrap();
        prop_assert!(read == lock(&entries));
        prop_assert_eq!(read.text(), written);
    }

    #[test]
    fn changes_to_different_images_merge_without_a_conflict(
        base in entries(), ours in changes("[a-d]{1,3}"), theirs in changes("[e-h]{1,3}"),
    ) {
        let parse = |entries: &BTreeMap<String, u64>| Lock::parse(&lock(entries).text()).unwrap();
        let merged = merge(&parse(&base), &parse(&changed(&base, &ours)), &parse(&changed(&base, &theirs)));
        prop_assert_eq!(merged.conflicts, vec![]);
        let both = changed(&changed(&base, &ours), &theirs);
        let wanted = lock(&both).text();
        prop_assert_eq!(merged.lock.text(), wanted);
    }

    #[test]
    fn a_merge_takes_no_side_where_both_have_changed(
        base in entries(), ours in changes("[a-d]"), theirs in changes("[a-d]"),
    ) {
        let merged = merge(&lock(&base), &lock(&changed(&base, &ours)), &lock(&changed(&base, &theirs)));
        let (our, their) = (changed(&base, &ours), changed(&base, &theirs));
        for name in ["a", "b", "c", "d"] {
            let (old, our, their) = (base.get(name), our.get(name), their.get(name));
            let is_conflict = merged.conflicts.iter().any(|conflict| conflict.name == name);
            prop_assert_eq!(is_conflict, our != old && their != old && our != their, "{}", name);
            if !is_conflict {
                let wanted = if our == old { their } else { our };
                let wanted = wanted.map(|seed| image(*seed));
                prop_assert_eq!(merged.lock.images.get(name), wanted.as_ref(), "{}", name);
            }
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        let _ = Lock::parse(&text);
        let _ = Lock::parse(&format!("lock-version = 1\n{text}"));
        let _ = resolve::Project::parse(&text);
    }
}

#[test]
fn what_looks_like_an_entry_inside_of_a_string_is_none() {
    let digest = Digest::sha256(b"db");
    let text = format!(
        "lock-version = 1\nmade-by = \"a newer one\"\n\n[[image]]\nname = \"db\"\nrepo = \"registry.example/db\"\nversion = \"1.0\"\n\
         tag = \"1.0\"\ndigest = \"{digest}\"\nkind = \"index\"\nchosen = \"highest\"\n\n[more]\ny = \"\"\"\n[[image]]\n\"\"\"\n"
    );
    let written = Lock::parse(&text).unwrap().text();
    let again = Lock::parse(&written).unwrap();
    assert_eq!(again.text(), written);
    assert!(written.contains("made-by = \"a newer one\"\n"), "{written}");
    assert!(written.ends_with("[more]\ny = \"\"\"\n[[image]]\n\"\"\"\n"), "{written}");
    assert!(Lock::parse("lock-version = 1\nimage = 1\n").is_err());
}
