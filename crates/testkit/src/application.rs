//! Graphs to move: content in memory, the tags that name it, and the graph a copy of it must show.

mod builder;
mod layout;
mod shapes;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use graph::node::{child_id, content_edges};
use graph::{Edge, EdgeKind, Graph, NodeId};
use oci::{Descriptor, Digest, Manifest, MediaType, Tag};

pub use builder::{ApplicationBuilder, Image};
pub use shapes::{Shape, WholeGraph, application_of, large_application};

/// A graph in memory, with the tags that name parts of it.
#[derive(Clone, Debug, Default)]
pub struct Application {
    blobs: BTreeMap<Digest, (Descriptor, Bytes)>,
    /// Content of non-distributable layers, which lies elsewhere.
    foreign: BTreeMap<Digest, Bytes>,
    /// Each after what it is made of and what it is about.
    manifests: Vec<Manifest>,
    tags: Vec<(Tag, Digest)>,
    convention_tags: BTreeMap<Tag, Digest>,
    named: BTreeMap<String, Descriptor>,
}

impl Application {
    /// Returns the blobs with their content, in the order of their digests.
    pub fn blobs(&self) -> impl Iterator<Item = (&Descriptor, &Bytes)> {
        self.blobs.values().map(|(descriptor, bytes)| (descriptor, bytes))
    }

    /// Returns the content of a blob; a non-distributable layer is found too.
    pub fn blob(&self, digest: &Digest) -> Option<&Bytes> {
        self.blobs.get(digest).map(|(_, bytes)| bytes).or_else(|| self.foreign.get(digest))
    }

    /// Returns the manifests, each after what it is made of and what it is about.
    pub fn manifests(&self) -> &[Manifest] {
        &self.manifests
    }

    /// Returns a manifest.
    pub fn manifest(&self, digest: &Digest) -> Option<&Manifest> {
        self.manifests.iter().find(|manifest| manifest.digest() == digest)
    }

    /// Returns the tags that name versions, in the order in which they were given, and what they point to.
    pub fn tags(&self) -> &[(Tag, Digest)] {
        &self.tags
    }

    /// Returns the convention tags and what they point to.
    pub const fn convention_tags(&self) -> &BTreeMap<Tag, Digest> {
        &self.convention_tags
    }

    /// Returns the manifests that the tags name, each once.
    pub fn roots(&self) -> Vec<Descriptor> {
        let mut roots: Vec<Descriptor> = Vec::new();
        for (_, digest) in &self.tags {
            let root = self.manifest(digest).expect("a tag names a manifest of the application").descriptor();
            if !roots.contains(&root) {
                roots.push(root);
            }
        }
        roots
    }

    /// Returns the descriptor of the node that the builder gave this name.
    ///
    /// # Panics
    /// When no node has it; the message lists those that exist.
    pub fn named(&self, name: &str) -> &Descriptor {
        let names = || self.named.keys().cloned().collect::<Vec<_>>().join(", ");
        self.named.get(name).unwrap_or_else(|| panic!("no node is named {name}; there are: {}", names()))
    }

    /// Returns the number of bytes of all blobs, each counted once.
    pub fn blob_bytes(&self) -> u64 {
        self.blobs.values().map(|(descriptor, _)| descriptor.size).sum()
    }

    /// Takes a node out, as a store that has lost it would: what names it still does. Returns whether it was there.
    pub fn lose(&mut self, digest: &Digest) -> bool {
        let manifests = self.manifests.len();
        self.manifests.retain(|manifest| manifest.digest() != digest);
        self.blobs.remove(digest).is_some() || self.manifests.len() < manifests
    }

    /// Returns the graph of everything that the tags name, with artifacts at any depth.
    ///
    /// It is found by repeated search of all content and not by a [`graph::Walk`], so that it can judge one.
    pub fn graph(&self) -> Graph {
        self.graph_of(self.roots().iter().map(|root| root.digest))
    }

    /// Returns the graph of these roots.
    pub fn graph_of(&self, roots: impl IntoIterator<Item = Digest>) -> Graph {
        let roots: Vec<NodeId> = roots.into_iter().map(NodeId::manifest).collect();
        let mut reached: BTreeSet<NodeId> = roots.iter().copied().collect();
        loop {
            let before = reached.len();
            for manifest in &self.manifests {
                let id = NodeId::manifest(*manifest.digest());
                let about = manifest.subject().is_some_and(|subject| attaches(&reached, &self.manifests, subject));
                if about || self.attaches_by_convention(&reached, manifest) {
                    reached.insert(id);
                }
                if reached.contains(&id) {
                    reached.extend(content_edges(manifest).map(|(edge, _)| edge.to));
                }
            }
            if reached.len() == before {
                break;
            }
        }
        let mut graph = Graph::default();
        for root in roots {
            graph.add_root(root);
        }
        for manifest in self.manifests.iter().filter(|m| reached.contains(&NodeId::manifest(*m.digest()))) {
            graph.add_manifest(manifest.clone());
        }
        for (tag, digest) in &self.convention_tags {
            let (subject, suffix) = tag.attached_to().expect("only convention tags are kept there");
            let subject = NodeId::manifest(subject);
            if let Some(suffix) = suffix.filter(|_| graph.node(&subject).is_some()) {
                let from = NodeId::manifest(*digest);
                graph.add_edge(Edge { from, to: subject, kind: EdgeKind::Convention(suffix) });
            }
        }
        graph
    }

    fn attaches_by_convention(&self, reached: &BTreeSet<NodeId>, manifest: &Manifest) -> bool {
        let names = |(tag, digest): (&Tag, &Digest)| {
            let subject = tag.attached_to().map(|(subject, _)| NodeId::manifest(subject));
            digest == manifest.digest() && subject.is_some_and(|subject| reached.contains(&subject))
        };
        self.convention_tags.iter().any(names)
    }
}

/// Whether an artifact about `subject` belongs to a graph that has reached these nodes: it is about a manifest or about a
/// layer. What is about a config, or about the empty object, is found by nobody.
fn attaches(reached: &BTreeSet<NodeId>, manifests: &[Manifest], subject: &Descriptor) -> bool {
    let id = child_id(subject);
    let is_layer = || {
        let has_layer = |manifest: &Manifest| {
            reached.contains(&NodeId::manifest(*manifest.digest()))
                && manifest.layers().iter().any(|l| l.digest == id.digest && l.media_type != MediaType::EMPTY_JSON)
        };
        manifests.iter().any(has_layer)
    };
    match id.space {
        graph::Space::Manifest => reached.contains(&id),
        graph::Space::Blob => is_layer(),
    }
}
