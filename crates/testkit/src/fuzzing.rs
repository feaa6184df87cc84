//! What the fuzz targets do with their input, here so that ordinary tests can replay the corpus in `fuzz/corpus/`.
//!
//! Each function must return for every input: it asserts what has to hold of values that were accepted.

use bytes::Bytes;
use graph::{Ask, Walk, WalkOptions};
use oci::{Descriptor, Digest, Host, ImageConfig, Manifest, MediaType, Platform, Reference, RepositoryName, Tag};

/// What is done with one input.
pub type Target = fn(&[u8]);

/// Every target by its name, as it is called in `fuzz/Cargo.toml`.
pub const TARGETS: &[(&str, Target)] = &[("manifest", manifest), ("names", names), ("walk", walk)];

/// Reads manifests and image configurations. A manifest that is accepted keeps its bytes, and its descriptors can be
/// written and read again.
pub fn manifest(data: &[u8]) {
    let _ = ImageConfig::parse(data);
    for media_type in std::iter::once(None).chain(MediaType::MANIFESTS.iter().map(Some)) {
        let Ok(manifest) = Manifest::parse(Bytes::copy_from_slice(data), media_type, None) else { continue };
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

/// Reads every kind of name. What is accepted is shown as text that reads as the same value.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
    }
    if let Ok(tag) = text.parse::<Tag>() {
        assert_eq!(tag.as_str(), text);
        let _ = tag.attached_to();
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
    if let Ok(reference) = text.parse::<Reference>() {
        assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference, "{reference}");
    }
}

/// Walks a graph of hostile answers: each chunk of the input that is a manifest answers one question. The walk ends with
/// a result or an error, and never asks for the same manifest twice.
pub fn walk(data: &[u8]) {
    let manifests: Vec<Manifest> = data
        .split(|byte| *byte == 0)
        .take(64)
        .filter_map(|chunk| Manifest::parse(Bytes::copy_from_slice(chunk), None, None).ok())
        .collect();
    let tags: Vec<Tag> = manifests.iter().map(|manifest| Tag::referrers_fallback(manifest.digest())).collect();
    let mut walk = Walk::new(WalkOptions::default(), &tags);
    let find = |digest: &Digest| manifests.iter().find(|manifest| manifest.digest() == digest).cloned();
    let Some(root) = manifests.first() else { return };
    walk.add_root(&root.descriptor()).unwrap();
    let mut asked = std::collections::BTreeSet::new();
    while let Some(ask) = walk.next() {
        let answered = match ask {
            Ask::Manifest(descriptor) => {
                assert!(asked.insert(descriptor.digest), "asked twice for {}", descriptor.digest);
                walk.answer_manifest(&descriptor.digest, find(&descriptor.digest))
            }
            Ask::Referrers(subject) => {
                let about = |manifest: &&Manifest| manifest.subject().is_some_and(|s| s.digest == subject.digest);
                let listed: Vec<Descriptor> = manifests.iter().filter(about).map(Manifest::descriptor).collect();
                walk.answer_referrers(subject, &listed)
            }
            Ask::Tag { tag, subject, suffix } => walk.answer_tag(&tag, subject, suffix, manifests.last().cloned()),
        };
        if answered.is_err() {
            return;
        }
    }
    assert!(walk.is_done());
    walk.finish().unwrap();
}
