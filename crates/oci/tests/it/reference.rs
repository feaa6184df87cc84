use std::path::PathBuf;

use oci::{Digest, Reference, ReferenceError, RegistryReference};
use proptest::prelude::*;

fn digest() -> String {
    Digest::sha256(b"").to_string()
}

/// Reads a reference and returns its form, place, tag and digest.
fn parts(text: &str) -> (&'static str, String, Option<String>, Option<Digest>) {
    let reference: Reference = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    let selector = reference.selector();
    let (form, place) = match &reference {
        Reference::Registry(RegistryReference { host, repository, .. }) => ("registry", format!("{host} {repository}")),
        Reference::Layout { path, .. } => ("oci", path.display().to_string()),
        Reference::Archive { path, .. } => ("oci-archive", path.display().to_string()),
        Reference::DockerArchive { path, tag } => {
            return ("docker-archive", path.display().to_string(), tag.clone(), None);
        }
        Reference::Store { name, .. } => ("store", name.to_string()),
    };
    (form, place, selector.tag.map(|tag| tag.to_string()), selector.digest)
}

#[test]
fn every_form_is_read() {
    let d = digest();
    let cases = [
        ("example.com/app", "registry", "example.com app", None, false),
        ("example.com/app:1.0", "registry", "example.com app", Some("1.0"), false),
        ("example.com/app@D", "registry", "example.com app", None, true),
        ("example.com/app:1.0@D", "registry", "example.com app", Some("1.0"), true),
        ("example.com:5000/a/b/c:1.0", "registry", "example.com:5000 a/b/c", Some("1.0"), false),
        ("example.com:5000/app", "registry", "example.com:5000 app", None, false),
        ("localhost/app", "registry", "localhost app", None, false),
        ("127.0.0.1:5000/app:latest", "registry", "127.0.0.1:5000 app", Some("latest"), false),
        ("[::1]:5000/app:1", "registry", "[::1]:5000 app", Some("1"), false),
        ("docker.io/alpine:3", "registry", "docker.io library/alpine", Some("3"), false),
        ("docker.io/library/alpine", "registry", "docker.io library/alpine", None, false),
        ("docker.io/someone/app", "registry", "docker.io someone/app", None, false),
        ("oci:dir", "oci", "dir", None, false),
        ("oci:/a/b c/d:1.0", "oci", "/a/b c/d", Some("1.0"), false),
        ("oci:dir@D", "oci", "dir", None, true),
        ("oci:dir:1.0@D", "oci", "dir", Some("1.0"), true),
        ("oci:a:b/c", "oci", "a:b/c", None, false),
        ("oci:a:b/c:1.0", "oci", "a:b/c", Some("1.0"), false),
        ("oci:./dir:1", "oci", "./dir", Some("1"), false),
        ("oci-archive:f.tar", "oci-archive", "f.tar", None, false),
        ("oci-archive:f.tar.zst:1.0@D", "oci-archive", "f.tar.zst", Some("1.0"), true),
        ("docker-archive:f.tar", "docker-archive", "f.tar", None, false),
        ("docker-archive:f.tar:app:1.0", "docker-archive", "f.tar", Some("app:1.0"), false),
        ("store:app", "store", "app", None, false),
        ("store:team/app:1.0@D", "store", "team/app", Some("1.0"), true),
    ];
    for (text, form, place, tag, has_digest) in cases {
        let text = text.replace('D', &d);
        let expected_digest = has_digest.then(|| Digest::sha256(b""));
        assert_eq!(parts(&text), (form, place.to_owned(), tag.map(str::to_owned), expected_digest), "{text}");
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference, "{text}");
    }
}

#[test]
fn what_is_no_reference_is_refused() {
    let d = digest();
    let long = format!("example.com/{}", "a".repeat(5000));
    let bad = [
        "example.com/",
        "example.com//app",
        "example.com/App",
        "example.com/app:",
        "example.com/app:a b",
        "example.com/app@",
        "example.com/app@sha256:abc",
        "example.com/app@D@D",
        "example.com:port/app",
        "https://example.com/app",
        "user:secret@example.com/app",
        "example.com/../app",
        "example.com/app:1:2",
        "oci:",
        "oci:@D",
        "oci::1.0",
        "oci:dir:",
        "oci:dir@md5:abc",
        "oci-archive:",
        "oci-archive:f:a+b",
        "docker-archive:",
        "docker-archive::1.0",
        "store:",
        "store:App",
        "store:/etc/passwd",
        "store:../a",
        ":1.0",
        "@D",
        "/",
        "/app",
        "\u{1b}[2J",
        long.as_str(),
    ];
    for text in bad {
        let text = text.replace('D', &d);
        assert!(text.parse::<Reference>().is_err(), "{text:?}");
    }
    assert_eq!("".parse::<Reference>(), Err(ReferenceError::Empty));
    assert!(matches!(long.parse::<Reference>(), Err(ReferenceError::TooLong { .. })));
}

