//! The base of an image, the base of that, and so on down.
//!
//! Every step is judged as `inspect` judges a base. A base that is proven is looked at itself, where it was seen, for what it says of
//! its own base. Where it is not to be had its layers are known all the same: they are the lowest of the image above, and by them what is
//! remembered of other images tells the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use graph::genealogy::{History, Subject};
use graph::{LayerStack, NodeId, WalkOptions};
use oci::{Descriptor, Digest, ManifestKind, Platform, Reference, Selector, Tag};
use store::Store;
use transfer::RootRequest;

use super::base::{BaseClaim, BaseReport, Bases};
use super::image::{self, ReadImage};
use super::{KnownImage, claim, remember, remembered};
use crate::context::Context;
use crate::error::OpsError;
use crate::found::{Found, fetch, find};
use crate::genealogy::{Memory, absolute, layers};

/// Most bases below one image.
pub const STEPS_MAX: usize = 16;

/// Whose bases are wanted.
#[derive(Clone, Debug)]
pub struct LineageRequest {
    /// The image.
    pub reference: Reference,
    /// Of an index, the image for this platform.
    pub platform: Option<Platform>,
    /// Images to look at too, each as a base that may be found.
    pub bases: Vec<Reference>,
    /// How many bases below one image are wanted; not more than [`STEPS_MAX`].
    pub steps: usize,
}

/// The bases of an image.
#[derive(Clone, Debug)]
pub struct LineageReport {
    /// Where it is.
    pub location: String,
    /// The tag by which it was found.
    pub tag: Option<Tag>,
    /// The manifest or index.
    pub root: Descriptor,
    /// The images of an index; of an image, itself.
    pub images: Vec<ImageLineage>,
    /// What went wrong beside the matter.
    pub notes: Vec<String>,
}

/// The bases of one image, the nearest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageLineage {
    /// For what the image is, where that is known.
    pub platform: Option<Platform>,
    /// Its manifest.
    pub manifest: Digest,
    /// How many layers it has.
    pub layers: usize,
    /// What is known of its base, of the base of that, and so on.
    pub steps: Vec<LineageStep>,
    /// Why there is no further step.
    pub end: LineageEnd,
}

/// What is known of one base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineageStep {
    /// What is claimed and what is shown. Layers are counted from the bottom, and are those of the image that was asked for too.
    pub base: BaseReport,
    /// Why the base could not be looked at; what it says of its own base is not known then.
    pub unread: Option<String>,
}

/// Why a lineage ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineageEnd {
    /// The last image names no base, and nothing that is known has its lowest layers.
    Unnamed,
    /// It is not known which image the last base is.
    Unproven,
    /// The last base was seen above already.
    Cycle,
    /// There may be more bases than were wanted.
    Limit,
}

/// Returns the bases of an image. Registries are asked as by [`inspect`](super::inspect), and where a base that is proven was seen.
///
/// # Errors
/// As [`find`], for the request's bases too; [`OpsError::Usage`] for an artifact, which has no base, and what the store brings.
pub async fn lineage(context: &Context, request: &LineageRequest) -> Result<LineageReport, OpsError> {
    let found = find(context, &request.reference, request.platform.as_ref()).await?;
    lineage_of(context, &found, request).await
}

/// As [`lineage`], of what was found already.
///
/// # Errors
/// As [`lineage`].
pub(crate) async fn lineage_of(
    context: &Context,
    found: &Found,
    request: &LineageRequest,
) -> Result<LineageReport, OpsError> {
    let mut notes = Vec::new();
    let images = read_images(context, found, &mut notes).await?;
    if images.is_empty() {
        let reference = &request.reference;
        let message = format!("{reference} is an artifact or empty, and was not built on anything");
        return Err(OpsError::usage(message, format!("supercargo inspect {reference}")));
    }
    let mut memory = remembered(context, &mut notes).await;
    let platforms: Vec<Platform> = images.iter().filter_map(|image| image.platform.clone()).collect();
    let mut chain = Chain { context, memory: &mut memory, steps_max: request.steps.min(STEPS_MAX) };
    for base in &request.bases {
        let store = context.open_source(base).await?;
        chain.bases(&request.reference, &store).learn(base, &platforms).await?;
    }
    let mut lineages = Vec::new();
    for image in &images {
        let start = Level::of(&request.reference, &found.store, image, claim(found, image));
        let (steps, end) = chain.descend(start).await;
        lineages.push(ImageLineage {
            platform: image.platform.clone(),
            manifest: *image.manifest.digest(),
            layers: image.manifest.layers().len(),
            steps,
            end,
        });
    }
    remember(&request.reference, found, &images, &mut memory, &mut notes).await;
    Ok(LineageReport {
        location: found.store.location().to_owned(),
        tag: found.tag().cloned().or_else(|| request.reference.selector().tag),
        root: found.manifest.descriptor(),
        images: lineages,
        notes,
    })
}

/// Reads the images below the root with their configurations; artifacts are not among them.
async fn read_images(context: &Context, found: &Found, notes: &mut Vec<String>) -> Result<Vec<ReadImage>, OpsError> {
    let selector = Selector { tag: None, digest: Some(*found.manifest.digest()) };
    let roots = [RootRequest { selector, ..RootRequest::default() }];
    let options = WalkOptions { artifacts: false, layer_artifacts: false };
    let closure = transfer::explore::closure_of(&*found.store, &roots, options, &*context.manifest_cache()).await?;
    let mut images = image::images(&closure.graph, found);
    images.retain(|image| image.manifest.artifact_type().is_none());
    let mut missing: BTreeSet<NodeId> = closure.losses.iter().map(|loss| loss.node).collect();
    missing.extend(image::read_configs(&*found.store, &mut images).await?);
    notes.extend(missing.iter().map(|node| format!("{node} is missing")));
    Ok(images)
}

