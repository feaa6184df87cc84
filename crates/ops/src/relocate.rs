//! A project as it is locked, to a registry, a layout or an archive, and out of an archive again.
//!
//! Below a prefix of a registry each image goes to the last part of its repository's name, under the tag that was locked. In a layout
//! or an archive each has the name that the project gives it, and the lock lies beside them, so that the place can be locked from.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use oci::{Descriptor, Digest, Platform, Reference, Selector, Tag};
use resolve::lock::{Lock, LockedImage};
use resolve::project::Project;
use store::Store;
use transfer::{CopyOptions, CopyReport, Progress, RootRequest, Route};

use crate::archive::LoadRequest;
use crate::carried::{self, CarriedLock};
use crate::context::Context;
use crate::copy::{Itinerary, Opening, narrow, plan_routes};
use crate::delta;
use crate::destination::Destination;
use crate::error::OpsError;
use crate::project::OpenProject;
use crate::reading::Places;
use crate::sources::{Sources, vendor_directory};

/// Where a project goes, and how.
#[derive(Clone, Debug)]
pub struct RelocateRequest {
    /// Where to.
    pub destination: Destination,
    /// The platforms to which indexes are narrowed; none leaves them whole.
    pub platforms: Vec<Platform>,
    /// The lock whose content is left out: whoever gets the copy has it.
    pub since: Option<Lock>,
    /// What belongs to a copy and how it is done.
    pub options: CopyOptions,
    /// Whether to look only.
    pub dry_run: bool,
}

/// What became of a project.
#[derive(Debug)]
pub struct Relocation {
    /// What was copied.
    pub copy: CopyReport,
    /// Where each image is now, in the order of the names.
    pub mapping: Vec<Mapping>,
}

/// Where an image was and is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Its name.
    pub name: String,
    /// Where the project has it from, with the digest.
    pub from: String,
    /// Where it is now, with the digest.
    pub to: String,
}

/// Copies every locked image by its digest, with everything attached, and proves that it arrived. All images are planned together, so
/// that what several have in common moves once. The project and its lock stay as they are.
///
/// # Errors
/// [`OpsError::Usage`] when the destination names one image, or two repositories would become one; [`OpsError::NotFound`] when
/// nothing is locked; [`OpsError::Transfer`] when a locked artifact is not shown with its image any more; otherwise as [`copy`](fn@crate::copy::copy).
pub async fn relocate(
    context: &Context,
    open: &OpenProject,
    request: &RelocateRequest,
    progress: Arc<dyn Progress>,
) -> Result<Relocation, OpsError> {
    let images = &open.lock.images;
    if images.is_empty() {
        return Err(OpsError::NotFound { location: open.lock_file().display().to_string(), name: "images".to_owned() });
    }
    let (mut sources, mut found) = (sources(context, open, &request.destination).await?, Vec::new());
    for (name, locked) in images {
        found.push((name, locked, sources.of(name, locked).await?));
    }
    let had = match &request.since {
        Some(since) => Some(delta::had(context, since, &found, &mut sources, request.options.walk).await?),
        None => None,
    };
    let mut routes = Routes::new(context, &request.destination, request.options, request.dry_run)?;
    if let Some(had) = had {
        routes.over = Some(had);
    }
    let mut mapping = Vec::new();
    for (name, locked, source) in found {
        let selector = Selector { tag: None, digest: Some(locked.digest) };
        let narrowed = narrow(context, &*source, &selector, &request.platforms).await?;
        let digest = narrowed.as_ref().map_or(locked.digest, |narrowed| *narrowed.root.digest());
        // An index for some platforms is another image: what is about the whole one does not go with it.
        let required = if narrowed.is_none() { required(locked, request.options.walk) } else { Vec::new() };
        let to = routes.add(name, locked, source, narrowed, required).await?;
        let tag = Selector { tag: Some(locked.tag.clone()), digest: Some(locked.digest) };
        let from = Reference::Registry(locked.repository.clone()).with_selector(tag).to_string();
        let to = to.with_selector(Selector { digest: Some(digest), ..to.selector() }).to_string();
        mapping.push(Mapping { name: name.clone(), from, to });
    }
    if request.platforms.is_empty() {
        let baseline = request.since.as_ref().map(delta::digest);
        routes.carry(&open.lock, Some(&open.project), baseline.as_ref()).await?;
    }
    Ok(Relocation { copy: routes.run(progress).await?, mapping })
}

