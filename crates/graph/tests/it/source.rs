//! A source that answers a walk, in any order and by any of the ways in which referrers are published.

use std::collections::BTreeMap;

use graph::walk::Closure;
use graph::{Ask, NodeId, Walk, WalkError, WalkOptions};
use oci::name::ConventionSuffix;
use oci::{Algorithm, Descriptor, Digest, Manifest, MediaType, Tag};
use proptest::prelude::*;
use serde_json::json;
use testkit::application::Application;
use testkit::seed::Seed;

/// How a source publishes what refers to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Publishes {
    Lists,
    FallbackTags,
    Both,
}

pub(crate) fn publishes() -> impl Strategy<Value = Publishes> {
    prop::sample::select(vec![Publishes::Lists, Publishes::FallbackTags, Publishes::Both])
}

/// An application as a source.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) manifests: BTreeMap<Digest, Manifest>,
    pub(crate) lists: BTreeMap<Digest, Vec<Descriptor>>,
    pub(crate) tags: BTreeMap<Tag, Manifest>,
}

impl Source {
    pub(crate) fn new(application: &Application, publishes: Publishes) -> Self {
        let manifests: BTreeMap<Digest, Manifest> =
            application.manifests().iter().map(|manifest| (*manifest.digest(), manifest.clone())).collect();
        let mut lists: BTreeMap<Digest, Vec<Descriptor>> = BTreeMap::new();
        for manifest in application.manifests() {
            if let Some(subject) = manifest.subject() {
                lists.entry(subject.digest).or_default().push(manifest.referrer_descriptor());
            }
        }
        let convention = application.convention_tags().iter();
        let mut tags: BTreeMap<Tag, Manifest> =
            convention.map(|(tag, digest)| (tag.clone(), manifests[digest].clone())).collect();
        if publishes != Publishes::Lists {
            tags.extend(lists.iter().map(|(subject, list)| (Tag::referrers_fallback(subject), fallback(list))));
        }
        if publishes == Publishes::FallbackTags {
            lists.clear();
        }
        Self { manifests, lists, tags }
    }

    /// Walks from these roots. The number says how many questions wait for their answers at once, and in which order they
    /// get them.
    pub(crate) fn walk(&self, roots: &[Descriptor], options: WalkOptions, order: u64) -> Result<Closure, WalkError> {
        let mut order = Seed::new(order);
        let at_once = order.next() % 8 + 1;
        let mut walk = Walk::new(options, self.tags.keys());
        for root in roots {
            walk.add_root(root)?;
        }
        let mut waiting = Vec::new();
        while !walk.is_done() {
            while waiting.len() < usize::try_from(at_once).unwrap() {
                let Some(ask) = walk.next() else { break };
                waiting.push(ask);
            }
            let turn = order.next() % waiting.len() as u64;
            self.answer(&mut walk, waiting.swap_remove(usize::try_from(turn).unwrap()))?;
        }
        assert_eq!(waiting, [], "a walk that is done waits for nothing");
        walk.finish()
    }

    fn answer(&self, walk: &mut Walk, ask: Ask) -> Result<(), WalkError> {
        match ask {
            Ask::Manifest(descriptor) => {
                walk.answer_manifest(&descriptor.digest, self.manifests.get(&descriptor.digest).cloned())
            }
            Ask::Referrers(subject) => {
                walk.answer_referrers(subject, self.lists.get(&subject.digest).map_or(&[], Vec::as_slice))
            }
            Ask::Tag { tag, subject, suffix } => walk.answer_tag(&tag, subject, suffix, self.tags.get(&tag).cloned()),
        }
    }

    /// Points a convention tag about the first to the second.
    pub(crate) fn attach_by_convention(&mut self, subject: &Digest, attached: &Digest) {
        let tag = Tag::convention(subject, ConventionSuffix::Signature);
        self.tags.insert(tag, self.manifests[attached].clone());
    }
}

/// Returns the index to which a fallback tag points.
pub(crate) fn fallback(list: &[Descriptor]) -> Manifest {
    let document = json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": list});
    Manifest::from_new(document.to_string().into(), &MediaType::OCI_INDEX, Algorithm::Sha256).unwrap()
}

/// Returns a graph's content as text that two equal graphs share.
pub(crate) fn shown(graph: &graph::Graph) -> Vec<String> {
    let known = |id: &NodeId| graph.manifest(&id.digest).is_some() && id.space == graph::Space::Manifest;
    let nodes = graph.nodes().map(|(id, _)| format!("{id} {}", known(id)));
    nodes.chain(graph.edges().map(|edge| format!("{edge:?}"))).collect()
}
