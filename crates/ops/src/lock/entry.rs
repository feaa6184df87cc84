//! An entry of the lock, from what is in the repository.

use std::collections::BTreeSet;

use graph::{EdgeKind, Graph, NodeId, Space, WalkOptions};
use oci::{Descriptor, Digest, Manifest, ManifestKind, Selector, Tag, Timestamp, View};
use resolve::lock::{LockedArtifact, LockedImage, LockedKind, LockedPlatform, UNKNOWN_PLATFORM};
use resolve::resolution::{Chosen, Question};
use resolve::tag::may_name;
use store::Store;
use transfer::RootRequest;

use super::base::{self, Bases};
use crate::context::Context;
use crate::error::OpsError;
use crate::facts;
use crate::past::Past;
use crate::project::OpenProject;
use crate::resolving::Resolved;

/// Most tags that are asked whether they name the same.
const ALIASES_ASKED_MAX: usize = 16;

/// Makes the entry of what was chosen.
///
/// # Errors
/// [`OpsError::NotFound`] when it is gone meanwhile, [`OpsError::Integrity`] when part of it is, and what the store brings.
pub(super) async fn entry(
    context: &Context,
    open: &OpenProject,
    resolved: &Resolved,
    name: &str,
    chosen: &Chosen,
    bases: Bases,
) -> Result<LockedImage, OpsError> {
    let candidate = &chosen.candidate;
    let question = Question { image: name.to_owned(), tag: candidate.tag.clone() };
    let image = open.project.images.get(name);
    let (Some(store), Some(image)) = (resolved.stores.get(name), image) else {
        return Err(OpsError::NotFound { location: open.file.display().to_string(), name: format!("image `{name}`") });
    };
    let examined = resolved.examined.get(&question).and_then(|examined| examined.manifest.clone());
    let manifest = examined.ok_or_else(|| OpsError::NotFound {
        location: store.location().to_owned(),
        name: format!("tag {}", candidate.tag),
    })?;
    let root = NodeId::manifest(*manifest.digest());
    let selector = Selector { tag: None, digest: Some(root.digest) };
    let roots = [RootRequest { selector, ..RootRequest::default() }];
    let cache = context.manifest_cache();
    let past = resolved.pasts.get(name).cloned().unwrap_or_default();
    let precise = precise(&**store, resolved, name, chosen, manifest.digest()).await?;
    let tag = precise.as_ref().map_or(&candidate.tag, |(tag, _)| tag);
    let also: Vec<Tag> = candidate.also.iter().chain([&candidate.tag]).cloned().collect();
    let aliases = aliases(&**store, resolved, name, tag, &also, manifest.digest());
    let closure = transfer::explore::closure_of(&**store, &roots, WalkOptions::default(), &*cache);
    let (aliases, closure) = futures_util::future::join(aliases, closure).await;
    let (aliases, closure) = (aliases?, closure?);
    if let Some(loss) = closure.losses.first() {
        return Err(OpsError::Integrity {
            location: store.location().to_owned(),
            message: format!("{} names {}, which is not there", loss.named_by.digest, loss.node.digest),
        });
    }
    let kind = if manifest.kind() == ManifestKind::Index { LockedKind::Index } else { LockedKind::Image };
    let mut locked = LockedImage::new(
        image.repository.clone(),
        precise.as_ref().map_or_else(|| candidate.version.text().to_owned(), |(_, version)| version.clone()),
        tag.clone(),
        root.digest,
        kind,
    );
    locked.track = candidate.locked_track(image);
    locked.aliases = aliases;
    locked.floating = candidate.is_floating && precise.is_none();
    locked.chosen.clone_from(&chosen.because);
    locked.requires.clone_from(&chosen.requires);
    locked.declared.clone_from(&chosen.declared);
    locked.conflicts.clone_from(&chosen.conflicts);
    locked.platforms = platforms(&closure.graph, &manifest);
    locked.artifacts = artifacts(&closure.graph, &root, &past);
    let first = locked.platforms.first().and_then(|platform| closure.graph.manifest(&platform.digest));
    // Whether or not it mattered for the choice.
    let created = match chosen.facts.as_ref().and_then(|facts| facts.created) {
        Some(created) => Some(created),
        None => facts::created(context, &**store, &manifest).await?,
    };
    let created = created.or_else(|| past.first_seen(tag, &root.digest));
    if let Some((seconds, source)) = created {
        locked.created = Timestamp::from_seconds(seconds).map(|created| created.to_string());
        locked.created_from = locked.created.as_ref().map(|_| source);
    }
    if kind == LockedKind::Image
        && let ([platform], Some(first)) = (&mut locked.platforms[..], first)
        && let Some(on) = facts::config(&**store, first).await?.and_then(|config| config.platform())
    {
        platform.on = on.to_string();
    }
    if bases == Bases::Proven {
        base::prove(context, open, &closure.graph, &mut locked.platforms).await?;
    }
    Ok(locked)
}

/// Returns the tag of an exact version, and the version, that names the same as a chosen tag that moves, of those that may.
async fn precise(
    store: &dyn Store,
    resolved: &Resolved,
    name: &str,
    chosen: &Chosen,
    digest: &Digest,
) -> Result<Option<(Tag, String)>, OpsError> {
    if !chosen.candidate.is_floating {
        return Ok(None);
    }
    let precise = resolved.resolution.candidates(name).map(|candidates| &candidates.precise[..]).unwrap_or_default();
    let past = &resolved.pasts.get(name).cloned().unwrap_or_default();
    let asked = precise.iter().map(|(tag, _)| past.names(store, tag, digest));
    let answers = futures_util::future::try_join_all(asked).await?;
    Ok(precise.iter().zip(answers).find(|(_, is_same)| *is_same).map(|(precise, _)| precise.clone()))
}

