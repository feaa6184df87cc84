use std::path::Path;

use oci::{Descriptor, Digest, MediaType, Tag};

use super::LayoutIndex;
use crate::error::StoreError;

fn descriptor(content: &str) -> Descriptor {
    Descriptor::of(MediaType::OCI_MANIFEST, content.as_bytes())
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn parse(text: &str) -> LayoutIndex {
    LayoutIndex::parse(text.as_bytes(), Path::new("index.json")).unwrap()
}

fn text(index: &LayoutIndex) -> String {
    String::from_utf8(index.to_bytes().unwrap()).unwrap()
}

/// Tag or `-`, and the first digits of the digest, of every entry.
fn listed(index: &LayoutIndex) -> Vec<String> {
    let name = |tag: Option<&Tag>| tag.map_or("-".to_owned(), ToString::to_string);
    index.entries().map(|entry| format!("{} {}", name(entry.tag.as_ref()), entry.descriptor.digest.short())).collect()
}

#[test]
fn an_empty_layout_lists_nothing() {
    let expected = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    assert_eq!(text(&LayoutIndex::empty()), expected);
}

#[test]
fn what_is_not_changed_stays_as_it_was_written() {
    let digest = Digest::sha256(b"a");
    let foreign = format!(
        r#"{{ "schemaVersion": 2, "x-tool": {{"b": 1.50, "a": [ ]}}, "manifests": [ {{"size":1e0, "platform":{{"os":"linux","architecture":"amd64","x":null}}, "digest":"{digest}", "mediaType":"application/vnd.oci.image.manifest.v1+json", "annotations":{{"io.containerd.image.name":"docker.io/library/alpine:3","org.opencontainers.image.ref.name":"3"}}}}, {{"digest":"sha384:00","mediaType":"x/y","size":-1}}, 7 ], "annotations": {{"k":"v"}} }}"#
    );
    let mut index = parse(&foreign);
    assert!(index.set_tag(&tag("new"), &descriptor("new")).unwrap());
    let after = text(&index);
    for kept in [
        r#""x-tool":{"b": 1.50, "a": [ ]}"#,
        r#""platform":{"os":"linux","architecture":"amd64","x":null}"#,
        r#""io.containerd.image.name":"docker.io/library/alpine:3""#,
        r#"{"digest":"sha384:00","mediaType":"x/y","size":-1},7]"#,
        r#""annotations":{"k":"v"}}"#,
    ] {
        assert!(after.contains(kept), "{kept} is lost in {after}");
    }
}

#[test]
fn tagged_roots_come_first() {
    let mut index = LayoutIndex::empty();
    assert!(index.add(&descriptor("referrer")).unwrap());
    assert!(index.set_tag(&tag("one"), &descriptor("one")).unwrap());
    assert!(index.set_tag(&tag("two"), &descriptor("two")).unwrap());
    assert!(!index.add(&descriptor("two")).unwrap(), "what has a name needs no entry without one");
    let names: Vec<_> = listed(&index).iter().map(|entry| entry.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(names, ["one", "two", "-"]);
}

#[test]
fn a_tag_moves_in_its_place() {
    let mut index = LayoutIndex::empty();
    for name in ["a", "b"] {
        index.set_tag(&tag(name), &descriptor(name)).unwrap();
    }
    assert!(index.set_tag(&tag("a"), &descriptor("new")).unwrap());
    assert!(!index.set_tag(&tag("a"), &descriptor("new")).unwrap(), "nothing changes the second time");
    let digest = |content: &str| descriptor(content).digest.short();
    assert_eq!(listed(&index), [format!("a {}", digest("new")), format!("b {}", digest("b"))]);
    let found = index.resolve(&tag("a"), Path::new("index.json")).unwrap();
    assert_eq!(found.map(|found| found.digest), Some(descriptor("new").digest));
}

#[test]
fn a_nameless_entry_gets_the_name_and_keeps_the_rest() {
    let mut index = LayoutIndex::empty();
    let mut artifact = descriptor("artifact");
    artifact.artifact_type = Some("application/x".to_owned());
    artifact.annotations.insert("k".to_owned(), "v".to_owned());
    index.add(&artifact).unwrap();
    index.set_tag(&tag("sig"), &descriptor("artifact")).unwrap();
    assert_eq!(index.entries().count(), 1);
    assert!(text(&index).contains(r#""annotations":{"k":"v","org.opencontainers.image.ref.name":"sig"}"#));
    index.remove_tag(&tag("sig"), |_| true).unwrap();
    assert!(text(&index).contains(r#""annotations":{"k":"v"}"#));
    assert!(!index.remove_tag(&tag("sig"), |_| true).unwrap());
}

#[test]
fn a_name_that_two_manifests_have_is_nobodys() {
    let entry = |content: &str, image: &str| {
        let mut descriptor = descriptor(content);
        descriptor.annotations.insert("org.opencontainers.image.ref.name".to_owned(), "3".to_owned());
        descriptor.annotations.insert("io.containerd.image.name".to_owned(), image.to_owned());
        serde_json::to_string(&descriptor).unwrap()
    };
    let (first, second) = (entry("alpine", "alpine:3"), entry("busybox", "busybox:3"));
    let mut index = parse(&format!(r#"{{"schemaVersion":2,"manifests":[{first},{second}]}}"#));
    let error = index.resolve(&tag("3"), Path::new("index.json")).unwrap_err();
    assert!(matches!(error, StoreError::Format { .. }), "{error}");
    // A tag that is set means one manifest; the other loses the name and nothing else.
    index.set_tag(&tag("3"), &descriptor("busybox")).unwrap();
    let found = index.resolve(&tag("3"), Path::new("index.json")).unwrap();
    assert_eq!(found.map(|found| found.digest), Some(descriptor("busybox").digest));
    assert!(text(&index).contains(r#"{"io.containerd.image.name":"alpine:3"}"#));
}

#[test]
fn a_full_reference_is_no_tag() {
    let mut named = descriptor("image");
    named.annotations.insert("org.opencontainers.image.ref.name".to_owned(), "docker.io/library/alpine:3".to_owned());
    let named = serde_json::to_string(&named).unwrap();
    let index = parse(&format!(r#"{{"schemaVersion":2,"manifests":[{named}]}}"#));
    assert_eq!(listed(&index), [format!("- {}", descriptor("image").digest.short())]);
}

#[test]
fn what_is_no_index_is_refused() {
    for text in ["", "[]", "{}", r#"{"manifests":{}}"#, r#"{"manifests":[],"manifests":[]}"#, "{\"manifests\":[]"] {
        let error = LayoutIndex::parse(text.as_bytes(), Path::new("index.json")).unwrap_err();
        assert!(matches!(error, StoreError::Format { .. }), "{text}: {error}");
    }
    let many: Vec<String> = (0..=super::FIELDS_MAX).map(|field| format!(r#""f{field}":0"#)).collect();
    assert!(LayoutIndex::parse(format!("{{{}}}", many.join(",")).as_bytes(), Path::new("index.json")).is_err());
}