/// Returns the artifacts of an image that go with it by its lock: those that belong to the copy.
pub(crate) fn required(locked: &LockedImage, walk: graph::WalkOptions) -> Vec<Digest> {
    if !walk.artifacts {
        return Vec::new();
    }
    let mut about: BTreeMap<Digest, Vec<Digest>> = BTreeMap::new();
    for artifact in &locked.artifacts {
        about.entry(artifact.subject).or_default().push(artifact.digest);
    }
    // What is about a layer may stay where it is, with whatever is about that.
    let mut staying: Vec<Digest> = Vec::new();
    if !walk.layer_artifacts {
        staying.extend(locked.platforms.iter().flat_map(|platform| &platform.layers));
    }
    while let Some(subject) = staying.pop() {
        staying.extend(about.remove(&subject).unwrap_or_default());
    }
    about.into_values().flatten().collect()
}

/// Returns where the images are read. What is being vendored is not read from where it goes: that is how it is renewed.
async fn sources<'a>(
    context: &'a Context,
    open: &'a OpenProject,
    destination: &Destination,
) -> Result<Sources<'a>, OpsError> {
    match destination {
        Destination::Exactly(Reference::Layout { path, .. }) if !context.is_offline() => {
            let resolved = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
            if resolved(path) == resolved(&vendor_directory(open)) {
                return Sources::of_registries(context, open);
            }
            Sources::new(context, open).await
        }
        _ => Sources::new(context, open).await,
    }
}

/// Returns the lock of a project's archive; `None` where the archive holds more than what its lock names.
///
/// # Errors
/// What the store brings.
pub(crate) async fn project_of(
    archive: &dyn Store,
    roots: &[(Option<Tag>, Descriptor)],
) -> Result<Option<CarriedLock>, OpsError> {
    let Some(carried) = carried::read(archive).await? else { return Ok(None) };
    let is_named = |(tag, descriptor): &(Option<Tag>, Descriptor)| {
        let locked = tag.as_ref().and_then(|tag| carried.lock.images.get(tag.as_str()));
        descriptor.digest == carried.digest || locked.is_some_and(|locked| locked.digest == descriptor.digest)
    };
    let is_whole = roots.iter().all(is_named);
    Ok((is_whole || carried.baseline.is_some()).then_some(carried))
}

/// Copies the project in an archive. What a part of a project leaves out is looked for at the destination before anything is written.
///
/// # Errors
/// [`OpsError::Unsound`] when it is not there; otherwise as [`relocate`].
pub(crate) async fn load(
    context: &Context,
    request: &LoadRequest,
    archive: Arc<dyn Store>,
    carried: &CarriedLock,
    progress: Arc<dyn Progress>,
) -> Result<CopyReport, OpsError> {
    let mut places: BTreeMap<String, Arc<dyn Store>> = BTreeMap::new();
    let mut source = Arc::clone(&archive);
    if let Some(baseline) = &carried.baseline {
        for (name, locked) in &carried.lock.images {
            let place = place_for(&request.destination, name, locked)?.with_selector(Selector::default());
            if let std::collections::btree_map::Entry::Vacant(entry) = places.entry(place.to_string()) {
                let is_absent = matches!(&place, Reference::Layout { path, .. } | Reference::Archive { path, .. } if !path.exists());
                if !is_absent {
                    entry.insert(context.open_itself(&place).await?);
                }
            }
        }
        let others: Vec<Arc<dyn Store>> = places.into_values().collect();
        delta::require_baseline(&archive, carried, baseline, &others, request.options.walk).await?;
        source = Arc::new(Places::completed(Arc::clone(&archive), others));
    }
    let mut routes = Routes::new(context, &request.destination, request.options, request.dry_run)?;
    for (name, locked) in &carried.lock.images {
        // What was left out when the archive was made is nobody's loss.
        routes.add(name, locked, Arc::clone(&source), None, Vec::new()).await?;
    }
    // What has arrived is whole.
    routes.carry(&carried.lock, None, None).await?;
    routes.run(progress).await
}

/// Returns where an image of a project goes.
///
/// # Errors
/// [`OpsError::Usage`] when the destination names one image.
pub(crate) fn place_for(destination: &Destination, name: &str, locked: &LockedImage) -> Result<Reference, OpsError> {
    let prefix = match destination {
        Destination::Below(prefix) => prefix.clone(),
        Destination::Exactly(place) if place.selector() != Selector::default() => {
            return Err(OpsError::usage(format!("`{place}` names one image, and a project may have several"), None));
        }
        Destination::Exactly(Reference::Registry(place)) => format!("{place}/"),
        Destination::Exactly(Reference::DockerArchive { .. }) => {
            return Err(OpsError::usage("a docker archive can only be read", "oci-archive:FILE".to_owned()));
        }
        Destination::Exactly(place) => {
            let tag = name.parse::<Tag>().map_err(|error| OpsError::usage(error.to_string(), None))?;
            return Ok(place.with_selector(Selector { tag: Some(tag), digest: None }));
        }
    };
    let place: Reference = format!("{prefix}{}", locked.repository.repository.last_component()).parse()?;
    Ok(place.with_selector(Selector { tag: Some(locked.tag.clone()), digest: None }))
}

