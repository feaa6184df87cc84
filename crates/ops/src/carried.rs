//! The lock of a project in a layout or an archive that holds its images.
//!
//! It is an artifact under the tag `Supercargo.lock`, so every tool that copies layouts takes it along, and whoever has the place
//! knows which image is which, and can lock from it. Its format is in `docs/formats/carried-lock.md`.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use oci::{Annotations, Descriptor, Digest, MediaType, RegistryReference, Selector, Tag, View, annotation};
use resolve::lock::{self, Lock};
use resolve::project::Project;
use store::{MemoryStore, Store};
use transfer::{RootRequest, Route};

use crate::artifact::{Content, assemble};
use crate::error::{ErrorKind, OpsError};
use crate::found::read_blob;
use crate::reading::Places;

/// Type of the artifact, and of the lock's text in it.
const ARTIFACT_TYPE: &str = "application/vnd.supercargo.lock.v1+toml";
/// The annotation of an archive that is no whole: the digest of the lock whose content it leaves out.
const BASELINE_ANNOTATION: &str = "vnd.supercargo.baseline";

/// A lock that lies beside the images that it names.
#[derive(Clone, Debug)]
pub(crate) struct CarriedLock {
    /// What it says.
    pub(crate) lock: Lock,
    /// Its artifact.
    pub(crate) digest: Digest,
    /// The digest of the lock whose content is left out, if any is.
    pub(crate) baseline: Option<Digest>,
}

/// Returns the tag under which a lock lies.
pub(crate) fn tag() -> Result<Tag, OpsError> {
    lock::FILE_NAME.parse::<Tag>().map_err(|error| OpsError::usage(error.to_string(), None))
}

/// Returns the lock of a place; `None` where there is none.
///
/// # Errors
/// [`OpsError::Integrity`] when what lies there is no lock, and what the store brings.
pub(crate) async fn read(store: &dyn Store) -> Result<Option<CarriedLock>, OpsError> {
    let Some(found) = store.resolve(&tag()?).await? else { return Ok(None) };
    let broken = |message: String| OpsError::Integrity { location: store.location().to_owned(), message };
    let missing = |digest: &Digest| broken(format!("{digest} of the lock is not there"));
    let manifest = store.manifest(&found.digest).await?.ok_or_else(|| missing(&found.digest))?;
    // Somebody else may call an image so.
    let View::Image(view) = manifest.view() else { return Ok(None) };
    if view.artifact_type.as_deref() != Some(ARTIFACT_TYPE) {
        return Ok(None);
    }
    let layer = view.layers.first().ok_or_else(|| broken("the lock has no text".to_owned()))?;
    let bytes = read_blob(store, layer, lock::FILE_MAX_BYTES).await?.ok_or_else(|| missing(&layer.digest))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| broken("the lock is not text".to_owned()))?;
    let lock = Lock::parse(text).map_err(|error| broken(format!("the lock cannot be read: {error}")))?;
    let baseline = manifest.annotations().get(BASELINE_ANNOTATION).map(|text| text.parse::<Digest>());
    let baseline = baseline.transpose().map_err(|error| broken(format!("its baseline has no digest: {error}")))?;
    Ok(Some(CarriedLock { lock, digest: *manifest.digest(), baseline }))
}

/// Returns the route that puts a lock into a place.
///
/// # Errors
/// When the lock is larger than a lock may be.
pub(crate) async fn route(
    lock: &Lock,
    baseline: Option<&Digest>,
    destination: Arc<dyn Store>,
) -> Result<Route, OpsError> {
    let text = lock.text();
    let media_type = ARTIFACT_TYPE.parse::<MediaType>();
    let media_type = media_type.map_err(|error| OpsError::usage(error.to_string(), None))?;
    let mut layer = Descriptor::of(media_type, text.as_bytes());
    layer.annotations.insert(annotation::TITLE.to_owned(), lock::FILE_NAME.to_owned());
    let annotations: Annotations =
        baseline.map(|digest| (BASELINE_ANNOTATION.to_owned(), digest.to_string())).into_iter().collect();
    let layers = vec![(Content::Memory(Bytes::from(text)), layer)];
    let artifact = assemble(ARTIFACT_TYPE, &annotations, layers, None)?;
    let source: Arc<dyn Store> = Arc::new(MemoryStore::new(lock::FILE_NAME));
    artifact.put_blobs(&*source, &transfer::Silent).await?;
    source.put_manifest(&artifact.manifest).await?;
    let selector = Selector { tag: None, digest: Some(*artifact.manifest.digest()) };
    let roots = vec![RootRequest { selector, tag: Some(tag()?), ..RootRequest::default() }];
    Ok(Route { source, destination, roots, source_tags: Some(Vec::new()), urls: None })
}

/// Returns a lock with what the lock of a place has beyond it: images of the project that were left out this time and are still there
/// under their names. What somebody brought before is not forgotten.
///
/// # Errors
/// What the store brings.
pub(crate) async fn with_former(lock: &Lock, project: &Project, place: &dyn Store) -> Result<Lock, OpsError> {
    let mut all = lock.clone();
    let former = match read(place).await {
        Ok(former) => former,
        // It is about to be replaced.
        Err(error) if error.kind() == ErrorKind::Integrity => None,
        Err(error) => return Err(error),
    };
    for (name, image) in former.into_iter().flat_map(|former| former.lock.images) {
        let is_of_project = project.images.get(&name).is_some_and(|wanted| wanted.repository == image.repository);
        let (Ok(tag), true, false) = (name.parse::<Tag>(), is_of_project, lock.images.contains_key(&name)) else {
            continue;
        };
        if place.resolve(&tag).await?.is_some_and(|found| found.digest == image.digest) {
            all.images.insert(name, image);
        }
    }
    Ok(all)
}

/// Returns what a place holds of a repository, by the lock that lies there: the tags that were locked, and those that named the
/// same. `None` where the lock names no image of the repository.
pub(crate) fn repository(lock: &Lock, place: &Arc<dyn Store>, repository: &RegistryReference) -> Option<Places> {
    let images = lock.images.values().filter(|image| image.repository == *repository);
    let names: BTreeMap<Tag, Digest> = images
        .flat_map(|image| std::iter::once(&image.tag).chain(&image.aliases).map(|tag| (tag.clone(), image.digest)))
        .collect();
    let location = format!("{} ({repository})", place.location());
    (!names.is_empty()).then(|| Places::part(location, Arc::clone(place), names))
}
