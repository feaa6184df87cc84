//! Publishes the application of a project as one OCI index, with its images and everything that is attached to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{Descriptor, Digest, Reference, Selector, Tag};
use resolve::project::Groups;
use store::{Referrers, Store};
use transfer::{CopyOptions, Progress, RootRequest, Route};

use crate::application::{ARTIFACT_TYPE, Assembled, assemble_application, member_tag};
use crate::attach;
use crate::context::Context;
use crate::error::OpsError;
use crate::lock::{stale, stale_error};
use crate::project::OpenProject;
use crate::relocate::required;
use crate::sources::Sources;

/// How many images are asked for at once.
const QUESTIONS_AT_ONCE: usize = 32;

/// Where to publish, and how.
#[derive(Clone, Debug)]
pub struct PublishRequest {
    /// The repository, layout or archive. Without a tag the application gets its version as its tag, or `latest`.
    pub destination: Reference,
    /// How content is copied. All artifacts belong to it, whatever this says.
    pub options: CopyOptions,
    /// Whether to change nothing.
    pub dry_run: bool,
}

/// What was published.
#[derive(Clone, Debug)]
pub struct PublishReport {
    /// Where.
    pub location: String,
    /// The tag of the application.
    pub tag: Tag,
    /// The index.
    pub index: Descriptor,
    /// The artifact with project and lock.
    pub artifact: Descriptor,
    /// The images, in the order of their names.
    pub images: Vec<PublishedImage>,
    /// Blobs whose bytes moved; in a plan, that would move at most.
    pub blobs_moved: usize,
    /// Bytes of those.
    pub bytes_moved: u64,
    /// Blobs that were mounted or linked.
    pub blobs_adopted: usize,
    /// Manifests that were put, or would be.
    pub manifests_put: usize,
}

/// An image of an application that was published.
#[derive(Clone, Debug)]
pub struct PublishedImage {
    /// What the project calls it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its tag beside the application.
    pub tag: Option<Tag>,
    /// What it is.
    pub digest: Digest,
}

/// Returns the project that is published: all of it, or what some groups make of it.
///
/// # Errors
/// [`OpsError::Stale`] when the lock is no answer to the project, [`OpsError::NotFound`] for a group without images.
pub fn part(open: OpenProject, groups: Option<&Groups>) -> Result<OpenProject, OpsError> {
    let Some(groups) = groups else { return Ok(open) };
    // A lock that lacks what is left out would be taken to be up to date.
    let reasons = stale(&open);
    if open.lock_text.is_none() || !reasons.is_empty() {
        return Err(stale_error(&open, &reasons));
    }
    open.alone(groups)
}

