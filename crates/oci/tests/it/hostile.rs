//! Documents that nobody writes by accident.

use std::fmt::Write as _;

use bytes::Bytes;
use oci::limits::{DESCRIPTOR_URLS_MAX, DESCRIPTORS_MAX, MANIFEST_MAX_BYTES};
use oci::{Descriptor, ImageConfig, Manifest, ManifestError, MediaType};
use proptest::prelude::*;
use serde_json::json;

fn read(text: impl Into<Bytes>) -> Result<Manifest, ManifestError> {
    Manifest::parse(text.into(), None, None)
}

#[test]
fn a_manifest_that_is_too_large_is_refused_before_it_is_read() {
    // Not JSON at all: if it were read, the error would be another.
    let error = read(vec![b'x'; 5 * 1024 * 1024]).unwrap_err();
    assert!(matches!(error, ManifestError::TooLarge { found: 5_242_880 }), "{error:?}");
    let mut largest = json!({"schemaVersion": 2, "layers": []}).to_string();
    largest.push_str(&" ".repeat(MANIFEST_MAX_BYTES - largest.len()));
    assert!(read(largest.clone()).is_ok());
    largest.push(' ');
    assert!(matches!(read(largest), Err(ManifestError::TooLarge { .. })));
}

#[test]
fn deep_nesting_ends_with_a_result() {
    let depth = 10_000;
    let nested = [("[", "]"), ("{\"a\":", "}")].map(|(open, close)| (open.repeat(depth), close.repeat(depth)));
    for (open, close) in &nested {
        for field in ["unknown", "layers", "config", "annotations", "subject", "manifests", "fsLayers"] {
            let text = format!("{{\"schemaVersion\":2,\"layers\":[],\"{field}\":{open}1{close}}}");
            // A field that nobody looks at is skipped without recursion; any other is refused. Neither may panic.
            let outcome = read(text);
            assert!(outcome.is_err() || field == "unknown", "{field}");
        }
        assert!(read(format!("{open}{close}")).is_err());
        assert!(read(open.clone()).is_err());
        let config = ImageConfig::parse(format!("{{\"config\":{open}1{close}}}").as_bytes());
        assert!(config.is_err() || open.starts_with('{'), "nested fields that nobody looks at are skipped, too");
    }
}

