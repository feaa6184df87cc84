//! The manifest that a reference names.

use std::sync::Arc;

use bytes::Bytes;
use oci::limits::CONFIG_MAX_BYTES;
use oci::{Descriptor, ImageConfig, Manifest, ManifestKind, Platform, Reference, Selector, Tag};
use store::{Store, StoreError};
use transfer::{RootRequest, TransferError};

use crate::context::Context;
use crate::copy::selectors;
use crate::error::OpsError;

/// A manifest and where it was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The store it is in.
    pub store: Arc<dyn Store>,
    /// What was asked for, with the tag or digest that was meant where none was given.
    pub selector: Selector,
    /// The manifest.
    pub manifest: Manifest,
    /// What pointed to it, with what is written there.
    pub descriptor: Descriptor,
    /// Its platform, when it was chosen from an index by it.
    pub platform: Option<Platform>,
    /// The index that was named, when the manifest was chosen from it, and the one below it that holds the manifest, where that
    /// is another.
    pub indexes: Vec<Arc<Manifest>>,
}

impl Found {
    /// Returns the tag by which it was found.
    pub fn tag(&self) -> Option<&Tag> {
        self.selector.tag.as_ref()
    }
}

/// Finds the manifest that a reference names; of an index, the image for `platform` if one is given.
///
/// # Errors
/// [`OpsError::NotFound`], [`OpsError::Usage`] when a place with several images is named without saying which,
/// [`TransferError::NoPlatform`], and what the store brings.
pub async fn find(context: &Context, reference: &Reference, platform: Option<&Platform>) -> Result<Found, OpsError> {
    let store = context.open_source(reference).await?;
    find_in(context, store, reference, platform).await
}

/// As [`find`], in a store that is open already.
///
/// # Errors
/// As [`find`].
pub async fn find_in(
    context: &Context,
    store: Arc<dyn Store>,
    reference: &Reference,
    platform: Option<&Platform>,
) -> Result<Found, OpsError> {
    let selector = the_selector(&*store, reference).await?;
    let request = RootRequest { selector: selector.clone(), ..RootRequest::default() };
    let root = transfer::explore::find_root(&*store, &request).await?;
    let manifest = fetch(context, &*store, &root).await?;
    match platform {
        Some(platform) if manifest.kind() == ManifestKind::Index => {
            let root = Arc::new(manifest);
            let (parent, descriptor, manifest) = descend(context, &*store, &root, platform).await?;
            let selector = Selector { tag: None, digest: Some(descriptor.digest) };
            let mut indexes = vec![root, parent];
            indexes.dedup();
            Ok(Found { store, selector, manifest, platform: descriptor.platform.clone(), descriptor, indexes })
        }
        _ => Ok(Found { store, selector, manifest, descriptor: root, platform: None, indexes: Vec::new() }),
    }
}

/// Opens a place that exists in order to change something in it.
///
/// # Errors
/// [`OpsError::Usage`] for an archive, which is written once; otherwise as [`Context::open_destination`].
pub(crate) async fn open_to_change(context: &Context, reference: &Reference) -> Result<Arc<dyn Store>, OpsError> {
    match reference {
        Reference::Archive { path, .. } | Reference::DockerArchive { path, .. } => Err(OpsError::usage(
            format!("{} is an archive, and nothing in an archive can be changed", path.display()),
            format!("supercargo copy {reference} oci:DIR"),
        )),
        _ => context.open_destination(reference).await,
    }
}

/// Returns the one image that a reference means.
async fn the_selector(store: &dyn Store, reference: &Reference) -> Result<Selector, OpsError> {
    let mut selectors = selectors(store, reference, None).await?;
    selectors
        .pop()
        .ok_or_else(|| OpsError::NotFound { location: store.location().to_owned(), name: "images".to_owned() })
}

/// Fetches a manifest that something names.
///
/// # Errors
/// [`OpsError::NotFound`] when it is not there.
pub(crate) async fn fetch(context: &Context, store: &dyn Store, descriptor: &Descriptor) -> Result<Manifest, OpsError> {
    let cache = context.manifest_cache();
    transfer::explore::fetch_manifest(store, descriptor, &*cache).await?.ok_or_else(|| OpsError::NotFound {
        location: store.location().to_owned(),
        name: format!("manifest {}", descriptor.digest),
    })
}

/// Finds the first image for a platform, in the order of the index and of those nested in it. Returns the index that holds it, what
/// points to it there, and itself.
async fn descend(
    context: &Context,
    store: &dyn Store,
    root: &Arc<Manifest>,
    wanted: &Platform,
) -> Result<(Arc<Manifest>, Descriptor, Manifest), OpsError> {
    let digest = *root.digest();
    let mut available: Vec<String> = Vec::new();
    // Content names its children by digest, so there is no way back to a parent; the depth is bounded all the same.
    let mut indexes = vec![(Arc::clone(root), 0)];
    while let Some((index, depth)) = indexes.pop() {
        let mut nested = Vec::new();
        for child in index.children().iter().filter(|child| !child.is_buildkit_attestation()) {
            match (&child.platform, child.manifest_kind()) {
                (Some(platform), Some(_)) if platform.satisfies(wanted) => {
                    let image = fetch(context, store, child).await?;
                    return Ok((Arc::clone(&index), child.clone(), image));
                }
                (Some(platform), _) => available.push(platform.to_string()),
                (None, Some(ManifestKind::Index)) if depth < graph::walk::DEPTH_MAX => {
                    nested.push((Arc::new(fetch(context, store, child).await?), depth + 1));
                }
                (None, _) => {}
            }
        }
        indexes.extend(nested.into_iter().rev());
    }
    let available = if available.is_empty() { "no platforms".to_owned() } else { available.join(", ") };
    Err(TransferError::NoPlatform { digest, wanted: wanted.to_string(), available }.into())
}

/// Reads a small blob that a manifest names into memory; `None` when the store does not have it.
///
/// # Errors
/// [`StoreError::Size`] when it is larger than `limit` bytes or than its descriptor says, [`StoreError::Digest`] when it is
/// other content.
pub(crate) async fn read_blob(
    store: &dyn Store,
    descriptor: &Descriptor,
    limit: usize,
) -> Result<Option<Bytes>, StoreError> {
    match store.open_blob(descriptor, 0).await? {
        Some(body) => body.into_bytes(descriptor, store.location(), limit).await.map(Some),
        None => Ok(None),
    }
}

/// What came of reading a configuration.
#[derive(Default)]
pub(crate) struct ConfigRead {
    /// The configuration, where it is one of an image that can be read.
    pub(crate) config: Option<ImageConfig>,
    /// Whether the store lacks it.
    pub(crate) is_missing: bool,
}

/// Reads the configuration of an image. An artifact may call anything a configuration: what cannot be read says nothing.
pub(crate) async fn read_config(store: &dyn Store, descriptor: &Descriptor) -> Result<ConfigRead, OpsError> {
    if !descriptor.media_type.is_image_config() || descriptor.size > CONFIG_MAX_BYTES as u64 {
        return Ok(ConfigRead::default());
    }
    match read_blob(store, descriptor, CONFIG_MAX_BYTES).await? {
        Some(bytes) => Ok(ConfigRead { config: ImageConfig::parse(&bytes).ok(), is_missing: false }),
        None => Ok(ConfigRead { config: None, is_missing: true }),
    }
}