/// Publishes the application of a project. Images are copied first and proven, then index and artifact are put; the application's
/// tag is set last, when the artifact is listed. The same project and lock give the same digests, and a repetition moves nothing.
///
/// Cancelling leaves images with their tags, or an index without one; a repetition completes it.
///
/// # Errors
/// [`OpsError::Stale`] when the lock is no answer to the project, [`OpsError::Usage`] when the destination cannot be published to,
/// [`OpsError::NotFound`] when an image is gone, [`OpsError::Integrity`] when the destination does not show what was put; what
/// copies and stores bring.
pub async fn publish(
    context: &Context,
    open: &OpenProject,
    request: &PublishRequest,
    progress: Arc<dyn Progress>,
) -> Result<PublishReport, OpsError> {
    let reasons = stale(open);
    let Some(lock_text) = open.lock_text.as_ref().filter(|_| reasons.is_empty()) else {
        return Err(stale_error(open, &reasons));
    };
    if open.lock.images.is_empty() {
        return Err(OpsError::usage(
            "an application without images cannot be published",
            "supercargo add REPO".to_owned(),
        ));
    }
    let tag = application_tag(open, &request.destination)?;
    let tags = member_tags(open, &tag)?;
    let mut places = Sources::new(context, open).await?;
    let mut sources = BTreeMap::new();
    for (name, image) in &open.lock.images {
        sources.insert(name.clone(), places.of(name, image).await?);
    }
    let members = members(open, &sources).await?;
    let application = assemble_application(open, lock_text, &members)?;
    let options = CopyOptions { walk: graph::WalkOptions::default(), keep_going: false, ..request.options };

    let destination = open_destination(context, request).await?;
    let routes = routes(open, &sources, &tags, &destination);
    let is_archive = matches!(request.destination, Reference::Archive { .. });
    let mut put = Applied::default();
    let reports = if request.dry_run {
        put = Applied::plan(&*destination, &application).await?;
        let planned = transfer::plan(routes, &options, &*context.manifest_cache()).await;
        planned.into_iter().collect::<Result<Vec<_>, _>>()?
    } else {
        // Nothing of an archive can be seen before the copy has finished it.
        if is_archive {
            put = apply(&*destination, &application, &tag, &*progress).await?;
        }
        let report = transfer::copy(routes, &options, context.manifest_cache(), Arc::clone(&progress)).await?;
        if !is_archive {
            put = apply(&*destination, &application, &tag, &*progress).await?;
            destination.finish().await?;
        }
        report.routes.into_iter().collect::<Result<Vec<_>, _>>()?
    };
    let planned = || reports.iter().flat_map(|route| &route.planned);
    let images = open.lock.images.iter().map(|(name, image)| PublishedImage {
        name: name.clone(),
        version: image.version.clone(),
        tag: tags.get(name).cloned(),
        digest: image.digest,
    });
    Ok(PublishReport {
        location: request.destination.with_selector(Selector::default()).to_string(),
        tag,
        index: application.index.descriptor(),
        artifact: application.artifact.manifest.descriptor(),
        images: images.collect(),
        blobs_moved: put.blobs + planned().count() + reports.iter().map(|route| route.blobs_moved).sum::<usize>(),
        bytes_moved: put.bytes
            + planned().map(|blob| blob.size).sum::<u64>()
            + reports.iter().map(|route| route.bytes_moved).sum::<u64>(),
        blobs_adopted: reports.iter().map(|route| route.blobs_adopted).sum(),
        manifests_put: put.manifests + reports.iter().map(|route| route.manifests_put).sum::<usize>(),
    })
}

/// Returns the tag that the destination gives, or the version of the application, or `latest`.
fn application_tag(open: &OpenProject, destination: &Reference) -> Result<Tag, OpsError> {
    if let Reference::DockerArchive { .. } = destination {
        return Err(OpsError::usage(
            "a docker archive can only be read",
            "supercargo publish oci-archive:FILE".to_owned(),
        ));
    }
    let selector = destination.selector();
    if selector.digest.is_some() {
        return Err(OpsError::usage(
            format!("the destination `{destination}` names a digest"),
            "give it a tag, or nothing: the digest follows from the content".to_owned(),
        ));
    }
    let version = || open.project.version.as_ref().and_then(|version| version.parse::<Tag>().ok());
    let tag = selector.tag.or_else(version).unwrap_or_else(Tag::latest);
    if tag.is_attachment() {
        return Err(OpsError::usage(format!("`{tag}` is the form of tags that attach something"), None));
    }
    Ok(tag)
}

/// Returns the tags of the images beside the application. Where two would get the same, neither has one: the index holds both.
fn member_tags(open: &OpenProject, application: &Tag) -> Result<BTreeMap<String, Tag>, OpsError> {
    let mut digests: BTreeMap<Tag, BTreeSet<Digest>> = BTreeMap::new();
    let mut tags = BTreeMap::new();
    for (name, image) in &open.lock.images {
        let Some(tag) = member_tag(name, image) else { continue };
        if tag == *application {
            return Err(OpsError::usage(
                format!("`{tag}` is the tag of the image `{name}` beside the application"),
                "give the application another tag".to_owned(),
            ));
        }
        digests.entry(tag.clone()).or_default().insert(image.digest);
        tags.insert(name.clone(), tag);
    }
    tags.retain(|_, tag| digests.get(tag).is_some_and(|digests| digests.len() == 1));
    Ok(tags)
}

/// Finds every image where it is.
async fn members(
    open: &OpenProject,
    sources: &BTreeMap<String, Arc<dyn Store>>,
) -> Result<BTreeMap<String, Descriptor>, OpsError> {
    let asked = open.lock.images.iter().filter_map(|(name, image)| Some((name, image, sources.get(name)?)));
    let asked = asked.map(|(name, image, source)| async move {
        let found = source.stat_manifest(&image.digest).await?.ok_or_else(|| OpsError::NotFound {
            location: source.location().to_owned(),
            name: format!("manifest {}, which is locked as `{name}`", image.digest),
        })?;
        Ok::<_, OpsError>((name.clone(), found))
    });
    stream::iter(asked).buffer_unordered(QUESTIONS_AT_ONCE).try_collect().await
}

