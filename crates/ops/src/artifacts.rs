//! What refers to an image, at any depth, as a tree.

use std::collections::{BTreeMap, BTreeSet};

use graph::{EdgeKind, Graph, Loss, Node, NodeId, Space, WalkOptions};
use oci::name::ConventionSuffix;
use oci::{Annotations, Descriptor, Digest, Manifest, Platform, Reference, Selector, Tag, annotation};
use transfer::RootRequest;

use crate::context::Context;
use crate::error::OpsError;
use crate::found::find;

/// Of what to show the artifacts.
#[derive(Clone, Debug)]
pub struct ArtifactsRequest {
    /// The image.
    pub reference: Reference,
    /// Of an index, the image for this platform.
    pub platform: Option<Platform>,
    /// Only artifacts of this type, and what leads to them.
    pub artifact_type: Option<String>,
}

/// What refers to an image.
#[derive(Clone, Debug)]
pub struct ArtifactsReport {
    /// Where it is.
    pub location: String,
    /// The tag by which it was found.
    pub tag: Option<Tag>,
    /// The image, with everything below it that has something attached.
    pub root: ArtifactNode,
    /// What a parent or a list of referrers names and the store lacks.
    pub losses: Vec<Loss>,
}

/// A node of the tree.
#[derive(Clone, Debug)]
pub struct ArtifactNode {
    /// How it belongs to the node above it.
    pub relation: Relation,
    /// Type, digest and size.
    pub descriptor: Descriptor,
    /// For an artifact its type; one that states none is known by the type of its config.
    pub artifact_type: Option<String>,
    /// Annotations of the manifest.
    pub annotations: Annotations,
    /// The files of an artifact: its layers that have a title.
    pub files: Vec<ArtifactFile>,
    /// What lies below it: of an index and an image the parts to which something is attached, of anything what is attached.
    pub below: Vec<ArtifactNode>,
}

/// How a node belongs to the one above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is the root.
    Root,
    /// It is a child of the index above.
    Child(Option<Platform>),
    /// It is a layer of the image above.
    Layer,
    /// It names the node above as its subject.
    Subject,
    /// A convention tag attaches it to the node above.
    Convention(ConventionSuffix),
    /// The index holds it as a BuildKit attestation about the node above.
    Attestation,
}

impl Relation {
    /// Tells whether it is something attached, and not a part.
    pub const fn is_artifact(&self) -> bool {
        matches!(self, Self::Subject | Self::Convention(_) | Self::Attestation)
    }
}

/// A file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactFile {
    /// Its name, as the artifact states it.
    pub title: String,
    /// Its content.
    pub descriptor: Descriptor,
}

impl ArtifactNode {
    /// Returns the number of artifacts below this node, at any depth.
    pub fn artifact_count(&self) -> usize {
        let below = self.below.iter().map(|node| usize::from(node.relation.is_artifact()) + node.artifact_count());
        below.sum()
    }
}

/// Shows what refers to an image, to its children and layers, and to all of that.
///
/// # Errors
/// As [`find`], and what the store brings. Something missing is part of the report.
pub async fn artifacts(context: &Context, request: &ArtifactsRequest) -> Result<ArtifactsReport, OpsError> {
    let found = find(context, &request.reference, request.platform.as_ref()).await?;
    let digest = *found.manifest.digest();
    let selector = Selector { tag: None, digest: Some(digest) };
    let roots = [RootRequest { selector, ..RootRequest::default() }];
    let cache = context.manifest_cache();
    let closure = transfer::explore::closure_of(&*found.store, &roots, WalkOptions::default(), &*cache).await?;
    let tree = Tree { graph: &closure.graph, attestations: attestations(&closure.graph) };
    let mut root = tree.node(Relation::Root, NodeId::manifest(digest), &mut Vec::new());
    if let Some(wanted) = &request.artifact_type {
        root.below.retain_mut(|node| keep_type(node, wanted));
    }
    Ok(ArtifactsReport {
        location: found.store.location().to_owned(),
        tag: found.tag().cloned(),
        root,
        losses: closure.losses,
    })
}

/// Cuts a branch down to what leads to artifacts of a type; tells whether anything is left.
fn keep_type(node: &mut ArtifactNode, wanted: &str) -> bool {
    node.below.retain_mut(|node| keep_type(node, wanted));
    !node.below.is_empty() || (node.relation.is_artifact() && node.artifact_type.as_deref() == Some(wanted))
}

