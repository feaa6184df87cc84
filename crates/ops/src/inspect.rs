//! What an image is: what its manifest, its configuration, its artifacts and its registry say, each with where it is said.
//!
//! | module | holds |
//! |---|---|
//! | [`fact`] | what is said, by whom, and whether they agree |
//! | `origin` | the keys of annotations and labels |
//! | [`image`] | the images of an index and their configurations |
//! | [`base`] | on what an image was built: what it claims against what its layers show |
//! | [`life`] | the marks about it |
//! | [`package`] | what its publisher says of it as a package |
//! | [`lineage`](mod@lineage) | the base of the base, and so on down |
//! | [`attached`] | what else is attached, by type |

pub mod attached;
pub mod base;
pub mod fact;
pub mod image;
pub mod life;
pub mod lineage;
mod origin;
pub mod package;

use std::collections::BTreeMap;

use graph::{NodeId, WalkOptions};
use oci::{Manifest, ManifestKind, Platform, Reference, Selector, Tag, Timestamp};
use transfer::RootRequest;

use crate::context::Context;
use crate::error::OpsError;
use crate::found::{Found, find};
use crate::genealogy::{Memory, SeenImage};
use base::Bases;
use image::ReadImage;
use origin::{Origin, Words};

pub use attached::Attached;
pub use base::{BaseClaim, BaseProof, BaseReport};
pub use fact::{Evidence, Fact, Source, Statement};
/// What is to be thought of a claim, and by what layers were recognised.
pub use graph::genealogy::{KnownImage, Match, Verdict};
pub use image::ImageSheet;
pub use life::{LifeCycle, ReadMark};
pub use package::ReadPackage;

/// What to look at.
#[derive(Clone, Debug)]
pub struct InspectRequest {
    /// The image.
    pub reference: Reference,
    /// Of an index, the image for this platform.
    pub platform: Option<Platform>,
    /// An image to look at too, as the base that this one may have been built on.
    pub base: Option<Reference>,
    /// The time, to tell whether dates are past.
    pub now: Option<Timestamp>,
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
    /// What identifies it. Of an index of indexes, what is said of the whole.
    pub identity: Vec<Fact>,
    /// What should identify it, and is said nowhere.
    pub unstated: Vec<&'static str>,
    /// What was said of it after it was published.
    pub life_cycle: LifeCycle,
    /// What its publisher says of it as a package.
    pub package: Option<ReadPackage>,
    /// The images of an index, nested ones among them; of an image, itself. Attestations are not among them.
    pub images: Vec<ImageSheet>,
    /// How many of them have a configuration that was not read, because there are more than [`image::CONFIGS_READ_MAX`].
    pub configs_unread: usize,
    /// What is attached, at any depth, by type.
    pub attached: Vec<Attached>,
    /// What a parent or a list of referrers names and the store lacks, as far as it was looked at.
    pub missing: Vec<NodeId>,
    /// What went wrong beside the matter: what is remembered of other images could not be read or kept.
    pub notes: Vec<String>,
}

/// Returns the manifest that a reference names.
///
/// # Errors
/// As [`find`].
pub async fn manifest(context: &Context, request: &InspectRequest) -> Result<Manifest, OpsError> {
    Ok(find(context, &request.reference, request.platform.as_ref()).await?.manifest)
}

/// Returns what an image is. A base that it claims is looked for among what is remembered and where the image is: in the same layout, or
/// in the same registry. Other registries are asked only for the base that the request names.
///
/// # Errors
/// As [`find`], for the request's base too, and what the store brings. Something missing is part of the report.
pub async fn inspect(context: &Context, request: &InspectRequest) -> Result<InspectReport, OpsError> {
    let found = find(context, &request.reference, request.platform.as_ref()).await?;
    let root = NodeId::manifest(*found.manifest.digest());
    let by_digest = Selector { tag: None, digest: Some(root.digest) };
    let roots = [RootRequest { selector: by_digest, ..RootRequest::default() }];
    let cache = context.manifest_cache();
    let closure = transfer::explore::closure_of(&*found.store, &roots, WalkOptions::default(), &*cache).await?;

    let mut missing: Vec<NodeId> = closure.losses.iter().map(|loss| loss.node).collect();
    let mut images = image::images(&closure.graph, &found);
    missing.extend(image::read_configs(&*found.store, &mut images).await?);
    let life_cycle = life::life_cycle(context, &closure.graph, &found, &images, request.now, &mut missing).await?;
    let package = package::read(&closure.graph, &found).await?;
    let mut notes = Vec::new();
    let bases = bases(context, request, &found, &images, &mut notes).await?;

    missing.sort();
    missing.dedup();
    let identity = identity(request, &found, &images, package.as_ref());
    let sheets = images.iter().zip(bases).map(|(image, base)| {
        let identity = origin::facts(&of_image(image, None), request.now);
        ImageSheet { identity, base, ..image.sheet() }
    });
    let sheets: Vec<ImageSheet> = sheets.collect();
    Ok(InspectReport {
        location: found.store.location().to_owned(),
        tag: found.tag().cloned(),
        unstated: unstated(&found.manifest, &identity, &sheets),
        identity,
        life_cycle,
        package,
        attached: attached::attached(&closure.graph, &root),
        images: sheets,
        configs_unread: images.len().saturating_sub(image::CONFIGS_READ_MAX),
        missing,
        manifest: found.manifest,
        notes,
    })
}

