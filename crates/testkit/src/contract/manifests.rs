//! Manifests and indexes.

use oci::{Algorithm, Digest, Manifest, MediaType};
use store::SubjectIndexed;

use super::{Case, assert_names, checks, small_image, tag};
use crate::application::{ApplicationBuilder, Image, WholeGraph};
use crate::read::read_tags;

checks![
    absent_manifests_are_none,
    a_manifest_comes_back_byte_for_byte,
    odd_formatting_is_kept,
    a_manifest_may_be_put_twice,
    an_image_without_subject_is_indexed,
    artifacts_without_content_are_kept,
    indexes_nest,
    an_index_of_nothing_is_an_index,
    docker_manifests_keep_their_type,
    sha512_names_a_manifest,
    blake3_names_a_manifest,
    a_whole_graph_reads_back,
];

async fn absent_manifests_are_none(case: Case) {
    let absent = Digest::sha256(b"never put");
    assert!(case.store.manifest(&absent).await.unwrap().is_none());
    assert!(case.store.stat_manifest(&absent).await.unwrap().is_none());
}

async fn a_manifest_comes_back_byte_for_byte(case: Case) {
    let manifest = case.put_image(1).await;
    case.assert_manifest(&manifest).await;
}

async fn odd_formatting_is_kept(case: Case) {
    let plain = case.put_image(1).await;
    let text = std::str::from_utf8(plain.bytes()).unwrap();
    let odd = format!("\n{}\t ", text.replace(": ", "  :\r\n  "));
    let manifest = Manifest::from_new(odd.into(), &MediaType::OCI_MANIFEST, Algorithm::Sha256).unwrap();
    case.store.put_manifest(&manifest).await.unwrap();
    case.assert_manifest(&manifest).await;
    case.assert_manifest(&plain).await;
}

async fn a_manifest_may_be_put_twice(case: Case) {
    let manifest = case.put_image(1).await;
    case.store.put_manifest(&manifest).await.unwrap();
    case.assert_manifest(&manifest).await;
}

async fn an_image_without_subject_is_indexed(case: Case) {
    let manifest = case.put_image(1).await;
    assert_eq!(case.store.put_manifest(&manifest).await.unwrap(), SubjectIndexed::Yes, "it has no subject");
}

async fn artifacts_without_content_are_kept(case: Case) {
    let mut builder = ApplicationBuilder::new(1);
    let empty = builder.empty_object();
    builder.artifact("application/vnd.example.empty", None, &[empty]);
    builder.artifact("application/vnd.example.bare", None, &[]);
    let application = builder.build();
    application.write_to_store(&*case.store).await.unwrap();
    for manifest in application.manifests() {
        case.assert_manifest(manifest).await;
    }
}

async fn indexes_nest(case: Case) {
    let mut builder = small_image(1);
    let image = builder.image(&Image::new("linux/arm64/v8", &[]));
    let inner = builder.index(&[image]);
    let middle = builder.index(&[inner]);
    let outer = builder.index(&[middle]);
    builder.tag("outer", &outer);
    let application = builder.build();
    application.write_to_store(&*case.store).await.unwrap();
    for manifest in application.manifests() {
        case.assert_manifest(manifest).await;
    }
    let resolved = case.store.resolve(&tag("outer")).await.unwrap().expect("the tag is there");
    assert_names(&resolved, application.manifest(&outer.digest).unwrap());
}

async fn an_index_of_nothing_is_an_index(case: Case) {
    let mut builder = ApplicationBuilder::new(1);
    builder.index(&[]);
    let application = builder.build();
    application.write_to_store(&*case.store).await.unwrap();
    case.assert_manifest(&application.manifests()[0]).await;
}

async fn docker_manifests_keep_their_type(case: Case) {
    if !case.profile.docker {
        return;
    }
    let mut builder = ApplicationBuilder::new(1);
    let layer = builder.layer("content", 500);
    let image = builder.image(&Image::new("linux/amd64", &[layer]).docker());
    let list = builder.docker_list(&[image]);
    builder.tag("list", &list);
    let application = builder.build();
    application.write_to_store(&*case.store).await.unwrap();
    for manifest in application.manifests() {
        case.assert_manifest(manifest).await;
    }
    let resolved = case.store.resolve(&tag("list")).await.unwrap().expect("the tag is there");
    assert_eq!(resolved.media_type, MediaType::DOCKER_LIST);
}

async fn sha512_names_a_manifest(case: Case) {
    if case.profile.sha512_manifests {
        named_by(&case, Algorithm::Sha512).await;
    }
}

async fn blake3_names_a_manifest(case: Case) {
    if case.profile.blake3 {
        named_by(&case, Algorithm::Blake3).await;
    }
}

async fn named_by(case: &Case, algorithm: Algorithm) {
    let plain = case.put_image(1).await;
    let manifest = Manifest::from_new(plain.bytes().clone(), &MediaType::OCI_MANIFEST, algorithm).unwrap();
    case.store.put_manifest(&manifest).await.unwrap();
    case.assert_manifest(&manifest).await;
    let name = tag("other-algorithm");
    case.store.tag(&name, &manifest).await.unwrap();
    assert_eq!(case.resolve(&name).await, Some(*manifest.digest()));
    case.assert_manifest(&plain).await;
}

async fn a_whole_graph_reads_back(case: Case) {
    let mut whole = WholeGraph::default();
    if case.profile.sha512_blobs {
        whole = whole.sha512();
    }
    if case.profile.blake3 {
        whole = whole.blake3();
    }
    if !case.profile.docker {
        return;
    }
    let application = whole.build();
    application.write_to_store(&*case.store).await.unwrap();
    let tags: Vec<_> = application.tags().iter().map(|(tag, _)| tag.clone()).collect();
    let closure = read_tags(&*case.store, &tags).await.unwrap();
    let difference = graph::Difference::between(&application.graph(), &closure.graph);
    assert!(difference.is_empty(), "{difference:#?}");
    assert_eq!(closure.losses, []);
    assert_eq!(&closure.convention_tags, application.convention_tags());
    for (descriptor, bytes) in application.blobs() {
        assert_eq!(case.read_blob(descriptor).await, bytes);
    }
}
