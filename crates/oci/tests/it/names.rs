use oci::name::ConventionSuffix;
use oci::{Algorithm, Digest, Host, RepositoryName, Tag};
use proptest::prelude::*;

#[test]
fn hosts() {
    let good = [
        "localhost",
        "localhost:5000",
        "127.0.0.1:5000",
        "example.com",
        "a-b.example.com:443",
        "[::1]",
        "[::1]:5000",
        "[fd00::1:2]:80",
        "under_score.example",
        "xn--bcher-kva.example",
        "EXAMPLE.com",
    ];
    for text in good {
        let host: Host = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(host.as_str(), text.to_ascii_lowercase());
    }
    let long_label = "a".repeat(64);
    let long_name = format!("{}.example", "a.".repeat(130));
    let bad = [
        "",
        ":5000",
        "localhost:",
        "localhost:x",
        "localhost:70000",
        "localhost:-1",
        "a..b",
        ".a",
        "a.",
        "-a.b",
        "a-.b",
        "a b",
        "a/b",
        "a@b",
        "user:pass@host",
        "a\u{1b}b",
        "bücher.example",
        "::1",
        "[::1",
        "[::1]5000",
        "[::1]:",
        "[example.com]",
        "[]",
        "http://example.com",
        &long_label,
        &long_name,
    ];
    for text in bad {
        assert!(text.parse::<Host>().is_err(), "{text:?}");
    }
}

#[test]
fn a_host_knows_its_name_and_whether_it_is_this_machine() {
    let cases = [
        ("localhost:5000", "localhost", true),
        ("LocalHost", "localhost", true),
        ("a.localhost:1", "a.localhost", true),
        ("127.0.0.1:5000", "127.0.0.1", true),
        ("127.1.2.3", "127.1.2.3", true),
        ("[::1]:5000", "::1", true),
        ("example.com:5000", "example.com", false),
        ("10.0.0.1", "10.0.0.1", false),
        ("[fd00::1]", "fd00::1", false),
        ("localhost.example.com", "localhost.example.com", false),
        ("127.0.0.1.example", "127.0.0.1.example", false),
    ];
    for (text, name, loopback) in cases {
        let host: Host = text.parse().unwrap();
        assert_eq!((host.name(), host.is_loopback()), (name, loopback), "{text}");
    }
}

#[test]
fn repository_names() {
    let long = "a".repeat(255);
    let good = ["a", "library/alpine", "a.b", "a_b", "a__b", "a-b", "a---b", "0", "a/b/c/d", "a1.b2_c3__d4-e5", &long];
    for text in good {
        assert_eq!(text.parse::<RepositoryName>().unwrap_or_else(|error| panic!("{text}: {error}")).as_str(), text);
    }
    let too_long = "a".repeat(256);
    let bad = [
        "", "/", "a/", "/a", "a//b", "A", "a..b", "a___b", "a._b", "-a", "a-", ".a", "a.", "_a", "a_", "a b", "a:b",
        "a@b", "../a", "a/../b", ".", "..", "a/./b", "ä", "a\0b", "a\n", &too_long,
    ];
    for text in bad {
        assert!(text.parse::<RepositoryName>().is_err(), "{text:?}");
    }
    assert_eq!("library/alpine".parse::<RepositoryName>().unwrap().last_component(), "alpine");
}

#[test]
fn tags() {
    let long = "a".repeat(128);
    for text in ["latest", "1.0", "v1.2.3-rc.1", "_a", "A", "a..b", "1__2--3", "sha256-abc", &long] {
        assert_eq!(text.parse::<Tag>().unwrap_or_else(|error| panic!("{text}: {error}")).as_str(), text);
    }
    let too_long = "a".repeat(129);
    for text in ["", ".a", "-a", "a b", "a/b", "a:b", "a@b", "a+b", "ä", "a\n", "a\u{1b}", "../a", &too_long] {
        assert!(text.parse::<Tag>().is_err(), "{text:?}");
    }
}

#[test]
fn tags_that_attach_are_told_from_tags_that_name() {
    let digest = Digest::sha256(b"subject");
    assert_eq!(Tag::referrers_fallback(&digest).attached_to(), Some((digest, None)));
    for suffix in ConventionSuffix::ALL {
        let tag = Tag::convention(&digest, suffix);
        assert_eq!(tag.attached_to(), Some((digest, Some(suffix))), "{tag}");
        assert!(tag.is_attachment());
    }
    let hex = digest.encoded();
    let others = [
        "latest".to_owned(),
        format!("sha256-{}", &hex[1..]),
        format!("sha256-{}", hex.to_uppercase()),
        format!("sha256-{hex}.other"),
        format!("sha256-{hex}.sig.sig"),
        format!("sha256_{hex}"),
        format!("md5-{}", &hex[..32]),
        format!("v{}", Tag::referrers_fallback(&digest)),
    ];
    for text in others {
        let tag: Tag = text.parse().unwrap();
        assert_eq!((tag.attached_to(), tag.is_attachment()), (None, false), "{text}");
    }
}

#[test]
fn the_fallback_tag_of_sha512_is_cut_and_still_an_attachment() {
    let digest = Algorithm::Sha512.digest(b"subject");
    let tag = Tag::referrers_fallback(&digest);
    assert_eq!(tag.as_str(), format!("sha512-{}", &digest.encoded()[..64]));
    assert_eq!(tag.attached_to(), None);
    assert!(tag.is_attachment());
}

#[test]
fn errors_show_no_control_characters() {
    let errors = [
        "a\u{1b}[2J".parse::<Tag>().unwrap_err(),
        "a\u{1b}[2J".parse::<RepositoryName>().unwrap_err(),
        "a\u{1b}[2J".parse::<Host>().unwrap_err(),
    ];
    for error in errors.map(|error| error.to_string()) {
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }
}

proptest! {
    #[test]
    fn names_that_follow_the_grammar_are_accepted(
        repository in "[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,5}){0,3}(/[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,5}){0,3}){0,3}",
        tag in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}",
    ) {
        prop_assert_eq!(repository.parse::<RepositoryName>().unwrap().to_string(), repository);
        prop_assert_eq!(tag.parse::<Tag>().unwrap().to_string(), tag);
    }

    #[test]
    fn what_is_accepted_cannot_leave_its_place(text in "[a-zA-Z0-9._/:@ \\\\%-]{0,40}") {
        if let Ok(name) = text.parse::<RepositoryName>() {
            prop_assert!(name.as_str().split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
        }
        if let Ok(tag) = text.parse::<Tag>() {
            prop_assert!(!tag.as_str().contains(['/', '\\', ':']) && !tag.as_str().starts_with('.'));
        }
        if let Ok(host) = text.parse::<Host>() {
            prop_assert!(!host.as_str().contains(['/', '@', ' ', '%', '\\']));
            prop_assert_eq!(host.to_string().parse::<Host>().unwrap(), host);
        }
    }

    #[test]
    fn no_text_makes_them_panic(text in any::<String>()) {
        let _ = text.parse::<Host>();
        let _ = text.parse::<RepositoryName>();
        if let Ok(tag) = text.parse::<Tag>() {
            let _ = tag.attached_to();
        }
    }
}
