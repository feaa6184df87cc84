use oci::Platform;
use proptest::prelude::*;

#[test]
fn platforms() {
    for text in ["linux/amd64", "linux/arm/v7", "linux/arm64/v8", "windows/amd64", "unknown/unknown", "wasip1/wasm"] {
        assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
    }
    for text in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux//v7", "linux/a b", "li\u{1b}/x", "*/amd64"] {
        assert!(text.parse::<Platform>().is_err(), "{text:?}");
    }
}

#[test]
fn which_content_runs_where_a_user_wants_it() {
    let cases = [
        ("linux/amd64", "linux/amd64", true),
        ("linux/amd64/v1", "linux/amd64", true),
        ("linux/amd64", "linux/amd64/v1", true),
        ("linux/amd64", "linux/amd64/v3", false),
        ("linux/x86_64", "linux/amd64", true),
        ("linux/arm64", "linux/arm64/v8", true),
        ("linux/arm64/v8", "linux/arm64", true),
        ("linux/arm64/8", "linux/arm64/v8", true),
        ("linux/aarch64", "linux/arm64/v8", true),
        ("linux/arm64/v9", "linux/arm64/v8", false),
        ("linux/arm", "linux/arm/v7", true),
        ("linux/arm/v6", "linux/arm/v7", false),
        ("linux/arm/7", "linux/arm/v7", true),
        ("linux/arm64", "linux/arm", false),
        ("windows/amd64", "linux/amd64", false),
        ("unknown/unknown", "linux/amd64", false),
    ];
    for (content, wanted, expected) in cases {
        let [content, wanted] = [content, wanted].map(|text| text.parse::<Platform>().unwrap());
        assert_eq!(content.satisfies(&wanted), expected, "{content} for {wanted}");
    }
}

#[test]
fn a_version_of_the_system_counts_only_when_it_is_wanted() {
    let mut content: Platform = "windows/amd64".parse().unwrap();
    content.os_version = Some("10.0.20348.1".to_owned());
    let mut wanted: Platform = "windows/amd64".parse().unwrap();
    assert!(content.satisfies(&wanted));
    wanted.os_version = Some("10.0.17763.1".to_owned());
    assert!(!content.satisfies(&wanted));
}

#[test]
fn a_platform_from_outside_is_shown_without_control_characters() {
    let json = r#"{"os":"lin\u001bux","architecture":"amd64\n","variant":"v\u202e1"}"#;
    let platform: Platform = serde_json::from_str(json).unwrap();
    assert_eq!(platform.to_string(), r"lin\u{1b}ux/amd64\u{a}/v\u{202e}1");
}

proptest! {
    #[test]
    fn a_platform_reads_as_it_was_written(text in "[a-z0-9]{1,8}/[a-z0-9_]{1,8}(/v[0-9]{1,2})?") {
        let platform: Platform = text.parse().unwrap();
        prop_assert_eq!(platform.to_string(), text);
        prop_assert!(platform.satisfies(&platform));
        let json = serde_json::to_string(&platform).unwrap();
        prop_assert_eq!(serde_json::from_str::<Platform>(&json).unwrap(), platform);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = text.parse::<Platform>();
    }
}
