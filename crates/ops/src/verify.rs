//! A lock against what is there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use graph::{Graph, NodeId, Space, WalkOptions};
use oci::{Descriptor, Digest, Reference, Selector, Tag};
use resolve::lock::LockedImage;
use store::{Store, StoreError};
use transfer::{NoCache, RootRequest, TransferError};

use crate::context::Context;
use crate::destination::Destination;
use crate::error::{OpsError, Told};
use crate::lock::{artifacts, platforms, require_image};
use crate::past::Past;
use crate::project::OpenProject;
use crate::relocate;
use crate::shell::quote;
use crate::sources::{Sources, vendor_directory};

/// How many images are looked at at once.
const IMAGES_AT_ONCE: usize = 4;

/// How much is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Manifests are read; blobs are not asked for.
    Manifests,
    /// Manifests are read; blobs have to be there.
    #[default]
    Presence,
    /// Every byte is read.
    Bytes,
}

/// What to verify.
#[derive(Clone, Debug, Default)]
pub struct VerifyRequest {
    /// The images; none means all.
    pub names: Vec<String>,
    /// Where a copy of the project is; without it, what the project is made of.
    pub at: Option<Destination>,
    /// How much is read.
    pub depth: Depth,
}

/// What was found of every image, in the order of the names.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// The images.
    pub images: Vec<VerifiedImage>,
}

/// What was found of an image.
#[derive(Clone, Debug)]
pub struct VerifiedImage {
    /// Its name.
    pub name: String,
    /// Where it was looked for.
    pub location: String,
    /// What is locked.
    pub digest: Digest,
    /// How many manifests were read.
    pub manifests: usize,
    /// How many blobs are there.
    pub blobs: usize,
    /// How many bytes of them were read.
    pub bytes_read: u64,
    /// What is not as the lock says.
    pub findings: Vec<Finding>,
    /// Artifacts that are there beyond those of the lock.
    pub extra_artifacts: Vec<Digest>,
}

/// Something that is not as the lock says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Something is not there.
    Missing {
        /// What it is: `manifest`, `blob`, `sbom`.
        what: String,
        /// Its digest.
        digest: Digest,
    },
    /// A tag names something else, or nothing.
    Tag {
        /// The tag.
        tag: Tag,
        /// What it names.
        found: Option<Digest>,
    },
    /// Something is there and is not what its name says.
    Damaged {
        /// What is wrong.
        reason: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { what, digest } => write!(f, "{what} {digest} is not there"),
            Self::Tag { tag, found: Some(found) } => write!(f, "the tag {tag} names {found}"),
            Self::Tag { tag, found: None } => write!(f, "there is no tag {tag}"),
            Self::Damaged { reason } => f.write_str(reason),
        }
    }
}

impl VerifiedImage {
    /// Tells whether everything is as the lock says.
    pub fn holds(&self) -> bool {
        self.findings.is_empty()
    }
}

impl Verification {
    /// Tells whether everything is as the lock says.
    pub fn holds(&self) -> bool {
        self.images.iter().all(VerifiedImage::holds)
    }

    /// Returns the first image of which something is damaged, and what.
    pub fn damage(&self) -> Option<(&VerifiedImage, &Finding)> {
        let findings = self.images.iter().flat_map(|image| image.findings.iter().map(move |finding| (image, finding)));
        findings.into_iter().find(|(_, finding)| matches!(finding, Finding::Damaged { .. }))
    }
}

