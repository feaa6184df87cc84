use oci::{ManifestKind, MediaType};
use proptest::prelude::*;

#[test]
fn manifests_are_told_by_their_type() {
    let kind = |text: &str| text.parse::<MediaType>().unwrap().manifest_kind();
    assert_eq!(kind("application/vnd.oci.image.index.v1+json"), Some(ManifestKind::Index));
    assert_eq!(kind("application/vnd.docker.distribution.manifest.list.v2+json"), Some(ManifestKind::Index));
    assert_eq!(kind("application/vnd.oci.image.manifest.v1+json"), Some(ManifestKind::Image));
    assert_eq!(kind("application/vnd.docker.distribution.manifest.v2+json"), Some(ManifestKind::Image));
    assert_eq!(kind("application/vnd.oci.artifact.manifest.v1+json"), Some(ManifestKind::Image));
    for text in [
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.oci.image.config.v1+json",
        "application/json",
        "text/html",
    ] {
        assert_eq!(kind(text), None, "{text}");
    }
}

#[test]
fn layers_that_may_lie_elsewhere_are_told_by_their_type() {
    let foreign = |text: &str| text.parse::<MediaType>().unwrap().is_non_distributable();
    assert!(foreign("application/vnd.oci.image.layer.nondistributable.v1.tar"));
    assert!(foreign("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"));
    assert!(foreign("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"));
    assert!(foreign("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"));
    assert!(!foreign("application/vnd.oci.image.layer.v1.tar+gzip"));
    assert!(!foreign("application/vnd.docker.image.rootfs.diff.tar.gzip"));
}

#[test]
fn parameters_of_a_content_type_are_dropped() {
    let read = |header: &str| MediaType::from_content_type(header).map(|media_type| media_type.to_string());
    assert_eq!(read("application/json; charset=utf-8").unwrap(), "application/json");
    assert_eq!(read(" text/html ;x").unwrap(), "text/html");
    for header in ["", ";", "text", "/", "a/", "/b", "a/b/c", "a b/c", "a/b\u{1b}"] {
        assert!(read(header).is_err(), "{header:?}");
    }
}

#[test]
fn a_type_has_an_end() {
    let longest = format!("application/{}", "x".repeat(255 - 12));
    assert!(longest.parse::<MediaType>().is_ok());
    assert!(format!("{longest}x").parse::<MediaType>().is_err());
}

proptest! {
    #[test]
    fn a_type_reads_as_it_was_written(text in "[a-z0-9][a-zA-Z0-9!#$&^_.+-]{0,30}/[a-z0-9][a-zA-Z0-9!#$&^_.+-]{0,60}") {
        let media_type: MediaType = text.parse().unwrap();
        prop_assert_eq!(media_type.to_string(), text.clone());
        let json = serde_json::to_string(&media_type).unwrap();
        prop_assert_eq!(serde_json::from_str::<MediaType>(&json).unwrap(), media_type);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = text.parse::<MediaType>();
        let _ = MediaType::from_content_type(&text);
    }
}
