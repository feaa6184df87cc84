use oci::descriptor::EmbeddedError;
use oci::{Descriptor, Digest, MediaType, Platform, annotation};
use serde_json::json;

#[test]
fn a_descriptor_reads_as_it_was_written() {
    let mut descriptor = Descriptor::of(MediaType::OCI_LAYER_GZIP, b"layer");
    let plain = json!({"mediaType": MediaType::OCI_LAYER_GZIP, "digest": Digest::sha256(b"layer"), "size": 5});
    assert_eq!(serde_json::to_value(&descriptor).unwrap(), plain, "what is not there is not written");
    descriptor.urls.push("https://example.invalid/".to_owned());
    descriptor.annotations.insert("k".to_owned(), "v".to_owned());
    descriptor.data = Some("bGF5ZXI=".to_owned());
    descriptor.artifact_type = Some("application/x".to_owned());
    descriptor.platform = Some(Platform::new("linux", "amd64"));
    let text = serde_json::to_string(&descriptor).unwrap();
    assert_eq!(serde_json::from_str::<Descriptor>(&text).unwrap(), descriptor);
}

#[test]
fn null_says_the_same_as_absence() {
    let digest = Digest::sha256(b"");
    let text = json!({
        "mediaType": "text/plain", "digest": digest, "size": 0, "urls": null, "annotations": null, "data": null,
        "artifactType": null, "platform": null,
    });
    let descriptor: Descriptor = serde_json::from_value(text).unwrap();
    assert_eq!(descriptor, Descriptor::new("text/plain".parse().unwrap(), digest, 0));
}

#[test]
fn fields_of_a_wrong_kind_are_refused() {
    let good = json!({"mediaType": "text/plain", "digest": Digest::sha256(b""), "size": 0});
    let bad = [
        ("size", json!(-1)),
        ("size", json!(1.5)),
        ("size", json!("1")),
        ("size", json!(null)),
        ("digest", json!("sha256:abc")),
        ("digest", json!(1)),
        ("mediaType", json!("")),
        ("mediaType", json!("text/plain\u{1b}")),
        ("annotations", json!({"key": 1})),
        ("annotations", json!([])),
        ("urls", json!("https://example.invalid/")),
        ("platform", json!("linux/amd64")),
    ];
    for (key, value) in bad {
        let mut document = good.clone();
        document[key] = value;
        assert!(serde_json::from_value::<Descriptor>(document.clone()).is_err(), "{document}");
    }
    for key in ["mediaType", "digest", "size"] {
        let mut document = good.clone();
        document.as_object_mut().unwrap().remove(key);
        assert!(serde_json::from_value::<Descriptor>(document).is_err(), "without {key}");
    }
}

#[test]
fn embedded_content_is_checked() {
    let mut descriptor = Descriptor::empty_json();
    assert_eq!(descriptor.embedded(), Ok(None));
    descriptor.data = Some("e30=".to_owned());
    assert_eq!(descriptor.embedded().unwrap().unwrap(), "{}");
    descriptor.data = Some("e3".to_owned());
    assert!(matches!(descriptor.embedded(), Err(EmbeddedError::Base64 { .. })));
    descriptor.data = Some("e30K".to_owned());
    assert!(matches!(descriptor.embedded(), Err(EmbeddedError::Size { expected: 2, found: 3, .. })));
    descriptor.data = Some("W10=".to_owned());
    assert!(matches!(descriptor.embedded(), Err(EmbeddedError::Digest(_))));
}

#[test]
fn the_empty_object_is_the_one_of_the_specification() {
    let empty = Descriptor::empty_json();
    let expected = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!((empty.digest.to_string().as_str(), empty.size), (expected, 2));
}

#[test]
fn attestations_of_buildkit_are_told_by_their_annotation() {
    let mut descriptor = Descriptor::empty_json();
    assert!(!descriptor.is_buildkit_attestation());
    descriptor.annotations.insert(annotation::BUILDKIT_REFERENCE_TYPE.to_owned(), "attestation-manifest".to_owned());
    assert!(descriptor.is_buildkit_attestation());
}
