//! Manifests of every kind, as tools write them.

use bytes::Bytes;
use oci::{Algorithm, Descriptor, Digest, Manifest, ManifestError, ManifestKind, MediaType};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(document: &Value) -> Result<Manifest, ManifestError> {
    Manifest::parse(document.to_string().into(), None, None)
}

fn image() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": Descriptor::of(MediaType::OCI_CONFIG, b"{\"os\":\"linux\"}"),
        "layers": [Descriptor::of(MediaType::OCI_LAYER_GZIP, b"one"), Descriptor::of(MediaType::OCI_LAYER_GZIP, b"two")],
        "annotations": {"k": "v"},
    })
}

fn index() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": [Descriptor::of(MediaType::OCI_MANIFEST, b"child")],
    })
}

#[test]
fn an_image_is_read() {
    let manifest = read(&image()).unwrap();
    assert_eq!(manifest.kind(), ManifestKind::Image);
    assert_eq!(*manifest.media_type(), MediaType::OCI_MANIFEST);
    assert_eq!(manifest.config().unwrap().media_type, MediaType::OCI_CONFIG);
    assert_eq!((manifest.layers().len(), manifest.children().len()), (2, 0));
    assert_eq!(manifest.annotations()["k"], "v");
    assert_eq!((manifest.subject(), manifest.artifact_type()), (None, None));
}

#[test]
fn an_index_is_read() {
    let manifest = read(&index()).unwrap();
    assert_eq!(manifest.kind(), ManifestKind::Index);
    assert_eq!((manifest.layers().len(), manifest.children().len()), (0, 1));
    assert_eq!(manifest.config(), None);
}

#[test]
fn every_type_of_manifest_is_read_by_what_it_says() {
    for media_type in MediaType::MANIFESTS {
        let kind = media_type.manifest_kind().unwrap();
        let mut document = if kind == ManifestKind::Index { index() } else { image() };
        document["mediaType"] = json!(media_type);
        let manifest = read(&document).unwrap();
        assert_eq!((manifest.kind(), manifest.media_type()), (kind, &media_type));
    }
}

#[test]
fn a_document_without_a_type_is_told_by_its_fields_or_its_transport() {
    for (mut document, expected) in [(image(), MediaType::OCI_MANIFEST), (index(), MediaType::OCI_INDEX)] {
        document.as_object_mut().unwrap().remove("mediaType");
        assert_eq!(*read(&document).unwrap().media_type(), expected);
        let delivered = Manifest::parse(document.to_string().into(), Some(&expected), None).unwrap();
        assert_eq!(*delivered.media_type(), expected);
        for vague in ["application/octet-stream", "application/json"] {
            let vague = vague.parse().unwrap();
            let manifest = Manifest::parse(document.to_string().into(), Some(&vague), None).unwrap();
            assert_eq!(*manifest.media_type(), expected);
        }
    }
    assert!(matches!(read(&json!({"schemaVersion": 2})), Err(ManifestError::NoType)));
}

#[test]
fn transport_and_document_must_agree() {
    let bytes = Bytes::from(image().to_string());
    for delivered in [MediaType::OCI_INDEX, MediaType::DOCKER_MANIFEST, MediaType::OCI_CONFIG] {
        let error = Manifest::parse(bytes.clone(), Some(&delivered), None).unwrap_err();
        assert!(matches!(error, ManifestError::TypeMismatch { .. }), "{error:?}");
    }
}

#[test]
fn a_document_of_both_kinds_is_refused() {
    let mut both = image();
    both["manifests"] = index()["manifests"].clone();
    for media_type in [Some(MediaType::OCI_MANIFEST), Some(MediaType::OCI_INDEX), Some(MediaType::DOCKER_LIST), None] {
        match &media_type {
            Some(media_type) => both["mediaType"] = json!(media_type),
            None => drop(both.as_object_mut().unwrap().remove("mediaType")),
        }
        assert!(matches!(read(&both), Err(ManifestError::Ambiguous)), "{media_type:?}");
    }
    let mut disguised = image();
    disguised["mediaType"] = json!(MediaType::OCI_INDEX);
    assert!(matches!(read(&disguised), Err(ManifestError::Ambiguous)));
    let mut disguised = index();
    disguised["mediaType"] = json!(MediaType::OCI_MANIFEST);
    assert!(matches!(read(&disguised), Err(ManifestError::Ambiguous)));
}