/// Returns the other tags that name the same, of those that may.
async fn aliases(
    store: &dyn Store,
    resolved: &Resolved,
    name: &str,
    tag: &Tag,
    also: &[Tag],
    digest: &Digest,
) -> Result<Vec<Tag>, OpsError> {
    let floating = resolved.resolution.candidates(name).map(|candidates| &candidates.floating[..]).unwrap_or_default();
    // Where nothing names a version, anything may name the same.
    let is_floating = floating.contains(tag);
    let past = &resolved.pasts.get(name).cloned().unwrap_or_default();
    let likely = also.iter().chain(floating.iter().filter(|alias| is_floating || may_name(alias, tag)));
    let asked = likely
        .take(ALIASES_ASKED_MAX)
        .map(|alias| async move { Ok::<_, OpsError>(past.names(store, alias, digest).await?.then(|| alias.clone())) });
    let found = futures_util::future::try_join_all(asked).await?;
    let mut aliases: Vec<Tag> = found.into_iter().flatten().filter(|alias| alias != tag).collect();
    aliases.sort();
    aliases.dedup();
    Ok(aliases)
}

/// Returns the images below the root in the order of their platforms' names.
pub(crate) fn platforms(graph: &Graph, root: &Manifest) -> Vec<LockedPlatform> {
    let mut platforms = Vec::new();
    let mut pending = vec![root.descriptor()];
    let mut seen = BTreeSet::new();
    while let Some(descriptor) = pending.pop() {
        let Some(manifest) = graph.manifest(&descriptor.digest).filter(|_| seen.insert(descriptor.digest)) else {
            continue;
        };
        match manifest.view() {
            View::Index(index) => {
                pending.extend(index.manifests.iter().filter(|child| !child.is_buildkit_attestation()).cloned());
            }
            View::Image(image) => platforms.push(LockedPlatform {
                on: descriptor.platform.as_ref().map_or_else(|| UNKNOWN_PLATFORM.to_owned(), ToString::to_string),
                digest: descriptor.digest,
                config: image.config.as_ref().map(|config| config.digest),
                layers: image.layers.iter().map(|layer| layer.digest).collect(),
                bytes: total(image.config.iter().chain(&image.layers)),
                base: None,
            }),
        }
    }
    platforms.sort_by(|one, other| one.on.cmp(&other.on).then_with(|| one.digest.cmp(&other.digest)));
    platforms
}

/// Returns the size of all parts. What a manifest says of sizes is not checked by then, and a lock has no larger number.
fn total<'a>(parts: impl Iterator<Item = &'a Descriptor>) -> u64 {
    parts.fold(0_u64, |all, part| all.saturating_add(part.size)).min(i64::MAX.unsigned_abs())
}

/// Returns what is attached to the image or to a part of it, at any depth.
pub(crate) fn artifacts(graph: &Graph, root: &NodeId, past: &Past) -> Vec<LockedArtifact> {
    let mut artifacts = Vec::new();
    for (id, node) in graph.nodes().filter(|(id, _)| id.space == Space::Manifest && *id != root) {
        let Some(manifest) = &node.manifest else { continue };
        if is_later(graph, id, past) {
            continue;
        }
        let about = graph.edges_from(id).find(|edge| !edge.kind.is_content() && graph.node(&edge.to).is_some());
        let subject = match about {
            Some(edge) => edge.to.digest,
            None => match attested(graph, id) {
                Some(digest) => digest,
                None => continue,
            },
        };
        let artifact_type = manifest.referrer_descriptor().artifact_type;
        let artifact_type = artifact_type.unwrap_or_else(|| node.descriptor.media_type.to_string());
        artifacts.push(LockedArtifact {
            role: role(&artifact_type).to_owned(),
            artifact_type,
            subject,
            digest: id.digest,
        });
    }
    artifacts.sort();
    artifacts
}

/// Tells whether an artifact, or what it is about, was attached later than the time that is looked at. What an index lists was there
/// with the index.
fn is_later(graph: &Graph, id: &NodeId, past: &Past) -> bool {
    let mut id = *id;
    for _ in 0..graph::walk::DEPTH_MAX {
        let about = graph.edges_from(&id).find(|edge| !edge.kind.is_content() && graph.node(&edge.to).is_some());
        let Some(about) = about else { return false };
        if graph.manifest(&id.digest).is_some_and(|artifact| past.is_later(artifact)) {
            return true;
        }
        id = about.to;
    }
    false
}

/// Returns the image that a BuildKit attestation is about, if the manifest is one.
fn attested(graph: &Graph, id: &NodeId) -> Option<Digest> {
    graph.edges_to(id).filter(|edge| edge.kind == EdgeKind::Child).find_map(|edge| {
        let parent = graph.manifest(&edge.from.digest)?;
        let child =
            parent.children().iter().find(|child| child.digest == id.digest && child.is_buildkit_attestation())?;
        child.annotations.get(oci::annotation::BUILDKIT_REFERENCE_DIGEST)?.parse().ok()
    })
}

/// Returns what an artifact of a type is for.
pub(crate) fn role(artifact_type: &str) -> &'static str {
    const ROLES: [(&str, &str); 12] = [
        ("lifecycle", "lifecycle"),
        ("sigstore.bundle", "signature"),
        ("cosign.artifact.sig", "signature"),
        ("simplesigning", "signature"),
        ("cncf.notary.signature", "signature"),
        ("spdx", "sbom"),
        ("cyclonedx", "sbom"),
        ("syft", "sbom"),
        ("sbom", "sbom"),
        ("in-toto", "attestation"),
        ("dsse", "attestation"),
        ("attestation", "attestation"),
    ];
    ROLES.iter().find(|(part, _)| artifact_type.contains(part)).map_or("other", |(_, role)| role)
}
