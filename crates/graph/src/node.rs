//! Nodes and edges as the bytes say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use oci::name::ConventionSuffix;
use oci::{Descriptor, Digest, Manifest};

/// Which of a repository's two name spaces a node lives in. Registries keep manifests and blobs apart, so the same bytes
/// may have to exist in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Configs, layers and every other content without outgoing edges.
    Blob,
    /// Manifests and indexes.
    Manifest,
}

/// The name of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// Where it lives.
    pub space: Space,
    /// Its content.
    pub digest: Digest,
}

impl NodeId {
    /// Returns the name of a manifest.
    pub const fn manifest(digest: Digest) -> Self {
        Self { space: Space::Manifest, digest }
    }

    /// Returns the name of a blob.
    pub const fn blob(digest: Digest) -> Self {
        Self { space: Space::Blob, digest }
    }

    /// Returns the name of the same bytes in the other space.
    const fn in_other_space(self) -> Self {
        match self.space {
            Space::Blob => Self::manifest(self.digest),
            Space::Manifest => Self::blob(self.digest),
        }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = match self.space {
            Space::Blob => "blob",
            Space::Manifest => "manifest",
        };
        write!(f, "{space} {}", self.digest)
    }
}

/// A node: what is known of its type and size and, for a manifest, its content.
#[derive(Clone, Debug)]
pub struct Node {
    /// Type, digest and size. Annotations and platform of the pointer by which it was found first are kept for people.
    pub descriptor: Descriptor,
    /// The manifest; `None` for a blob, and for a manifest that the source does not have.
    pub manifest: Option<Manifest>,
}

/// What an edge means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// A manifest and its configuration.
    Config,
    /// A manifest and one of its layers (or blobs, for an artifact).
    Layer,
    /// An index and one of its children.
    Child,
    /// An artifact and what it is about. Written in the artifact's bytes.
    Subject,
    /// An artifact that a convention tag attaches, and what it is about. Written in the name of the tag.
    Convention(ConventionSuffix),
}

impl EdgeKind {
    /// Tells whether the edge says what its origin is made of. A node cannot be used without what it is made of; it can
    /// without what it is about.
    pub const fn is_content(self) -> bool {
        matches!(self, Self::Config | Self::Layer | Self::Child)
    }
}

/// An edge, in the direction in which it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// The node that says so.
    pub from: NodeId,
    /// The node it points to.
    pub to: NodeId,
    /// What it means.
    pub kind: EdgeKind,
}

/// Nodes and edges, with both directions indexed.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: BTreeMap<NodeId, Node>,
    forward: BTreeMap<NodeId, BTreeSet<(EdgeKind, NodeId)>>,
    reverse: BTreeMap<NodeId, BTreeSet<(EdgeKind, NodeId)>>,
    roots: Vec<NodeId>,
}

impl Graph {
    /// Returns the roots in the order in which they were given.
    pub fn roots(&self) -> &[NodeId] {
        &self.roots
    }

    /// Returns every node, blobs first, in the order of their digests.
    pub fn nodes(&self) -> impl Iterator<Item = (&NodeId, &Node)> {
        self.nodes.iter()
    }

    /// Returns the number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Tells whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Returns a node.
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// Returns a manifest that is in the graph with its content.
    pub fn manifest(&self, digest: &Digest) -> Option<&Manifest> {
        self.nodes.get(&NodeId::manifest(*digest))?.manifest.as_ref()
    }

