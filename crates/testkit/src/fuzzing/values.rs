//! Manifests, image configurations, names, marks and what is remembered of images.

use bytes::Bytes;
use graph::BaseIndex;
use oci::{
    Date, Descriptor, Digest, Host, ImageConfig, Manifest, Mark, MediaType, Platform, Reference, RepositoryName, Tag,
    Timestamp,
};

use super::assert_printable;

/// Reads manifests and image configurations. A manifest that is accepted keeps its bytes, and its descriptors can be
/// written and read again.
pub fn manifest(data: &[u8]) {
    if let Err(error) = ImageConfig::parse(data) {
        assert_printable(&error);
    }
    for media_type in std::iter::once(None).chain(MediaType::MANIFESTS.iter().map(Some)) {
        let manifest = match Manifest::parse(Bytes::copy_from_slice(data), media_type, None) {
            Ok(manifest) => manifest,
            Err(error) => {
                assert_printable(&error);
                continue;
            }
        };
        assert_eq!(manifest.bytes(), data);
        assert_eq!(*manifest.digest(), Digest::sha256(data));
        assert_eq!(Some(manifest.kind()), manifest.media_type().manifest_kind());
        let pointers = manifest.config().into_iter().chain(manifest.layers()).chain(manifest.children());
        for descriptor in pointers.chain(manifest.subject()) {
            let written = serde_json::to_vec(descriptor).unwrap();
            assert_eq!(&serde_json::from_slice::<Descriptor>(&written).unwrap(), descriptor);
            if let Ok(Some(bytes)) = descriptor.embedded() {
                assert_eq!(bytes.len() as u64, descriptor.size);
            }
        }
    }
}

/// Reads the body of a life cycle mark, and the dates that it may hold. What is accepted is written as text that reads as the same.
pub fn mark(data: &[u8]) {
    match Mark::parse(data) {
        Ok(mark) => assert_eq!(Mark::parse(&mark.to_json().unwrap()).unwrap(), mark),
        Err(error) => assert_printable(&error),
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<Date>() {
        Ok(day) => assert_eq!(day.to_string(), text),
        Err(error) => assert_printable(&error),
    }
    match text.parse::<Timestamp>() {
        Ok(moment) => assert_eq!(moment.to_string().parse(), Ok(moment)),
        Err(error) => assert_printable(&error),
    }
}

/// Reads what is remembered of images. What is accepted is written as text that reads as the same.
pub fn chain_index(data: &[u8]) {
    match BaseIndex::decode(data) {
        Ok(index) => {
            let text = index.encode();
            assert_eq!(BaseIndex::decode(text.as_bytes()).unwrap().encode(), text);
        }
        Err(error) => assert_printable(&error),
    }
}

/// Reads every kind of name. What is accepted is shown as text that reads as the same value.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
    }
    if let Ok(tag) = text.parse::<Tag>() {
        assert_eq!(tag.as_str(), text);
        if let Some((subject, suffix)) = tag.attached_to() {
            let made =
                suffix.map_or_else(|| Tag::referrers_fallback(&subject), |suffix| Tag::convention(&subject, suffix));
            assert_eq!(made, tag);
            assert!(tag.is_attachment());
        }
    }
    if let Ok(name) = text.parse::<RepositoryName>() {
        assert!(name.as_str().split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
    }
    if let Ok(host) = text.parse::<Host>() {
        assert_eq!(host.to_string().parse::<Host>().unwrap(), host);
        assert!(!host.as_str().contains(['/', '@', '\\', '?', '#']));
    }
    if let Ok(platform) = text.parse::<Platform>() {
        assert_eq!(platform.to_string().parse::<Platform>().unwrap(), platform);
        assert!(platform.satisfies(&platform));
    }
    let _ = MediaType::from_content_type(text);
    match text.parse::<Reference>() {
        Ok(reference) => assert_shown_as_written(&reference),
        Err(error) => assert_printable(&error),
    }
}

/// A reference is shown as text that reads as the same one, except for a path with characters that cannot be seen.
pub(super) fn assert_shown_as_written(reference: &Reference) {
    let shown = reference.to_string();
    assert_printable(&shown);
    if !shown.contains("\\u{") {
        assert_eq!(shown.parse::<Reference>().as_ref(), Ok(reference), "{shown}");
    }
}
