//! An index reduced to some platforms.
//!
//! The result is new content with a new digest: whatever was signed about the original says nothing about it.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use oci::{Algorithm, Descriptor, Digest, Manifest, ManifestKind, Platform, annotation};
use serde_json::Value;
use store::Store;

use crate::cache::ManifestCache;
use crate::error::TransferError;
use crate::explore::fetch_manifest;

/// An index reduced to some platforms.
#[derive(Clone, Debug)]
pub struct Narrowed {
    /// The new root.
    pub root: Manifest,
    /// Everything that was made: the root, and nested indexes that had to be reduced too. Empty when the original has
    /// nothing to leave out, so that `root` is the original.
    pub made: Vec<Manifest>,
}

/// Reduces the index `root` to the children for which one of `platforms` asks, with the attestations about them; nested
/// indexes are reduced likewise. A root that is no index is returned as it is.
///
/// # Errors
/// [`TransferError::NoPlatform`] when nothing is left, [`TransferError::NotFound`] when a manifest is missing.
pub async fn narrow(
    source: &dyn Store,
    cache: &dyn ManifestCache,
    root: &Descriptor,
    platforms: &[Platform],
) -> Result<Narrowed, TransferError> {
    let mut made = Vec::new();
    match narrow_at(source, cache, root, platforms, &mut made, graph::walk::DEPTH_MAX).await? {
        Some(manifest) => Ok(Narrowed { root: manifest, made }),
        None => Err(TransferError::NoPlatform {
            digest: root.digest,
            wanted: list(platforms),
            available: list(&available(source, cache, root).await?),
        }),
    }
}

/// Returns the manifest reduced, or `None` when nothing of it is wanted.
fn narrow_at<'a>(
    source: &'a dyn Store,
    cache: &'a dyn ManifestCache,
    descriptor: &'a Descriptor,
    platforms: &'a [Platform],
    made: &'a mut Vec<Manifest>,
    depth: usize,
) -> BoxFuture<'a, Result<Option<Manifest>, TransferError>> {
    async move {
        let manifest = required(source, cache, descriptor).await?;
        if manifest.kind() == ManifestKind::Image || depth == 0 {
            return Ok(Some(manifest));
        }
        let mut kept: Vec<(usize, Descriptor)> = Vec::new();
        for (position, child) in manifest.children().iter().enumerate() {
            if child.is_buildkit_attestation() {
                continue;
            }
            let wanted = match &child.platform {
                Some(platform) => platforms.iter().any(|wanted| platform.satisfies(wanted)).then(|| child.clone()),
                None if child.manifest_kind() == Some(ManifestKind::Index) => {
                    let inner = narrow_at(source, cache, child, platforms, made, depth - 1).await?;
                    inner.map(|inner| Descriptor {
                        digest: *inner.digest(),
                        size: inner.bytes().len() as u64,
                        ..child.clone()
                    })
                }
                // Neither a platform nor a list of platforms: it is for all of them.
                None => Some(child.clone()),
            };
            kept.extend(wanted.map(|child| (position, child)));
        }
        let about = |child: &Descriptor| {
            let subject = child.annotation(annotation::BUILDKIT_REFERENCE_DIGEST)?.parse::<Digest>().ok()?;
            kept.iter().any(|(_, kept)| kept.digest == subject).then_some(())
        };
        let attestations: Vec<(usize, Descriptor)> = manifest
            .children()
            .iter()
            .enumerate()
            .filter(|(_, child)| child.is_buildkit_attestation() && about(child).is_some())
            .map(|(position, child)| (position, child.clone()))
            .collect();
        if kept.is_empty() {
            return Ok(None);
        }
        kept.extend(attestations);
        kept.sort_by_key(|(position, _)| *position);
        let same = kept.len() == manifest.children().len()
            && kept.iter().zip(manifest.children()).all(|((_, kept), child)| kept.digest == child.digest);
        if same {
            return Ok(Some(manifest));
        }
        let smaller = rewrite(&manifest, &kept)?;
        made.push(smaller.clone());
        Ok(Some(smaller))
    }
    .boxed()
}

/// Writes the index anew with the chosen children; everything else it says, known to us or not, stays.
fn rewrite(manifest: &Manifest, kept: &[(usize, Descriptor)]) -> Result<Manifest, TransferError> {
    let json = oci::ManifestError::Json;
    let mut document: Value = serde_json::from_slice(manifest.bytes()).map_err(json)?;
    let children = document.get_mut("manifests").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
    let smaller = kept.iter().filter_map(|(position, descriptor)| {
        let mut child = children.get(*position)?.clone();
        child["digest"] = Value::from(descriptor.digest.to_string());
        child["size"] = Value::from(descriptor.size);
        Some(child)
    });
    document["manifests"] = Value::Array(smaller.collect());
    let bytes = serde_json::to_vec(&document).map_err(json)?;
    Ok(Manifest::from_new(bytes.into(), manifest.media_type(), Algorithm::Sha256)?)
}

async fn required(
    source: &dyn Store,
    cache: &dyn ManifestCache,
    descriptor: &Descriptor,
) -> Result<Manifest, TransferError> {
    fetch_manifest(source, descriptor, cache).await?.ok_or_else(|| TransferError::NotFound {
        location: source.location().to_owned(),
        name: format!("manifest {}", descriptor.digest),
    })
}

async fn available(
    source: &dyn Store,
    cache: &dyn ManifestCache,
    root: &Descriptor,
) -> Result<Vec<Platform>, TransferError> {
    let manifest = required(source, cache, root).await?;
    let real = manifest.children().iter().filter(|child| !child.is_buildkit_attestation());
    Ok(real.filter_map(|child| child.platform.clone()).collect())
}

fn list(platforms: &[Platform]) -> String {
    if platforms.is_empty() {
        return "no platforms".to_owned();
    }
    platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
