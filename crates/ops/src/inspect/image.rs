//! The images of an index, and what their configurations say.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use graph::{Graph, NodeId};
use oci::{Descriptor, Digest, ImageConfig, Manifest, Platform, View};
use store::Store;

use super::base::BaseReport;
use super::fact::Fact;
use crate::error::OpsError;
use crate::found::{Found, read_config};

/// Most configurations that are read for one report.
pub const CONFIGS_READ_MAX: usize = 64;

/// Configurations that are read at once, at most.
const CONFIGS_AT_ONCE: usize = 8;

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
    /// What is said of this image alone.
    pub identity: Vec<Fact>,
    /// On what it was built, as far as anything is claimed or found.
    pub base: Option<BaseReport>,
}

impl ImageSheet {
    /// Returns the bytes of configuration and layers together.
    pub fn bytes(&self) -> u64 {
        self.config.iter().chain(&self.layers).map(|descriptor| descriptor.size).sum()
    }
}

/// An image and what there is to read of it.
#[derive(Debug)]
pub(super) struct ReadImage {
    pub(super) manifest: Manifest,
    /// What points to the manifest.
    pub(super) pointer: Descriptor,
    /// The index that it is in.
    pub(super) index: Option<Digest>,
    pub(super) platform: Option<Platform>,
    pub(super) config: Option<ImageConfig>,
}

impl ReadImage {
    /// Returns the sheet, without what is said of the image.
    pub(super) fn sheet(&self) -> ImageSheet {
        ImageSheet {
            descriptor: self.manifest.descriptor(),
            platform: self.platform.clone(),
            artifact_type: self.manifest.artifact_type().map(str::to_owned),
            config: self.manifest.config().cloned(),
            layers: self.manifest.layers().to_vec(),
            identity: Vec::new(),
            base: None,
        }
    }
}

/// Lists the images below the root in the order of their indexes. Attestations are not among them.
pub(super) fn images(graph: &Graph, found: &Found) -> Vec<ReadImage> {
    let mut images = Vec::new();
    let mut pending = vec![(found.indexes.last().map(|index| *index.digest()), found.descriptor.clone())];
    let mut seen = BTreeSet::new();
    while let Some((index, pointer)) = pending.pop() {
        let Some(manifest) = graph.manifest(&pointer.digest) else { continue };
        if !seen.insert(pointer.digest) {
            continue;
        }
        match manifest.view() {
            View::Index(list) => {
                let children = list.manifests.iter().filter(|child| !child.is_buildkit_attestation());
                pending.extend(children.rev().map(|child| (Some(pointer.digest), child.clone())));
            }
            View::Image(_) => images.push(ReadImage {
                manifest: manifest.clone(),
                platform: pointer.platform.clone(),
                pointer,
                index,
                config: None,
            }),
        }
    }
    images
}

/// Reads the configurations of the first images; whose configuration states a platform has one. What is missing is returned.
pub(super) async fn read_configs(store: &dyn Store, images: &mut [ReadImage]) -> Result<Vec<NodeId>, OpsError> {
    let reads = images.iter_mut().take(CONFIGS_READ_MAX).map(|image| async move {
        let Some(descriptor) = image.manifest.config() else { return Ok(None) };
        let read = read_config(store, descriptor).await?;
        image.config = read.config;
        if image.platform.is_none() {
            image.platform = image.config.as_ref().and_then(ImageConfig::platform);
        }
        Ok::<_, OpsError>(read.is_missing.then(|| NodeId::blob(descriptor.digest)))
    });
    let at_once = store.concurrency().clamp(1, CONFIGS_AT_ONCE);
    let missing: Vec<_> = stream::iter(reads).buffered(at_once).try_collect().await?;
    Ok(missing.into_iter().flatten().collect())
}
