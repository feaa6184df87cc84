//! The images between two images.

use std::sync::Arc;

use bytes::Bytes;
use oci::{
    Algorithm, Descriptor, ImageConfig, Manifest, ManifestError, ManifestKind, MediaType, Platform, Reference,
    Selector, Tag, View,
};
use resolve::bisect::session::Candidate;
use serde_json::Value;
use store::{LayoutStore, Meter, Store};
use transfer::{CopyOptions, Silent, TransferError};

use super::hybrid::{Between, Hybrid, Image, between};
use crate::artifact::Content;
use crate::bisect::place::Workshop;
use crate::context::Context;
use crate::copy::{CopyRequest, copy};
use crate::destination::Destination;
use crate::error::OpsError;
use crate::found::{Found, find, read_blob};

/// The two images that a search lies between.
pub(super) struct Ends {
    good: End,
    bad: End,
}

struct End {
    image: Image,
    manifest: Manifest,
    /// The image itself, with its digest.
    reference: Reference,
}

/// Finds both images.
///
/// # Errors
/// [`OpsError::Usage`] for an index without a platform that is meant, or an image that does not say what its layers are.
pub(super) async fn ends(
    context: &Context,
    good: &Reference,
    bad: &Reference,
    platform: Option<&Platform>,
) -> Result<Ends, OpsError> {
    let (good, bad) = futures_util::future::join(end(context, good, platform), end(context, bad, platform)).await;
    Ok(Ends { good: good?, bad: bad? })
}

async fn end(context: &Context, reference: &Reference, platform: Option<&Platform>) -> Result<End, OpsError> {
    let mut found = find(context, reference, platform).await?;
    if found.manifest.kind() == ManifestKind::Index {
        found = only_image(context, reference, &found).await?;
    }
    let image = read(&found).await?;
    let selector = Selector { tag: None, digest: Some(*found.manifest.digest()) };
    Ok(End { image, reference: reference.with_selector(selector), manifest: found.manifest })
}

/// Returns the image of an index that has only one.
async fn only_image(context: &Context, reference: &Reference, index: &Found) -> Result<Found, OpsError> {
    let children = index.manifest.children().iter().filter(|child| !child.is_buildkit_attestation());
    let platforms: Vec<&Platform> = children.filter_map(|child| child.platform.as_ref()).collect();
    if let [platform] = platforms[..] {
        return find(context, reference, Some(platform)).await;
    }
    let available: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    let first = available.first().map_or("linux/amd64", String::as_str);
    Err(OpsError::usage(
        format!("`{reference}` is there for several platforms ({}), each with layers of its own", available.join(", ")),
        format!("supercargo bisect run --over layers --platform {first} --good A --bad B -- COMMAND"),
    ))
}

async fn read(found: &Found) -> Result<Image, OpsError> {
    let location = found.store.location();
    let unfit = |reason: &str| {
        let digest = found.manifest.digest();
        OpsError::usage(format!("{location}@{digest} {reason}"), None)
    };
    let View::Image(view) = found.manifest.view() else { return Err(unfit("is no image")) };
    let descriptor = view.config.as_ref().filter(|config| config.media_type.is_image_config());
    let descriptor = descriptor.ok_or_else(|| unfit("is an artifact, not an image that runs"))?;
    let bytes = read_blob(&*found.store, descriptor, oci::limits::CONFIG_MAX_BYTES).await?;
    let bytes = bytes.ok_or_else(|| OpsError::NotFound {
        location: location.to_owned(),
        name: format!("configuration {}", descriptor.digest),
    })?;
    let parsed = ImageConfig::parse(&bytes).map_err(|error| unfit(&format!("has no usable configuration: {error}")))?;
    let config: Value = serde_json::from_slice(&bytes).map_err(|error| unfit(&error.to_string()))?;
    Image::new(&view.layers, &parsed, config).map_err(unfit)
}

/// Makes the images between both ends in a layout, and returns them as candidates with the ends around them.
pub(super) async fn candidates(
    context: &Context,
    workshop: &Workshop,
    ends: &Ends,
) -> Result<Vec<Candidate>, OpsError> {
    let path = workshop.hybrids();
    let place = |tag: &Tag| {
        let selector = Selector { tag: Some(tag.clone()), digest: None };
        Reference::Layout { path: path.clone(), selector }
    };
    let (good, bad) = (place(&tag("good")?), place(&tag("bad")?));
    let whole = [(&ends.good, &good), (&ends.bad, &bad)];
    let pairs = whole.map(|(end, place)| (end.reference.clone(), Destination::Exactly(place.clone())));
    let walk = graph::WalkOptions { artifacts: false, layer_artifacts: false };
    let options = CopyOptions { walk, ..CopyOptions::default() };
    let request = CopyRequest { pairs: pairs.to_vec(), options, ..CopyRequest::default() };
    for route in copy(context, &request, Arc::new(Silent)).await?.routes {
        route?;
    }
    let layout = LayoutStore::open_or_create(&path)?;
    let mut candidates = vec![candidate("good", &good, &ends.good.manifest)];
    let Between { hybrids, last } = between(&ends.good.image, &ends.bad.image);
    for (number, hybrid) in (1..).zip(hybrids) {
        let tag = tag(&format!("step-{number}"))?;
        let manifest = make(&layout, &hybrid).await?;
        layout.tag(&tag, &manifest).await?;
        candidates.push(candidate(&hybrid.label, &place(&tag), &manifest));
    }
    layout.finish().await?;
    candidates.push(candidate(&last, &bad, &ends.bad.manifest));
    Ok(candidates)
}

fn tag(name: &str) -> Result<Tag, OpsError> {
    name.parse().map_err(|error| OpsError::Reference(oci::ReferenceError::Name(error)))
}

fn candidate(label: &str, place: &Reference, manifest: &Manifest) -> Candidate {
    let digest = *manifest.digest();
    let selector = Selector { digest: Some(digest), ..place.selector() };
    let reference = place.with_selector(selector).to_string();
    Candidate { label: label.to_owned(), key: digest.to_string(), reference, absent: false }
}

/// Writes a hybrid, whose layers are there already.
async fn make(layout: &LayoutStore, hybrid: &Hybrid) -> Result<Manifest, OpsError> {
    let config = Bytes::from(hybrid.config.to_string());
    let descriptor = Descriptor::of(MediaType::OCI_CONFIG, &config);
    layout.put_blob(&descriptor, &Content::Memory(config), &Meter::default()).await?;
    let manifest = Bytes::from(hybrid.manifest(&descriptor).to_string());
    let manifest = Manifest::from_new(manifest, &MediaType::OCI_MANIFEST, Algorithm::Sha256);
    let manifest = manifest.map_err(|error: ManifestError| TransferError::from(error))?;
    layout.put_manifest(&manifest).await?;
    Ok(manifest)
}