/// The routes of a project's images.
struct Routes<'a> {
    context: &'a Context,
    destination: &'a Destination,
    options: CopyOptions,
    opening: Opening,
    itinerary: Itinerary,
    /// By place without a tag: the repository that goes there.
    repositories: BTreeMap<String, String>,
    /// By place with its tag: what goes there.
    claimed: BTreeMap<String, Digest>,
    /// What a destination is taken to have.
    over: Option<delta::Had>,
    /// Destinations that are taken to have something.
    wrapped: BTreeMap<String, Arc<dyn Store>>,
}

impl<'a> Routes<'a> {
    fn new(
        context: &'a Context,
        destination: &'a Destination,
        options: CopyOptions,
        dry_run: bool,
    ) -> Result<Self, OpsError> {
        let itinerary = Itinerary::new(context, &options)?;
        let opening = if dry_run { Opening::ToLook } else { Opening::ToWrite };
        let (repositories, claimed, wrapped) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Ok(Self { context, destination, options, opening, itinerary, repositories, claimed, over: None, wrapped })
    }

    /// Adds an image and returns where it goes.
    async fn add(
        &mut self,
        name: &str,
        locked: &LockedImage,
        source: Arc<dyn Store>,
        narrowed: Option<transfer::narrow::Narrowed>,
        required: Vec<Digest>,
    ) -> Result<Reference, OpsError> {
        let place = place_for(self.destination, name, locked)?;
        let bare = place.with_selector(Selector::default()).to_string();
        let repository = locked.repository.to_string();
        if matches!(place, Reference::Registry(_))
            && let Some(other) = self.repositories.insert(bare.clone(), repository.clone())
            && other != repository
        {
            return Err(OpsError::usage(
                format!("`{other}` and `{repository}` would both become `{bare}`"),
                format!("supercargo copy {repository}:{} DST", locked.tag),
            ));
        }
        match self.claimed.insert(place.to_string(), locked.digest) {
            // Two names of one image.
            Some(other) if other == locked.digest => return Ok(place),
            Some(_) => {
                let message = format!("`{repository}:{}` is locked with two digests", locked.tag);
                return Err(OpsError::usage(message, format!("supercargo update {name}")));
            }
            None => {}
        }
        let destination = self.open(&place).await?;
        let selector = Selector { tag: None, digest: Some(locked.digest) };
        let root = RootRequest { selector, tag: place.selector().tag, narrowed, required };
        self.itinerary.add(source, destination, root, None);
        Ok(place)
    }

    async fn open(&mut self, place: &Reference) -> Result<Arc<dyn Store>, OpsError> {
        let destination = self.itinerary.destination(self.context, place, self.opening).await?;
        let Some(had) = &self.over else { return Ok(destination) };
        let bare = place.with_selector(Selector::default()).to_string();
        let wrapped = self.wrapped.entry(bare).or_insert_with(|| Arc::new(delta::Over::new(destination, had.clone())));
        Ok(Arc::clone(wrapped))
    }

    /// Lets the lock lie beside the images, where it can. In a layout that has images of the project beyond those of the lock it goes
    /// on to speak of them.
    async fn carry(
        &mut self,
        lock: &Lock,
        project: Option<&Project>,
        baseline: Option<&Digest>,
    ) -> Result<(), OpsError> {
        let Destination::Exactly(place @ (Reference::Layout { .. } | Reference::Archive { .. })) = self.destination
        else {
            return Ok(());
        };
        let destination = self.open(place).await?;
        let all = match project.filter(|_| matches!(place, Reference::Layout { .. })) {
            Some(project) => carried::with_former(lock, project, &*destination).await?,
            None => lock.clone(),
        };
        let route: Route = carried::route(&all, baseline, destination).await?;
        self.itinerary.routes.push(route);
        Ok(())
    }

    async fn run(self, progress: Arc<dyn Progress>) -> Result<CopyReport, OpsError> {
        let routes = self.itinerary.routes;
        if self.opening == Opening::ToLook {
            return plan_routes(self.context, routes, &self.options).await;
        }
        Ok(transfer::copy(routes, &self.options, self.context.manifest_cache(), progress).await?)
    }
}
