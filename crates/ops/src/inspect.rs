//! What an image is: what its manifest, its configuration and its registry say.

use std::collections::BTreeMap;

use graph::{EdgeKind, Graph, NodeId, Space, WalkOptions};
use oci::limits::CONFIG_MAX_BYTES;
use oci::{Descriptor, ImageConfig, Manifest, Platform, Reference, Tag, annotation};
use store::Store;
use transfer::RootRequest;

use crate::context::Context;
use crate::error::OpsError;
use crate::found::{Found, find, read_blob};

/// What to look at.
#[derive(Clone, Debug)]
pub struct InspectRequest {
    /// The image.
    pub reference: Reference,
    /// Of an index, the image for this platform.
    pub platform: Option<Platform>,
}

/// What an image is.
#[derive(Clone, Debug)]
pub struct InspectReport {
    /// Where it is.
    pub location: String,
    /// The tag by which it was found.
    pub tag: Option<Tag>,
    /// The manifest or index.
    pub manifest: Manifest,
    /// What identifies it.
    pub identity: Vec<Fact>,
    /// The images of an index, nested ones among them; of an image, itself. Attestations are not among them.
    pub images: Vec<ImageSheet>,
    /// What is attached, at any depth, by type.
    pub attached: Vec<Attached>,
    /// What a parent or a list of referrers names and the store lacks, as far as it was looked at.
    pub missing: Vec<NodeId>,
}

/// Something that is known of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is: `title`, `version` and so on.
    pub name: &'static str,
    /// Its value, as it was written.
    pub value: String,
    /// Where it was written.
    pub evidence: Evidence,
}

/// Where a fact was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// In an annotation of the manifest or index.
    Annotation,
    /// In a label of the configuration.
    Label,
    /// In a field of the configuration.
    Configuration,
}

/// One image.
#[derive(Clone, Debug)]
pub struct ImageSheet {
    /// Its manifest.
    pub descriptor: Descriptor,
    /// For what it is, where that is known.
    pub platform: Option<Platform>,
    /// Type of the artifact, where it is one.
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Option<Descriptor>,
    /// The layers.
    pub layers: Vec<Descriptor>,
}

impl ImageSheet {
    /// Returns the bytes of configuration and layers together.
    pub fn bytes(&self) -> u64 {
        self.config.iter().chain(&self.layers).map(|descriptor| descriptor.size).sum()
    }
}

/// What is attached of one type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attached {
    /// The artifact type; a manifest without one is known by the type of its config.
    pub artifact_type: String,
    /// How many there are.
    pub count: usize,
}

/// The annotation or label of each fact.
const FACTS: [(&str, &str); 10] = [
    ("title", annotation::TITLE),
    ("version", annotation::VERSION),
    ("description", annotation::DESCRIPTION),
    ("licenses", annotation::LICENSES),
    ("vendor", annotation::VENDOR),
    ("authors", annotation::AUTHORS),
    ("source", annotation::SOURCE),
    ("revision", annotation::REVISION),
    ("created", annotation::CREATED),
    ("base", annotation::BASE_NAME),
];

/// Returns the manifest that a reference names.
///
/// # Errors
/// As [`find`].
pub async fn manifest(context: &Context, request: &InspectRequest) -> Result<Manifest, OpsError> {
    Ok(find(context, &request.reference, request.platform.as_ref()).await?.manifest)
}

/// Returns what an image is.
///
/// # Errors
/// As [`find`], and what the store brings. Something missing is part of the report.
pub async fn inspect(context: &Context, request: &InspectRequest) -> Result<InspectReport, OpsError> {
    let found = find(context, &request.reference, request.platform.as_ref()).await?;
    let root = NodeId::manifest(*found.manifest.digest());
    let by_digest = oci::Selector { tag: None, digest: Some(root.digest) };
    let roots = [RootRequest { selector: by_digest, ..RootRequest::default() }];
    let cache = context.manifest_cache();
    let closure = transfer::explore::closure_of(&*found.store, &roots, WalkOptions::default(), &*cache).await?;

    let mut missing: Vec<NodeId> = closure.losses.iter().map(|loss| loss.node).collect();
    let mut images = images(&closure.graph, &found);
    let config = match images.first().and_then(|image| image.config.clone()) {
        Some(config) if config.media_type.is_image_config() => {
            read_config(&*found.store, &config, &mut missing).await?
        }
        _ => None,
    };
    if let [image] = &mut images[..]
        && image.platform.is_none()
    {
        image.platform = config.as_ref().and_then(ImageConfig::platform);
    }
    missing.dedup();
    Ok(InspectReport {
        location: found.store.location().to_owned(),
        tag: found.tag().cloned(),
        identity: identity(&closure.graph, &found.manifest, &images, config.as_ref()),
        attached: attached(&closure.graph, &root),
        images,
        missing,
        manifest: found.manifest,
    })
}