/// Compares the lock with what is there. What is not as it should be is part of the report.
///
/// # Errors
/// [`OpsError::NotFound`] for a name that the project does not have, [`OpsError::Offline`], and when a place cannot be asked.
pub async fn verify(context: &Context, open: &OpenProject, request: &VerifyRequest) -> Result<Verification, OpsError> {
    if let Some(name) = request.names.iter().find(|name| !open.lock.images.contains_key(*name)) {
        require_image(open, name)?;
        let location = open.lock_file().display().to_string();
        return Err(OpsError::NotFound { location, name: format!("image `{name}`") });
    }
    let wanted = |name: &String| request.names.is_empty() || request.names.contains(name);
    let mut sources = Sources::new(context, open).await?;
    let mut copies: BTreeMap<String, Arc<dyn Store>> = BTreeMap::new();
    let mut looks = Vec::new();
    for (name, locked) in open.lock.images.iter().filter(|(name, _)| wanted(name)) {
        let (place, tag) = match &request.at {
            None => (sources.of(name, locked).await?, None),
            Some(destination) => {
                let place = relocate::place_for(destination, name, locked)?;
                let bare = place.with_selector(Selector::default()).to_string();
                let store = match copies.get(&bare) {
                    Some(store) => Arc::clone(store),
                    None => context.open_source(&place).await?,
                };
                copies.insert(bare, Arc::clone(&store));
                (store, place.selector().tag)
            }
        };
        looks.push((name, locked, place, tag));
    }
    let looks = looks.into_iter().map(|(name, locked, place, tag)| async move {
        image(name, locked, &place, tag.as_ref(), request.depth).await
    });
    // In their order, whichever is done first.
    let images = stream::iter(looks).buffered(IMAGES_AT_ONCE).try_collect().await?;
    Ok(Verification { images })
}

/// Compares an entry of a lock with what is in a place.
///
/// # Errors
/// When the place cannot be asked.
pub(crate) async fn image(
    name: &str,
    locked: &LockedImage,
    place: &Arc<dyn Store>,
    tag: Option<&Tag>,
    depth: Depth,
) -> Result<VerifiedImage, OpsError> {
    let mut verified = VerifiedImage {
        name: name.to_owned(),
        location: place.location().to_owned(),
        digest: locked.digest,
        manifests: 0,
        blobs: 0,
        bytes_read: 0,
        findings: Vec::new(),
        extra_artifacts: Vec::new(),
    };
    if let Some(tag) = tag {
        let found = place.resolve(tag).await?.map(|found| found.digest);
        if found != Some(locked.digest) {
            verified.findings.push(Finding::Tag { tag: tag.clone(), found });
        }
    }
    let selector = Selector { tag: None, digest: Some(locked.digest) };
    let roots = [RootRequest { selector, ..RootRequest::default() }];
    // The bytes that are there count, not those that were kept when they were read before.
    let closure = match transfer::explore::closure_of(&**place, &roots, WalkOptions::default(), &NoCache).await {
        Ok(closure) => closure,
        Err(TransferError::NotFound { .. }) => {
            verified.findings.push(missing("manifest", locked.digest));
            return Ok(verified);
        }
        Err(TransferError::Store(error)) if error.is_integrity() => {
            verified.findings.push(damaged(&error, &**place));
            return Ok(verified);
        }
        Err(error @ TransferError::Walk { .. }) => {
            verified.findings.push(Finding::Damaged { reason: error.to_string() });
            return Ok(verified);
        }
        Err(error) => return Err(error.into()),
    };
    verified.findings.extend(closure.losses.iter().map(|loss| missing("manifest", loss.node.digest)));
    compare(locked, &closure.graph, &mut verified);
    if depth != Depth::Manifests {
        blobs(&**place, &closure.graph, depth, &mut verified).await?;
    }
    verified.findings.sort();
    verified.findings.dedup();
    Ok(verified)
}

/// Compares what a lock says of an image with what its manifests say.
fn compare(locked: &LockedImage, graph: &Graph, verified: &mut VerifiedImage) {
    verified.manifests = graph.nodes().filter(|(_, node)| node.manifest.is_some()).count();
    let root = NodeId::manifest(locked.digest);
    if let Some(manifest) = graph.manifest(&locked.digest) {
        let there = platforms(graph, manifest);
        for platform in &locked.platforms {
            let found = there.iter().find(|found| found.digest == platform.digest);
            match found {
                Some(found) if (&found.config, &found.layers) == (&platform.config, &platform.layers) => {}
                Some(_) => verified.findings.push(Finding::Damaged {
                    reason: format!("{} is made of something else than is locked", platform.digest),
                }),
                // A child that is lost has been told of.
                None if graph.node(&NodeId::manifest(platform.digest)).is_some() => {}
                None => verified.findings.push(Finding::Damaged {
                    reason: format!("{} is locked for {}, and is no part of the image", platform.digest, platform.on),
                }),
            }
        }
    }
    let there = artifacts(graph, &root, &Past::default());
    for artifact in &locked.artifacts {
        if !there.iter().any(|found| (found.digest, found.subject) == (artifact.digest, artifact.subject)) {
            // What is listed and has no bytes is told of by its role rather than as a loss.
            verified.findings.retain(|finding| *finding != missing("manifest", artifact.digest));
            verified.findings.push(missing(&artifact.role, artifact.digest));
        }
    }
    let is_locked = |digest: &Digest| locked.artifacts.iter().any(|artifact| artifact.digest == *digest);
    verified.extra_artifacts = there.iter().map(|found| found.digest).filter(|digest| !is_locked(digest)).collect();
}