/// Finds BuildKit's attestations by what they are about.
fn attestations(graph: &Graph) -> BTreeMap<Digest, BTreeSet<Digest>> {
    let manifests = graph.nodes().filter_map(|(_, node)| node.manifest.as_ref());
    let children = manifests.flat_map(Manifest::children).filter(|child| child.is_buildkit_attestation());
    let mut attestations: BTreeMap<Digest, BTreeSet<Digest>> = BTreeMap::new();
    for child in children {
        let subject = child.annotation(annotation::BUILDKIT_REFERENCE_DIGEST).and_then(|digest| digest.parse().ok());
        if let Some(subject) = subject {
            attestations.entry(subject).or_default().insert(child.digest);
        }
    }
    attestations
}

struct Tree<'a> {
    graph: &'a Graph,
    attestations: BTreeMap<Digest, BTreeSet<Digest>>,
}

impl Tree<'_> {
    /// Builds the node and what lies below it. `above` are the nodes on the way from the root: convention tags are names,
    /// not hashes, so they can lead in a circle.
    fn node(&self, relation: Relation, id: NodeId, above: &mut Vec<NodeId>) -> ArtifactNode {
        let known = self.graph.node(&id);
        let manifest = known.and_then(|node| node.manifest.as_ref());
        let mut node = ArtifactNode {
            descriptor: known.map_or_else(|| unknown(id), described),
            artifact_type: manifest.filter(|_| relation.is_artifact()).and_then(type_of),
            annotations: manifest.map(|manifest| manifest.annotations().clone()).unwrap_or_default(),
            files: manifest.filter(|_| relation.is_artifact()).map(files).unwrap_or_default(),
            below: Vec::new(),
            relation,
        };
        if above.contains(&id) || above.len() > graph::walk::DEPTH_MAX {
            return node;
        }
        above.push(id);
        node.below.extend(self.parts(manifest, above));
        node.below.extend(self.attached(id, above));
        above.pop();
        node
    }

    /// Builds the children and layers to which something is attached.
    fn parts(&self, manifest: Option<&Manifest>, above: &mut Vec<NodeId>) -> Vec<ArtifactNode> {
        let Some(manifest) = manifest else { return Vec::new() };
        let mut parts = Vec::new();
        let mut seen = BTreeSet::new();
        let children = manifest.children().iter().filter(|child| !child.is_buildkit_attestation());
        let children = children.map(|child| (Relation::Child(child.platform.clone()), graph::node::child_id(child)));
        let layers = manifest.layers().iter().map(|layer| (Relation::Layer, NodeId::blob(layer.digest)));
        for (relation, id) in children.chain(layers) {
            if seen.insert(id) {
                let node = self.node(relation, id, above);
                if !node.below.is_empty() {
                    parts.push(node);
                }
            }
        }
        parts
    }

    /// Builds what is attached to a node.
    fn attached(&self, id: NodeId, above: &mut Vec<NodeId>) -> Vec<ArtifactNode> {
        let mut attached = Vec::new();
        for edge in self.graph.edges_to(&id) {
            let relation = match edge.kind {
                EdgeKind::Subject => Relation::Subject,
                EdgeKind::Convention(suffix) => Relation::Convention(suffix),
                EdgeKind::Config | EdgeKind::Layer | EdgeKind::Child => continue,
            };
            attached.push(self.node(relation, edge.from, above));
        }
        for digest in self.attestations.get(&id.digest).into_iter().flatten() {
            attached.push(self.node(Relation::Attestation, NodeId::manifest(*digest), above));
        }
        // By type and title, so that the tree reads the same wherever the image is.
        attached.sort_by(|a, b| order(a).cmp(&order(b)));
        attached
    }
}

fn order(node: &ArtifactNode) -> (Option<&str>, Option<&str>, Digest) {
    let title = node.files.first().map(|file| file.title.as_str());
    (node.artifact_type.as_deref(), title, node.descriptor.digest)
}

fn described(node: &Node) -> Descriptor {
    let known = &node.descriptor;
    Descriptor::new(known.media_type.clone(), known.digest, known.size)
}

/// Describes a node of which only the name is known. It does not come up: every edge of a closure ends at a node.
fn unknown(id: NodeId) -> Descriptor {
    let media_type = match id.space {
        Space::Manifest => oci::MediaType::OCI_MANIFEST,
        Space::Blob => oci::MediaType::OCTET_STREAM,
    };
    Descriptor::new(media_type, id.digest, 0)
}

fn type_of(manifest: &Manifest) -> Option<String> {
    manifest.referrer_descriptor().artifact_type
}

fn files(manifest: &Manifest) -> Vec<ArtifactFile> {
    let titled = manifest.layers().iter().filter_map(|layer| {
        let title = layer.annotation(annotation::TITLE)?.to_owned();
        Some(ArtifactFile { title, descriptor: layer.clone() })
    });
    titled.collect()
}
