//! What taking names away sets free.

use std::collections::{BTreeMap, BTreeSet};

use graph::collect::removal::{Reason, Section};
use graph::{Graph, Inventory, NodeId, RemovalPlan};
use oci::name::ConventionSuffix;
use oci::{Descriptor, Digest, Tag};
use proptest::prelude::*;
use proptest::sample::Index;
use testkit::application::{ApplicationBuilder, Image};

use crate::collect::inventory;
use crate::random::{applications, tries};

fn tags(names: &[&str]) -> BTreeSet<Tag> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn plan(inventory: &Inventory, taken: &[&str]) -> RemovalPlan {
    RemovalPlan::new(inventory, &tags(taken), &BTreeSet::new(), &BTreeSet::new())
}

/// Returns the lines of a section, with names for digests: `tag old: rule`.
fn lines(section: &Section, names: &BTreeMap<Digest, &str>) -> Vec<String> {
    let name = |digest: &Digest| names.get(digest).map_or_else(|| digest.to_string(), |name| (*name).to_owned());
    let why = |reason: &Reason| match reason {
        Reason::Rule => "rule".to_owned(),
        Reason::Untagged(tag) => format!("was {tag}"),
        Reason::PartOf(digest) => format!("part of {}", name(digest)),
        Reason::About(digest) => format!("about {}", name(digest)),
        Reason::SubjectGone(digest) => format!("about absent {}", name(digest)),
        Reason::List(_) => "list".to_owned(),
        Reason::Unneeded => "unneeded".to_owned(),
    };
    let tag = |tag: &Tag| match tag.attached_to() {
        Some((subject, suffix)) => format!("{}{}", name(&subject), suffix.map_or("", ConventionSuffix::as_str)),
        None => tag.to_string(),
    };
    let stays = |stays| if stays { " stays" } else { "" };
    let tags =
        section.tags.iter().map(|t| format!("tag {}: {}{}", tag(&t.tag), why(&t.reason), stays(t.manifest_stays)));
    let manifests = section.manifests.iter().map(|m| format!("{}: {}", name(&m.digest), why(&m.reason)));
    tags.chain(manifests).collect()
}

fn named<'a>(pairs: &[(&'a str, &Descriptor)]) -> BTreeMap<Digest, &'a str> {
    pairs.iter().map(|(name, descriptor)| (descriptor.digest, *name)).collect()
}

#[test]
fn a_child_of_an_index_that_stays_loses_its_tag_alone() {
    let mut builder = ApplicationBuilder::new(1);
    let (base, top) = (builder.layer("base", 100), builder.layer("top", 200));
    let layer_bytes = base.descriptor.size;
    let shared = builder.image(&Image::new("linux/amd64", &[base.clone(), top.clone()]));
    let own = builder.image(&Image::new("linux/arm64", &[base]));
    let inner = builder.index(std::slice::from_ref(&shared));
    let kept = builder.index(std::slice::from_ref(&inner));
    let old = builder.index(&[shared.clone(), own.clone()]);
    builder.tag("kept", &kept);
    builder.tag("old", &old);
    builder.tag("old-amd64", &shared);
    let names = named(&[("shared", &shared), ("own", &own), ("old", &old)]);
    let found = plan(&inventory(&builder.build(), false), &["old", "old-amd64"]);
    assert_eq!(
        lines(&found.reachable, &names),
        ["tag old: rule", "tag old-amd64: rule stays", "old: was old", "own: part of old"]
    );
    // The config of the image that goes; the layer is shared.
    assert_eq!(found.reachable.blobs.len(), 1);
    assert!(found.lists.is_empty() && found.unreachable.is_empty());
    let sizes = old.size + own.size + found.reachable.blobs[0].size;
    assert_eq!(found.reachable.bytes(), sizes, "each once");
    assert_eq!(found.shared_bytes, shared.size + layer_bytes, "the image and the layer that others need");
}

#[test]
fn a_manifest_with_another_tag_stays() {
    let mut builder = ApplicationBuilder::new(1);
    let image = builder.image(&Image::new("linux/amd64", &[]));
    builder.signature(&image);
    builder.tag("1.0", &image);
    builder.tag("latest", &image);
    let found = plan(&inventory(&builder.build(), true), &["latest"]);
    assert_eq!(lines(&found.reachable, &BTreeMap::new()), ["tag latest: rule stays"]);
    assert_eq!((found.reachable.bytes(), found.lists.is_empty()), (0, true));
}