/// Gathers what identifies the root. What is said of the images of one index is said of it; the images of nested indexes are those of
/// different things.
fn identity(request: &InspectRequest, found: &Found, images: &[ReadImage], package: Option<&ReadPackage>) -> Vec<Fact> {
    let place = match &request.reference {
        Reference::Registry(reference) => Some(format!("{}/{}", reference.host, reference.repository)),
        _ => None,
    };
    let tag = found.tag().cloned().or_else(|| request.reference.selector().tag);
    let version = tag.as_ref().and_then(fact::version_of_tag).map(|version| version.to_string());
    let origin = |evidence, words| Origin { evidence, words, platform: None };
    let mut origins = Vec::new();
    if let Some(ReadPackage { artifact: Some(artifact), package: Ok(package) }) = package {
        origins.push(origin(Evidence::Artifact, Words::Package(package, artifact)));
    }
    for index in found.indexes.iter().map(|index| &**index).chain([&found.manifest]) {
        if index.kind() == ManifestKind::Index {
            origins.push(origin(Evidence::Index, Words::Map(index.annotations())));
        }
    }
    origins.extend(place.iter().map(|name| origin(Evidence::Registry, Words::Fact("name", name))));
    origins.extend(version.iter().map(|version| origin(Evidence::Tag, Words::Fact("version", version))));
    let root = *found.manifest.digest();
    let is_one_thing = images
        .iter()
        .all(|image| image.index.is_none_or(|index| index == root) || found.manifest.kind() == ManifestKind::Image);
    if found.manifest.kind() == ManifestKind::Index {
        origins.push(origin(Evidence::Descriptor, Words::Map(&found.descriptor.annotations)));
    }
    if is_one_thing {
        let one_of_many = images.len() > 1;
        for image in images {
            origins.extend(of_image(image, image.platform.as_ref().filter(|_| one_of_many)));
        }
    }
    origin::facts(&origins, request.now)
}

/// Lists what should be said of an image and is not. An artifact needs neither licence nor base.
fn unstated(root: &Manifest, identity: &[Fact], images: &[ImageSheet]) -> Vec<&'static str> {
    if root.artifact_type().is_some() || images.is_empty() {
        return Vec::new();
    }
    let base = images.iter().all(|image| image.base.is_none()).then_some("base");
    origin::unstated(identity).into_iter().chain(base).collect()
}

/// Lists where facts about an image stand, what counts most first.
fn of_image<'a>(image: &'a ReadImage, platform: Option<&'a Platform>) -> Vec<Origin<'a>> {
    let origin = |evidence, words| Origin { evidence, words, platform };
    let mut origins = vec![
        origin(Evidence::Manifest, Words::Map(image.manifest.annotations())),
        origin(Evidence::Descriptor, Words::Map(&image.pointer.annotations)),
    ];
    if let Some(config) = &image.config {
        if let Some(labels) = config.config.as_ref().and_then(|execution| execution.labels.as_ref()) {
            origins.push(origin(Evidence::Label, Words::Map(labels)));
        }
        origins.push(origin(Evidence::Configuration, Words::Fields(config)));
    }
    origins
}

/// Returns what an image, or the index that it is in, says of its base.
fn claim(found: &Found, image: &ReadImage) -> Option<BaseClaim> {
    let mut origins = of_image(image, None);
    for index in found.indexes.iter().map(|index| &**index).chain([&found.manifest]) {
        if Some(*index.digest()) == image.index {
            let words = Words::Map(index.annotations());
            origins.push(Origin { evidence: Evidence::Index, words, platform: None });
        }
    }
    base::claim(&origins)
}

/// Reads what is remembered of other images. Where that cannot be read nothing is, and nothing will be kept.
async fn remembered(context: &Context, notes: &mut Vec<String>) -> Memory {
    Memory::load(context).await.unwrap_or_else(|error| {
        notes.push(format!("what is known of other images cannot be used: {error}"));
        Memory::default()
    })
}

/// Remembers images that were read whole.
async fn remember(
    place: &Reference,
    found: &Found,
    images: &[ReadImage],
    memory: &mut Memory,
    notes: &mut Vec<String>,
) {
    let tag = found.tag().cloned().or_else(|| place.selector().tag);
    let seen = images.iter().filter(|image| image.manifest.artifact_type().is_none()).filter_map(|image| {
        let config = image.config.as_ref()?;
        let (index, platform) = (image.index, image.platform.as_ref());
        SeenImage { place, tag: tag.as_ref(), index, platform, manifest: &image.manifest, config }.known()
    });
    memory.learn(seen);
    if let Err(error) = memory.keep().await {
        notes.push(format!("what was learnt of images cannot be kept: {error}"));
    }
}

/// Judges the bases of images, one for each, and remembers the images.
async fn bases(
    context: &Context,
    request: &InspectRequest,
    found: &Found,
    images: &[ReadImage],
    notes: &mut Vec<String>,
) -> Result<Vec<Option<BaseReport>>, OpsError> {
    let mut memory = remembered(context, notes).await;
    let place = &request.reference;
    let mut bases = Bases { context, place, store: &found.store, memory: &mut memory, unchecked: BTreeMap::new() };
    if let Some(base) = &request.base {
        let platforms: Vec<Platform> = images.iter().filter_map(|image| image.platform.clone()).collect();
        bases.learn(base, &platforms).await?;
    }
    let mut reports = Vec::new();
    for image in images {
        reports.push(bases.judge(image, claim(found, image)).await);
    }
    remember(place, found, images, &mut memory, notes).await;
    Ok(reports)
}