async fn blobs(place: &dyn Store, graph: &Graph, depth: Depth, verified: &mut VerifiedImage) -> Result<(), OpsError> {
    let blobs = graph.nodes().filter(|(id, _)| id.space == Space::Blob).map(|(_, node)| &node.descriptor);
    let looks =
        blobs.map(|descriptor| async move { Ok::<_, StoreError>((descriptor, blob(place, descriptor, depth).await?)) });
    let mut looks = stream::iter(looks).buffer_unordered(place.concurrency().max(1));
    while let Some((descriptor, found)) = looks.try_next().await? {
        match found {
            Blob::There(bytes) => {
                verified.blobs += 1;
                verified.bytes_read += bytes;
            }
            // Non-distributable layers stay where they are.
            Blob::Missing if descriptor.media_type.is_non_distributable() => {}
            Blob::Missing => verified.findings.push(missing("blob", descriptor.digest)),
            Blob::Damaged(error) => verified.findings.push(damaged(&error, place)),
        }
    }
    Ok(())
}

enum Blob {
    There(u64),
    Missing,
    Damaged(StoreError),
}

async fn blob(place: &dyn Store, descriptor: &Descriptor, depth: Depth) -> Result<Blob, StoreError> {
    if depth != Depth::Bytes {
        return Ok(match place.stat_blob(&descriptor.digest).await? {
            None => Blob::Missing,
            Some(size) if size == descriptor.size => Blob::There(0),
            Some(found) => Blob::Damaged(StoreError::Size {
                location: place.location().to_owned(),
                digest: descriptor.digest,
                expected: descriptor.size,
                found,
            }),
        });
    }
    let Some(body) = place.open_blob(descriptor, 0).await? else { return Ok(Blob::Missing) };
    let mut chunks = body.into_verified_stream(descriptor, place.location());
    let mut read = 0;
    loop {
        match chunks.try_next().await {
            Ok(Some(chunk)) => read += chunk.len() as u64,
            Ok(None) => return Ok(Blob::There(read)),
            Err(error) if error.is_integrity() => return Ok(Blob::Damaged(error)),
            Err(error) => return Err(error),
        }
    }
}

fn missing(what: &str, digest: Digest) -> Finding {
    Finding::Missing { what: what.to_owned(), digest }
}

fn damaged(error: &StoreError, place: &dyn Store) -> Finding {
    let reason = error.to_string();
    // The place is told of beside it.
    let reason = reason.strip_prefix(place.location()).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&reason);
    Finding::Damaged { reason: reason.to_owned() }
}

/// Returns the error of a verification that found damage.
pub fn damage_error(open: &OpenProject, image: &VerifiedImage, finding: &Finding) -> OpsError {
    let message = format!("`{}`: {finding}", image.name);
    let directory = vendor_directory(open);
    let vendored = Reference::Layout { path: directory.clone(), selector: Selector::default() };
    if image.location != vendored.to_string() {
        return OpsError::Integrity { location: image.location.clone(), message };
    }
    let message = format!("{}: {message}", image.location);
    let help = format!("rm -r {} && supercargo vendor", quote(&directory.to_string_lossy()));
    OpsError::Unsound(Told { message, lines: Vec::new(), help: Some(help) })
}
