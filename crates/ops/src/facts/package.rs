//! What the publisher of an image says of it: its package descriptor, or the annotations that stand for one
//! (docs/formats/package.md).

use std::cmp::Reverse;

use oci::package::{ARTIFACT_TYPE, Package, PackageEdge};
use oci::{Descriptor, Digest, Manifest, Platform, RegistryReference, Timestamp, View, annotation};
use resolve::lock::TimeSource;
use resolve::resolution::Facts;
use store::Store;

use super::CREATED_MIN;
use crate::context::Context;
use crate::error::OpsError;
use crate::facts::newest_first;
use crate::found::{fetch, read_blob};
use crate::past::Past;

/// Most descriptors of one image that are read.
const PACKAGES_MAX: usize = 8;

/// Adds what the publisher of an image says of it. A descriptor comes before annotations.
///
/// # Errors
/// What the store brings. What cannot be read is told in the facts.
pub(super) async fn add_to(
    facts: &mut Facts,
    context: &Context,
    store: &dyn Store,
    image: &Manifest,
    referrers: &[Descriptor],
    platforms: &[Platform],
    past: &Past,
) -> Result<(), OpsError> {
    let descriptor = descriptor(context, store, image.digest(), referrers, past).await?;
    let read = match descriptor {
        Some(artifact) => read(store, &artifact).await?.map(Some),
        None => Package::from_annotations(image.annotations()).map_err(|error| error.to_string()),
    };
    match read {
        Ok(Some(package)) => state(&package, platforms, facts),
        Ok(None) => {}
        Err(reason) => facts.unreadable.push(reason),
    }
    Ok(())
}

/// Returns the descriptor that counts: the newest, and of those that do not say the one with the lowest digest.
async fn descriptor(
    context: &Context,
    store: &dyn Store,
    digest: &Digest,
    referrers: &[Descriptor],
    past: &Past,
) -> Result<Option<Manifest>, OpsError> {
    let mut found = Vec::new();
    let is_package = |referrer: &Descriptor| referrer.artifact_type.as_deref() == Some(ARTIFACT_TYPE);
    for referrer in newest_first(referrers, is_package).into_iter().take(PACKAGES_MAX) {
        let artifact = match fetch(context, store, referrer).await {
            Ok(artifact) => artifact,
            Err(error) if error.is_lost() => continue,
            Err(error) => return Err(error),
        };
        // A list may name what is about something else.
        let is_about = artifact.subject().is_some_and(|subject| subject.digest == *digest);
        if is_about && artifact.artifact_type() == Some(ARTIFACT_TYPE) && !past.is_later(&artifact) {
            found.push(artifact);
        }
    }
    Ok(found.into_iter().min_by_key(rank))
}

/// Returns by what descriptors of one image are ordered, the one that counts first.
pub(crate) fn rank(artifact: &Manifest) -> (Reverse<Option<Timestamp>>, Digest) {
    let created = artifact.annotations().get(annotation::CREATED).and_then(|text| text.parse().ok());
    (Reverse(created), *artifact.digest())
}

/// Reads the body of a descriptor; or says why it cannot be read.
///
/// # Errors
/// What the store brings.
pub(crate) async fn read(store: &dyn Store, artifact: &Manifest) -> Result<Result<Package, String>, OpsError> {
    let View::Image(view) = artifact.view() else { return Ok(Err("package descriptor is an index".to_owned())) };
    let [body] = &view.layers[..] else {
        return Ok(Err(format!("package descriptor has {} layers, not one", view.layers.len())));
    };
    match read_blob(store, body, oci::limits::PACKAGE_MAX_BYTES).await {
        Ok(Some(bytes)) => Ok(Package::parse(&bytes).map_err(|error| error.to_string())),
        Ok(None) => Ok(Err("the body of the package descriptor is missing".to_owned())),
        // What a stranger attaches must not keep anybody from using the image.
        Err(error) if error.is_integrity() => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn state(package: &Package, platforms: &[Platform], facts: &mut Facts) {
    let counts = |edge: &&PackageEdge| match &edge.platform {
        Some(only) => platforms.is_empty() || platforms.iter().any(|wanted| only.satisfies(wanted)),
        None => true,
    };
    let edges = |edges: &[PackageEdge]| -> Vec<(RegistryReference, String)> {
        edges.iter().filter(counts).map(|edge| (edge.repository.clone(), edge.requirement.clone())).collect()
    };
    facts.requires = edges(&package.requires);
    facts.conflicts = edges(&package.conflicts);
    facts.provides = edges(&package.provides);
    facts.supersedes.clone_from(&package.supersedes);
    let created = package.created.map(Timestamp::seconds).filter(|seconds| *seconds >= CREATED_MIN);
    facts.created = created.map(|seconds| (seconds, TimeSource::Referrer));
}