    /// Returns every edge.
    pub fn edges(&self) -> impl Iterator<Item = Edge> + '_ {
        self.forward.iter().flat_map(|(from, targets)| targets.iter().map(|&(kind, to)| Edge { from: *from, to, kind }))
    }

    /// Returns the edges that begin at a node.
    pub fn edges_from(&self, id: &NodeId) -> impl Iterator<Item = Edge> + '_ {
        let from = *id;
        self.forward.get(id).into_iter().flatten().map(move |&(kind, to)| Edge { from, to, kind })
    }

    /// Returns the edges that end at a node: its parents and what is about it.
    pub fn edges_to(&self, id: &NodeId) -> impl Iterator<Item = Edge> + '_ {
        let to = *id;
        self.reverse.get(id).into_iter().flatten().map(move |&(kind, from)| Edge { from, to, kind })
    }

    /// Returns what is about a node: its referrers and what convention tags attach to it.
    pub fn attached_to(&self, id: &NodeId) -> impl Iterator<Item = (EdgeKind, &Node)> {
        self.reverse
            .get(id)
            .into_iter()
            .flatten()
            .filter(|(kind, _)| !kind.is_content())
            .filter_map(|(kind, from)| Some((*kind, self.nodes.get(from)?)))
    }

    /// Adds a root. The node itself is added with [`Graph::add_manifest`].
    pub fn add_root(&mut self, id: NodeId) {
        if !self.roots.contains(&id) {
            self.roots.push(id);
        }
    }

    /// Adds a node that is only known by its descriptor; a node that is there already is left alone. Returns whether it was new.
    pub fn add_node(&mut self, id: NodeId, descriptor: &Descriptor) -> bool {
        if self.nodes.contains_key(&id) {
            return false;
        }
        self.nodes.insert(id, Node { descriptor: descriptor.clone(), manifest: None });
        self.settle_subjects(id);
        true
    }

    /// Adds an edge. Both ends should be, or become, nodes.
    pub fn add_edge(&mut self, edge: Edge) {
        self.forward.entry(edge.from).or_default().insert((edge.kind, edge.to));
        self.reverse.entry(edge.to).or_default().insert((edge.kind, edge.from));
    }

    /// Adds a manifest with its content, the nodes it is made of and the edges it writes. Its subject becomes an edge, and
    /// a node only if it is found otherwise. Returns its name.
    pub fn add_manifest(&mut self, manifest: Manifest) -> NodeId {
        let id = NodeId::manifest(*manifest.digest());
        for (edge, descriptor) in content_edges(&manifest) {
            self.add_node(edge.to, descriptor);
            self.add_edge(edge);
        }
        let stated = manifest.subject().map(child_id);
        self.add_node(id, &manifest.descriptor());
        if let Some(node) = self.nodes.get_mut(&id) {
            node.manifest = Some(manifest);
        }
        if let Some(stated) = stated {
            self.add_edge(Edge { from: id, to: self.subject_target(stated), kind: EdgeKind::Subject });
        }
        id
    }

    /// The subject's descriptor says by its type whether it is a manifest. One that lies is put right by the nodes there
    /// are: the edge leads to the node of this digest that exists.
    fn subject_target(&self, stated: NodeId) -> NodeId {
        let other = stated.in_other_space();
        if !self.nodes.contains_key(&stated) && self.nodes.contains_key(&other) { other } else { stated }
    }

    /// A new node may be what subject edges should lead to that were written before it was known: the graph must not
    /// depend on the order in which its parts were found.
    fn settle_subjects(&mut self, new: NodeId) {
        let pointing = self.edges_to(&new).chain(self.edges_to(&new.in_other_space()));
        let edges: Vec<Edge> = pointing.filter(|edge| edge.kind == EdgeKind::Subject).collect();
        for edge in edges {
            let subject = self.manifest(&edge.from.digest).and_then(Manifest::subject);
            let Some(to) = subject.map(|subject| self.subject_target(child_id(subject))) else { continue };
            if to != edge.to {
                self.remove_edge(edge);
                self.add_edge(Edge { to, ..edge });
            }
        }
    }

    fn remove_edge(&mut self, edge: Edge) {
        if let Some(targets) = self.forward.get_mut(&edge.from) {
            targets.remove(&(edge.kind, edge.to));
        }
        if let Some(origins) = self.reverse.get_mut(&edge.to) {
            origins.remove(&(edge.kind, edge.from));
        }
    }
}

/// Returns what a manifest is made of: config, layers, children, each as an edge with the descriptor that writes it.
///
/// A child whose media type names no manifest is carried as a blob, as is every layer and config.
pub fn content_edges(manifest: &Manifest) -> impl Iterator<Item = (Edge, &Descriptor)> {
    let from = NodeId::manifest(*manifest.digest());
    let edge = move |kind, to| Edge { from, to, kind };
    let config = manifest.config().into_iter().map(move |d| (edge(EdgeKind::Config, NodeId::blob(d.digest)), d));
    let layers = manifest.layers().iter().map(move |d| (edge(EdgeKind::Layer, NodeId::blob(d.digest)), d));
    let children = manifest.children().iter().map(move |d| (edge(EdgeKind::Child, child_id(d)), d));
    config.chain(layers).chain(children)
}

/// Returns the name of an index's child.
pub fn child_id(descriptor: &Descriptor) -> NodeId {
    match descriptor.manifest_kind() {
        Some(_) => NodeId::manifest(descriptor.digest),
        None => NodeId::blob(descriptor.digest),
    }
}
