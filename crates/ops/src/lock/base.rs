//! The bases that enter a lock: those that images name and their layers confirm.
//!
//! The lock is the same whoever makes it, so what this machine remembers of other images is not asked. A base is looked for in the
//! registries that the project names itself; no other is asked because an image says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use graph::{EdgeKind, Graph, NodeId};
use oci::{Digest, Manifest, ManifestKind, Platform, RegistryReference, Selector, annotation};
use resolve::lock::{LockedBase, LockedPlatform};
use store::Store;
use transfer::RootRequest;

use crate::context::Context;
use crate::error::{ErrorKind, OpsError};
use crate::found::fetch;
use crate::project::OpenProject;
use crate::sources;

/// Most platforms of one image whose bases are looked for.
const PLATFORMS_MAX: usize = 256;
/// How many bases are looked at at once.
const BASES_AT_ONCE: usize = 8;

/// Whether the bases of what is locked are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bases {
    /// They are, where images name them.
    Proven,
    /// They are not: the registries are not asked, and the copy that is locked from has none but what is locked.
    Unasked,
}

/// What an image says of its base.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    name: String,
    digest: Digest,
}

/// Notes the bases that the images for single platforms name and that are proven by layers.
///
/// # Errors
/// When a registry does not answer that no mirror stands for. A base that is gone, or that nobody may read, is not proven.
pub(super) async fn prove(
    context: &Context,
    open: &OpenProject,
    graph: &Graph,
    platforms: &mut [LockedPlatform],
) -> Result<(), OpsError> {
    let mut wanted: BTreeMap<Claim, Vec<&mut LockedPlatform>> = BTreeMap::new();
    for platform in platforms.iter_mut().take(PLATFORMS_MAX) {
        if let Some(claim) = claim(graph, &platform.digest) {
            wanted.entry(claim).or_default().push(platform);
        }
    }
    let proofs = wanted.into_iter().map(|(claim, platforms)| async move {
        let Some(mut named) = Named::find(context, open, &claim).await? else { return Ok(()) };
        for platform in platforms {
            if let Some(layers) = named.layers_below(context, platform).await? {
                let RegistryReference { selector, .. } = &named.reference;
                platform.base = Some(LockedBase {
                    tag: selector.tag.clone(),
                    repository: RegistryReference { selector: Selector::default(), ..named.reference.clone() },
                    digest: claim.digest,
                    layers: layers as u64,
                    proof: LockedBase::CONFIRMED.to_owned(),
                });
            }
        }
        Ok::<_, OpsError>(())
    });
    stream::iter(proofs).buffer_unordered(BASES_AT_ONCE).try_collect().await
}

/// Returns what is said of the base of an image in the first place that says anything: on its manifest, where an index points to it,
/// or on that index. Labels are not asked; an image has those of its base.
fn claim(graph: &Graph, digest: &Digest) -> Option<Claim> {
    let read = |annotations: &BTreeMap<String, String>| {
        let name = annotations.get(annotation::BASE_NAME).filter(|name| !name.is_empty())?;
        let digest = annotations.get(annotation::BASE_DIGEST)?.parse().ok()?;
        Some(Claim { name: name.clone(), digest })
    };
    let id = NodeId::manifest(*digest);
    let parents = || {
        let edges = graph.edges_to(&id).filter(|edge| edge.kind == EdgeKind::Child);
        edges.filter_map(|edge| graph.manifest(&edge.from.digest))
    };
    let pointers = parents().flat_map(Manifest::children).filter(|child| child.digest == *digest);
    let own = graph.manifest(digest).and_then(|manifest| read(manifest.annotations()));
    own.or_else(|| pointers.map(|pointer| &pointer.annotations).find_map(read))
        .or_else(|| parents().map(Manifest::annotations).find_map(read))
}

/// What a claim names, where it was found.
struct Named {
    reference: RegistryReference,
    store: Arc<dyn Store>,
    root: Manifest,
    /// The images of an index that were read, by their digests.
    images: BTreeMap<Digest, Manifest>,
    /// Whether it may have come from a mirror.
    is_mirrored: bool,
}

impl Named {
    /// Looks for what a claim names; `None` where it is not in a registry of the project, or not to be had.
    async fn find(context: &Context, open: &OpenProject, claim: &Claim) -> Result<Option<Self>, OpsError> {
        let Ok(mut reference) = claim.name.parse::<RegistryReference>() else { return Ok(None) };
        // Beside the digest a name without a tag means none.
        reference.selector.digest = None;
        if !open.project.images.values().any(|image| image.repository.host == reference.host) {
            return Ok(None);
        }
        let repository = RegistryReference { selector: Selector::default(), ..reference.clone() };
        let store = sources::repository(context, open, &repository).await?;
        let selector = Selector { tag: None, digest: Some(claim.digest) };
        let request = RootRequest { selector, ..RootRequest::default() };
        let root = async {
            let root = transfer::explore::find_root(&*store, &request).await?;
            fetch(context, &*store, &root).await
        };
        let is_mirrored = open.project.mirrors_of(&repository).iter().any(|(_, by)| by.answers_digests());
        let root = there(root.await, is_mirrored)?;
        Ok(root.map(|root| Self { reference, store, root, images: BTreeMap::new(), is_mirrored }))
    }

    /// Returns how many of an image's layers are those of the base, all of them and the lowest; `None` where they are not.
    async fn layers_below(&mut self, context: &Context, image: &LockedPlatform) -> Result<Option<usize>, OpsError> {
        let base = match self.root.kind() {
            ManifestKind::Image => &self.root,
            ManifestKind::Index => {
                let wanted = image.on.parse::<Platform>().ok();
                let fits = |platform: &Platform| wanted.as_ref().is_some_and(|wanted| platform.satisfies(wanted));
                let mut children = self.root.children().iter();
                let child = children.find(|child| {
                    child.platform.as_ref().is_some_and(fits)
                        && !child.is_buildkit_attestation()
                        && child.manifest_kind() == Some(ManifestKind::Image)
                });
                let Some(child) = child else { return Ok(None) };
                if !self.images.contains_key(&child.digest) {
                    let Some(found) = there(fetch(context, &*self.store, child).await, self.is_mirrored)? else {
                        return Ok(None);
                    };
                    self.images.insert(child.digest, found);
                }
                match self.images.get(&child.digest) {
                    Some(found) => found,
                    None => return Ok(None),
                }
            }
        };
        let layers: Vec<Digest> = base.layers().iter().map(|layer| layer.digest).collect();
        let is_below = !layers.is_empty() && *base.digest() != image.digest && image.layers.starts_with(&layers);
        Ok(is_below.then_some(layers.len()))
    }
}

/// Returns what was found. A registry that does not answer is no reason to lock less than another run would, unless a mirror stands for it:
/// then it may never answer here.
fn there<T>(found: Result<T, OpsError>, is_mirrored: bool) -> Result<Option<T>, OpsError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::Unreachable && !is_mirrored => Err(error),
        Err(_) => Ok(None),
    }
}