#[test]
fn a_short_name_is_refused_with_its_full_name() {
    let cases = [
        ("alpine", "docker.io/library/alpine"),
        ("alpine:3", "docker.io/library/alpine:3"),
        ("someone/app:1", "docker.io/someone/app:1"),
        ("layout", "docker.io/library/layout"),
    ];
    for (text, full) in cases {
        match text.parse::<Reference>() {
            Err(ReferenceError::ShortName { name, instead }) => {
                assert_eq!((name.as_str(), instead.as_str()), (text, full));
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn another_tools_form_is_refused_with_ours() {
    match "docker://example.com/app:1".parse::<Reference>() {
        Err(ReferenceError::Transport { instead, .. }) => assert_eq!(instead, "example.com/app:1"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_selector_can_be_exchanged() {
    for text in ["example.com/app:1", "oci:dir:1", "oci-archive:f:1", "store:app:1"] {
        let reference: Reference = text.parse().unwrap();
        let other: Reference = "oci:other:2".parse().unwrap();
        let changed = reference.with_selector(other.selector());
        assert_eq!(changed.to_string(), text.replace(":1", ":2"));
    }
    let archive: Reference = "docker-archive:f:app:1".parse().unwrap();
    assert_eq!(archive.with_selector(archive.selector()), archive);
}

#[test]
fn errors_show_no_control_characters() {
    for text in [
        "a\u{1b}[2J/b:c",
        "\u{1b}lpine",
        "docker://\u{1b}",
        "oci:a\u{1b}b",
        "docker-archive:a:\0",
        "oci:x@\u{1b}",
        "example.com/a:\u{1b}",
    ] {
        let error = text.parse::<Reference>().unwrap_err().to_string();
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }
    let shown = Reference::Layout { path: PathBuf::from("a\u{1b}b"), selector: oci::Selector::default() }.to_string();
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
}

proptest! {
    #[test]
    fn a_reference_reads_as_it_was_written(
        place in prop_oneof![
            "[a-z]{1,8}\\.example(:[1-9][0-9]{0,3})?/[a-z0-9]{1,8}(/[a-z0-9]{1,8}){0,2}",
            "(oci|oci-archive):[a-zA-Z0-9./ _-]{1,20}",
            "store:[a-z0-9]{1,8}(/[a-z0-9]{1,8}){0,2}",
        ],
        tag in prop::option::of("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}"),
        content in prop::option::of(any::<Vec<u8>>()),
    ) {
        let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = content.map(|content| format!("@{}", Digest::sha256(&content))).unwrap_or_default();
        let text = format!("{place}{tag}{digest}");
        let reference: Reference = text.parse().unwrap();
        prop_assert_eq!(reference.to_string(), text.clone());
        prop_assert_eq!(text.parse::<Reference>().unwrap(), reference);
    }

    #[test]
    fn what_is_accepted_reads_as_it_is_shown(text in "((oci|store|docker-archive|oci-archive|a\\.b):?)?[a-z0-9/:@._-]{0,30}") {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = text.parse::<Reference>();
        for form in ["oci:", "oci-archive:", "docker-archive:", "store:", "docker:", "example.com/"] {
            if let Ok(reference) = format!("{form}{text}").parse::<Reference>() {
                prop_assert!(!reference.to_string().chars().any(char::is_control));
            }
        }
    }
}

#[test]
fn a_form_may_be_written_in_capitals() {
    for (capitals, form) in [("Oci:0/m", "oci:0/m"), ("OCI-archive:1/c.tar:tag", "oci-archive:1/c.tar:tag")] {
        let reference: Reference = capitals.parse().unwrap();
        assert_eq!((reference.to_string().as_str(), form.parse()), (form, Ok(reference)));
    }
}

#[test]
fn docker_hub_has_one_canonical_name() {
    for (spelled, canonical) in [
        ("index.docker.io/alpine:3", "docker.io/library/alpine:3"),
        ("registry-1.docker.io/library/alpine", "docker.io/library/alpine"),
        ("docker.io/someone/app", "docker.io/someone/app"),
        ("registry.example/alpine", "registry.example/alpine"),
    ] {
        let reference: RegistryReference = spelled.parse().unwrap();
        assert_eq!(reference.canonical().to_string(), canonical);
    }
}
