use std::collections::BTreeSet;

use graph::walk::{Closure, DEPTH_MAX};
use graph::{Difference, EdgeKind, Loss, NodeId, Space, WalkError, WalkOptions};
use oci::{Descriptor, Digest, Manifest, MediaType, Tag};
use proptest::prelude::*;
use proptest::sample::Index;
use testkit::application::{Application, ApplicationBuilder, Image, WholeGraph};

use crate::random::{applications, chosen, tries};
use crate::source::{Publishes, Source, fallback, publishes, shown};

const ALL: WalkOptions = WalkOptions { artifacts: true, layer_artifacts: true };

fn assert_same(closure: &Closure, application: &Application) {
    let difference = Difference::between(&application.graph(), &closure.graph);
    assert!(difference.is_empty(), "{difference:#?}");
    assert_eq!(closure.losses, []);
}

proptest! {
    #![proptest_config(tries())]

    #[test]
    fn a_walk_finds_what_a_repeated_search_finds(
        application in applications(), publishes in publishes(), order in any::<u64>(),
    ) {
        let closure = Source::new(&application, publishes).walk(&application.roots(), ALL, order).unwrap();
        assert_same(&closure, &application);
        let graph = application.graph();
        let attached = application.convention_tags().iter().filter(|(tag, _)| {
            graph.node(&NodeId::manifest(tag.attached_to().unwrap().0)).is_some()
        });
        prop_assert!(closure.convention_tags.iter().eq(attached));
    }

    #[test]
    fn the_order_of_answers_does_not_matter(
        application in applications(),
        publishes in publishes(),
        lost in prop::collection::vec(any::<Index>(), 0..3),
        orders in any::<[u64; 2]>(),
    ) {
        let mut source = Source::new(&application, publishes);
        for digest in chosen(&application, &lost) {
            // What a tag names is there: the tag's answer is the manifest itself.
            if !source.tags.values().any(|manifest| *manifest.digest() == digest) {
                source.manifests.remove(&digest);
            }
        }
        let [first, second] = orders.map(|order| source.walk(&application.roots(), ALL, order).unwrap());
        prop_assert_eq!(shown(&first.graph), shown(&second.graph));
        prop_assert_eq!(first.losses, second.losses);
        prop_assert_eq!(first.convention_tags, second.convention_tags);
    }

    #[test]
    fn what_is_named_and_not_there_is_a_loss(
        application in applications(), publishes in publishes(), lost in any::<Index>(), order in any::<u64>(),
    ) {
        let mut source = Source::new(&application, publishes);
        let complete = application.graph();
        let digests: Vec<Digest> = application.manifests().iter().map(|manifest| *manifest.digest()).collect();
        let lost = *lost.get(&digests);
        prop_assume!(complete.manifest(&lost).is_some());
        prop_assume!(!source.tags.values().any(|manifest| *manifest.digest() == lost));
        source.manifests.remove(&lost);
        let closure = source.walk(&application.roots(), ALL, order).unwrap();
        let node = NodeId::manifest(lost);
        // Everything that still names it: its parents, the lists it stands in, and itself where it is a root.
        let mut expected: BTreeSet<Loss> = closure.graph.edges_to(&node)
            .filter(|edge| edge.kind == EdgeKind::Child)
            .map(|edge| Loss { node, named_by: edge.from })
            .collect();
        if let Some(subject) = application.manifest(&lost).unwrap().subject() {
            let asked = [NodeId::manifest(subject.digest), NodeId::blob(subject.digest)];
            let listed = asked.into_iter().filter(|id| closure.graph.node(id).is_some() && is_asked(&closure, id));
            expected.extend(listed.map(|named_by| Loss { node, named_by }));
        }
        if application.roots().iter().any(|root| root.digest == lost) {
            expected.insert(Loss { node, named_by: node });
        }
        prop_assert_eq!(closure.losses.into_iter().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn nothing_is_asked_twice(application in applications(), publishes in publishes()) {
        let source = Source::new(&application, publishes);
        let mut walk = graph::Walk::new(ALL, source.tags.keys());
        for root in application.roots() {
            walk.add_root(&root).unwrap();
        }
        let mut asked = Vec::new();
        while let Some(ask) = walk.next() {
            prop_assert!(!asked.contains(&ask), "{:?}", ask);
            asked.push(ask.clone());
            match ask {
                graph::Ask::Manifest(d) => walk.answer_manifest(&d.digest, source.manifests.get(&d.digest).cloned()),
                graph::Ask::Referrers(id) => {
                    walk.answer_referrers(id, source.lists.get(&id.digest).map_or(&[], Vec::as_slice))
                }
                graph::Ask::Tag { tag, subject, suffix } => {
                    walk.answer_tag(&tag, subject, suffix, source.tags.get(&tag).cloned())
                }
            }.unwrap();
        }
        walk.finish().unwrap();
    }

    #[test]
    fn without_artifacts_only_content_is_found(application in applications(), order in any::<u64>()) {
        let options = WalkOptions { artifacts: false, layer_artifacts: true };
        let closure = Source::new(&application, Publishes::Both).walk(&application.roots(), options, order).unwrap();
        let mut expected: BTreeSet<NodeId> = closure.graph.roots().iter().copied().collect();
        let mut pending: Vec<NodeId> = expected.iter().copied().collect();
        let whole = application.graph();
        while let Some(id) = pending.pop() {
            let content = whole.edges_from(&id).filter(|edge| edge.kind.is_content());
            pending.extend(content.map(|edge| edge.to).filter(|to| expected.insert(*to)));
        }
        prop_assert_eq!(closure.graph.nodes().map(|(id, _)| *id).collect::<BTreeSet<_>>(), expected);
        prop_assert!(closure.convention_tags.is_empty());
    }

    #[test]
    fn without_layer_artifacts_nothing_is_about_a_layer(application in applications(), order in any::<u64>()) {
        let options = WalkOptions { artifacts: true, layer_artifacts: false };
        let closure = Source::new(&application, Publishes::Lists).walk(&application.roots(), options, order).unwrap();
        let roots: BTreeSet<NodeId> = closure.graph.roots().iter().copied().collect();
        for edge in closure.graph.edges().filter(|edge| edge.kind == EdgeKind::Subject) {
            let otherwise = roots.contains(&edge.from)
                || closure.graph.edges_to(&edge.from).any(|edge| edge.kind == EdgeKind::Child)
                || closure.graph.edges_from(&edge.from).any(|edge| matches!(edge.kind, EdgeKind::Convention(_)));
            prop_assert!(edge.to.space == Space::Manifest || otherwise, "{:?}", edge);
        }
    }

    #[test]
    fn a_stranger_in_a_list_ends_the_walk(
        application in applications(), publishes in publishes(), at in any::<[Index; 2]>(), order in any::<u64>(),
    ) {
        let graph = application.graph();
        let manifests: Vec<&Manifest> = graph.nodes().filter_map(|(_, node)| node.manifest.as_ref()).collect();
        let (subject, stranger) = (at[0].get(&manifests), at[1].get(&manifests));
        prop_assume!(stranger.subject().is_none_or(|about| about.digest != *subject.digest()));
        let mut source = Source::new(&application, publishes);
        if publishes == Publishes::FallbackTags {
            let tag = Tag::referrers_fallback(subject.digest());
            let mut list = source.tags.get(&tag).map_or_else(Vec::new, |list| list.children().to_vec());
            list.push(stranger.descriptor());
            source.tags.insert(tag, fallback(&list));
        } else {
            source.lists.entry(*subject.digest()).or_default().push(stranger.descriptor());
        }
        let error = source.walk(&application.roots(), ALL, order).unwrap_err();
        let expected = WalkError::Stranger {
            digest: *stranger.digest(),
            listed_for: *subject.digest(),
            subject: stranger.subject().map(|about| about.digest),
        };
        prop_assert_eq!(error, expected);
    }
}

/// Whether a walk asks what refers to a node: to every manifest, and to what is a layer of one.
fn is_asked(closure: &Closure, id: &NodeId) -> bool {
    let is_layer = || {
        let layers = closure.graph.nodes().filter_map(|(_, node)| node.manifest.as_ref()).flat_map(Manifest::layers);
        layers.into_iter().any(|layer| layer.digest == id.digest && layer.media_type != MediaType::EMPTY_JSON)
    };
    id.space == Space::Manifest || is_layer()
}

#[test]
fn the_whole_graph_is_found_by_every_road() {
    let application = WholeGraph::default().sha512().blake3().foreign_layer("https://example.invalid/").build();
    for publishes in [Publishes::Lists, Publishes::FallbackTags, Publishes::Both] {
        let closure = Source::new(&application, publishes).walk(&application.roots(), ALL, 1).unwrap();
        assert_same(&closure, &application);
        assert_eq!(&closure.convention_tags, application.convention_tags());
    }
}

/// Makes a chain of indexes, each of which holds the one before, and returns the outermost.
fn nested(depth: usize) -> (Application, Descriptor) {
    let mut builder = ApplicationBuilder::new(1);
    let mut top = builder.image(&Image::new("linux/amd64", &[]));
    for _ in 0..depth {
        top = builder.index(&[top]);
    }
    (builder.build(), top)
}

/// Makes a chain of artifacts, each about the one before, and returns the first.
fn chained(length: usize) -> (Application, Descriptor) {
    let mut builder = ApplicationBuilder::new(1);
    let root = builder.image(&Image::new("linux/amd64", &[]));
    let mut last = root.clone();
    for number in 0..length {
        last = builder.artifact(&format!("a/{number}"), Some(&last), &[]);
    }
    (builder.build(), root)
}

#[test]
fn depth_has_an_end_for_indexes_and_for_artifacts() {
    for make in [nested, chained] {
        let (application, root) = make(DEPTH_MAX);
        let closure = Source::new(&application, Publishes::Lists).walk(std::slice::from_ref(&root), ALL, 1).unwrap();
        assert!(closure.graph.len() > DEPTH_MAX);
        let (application, root) = make(DEPTH_MAX + 1);
        let error = Source::new(&application, Publishes::Lists).walk(&[root], ALL, 1).unwrap_err();
        assert!(matches!(error, WalkError::TooDeep { .. }), "{error:?}");
    }
}

#[test]
fn convention_tags_that_point_at_each_other_end() {
    let mut builder = ApplicationBuilder::new(1);
    let a = builder.artifact("a/a", None, &[]);
    let b = builder.artifact("a/b", None, &[]);
    let mut source = Source::new(&builder.build(), Publishes::Lists);
    source.attach_by_convention(&a.digest, &b.digest);
    source.attach_by_convention(&b.digest, &a.digest);
    let closure = source.walk(std::slice::from_ref(&a), ALL, 1).unwrap();
    assert_eq!((closure.convention_tags.len(), closure.graph.edges().filter(|e| !e.kind.is_content()).count()), (2, 2));
    // A tag may even say that something is attached to itself.
    source.attach_by_convention(&a.digest, &a.digest);
    let closure = source.walk(std::slice::from_ref(&a), ALL, 1).unwrap();
    assert_eq!(closure.convention_tags.len(), 1);
    assert!(graph::CopyPlan::new(&closure.graph, false, |_| false).manifest_count() == 1);
}

#[test]
fn a_fallback_tag_that_makes_a_cycle_is_a_stranger() {
    let mut builder = ApplicationBuilder::new(1);
    let image = builder.image(&Image::new("linux/amd64", &[]));
    let index = builder.index(std::slice::from_ref(&image));
    let application = builder.build();
    for (subject, listed) in [(&image, &image), (&image, &index), (&index, &image)] {
        let mut source = Source::new(&application, Publishes::Lists);
        source.tags.insert(Tag::referrers_fallback(&subject.digest), fallback(std::slice::from_ref(listed)));
        let error = source.walk(std::slice::from_ref(&index), ALL, 1).unwrap_err();
        assert!(matches!(error, WalkError::Stranger { .. }), "{error:?}");
    }
}

#[test]
fn an_image_under_the_name_of_a_fallback_tag_lists_nothing() {
    let mut builder = ApplicationBuilder::new(1);
    let image = builder.image(&Image::new("linux/amd64", &[]));
    let application = builder.build();
    let mut source = Source::new(&application, Publishes::Lists);
    let tag = Tag::referrers_fallback(&image.digest);
    source.tags.insert(tag, application.manifests()[0].clone());
    assert_eq!(
        source.walk(std::slice::from_ref(&image), ALL, 1).unwrap().graph.len(),
        application.graph_of([image.digest]).len()
    );
}

#[test]
fn what_is_no_manifest_is_neither_root_nor_referrer() {
    let mut builder = ApplicationBuilder::new(1);
    let image = builder.image(&Image::new("linux/amd64", &[]));
    let blob = builder.blob("text/plain", "text");
    let mut source = Source::new(&builder.build(), Publishes::Lists);
    let expected = WalkError::NotAManifest { digest: blob.digest, media_type: blob.media_type.clone() };
    assert_eq!(source.walk(std::slice::from_ref(&blob), ALL, 1).unwrap_err(), expected);
    source.lists.insert(image.digest, vec![blob]);
    assert_eq!(source.walk(&[image], ALL, 1).unwrap_err(), expected);
}

#[test]
fn a_child_of_an_unknown_type_is_carried_as_a_blob() {
    let mut builder = ApplicationBuilder::new(1);
    let blob = builder.blob("application/vnd.example.unknown", "anything");
    let index = builder.index(std::slice::from_ref(&blob));
    let source = Source::new(&builder.build(), Publishes::Lists);
    let closure = source.walk(&[index], ALL, 1).unwrap();
    assert!(closure.graph.node(&NodeId::blob(blob.digest)).is_some());
    assert_eq!(closure.losses, []);
}

#[test]
fn a_tag_that_is_gone_attaches_nothing() {
    let mut builder = ApplicationBuilder::new(1);
    let image = builder.image(&Image::new("linux/amd64", &[]));
    let mut walk = graph::Walk::new(ALL, &[Tag::referrers_fallback(&image.digest)]);
    walk.add_root(&image).unwrap();
    let mut tags = 0;
    let manifest = builder.build().manifests()[0].clone();
    while let Some(ask) = walk.next() {
        match ask {
            graph::Ask::Manifest(descriptor) => walk.answer_manifest(&descriptor.digest, Some(manifest.clone())),
            graph::Ask::Referrers(subject) => walk.answer_referrers(subject, &[]),
            graph::Ask::Tag { tag, subject, suffix } => {
                tags += 1;
                walk.answer_tag(&tag, subject, suffix, None)
            }
        }
        .unwrap();
    }
    assert_eq!((tags, walk.finish().unwrap().losses), (1, vec![]));
}

#[test]
fn a_walk_that_is_ended_early_says_so() {
    let (application, root) = nested(2);
    let mut walk = graph::Walk::new(ALL, []);
    walk.add_root(&root).unwrap();
    assert!(!walk.is_done());
    assert_eq!(walk.finish().unwrap_err(), WalkError::Unfinished);
    let mut walk = graph::Walk::new(ALL, []);
    walk.add_root(&root).unwrap();
    while walk.next().is_some() {}
    assert!(!walk.is_done(), "questions without answers");
    assert_eq!(walk.finish().unwrap_err(), WalkError::Unfinished);
    drop(application);
}