#[test]
fn a_field_given_twice_is_refused() {
    let layer = serde_json::to_string(&Descriptor::of(MediaType::OCI_LAYER, b"x")).unwrap();
    let twice = [
        r#"{"schemaVersion":2,"schemaVersion":2,"layers":[]}"#.to_owned(),
        r#"{"schemaVersion":2,"layers":[],"layers":[]}"#.to_owned(),
        format!(r#"{{"schemaVersion":2,"layers":[],"layers":[{layer}]}}"#),
        format!(r#"{{"schemaVersion":2,"layers":[{}]}}"#, layer.replacen('{', r#"{"size":1,"#, 1)),
        format!(r#"{{"schemaVersion":2,"mediaType":"{0}","mediaType":"{0}","layers":[]}}"#, MediaType::OCI_MANIFEST),
        // The same name, written with an escape.
        r#"{"schemaVersion":2,"layers":[],"\u006cayers":[]}"#.to_owned(),
    ];
    for text in twice {
        assert!(matches!(read(text.clone()), Err(ManifestError::Json(_))), "{text}");
    }
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    for number in ["18446744073709551616", "1e400", "-1", "1.5", "0x10", "01", "NaN", "\"5\"", "1e3"] {
        let size = Descriptor::of(MediaType::OCI_LAYER, b"x");
        let layer = serde_json::to_string(&size).unwrap().replace("\"size\":1", &format!("\"size\":{number}"));
        let text = format!("{{\"schemaVersion\":2,\"layers\":[{layer}]}}");
        assert!(matches!(read(text), Err(ManifestError::Json(_))), "{number}");
        assert!(read(format!("{{\"schemaVersion\":{number},\"layers\":[]}}")).is_err(), "{number}");
    }
    let largest = Descriptor::new(MediaType::OCI_LAYER, oci::Digest::sha256(b"x"), u64::MAX);
    let manifest = read(json!({"schemaVersion": 2, "layers": [largest]}).to_string()).unwrap();
    assert_eq!(manifest.layers()[0].size, u64::MAX);
}

#[test]
fn what_is_not_json_is_refused() {
    let texts: [&[u8]; 10] = [
        b"",
        b" ",
        b"null",
        b"[]",
        b"\"text\"",
        b"{",
        b"{}}",
        b"{\"schemaVersion\":2,\"layers\":[]} x",
        b"<!DOCTYPE html><title>Log in</title>",
        b"\xff\xfe{\0}\0",
    ];
    for text in texts {
        assert!(read(text).is_err(), "{:?}", String::from_utf8_lossy(text));
    }
    assert!(read(&b"\xef\xbb\xbf{\"schemaVersion\":2,\"layers\":[]}"[..]).is_err(), "a byte order mark is no JSON");
    assert!(read(&b"{\"schemaVersion\":2,\"layers\":[],\"annotations\":{\"a\":\"\xff\"}}"[..]).is_err(), "no UTF-8");
    assert!(
        read(&b"{\"schemaVersion\":2,\"layers\":[],\"annotations\":{\"a\":\"\\ud800\"}}"[..]).is_err(),
        "half a pair"
    );
}

#[test]
fn an_array_of_the_fields_in_our_order_is_no_manifest() {
    let layer = Descriptor::of(MediaType::OCI_LAYER, b"x");
    let fields = json!([2, MediaType::OCI_MANIFEST, null, layer, [layer], null, null, null, null, null]);
    assert!(matches!(read(fields.to_string()), Err(ManifestError::Json(_))));
    assert!(matches!(read(format!(" \n\t{fields}")), Err(ManifestError::Json(_))));
}

#[test]
fn too_many_descriptors_are_refused_with_their_number() {
    let one = serde_json::to_string(&Descriptor::of("a/b".parse().unwrap(), b"")).unwrap();
    let with = |count: usize| {
        let mut text = String::from("{\"schemaVersion\":2,\"layers\":[");
        for number in 0..count {
            let _ = write!(text, "{}{one}", if number == 0 { "" } else { "," });
        }
        text.push_str("]}");
        read(text)
    };
    assert!(with(DESCRIPTORS_MAX).is_ok());
    match with(DESCRIPTORS_MAX + 1) {
        Err(ManifestError::TooManyDescriptors { found }) => assert_eq!(found, DESCRIPTORS_MAX + 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn too_many_urls_are_refused_with_their_number() {
    let mut layer = Descriptor::of(MediaType::OCI_LAYER, b"x");
    layer.urls = vec!["https://example.invalid/".to_owned(); DESCRIPTOR_URLS_MAX + 1];
    let document = json!({"schemaVersion": 2, "layers": [layer]}).to_string();
    assert!(matches!(read(document), Err(ManifestError::TooManyUrls { found }) if found == DESCRIPTOR_URLS_MAX + 1));
}

#[test]
fn control_characters_are_kept_in_values_and_escaped_in_errors() {
    let text = r#"{"schemaVersion":2,"layers":[],"annotations":{"a\u001b":"\u001b[2J\u202e"}}"#;
    let manifest = read(text).unwrap();
    assert_eq!(manifest.annotations()["a\u{1b}"], "\u{1b}[2J\u{202e}");
    assert_eq!(oci::text::printable(&manifest.annotations()["a\u{1b}"]), "\\u{1b}[2J\\u{202e}");
    let text = r#"{"schemaVersion":2,"layers":[],"mediaType":"\u001b[2J"}"#;
    let error = Manifest::parse(text.into(), Some(&MediaType::OCI_MANIFEST), None).unwrap_err().to_string();
    assert!(!error.chars().any(char::is_control), "{error:?}");
    assert!(
        read("{\"schemaVersion\":2,\"layers\":[],\"annotations\":{\"a\":\"\u{1b}\"}}").is_err(),
        "raw ones are no JSON"
    );
}

/// Manifest-like JSON, wrong in every way at once.
fn document() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        any::<f64>().prop_map(|value| json!(value)),
        "[a-z/+.]{0,12}".prop_map(|value| json!(value)),
        any::<u8>().prop_map(|byte| json!(oci::Digest::sha256(&[byte]))),
        prop::sample::select(MediaType::MANIFESTS.to_vec()).prop_map(|value| json!(value)),
    ];
    let key = prop::sample::select(vec![
        "schemaVersion",
        "mediaType",
        "artifactType",
        "config",
        "layers",
        "blobs",
        "manifests",
        "subject",
        "annotations",
        "fsLayers",
        "digest",
        "size",
        "urls",
        "data",
        "platform",
        "os",
        "architecture",
    ]);
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..8).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn no_document_makes_the_parser_panic(document in document(), version in prop::bool::weighted(0.8)) {
        let mut document = document;
        if let Some(fields) = document.as_object_mut().filter(|_| version) {
            fields.insert("schemaVersion".to_owned(), json!(2));
        }
        let text = document.to_string();
        for delivered in std::iter::once(None).chain(MediaType::MANIFESTS.iter().map(Some)) {
            if let Ok(manifest) = Manifest::parse(text.clone().into(), delivered, None) {
                prop_assert_eq!(Some(manifest.kind()), manifest.media_type().manifest_kind());
                prop_assert!(delivered.is_none_or(|delivered| delivered == manifest.media_type()));
            }
        }
        let _ = ImageConfig::parse(text.as_bytes());
    }

    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in any::<Vec<u8>>()) {
        let _ = read(bytes.clone());
        let _ = ImageConfig::parse(&bytes);
    }

    #[test]
    fn a_good_manifest_with_a_changed_byte_ends_with_a_result(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let layer = Descriptor::of(MediaType::OCI_LAYER, b"x");
        let good = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": layer, "layers": [layer]});
        let good = good.to_string();
        let mut bytes = good.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(manifest) = read(bytes.clone()) {
            prop_assert_eq!(manifest.bytes(), &bytes);
        }
        let digest = oci::Digest::sha256(good.as_bytes());
        let expected = Manifest::parse(bytes.clone().into(), None, Some(&digest));
        prop_assert_eq!(expected.is_ok(), bytes == good.as_bytes());
    }
}