/// An image on the way down, as far as it is known.
struct Level {
    /// Where it is.
    place: Reference,
    store: Arc<dyn Store>,
    manifest: Digest,
    config: Option<Digest>,
    platform: Option<Platform>,
    layers: LayerStack,
    history: History,
    claim: Option<BaseClaim>,
}

impl Level {
    fn of(place: &Reference, store: &Arc<dyn Store>, image: &ReadImage, claim: Option<BaseClaim>) -> Self {
        Self {
            place: place.clone(),
            store: Arc::clone(store),
            manifest: *image.manifest.digest(),
            config: image.manifest.config().map(|config| config.digest),
            platform: image.platform.clone(),
            layers: layers(image.manifest.layers(), image.config.as_ref()),
            history: image.config.as_ref().map_or_else(History::default, |config| History::new(&config.history)),
            claim,
        }
    }

    /// Returns a base that could not be looked at: its layers are the lowest of the image that was built on it.
    fn below(self, base: &KnownImage) -> Self {
        Self {
            manifest: base.manifest,
            config: Some(base.config),
            layers: self.layers.lowest(base.height()),
            history: History::default(),
            claim: None,
            ..self
        }
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            manifest: self.manifest,
            config: self.config,
            platform: self.platform.as_ref(),
            layers: &self.layers,
            history: &self.history,
        }
    }

    /// Returns which of several images with the same layers to go on with: one that is where this one is, or else the first.
    fn next<'a>(&self, base: &'a BaseReport) -> Option<&'a KnownImage> {
        let images = &base.proof.as_ref()?.images;
        images.iter().find(|image| is_near(&self.place, &image.repository)).or_else(|| images.first())
    }
}

/// Tells whether a repository is in the registry, or the layout, of a place.
fn is_near(place: &Reference, repository: &str) -> bool {
    match (place, repository.parse()) {
        (Reference::Registry(here), Ok(Reference::Registry(there))) => here.host == there.host,
        (here, Ok(there)) => absolute(here).with_selector(Selector::default()) == there,
        (_, Err(_)) => false,
    }
}

/// Goes from image to base.
struct Chain<'a> {
    context: &'a Context,
    memory: &'a mut Memory,
    steps_max: usize,
}

impl Chain<'_> {
    fn bases<'a>(&'a mut self, place: &'a Reference, store: &'a Arc<dyn Store>) -> Bases<'a> {
        Bases { context: self.context, place, store, memory: self.memory, unchecked: BTreeMap::new() }
    }

    /// Returns the bases below an image. A step has fewer layers than the one before, or was not seen before.
    async fn descend(&mut self, mut level: Level) -> (Vec<LineageStep>, LineageEnd) {
        let mut steps = Vec::new();
        let mut seen = BTreeSet::from([level.manifest]);
        loop {
            if steps.len() == self.steps_max {
                return (steps, LineageEnd::Limit);
            }
            let claim = level.claim.clone();
            let judged = self.bases(&level.place, &level.store).judge_subject(&level.subject(), claim).await;
            let Some(base) = judged else { return (steps, LineageEnd::Unnamed) };
            let Some(next) = level.next(&base).cloned() else {
                steps.push(LineageStep { base, unread: None });
                return (steps, LineageEnd::Unproven);
            };
            if !seen.insert(next.manifest) {
                steps.push(LineageStep { base, unread: None });
                return (steps, LineageEnd::Cycle);
            }
            if steps.len() + 1 == self.steps_max {
                steps.push(LineageStep { base, unread: None });
                continue;
            }
            let unread = match self.read(&next).await {
                Ok(read) => {
                    level = read;
                    None
                }
                Err(error) => {
                    level = level.below(&next);
                    Some(error.to_string())
                }
            };
            steps.push(LineageStep { base, unread });
        }
    }

    /// Looks at a known image where it was seen, and at the index that it was in.
    async fn read(&self, known: &KnownImage) -> Result<Level, OpsError> {
        let place: Reference = known.repository.parse()?;
        let digest = Some(known.index.unwrap_or(known.manifest));
        let place = place.with_selector(Selector { tag: None, digest });
        let found = find(self.context, &place, None).await?;
        let (pointer, index) = match found.manifest.kind() {
            ManifestKind::Index => {
                let child = found.manifest.children().iter().find(|child| child.digest == known.manifest);
                let child = child.ok_or_else(|| OpsError::NotFound {
                    location: found.store.location().to_owned(),
                    name: format!("manifest {}", known.manifest),
                })?;
                (child.clone(), digest)
            }
            ManifestKind::Image => (found.descriptor.clone(), None),
        };
        let manifest = fetch(self.context, &*found.store, &pointer).await?;
        let platform = pointer.platform.clone().or_else(|| known.platform.clone());
        let mut images = [ReadImage { manifest, pointer, index, platform, config: None }];
        image::read_configs(&*found.store, &mut images).await?;
        let [image] = images;
        Ok(Level::of(&place, &found.store, &image, claim(&found, &image)))
    }
}