async fn open_destination(context: &Context, request: &PublishRequest) -> Result<Arc<dyn Store>, OpsError> {
    match &request.destination {
        Reference::Layout { path, .. } if request.dry_run && !path.exists() => Ok(nothing(&request.destination)),
        Reference::Archive { .. } if request.dry_run => Ok(nothing(&request.destination)),
        destination if request.dry_run => context.open_itself(destination).await,
        destination => context.open_destination(destination).await,
    }
}

/// Returns a place that has nothing yet.
fn nothing(place: &Reference) -> Arc<dyn Store> {
    Arc::new(store::MemoryStore::new(place.to_string()))
}

/// Returns one route for each repository that images come from.
fn routes(
    open: &OpenProject,
    sources: &BTreeMap<String, Arc<dyn Store>>,
    tags: &BTreeMap<String, Tag>,
    destination: &Arc<dyn Store>,
) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for (name, image) in &open.lock.images {
        let Some(source) = sources.get(name) else { continue };
        let selector = Selector { tag: None, digest: Some(image.digest) };
        let required = required(image, graph::WalkOptions::default());
        let root = RootRequest { selector, tag: tags.get(name).cloned(), narrowed: None, required };
        match routes.iter_mut().find(|route| Arc::ptr_eq(&route.source, source)) {
            Some(route) => route.roots.push(root),
            None => routes.push(Route {
                source: Arc::clone(source),
                destination: Arc::clone(destination),
                roots: vec![root],
                source_tags: None,
                urls: None,
            }),
        }
    }
    routes
}

/// What was put of the application itself.
#[derive(Clone, Copy, Debug, Default)]
struct Applied {
    blobs: usize,
    bytes: u64,
    manifests: usize,
}

impl Applied {
    /// Says what would be put.
    async fn plan(destination: &dyn Store, application: &Assembled) -> Result<Self, OpsError> {
        let artifact = &application.artifact.manifest;
        let mut applied = Self::default();
        if destination.stat_manifest(application.index.digest()).await?.is_none() {
            applied.manifests += 1;
        }
        if destination.stat_manifest(artifact.digest()).await?.is_none() {
            applied.add_artifact(application);
        }
        Ok(applied)
    }

    fn add_artifact(&mut self, application: &Assembled) {
        let layers = application.artifact.manifest.layers();
        self.manifests += 1;
        self.blobs += layers.len();
        self.bytes += layers.iter().map(|layer| layer.size).sum::<u64>();
    }
}

/// Puts index and artifact where they are not yet, sees to it that the artifact is listed, and sets the tag.
async fn apply(
    destination: &dyn Store,
    application: &Assembled,
    tag: &Tag,
    progress: &dyn Progress,
) -> Result<Applied, OpsError> {
    let (index, artifact) = (&application.index, &application.artifact.manifest);
    let mut applied = Applied::default();
    if destination.stat_manifest(index.digest()).await?.is_none() {
        destination.put_manifest(index).await?;
        progress.manifest_put(index.digest());
        applied.manifests += 1;
    }
    let is_listed = match destination.referrers(index.digest(), Some(ARTIFACT_TYPE)).await? {
        Referrers::Listed(listed) => listed,
        Referrers::Unsupported => transfer::fallback::read(destination, index.digest()).await?,
    };
    let is_listed = is_listed.iter().any(|listed| listed.digest == *artifact.digest());
    if !is_listed || destination.stat_manifest(artifact.digest()).await?.is_none() {
        application.artifact.put_blobs(destination, progress).await?;
        let indexed = destination.put_manifest(artifact).await?;
        progress.manifest_put(artifact.digest());
        attach::list(destination, index.digest(), artifact, indexed).await?;
        applied.add_artifact(application);
    }
    let named = |found: Option<Descriptor>| found.is_some_and(|found| found.digest == *index.digest());
    if !named(destination.resolve(tag).await?) {
        destination.tag(tag, index).await?;
        if !named(destination.resolve(tag).await?) {
            return Err(OpsError::Integrity {
                location: destination.location().to_owned(),
                message: format!("the tag {tag} was set and does not name {}", index.digest()),
            });
        }
    }
    Ok(applied)
}
