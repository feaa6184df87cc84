//! Tags.

use std::collections::BTreeSet;

use oci::Tag;
use oci::name::ConventionSuffix;

use super::{Case, assert_names, checks, tag};

checks![
    an_empty_store_has_no_tags,
    a_tag_names_a_manifest,
    a_tag_moves,
    a_tag_may_be_set_to_what_it_names,
    several_tags_name_one_manifest,
    a_manifest_without_a_tag_is_not_listed,
    attachment_tags_are_listed,
    tags_that_differ_in_case_are_two,
    all_of_many_tags_are_listed,
];

async fn an_empty_store_has_no_tags(case: Case) {
    assert_eq!(case.store.tags().await.unwrap(), []);
    assert_eq!(case.store.resolve(&tag("latest")).await.unwrap(), None);
}

async fn a_tag_names_a_manifest(case: Case) {
    let manifest = case.put_image(1).await;
    case.store.tag(&tag("1.0"), &manifest).await.unwrap();
    let resolved = case.store.resolve(&tag("1.0")).await.unwrap();
    assert_names(&resolved.expect("the tag is there"), &manifest);
    assert_eq!(case.store.tags().await.unwrap(), [tag("1.0")]);
    assert_eq!(case.store.resolve(&tag("1")).await.unwrap(), None, "the beginning of a tag is another tag");
}

async fn a_tag_moves(case: Case) {
    let (first, second) = (case.put_image(1).await, case.put_image(2).await);
    case.store.tag(&tag("latest"), &first).await.unwrap();
    case.store.tag(&tag("latest"), &second).await.unwrap();
    assert_eq!(case.resolve(&tag("latest")).await, Some(*second.digest()));
    assert_eq!(case.store.tags().await.unwrap(), [tag("latest")]);
    case.assert_manifest(&first).await;
}

async fn a_tag_may_be_set_to_what_it_names(case: Case) {
    let manifest = case.put_image(1).await;
    case.store.tag(&tag("latest"), &manifest).await.unwrap();
    case.store.tag(&tag("latest"), &manifest).await.unwrap();
    assert_eq!(case.resolve(&tag("latest")).await, Some(*manifest.digest()));
    assert_eq!(case.store.tags().await.unwrap(), [tag("latest")]);
}

async fn several_tags_name_one_manifest(case: Case) {
    let manifest = case.put_image(1).await;
    let longest = "x".repeat(oci::limits::TAG_MAX_BYTES);
    let names = ["1", "1.0", "1.0.0", "_under", "UPPER-lower", longest.as_str()].map(tag);
    for name in &names {
        case.store.tag(name, &manifest).await.unwrap();
    }
    for name in &names {
        assert_eq!(case.resolve(name).await, Some(*manifest.digest()), "{name}");
    }
    let listed: BTreeSet<Tag> = case.store.tags().await.unwrap().into_iter().collect();
    assert_eq!(listed, names.into());
}

async fn a_manifest_without_a_tag_is_not_listed(case: Case) {
    let manifest = case.put_image(1).await;
    assert_eq!(case.store.tags().await.unwrap(), []);
    case.assert_manifest(&manifest).await;
}

async fn attachment_tags_are_listed(case: Case) {
    let (image, signature) = (case.put_image(1).await, case.put_image(2).await);
    let name = Tag::convention(image.digest(), ConventionSuffix::Signature);
    case.store.tag(&name, &signature).await.unwrap();
    assert_eq!(case.store.tags().await.unwrap(), std::slice::from_ref(&name));
    assert_eq!(case.resolve(&name).await, Some(*signature.digest()));
}

async fn tags_that_differ_in_case_are_two(case: Case) {
    let (first, second) = (case.put_image(1).await, case.put_image(2).await);
    case.store.tag(&tag("Release"), &first).await.unwrap();
    case.store.tag(&tag("release"), &second).await.unwrap();
    assert_eq!(case.resolve(&tag("Release")).await, Some(*first.digest()));
    assert_eq!(case.resolve(&tag("release")).await, Some(*second.digest()));
}

async fn all_of_many_tags_are_listed(case: Case) {
    let manifest = case.put_image(1).await;
    let names: BTreeSet<Tag> = (0..case.profile.many).map(|number| tag(&format!("v{number}"))).collect();
    for name in &names {
        case.store.tag(name, &manifest).await.unwrap();
    }
    let listed = case.store.tags().await.unwrap();
    assert_eq!(listed.len(), names.len(), "each tag is listed once");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), names);
}