/// Lists the images below the root in the order of their indexes.
fn images(graph: &Graph, found: &Found) -> Vec<ImageSheet> {
    let mut sheets = Vec::new();
    let root = found.manifest.descriptor();
    let mut pending = vec![Descriptor { platform: found.platform.clone(), ..root }];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(descriptor) = pending.pop() {
        let Some(manifest) = graph.manifest(&descriptor.digest) else { continue };
        if !seen.insert(descriptor.digest) {
            continue;
        }
        match manifest.view() {
            oci::View::Index(index) => {
                let children = index.manifests.iter().filter(|child| !child.is_buildkit_attestation());
                pending.extend(children.rev().cloned());
            }
            oci::View::Image(image) => sheets.push(ImageSheet {
                platform: descriptor.platform.clone(),
                descriptor: manifest.descriptor(),
                artifact_type: image.artifact_type.clone(),
                config: image.config.clone(),
                layers: image.layers.clone(),
            }),
        }
    }
    sheets
}

async fn read_config(
    store: &dyn Store,
    descriptor: &Descriptor,
    missing: &mut Vec<NodeId>,
) -> Result<Option<ImageConfig>, OpsError> {
    if descriptor.size > CONFIG_MAX_BYTES as u64 {
        return Ok(None);
    }
    let Some(bytes) = read_blob(store, descriptor, CONFIG_MAX_BYTES).await? else {
        missing.push(NodeId::blob(descriptor.digest));
        return Ok(None);
    };
    // An artifact may call anything a configuration: what cannot be read identifies nothing.
    Ok(ImageConfig::parse(&bytes).ok())
}

/// Takes each fact from where it is written closest to the root.
fn identity(graph: &Graph, root: &Manifest, images: &[ImageSheet], config: Option<&ImageConfig>) -> Vec<Fact> {
    let image = images.first().and_then(|image| graph.manifest(&image.descriptor.digest));
    let annotated = |key: &str| {
        let own = root.annotations().get(key);
        own.or_else(|| image?.annotations().get(key)).map(|value| (value.clone(), Evidence::Annotation))
    };
    let labelled = |key: &str| Some((config?.label(key)?.to_owned(), Evidence::Label));
    let configured = |name: &str| {
        let value = match name {
            "created" => config?.created.clone(),
            "authors" => config?.author.clone(),
            _ => None,
        };
        Some((value.filter(|value| !value.is_empty())?, Evidence::Configuration))
    };
    FACTS
        .into_iter()
        .filter_map(|(name, key)| {
            let (value, evidence) = annotated(key).or_else(|| labelled(key)).or_else(|| configured(name))?;
            Some(Fact { name, value, evidence })
        })
        .collect()
}

/// Counts what is about something in the graph, by type.
fn attached(graph: &Graph, root: &NodeId) -> Vec<Attached> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (id, node) in graph.nodes().filter(|(id, _)| id.space == Space::Manifest && *id != root) {
        let about = graph.edges_from(id).any(|edge| !edge.kind.is_content() && graph.node(&edge.to).is_some());
        let attests = graph.edges_to(id).any(|edge| edge.kind == EdgeKind::Child) && is_attestation(graph, id);
        if about || attests {
            let kind = node.manifest.as_ref().map(Manifest::referrer_descriptor);
            let kind = kind.and_then(|descriptor| descriptor.artifact_type);
            *counts.entry(kind.unwrap_or_else(|| node.descriptor.media_type.to_string())).or_default() += 1;
        }
    }
    counts.into_iter().map(|(artifact_type, count)| Attached { artifact_type, count }).collect()
}

/// Tells whether an index holds a manifest as a BuildKit attestation about another of its children.
fn is_attestation(graph: &Graph, id: &NodeId) -> bool {
    let parents = graph.edges_to(id).filter(|edge| edge.kind == EdgeKind::Child);
    parents.filter_map(|edge| graph.manifest(&edge.from.digest)).any(|parent| {
        parent.children().iter().any(|child| child.digest == id.digest && child.is_buildkit_attestation())
    })
}