#[test]
fn other_schema_versions_are_refused_by_name() {
    for (document, found) in [
        (json!({"schemaVersion": 1, "layers": []}), 1),
        (json!({"schemaVersion": 1, "fsLayers": [], "history": []}), 1),
        (json!({"schemaVersion": 2, "fsLayers": [], "layers": []}), 1),
        (json!({"schemaVersion": 3, "layers": []}), 3),
        (json!({"layers": []}), 0),
    ] {
        match read(&document) {
            Err(ManifestError::SchemaVersion { found: version }) => assert_eq!(version, found, "{document}"),
            Err(ManifestError::NoType) if found == 1 => {}
            other => panic!("{document}: {other:?}"),
        }
    }
}

#[test]
fn a_type_that_names_no_manifest_is_refused() {
    let mut document = image();
    document["mediaType"] = json!("application/vnd.docker.distribution.manifest.v1+prettyjws");
    assert!(matches!(read(&document), Err(ManifestError::UnknownType(_))));
}

#[test]
fn artifacts_need_neither_config_nor_layers() {
    let empty = Descriptor::empty_json();
    let documents = [
        json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": empty, "layers": [empty]}),
        json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": empty, "layers": []}),
        json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": empty, "layers": null}),
        json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": empty}),
        json!({"schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST}),
        json!({"mediaType": MediaType::OCI_ARTIFACT, "artifactType": "a/b"}),
        json!({"mediaType": MediaType::OCI_ARTIFACT, "artifactType": "a/b", "blobs": [empty]}),
        json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": []}),
        json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": null}),
    ];
    for document in documents {
        let manifest = read(&document).unwrap_or_else(|error| panic!("{document}: {error}"));
        assert!(manifest.layers().len() <= 1);
    }
}

#[test]
fn the_type_of_an_artifact_falls_back_to_its_config() {
    let mut document = image();
    let config = Some(MediaType::OCI_CONFIG.to_string());
    assert_eq!(read(&document).unwrap().referrer_descriptor().artifact_type, config);
    document["artifactType"] = json!("");
    assert_eq!(read(&document).unwrap().referrer_descriptor().artifact_type, config, "an empty type is none");
    document["artifactType"] = json!("a/b");
    let manifest = read(&document).unwrap();
    let listed = manifest.referrer_descriptor();
    assert_eq!((listed.artifact_type.as_deref(), listed.annotations.len()), (Some("a/b"), 1));
    assert_eq!(manifest.descriptor().annotations.len(), 0);
    assert_eq!(read(&index()).unwrap().referrer_descriptor().artifact_type, None);
}

#[test]
fn the_bytes_decide_what_the_manifest_is() {
    let bytes = Bytes::from(image().to_string());
    for algorithm in Algorithm::ALL {
        let digest = algorithm.digest(&bytes);
        let manifest = Manifest::parse(bytes.clone(), None, Some(&digest)).unwrap();
        assert_eq!((manifest.digest(), manifest.bytes()), (&digest, &bytes));
    }
    let other = Digest::sha256(b"something else");
    assert!(matches!(Manifest::parse(bytes, None, Some(&other)), Err(ManifestError::Digest(_))));
}

proptest! {
    /// Whatever the layout of the text, the bytes are kept and the view is the same.
    #[test]
    fn a_manifest_reads_as_it_was_written(
        layers in prop::collection::vec((any::<Vec<u8>>(), prop::option::of("[ -~]{0,20}")), 0..6),
        kind in prop::option::of("[a-z]{1,8}/[a-z.+]{1,20}[a-z]"),
        subject in prop::option::of(any::<Vec<u8>>()),
        annotations in prop::collection::btree_map(any::<String>(), any::<String>(), 0..4),
        pretty in any::<bool>(),
    ) {
        let layers: Vec<Descriptor> = layers.into_iter().map(|(content, title)| {
            let mut layer = Descriptor::of(MediaType::OCI_LAYER, &content);
            layer.annotations.extend(title.map(|title| ("title".to_owned(), title)));
            layer
        }).collect();
        let subject = subject.map(|content| Descriptor::of(MediaType::OCI_MANIFEST, &content));
        let document = json!({
            "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": Descriptor::empty_json(), "layers": layers,
            "artifactType": kind, "subject": subject, "annotations": annotations,
        });
        let text = if pretty { serde_json::to_string_pretty(&document).unwrap() } else { document.to_string() };
        let manifest = Manifest::parse(text.clone().into(), None, None).unwrap();
        prop_assert_eq!(manifest.bytes(), text.as_bytes());
        prop_assert_eq!(*manifest.digest(), Digest::sha256(text.as_bytes()));
        prop_assert_eq!(manifest.layers(), layers);
        prop_assert_eq!(manifest.subject(), subject.as_ref());
        prop_assert_eq!(manifest.artifact_type(), kind.as_deref());
        prop_assert_eq!(manifest.annotations(), &annotations);
    }
}