#[test]
fn artifacts_go_with_their_subject_the_nearest_first() {
    let mut builder = ApplicationBuilder::new(1);
    let image = builder.image(&Image::new("linux/amd64", &[]));
    let sbom = builder.sbom(&image);
    let signature = builder.signature(&sbom);
    let cosign = builder.convention_signature(&image);
    builder.tag("1.0", &image);
    let application = builder.build();
    let names = named(&[("image", &image), ("sbom", &sbom), ("signature", &signature), ("cosign", &cosign)]);
    let plain = plan(&inventory(&application, false), &["1.0"]);
    let seen = lines(&plain.reachable, &names);
    assert_eq!(&seen[..3], ["tag 1.0: rule", "tag imagesig: about image", "image: was 1.0"]);
    let nearest: BTreeSet<&str> = seen[3..5].iter().map(String::as_str).collect();
    assert_eq!(nearest, BTreeSet::from(["cosign: about image", "sbom: about image"]));
    assert_eq!(seen[5..], ["signature: about sbom"]);
    // A store that keeps lists of referrers in tags has the same plan, and the lists beside it.
    let listed = plan(&inventory(&application, true), &["1.0"]);
    assert_eq!(listed.reachable, plain.reachable);
    let lists: Vec<String> = lines(&listed.lists, &names);
    assert_eq!(lists.iter().filter(|line| line.ends_with(": list")).count(), 2, "{lists:?}");
    assert!(lists.contains(&"tag image: about image".to_owned()), "{lists:?}");
    assert!(plan(&inventory(&application, true), &[]).sections().iter().all(|section| section.is_empty()));
}

#[test]
fn what_is_about_nothing_goes_without_any_rule() {
    let mut builder = ApplicationBuilder::new(1);
    let image = builder.image(&Image::new("linux/amd64", &[]));
    let sbom = builder.sbom(&image);
    let cosign = builder.convention_signature(&image);
    let kept = builder.image(&Image::new("linux/arm64", &[]));
    builder.tag("1.0", &kept);
    let application = builder.build();
    let whole = inventory(&application, true);
    let mut graph = Graph::default();
    for (_, node) in whole.graph.nodes() {
        match &node.manifest {
            Some(manifest) if *manifest.digest() != image.digest => drop(graph.add_manifest(manifest.clone())),
            _ => {}
        }
    }
    let found = plan(&Inventory { graph, tags: whole.tags }, &[]);
    let names = named(&[("image", &image), ("sbom", &sbom), ("cosign", &cosign)]);
    assert_eq!(lines(&found.reachable, &names), ["tag imagesig: about absent image", "cosign: about absent image"]);
    let lists = lines(&found.lists, &names);
    assert_eq!(lists[..2], ["tag image: about absent image", "sbom: about absent image"]);
    assert!(lists[2].ends_with(": list") && lists.len() == 3, "{lists:?}");
}

#[test]
fn what_was_written_just_now_stays_whole_unless_a_name_led_to_it() {
    let mut builder = ApplicationBuilder::new(1);
    let untagged = builder.image(&Image::new("linux/amd64", &[]));
    let old = builder.image(&Image::new("linux/arm64", &[]));
    builder.tag("old", &old);
    let inventory = inventory(&builder.build(), false);
    let recent: BTreeSet<NodeId> = [&untagged, &old].map(|image| NodeId::manifest(image.digest)).into();
    let found = RemovalPlan::new(&inventory, &tags(&["old"]), &BTreeSet::new(), &recent);
    assert_eq!(found.reachable.manifests.len(), 1);
    assert!(found.unreachable.is_empty());
    let later = plan(&inventory, &["old"]);
    assert_eq!((later.unreachable.manifests.len(), later.unreachable.blobs.len()), (1, 1));
    assert_eq!(later.reachable, found.reachable);
}

proptest! {
    #![proptest_config(tries())]

    #[test]
    fn what_stays_is_whole_and_lists_change_nothing_of_what_is_reachable(
        application in applications(),
        taken in prop::collection::vec(any::<Index>(), 0..4),
    ) {
        let taken: BTreeSet<Tag> = taken.iter().map(|index| index.get(application.tags()).0.clone()).collect();
        let none = BTreeSet::new();
        let plain = RemovalPlan::new(&inventory(&application, false), &taken, &none, &none);
        let with_lists = inventory(&application, true);
        let listed = RemovalPlan::new(&with_lists, &taken, &none, &none);
        prop_assert_eq!(&plain.reachable, &listed.reachable);
        let going: BTreeSet<Digest> = listed
            .sections()
            .iter()
            .flat_map(|section| section.manifests.iter().chain(&section.blobs).map(|removal| removal.digest))
            .collect();
        // Everything that the names which stay lead to, with what is about it, is untouched.
        let stay = application.tags().iter().filter(|(tag, _)| !taken.contains(tag)).map(|(_, digest)| *digest);
        for (id, _) in application.graph_of(stay).nodes() {
            prop_assert!(!going.contains(&id.digest), "{} is needed", id);
        }
        let untagged: BTreeSet<&Tag> = listed.sections().iter().flat_map(|s| s.tags.iter().map(|t| &t.tag)).collect();
        for (tag, digest) in with_lists.tags.iter().filter(|(tag, _)| !untagged.contains(tag)) {
            prop_assert!(!going.contains(digest), "{} would name nothing", tag);
        }
    }
}
