//! Where the images of a project are read: what was vendored, mirrors, registries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci::{Reference, RegistryReference, Tag};
use resolve::lock::LockedImage;
use store::{LayoutStore, Store};

use crate::carried::{self, CarriedLock};
use crate::context::Context;
use crate::error::OpsError;
use crate::installed;
use crate::project::OpenProject;
use crate::reading::Places;

/// The directory in which the locked images are kept with a project that does not name another.
pub const VENDOR_DIRECTORY: &str = "vendor";

/// Returns the directory in which a project keeps its locked images, whether it is there or not.
pub fn vendor_directory(open: &OpenProject) -> PathBuf {
    let named = open.project.vendor.as_deref().unwrap_or(VENDOR_DIRECTORY);
    match open.directory() {
        here if here == Path::new(".") => PathBuf::from(named),
        directory => directory.join(named),
    }
}

/// What was vendored.
#[derive(Clone, Debug)]
pub(crate) struct Vendored {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) carried: CarriedLock,
}

/// Opens what a project has vendored. A directory that is no layout with a lock is somebody else's.
///
/// # Errors
/// What the directory brings.
pub(crate) async fn vendored(open: &OpenProject) -> Result<Option<Vendored>, OpsError> {
    let directory = vendor_directory(open);
    if !directory.join("oci-layout").is_file() {
        return Ok(None);
    }
    let store: Arc<dyn Store> = Arc::new(LayoutStore::open(&directory)?);
    let carried = carried::read(&*store).await?;
    Ok(carried.map(|carried| Vendored { store, carried }))
}

/// Opens a repository that a project names: its mirrors, then itself.
///
/// # Errors
/// As [`Context::open_source`]: [`OpsError::Offline`] when no registry may be asked, and when credentials cannot be read.
pub(crate) async fn repository(
    context: &Context,
    open: &OpenProject,
    repository: &RegistryReference,
) -> Result<Arc<dyn Store>, OpsError> {
    let mut places = Vec::new();
    for mirror in open.project.mirrors_of(repository) {
        places.push(context.open_source(&Reference::Registry(mirror)).await?);
    }
    let origin = context.open_source(&Reference::Registry(repository.clone())).await?;
    if places.is_empty() {
        return Ok(origin);
    }
    places.push(origin);
    Ok(Arc::new(Places::mirrored(places)))
}

/// Where the content of locked images is read.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    context: &'a Context,
    open: &'a OpenProject,
    vendored: Option<Vendored>,
    repositories: BTreeMap<String, Arc<dyn Store>>,
}

impl<'a> Sources<'a> {
    /// Looks for what was vendored.
    ///
    /// # Errors
    /// As [`vendored`].
    pub(crate) async fn new(context: &'a Context, open: &'a OpenProject) -> Result<Self, OpsError> {
        Ok(Self { context, open, vendored: vendored(open).await?, repositories: BTreeMap::new() })
    }

    /// Returns sources that do not read what was vendored.
    pub(crate) const fn of_registries(context: &'a Context, open: &'a OpenProject) -> Self {
        Self { context, open, vendored: None, repositories: BTreeMap::new() }
    }

    /// Returns the place that has a locked image with everything attached to it: what was vendored, or else its repository.
    ///
    /// # Errors
    /// As [`repository`].
    pub(crate) async fn of(&mut self, name: &str, locked: &LockedImage) -> Result<Arc<dyn Store>, OpsError> {
        if let (Some(vendored), Ok(tag)) = (&self.vendored, name.parse::<Tag>()) {
            // The tag is set last: what it names is whole.
            let found = vendored.store.resolve(&tag).await?;
            if found.is_some_and(|found| found.digest == locked.digest) {
                return Ok(Arc::clone(&vendored.store));
            }
        }
        self.of_repository(locked).await
    }

    /// Returns the place that may have a manifest that was locked once: what was vendored, where it is still there, or else its
    /// repository.
    ///
    /// # Errors
    /// As [`repository`].
    pub(crate) async fn of_former(&mut self, locked: &LockedImage) -> Result<Arc<dyn Store>, OpsError> {
        match &self.vendored {
            Some(vendored) if vendored.store.stat_manifest(&locked.digest).await?.is_some() => {
                Ok(Arc::clone(&vendored.store))
            }
            _ => self.of_repository(locked).await,
        }
    }

    async fn of_repository(&mut self, locked: &LockedImage) -> Result<Arc<dyn Store>, OpsError> {
        let name = locked.repository.to_string();
        if self.context.is_offline() {
            let host = locked.repository.host.to_string();
            return Err(OpsError::Offline { host, wanted: name, help: Some("supercargo vendor".to_owned()) });
        }
        if let Some(store) = self.repositories.get(&name) {
            return Ok(Arc::clone(store));
        }
        let found = installed::repositories(self.context, self.open, [(&name, &locked.repository)].into_iter()).await?;
        let Some(store) = found.get(&name).cloned() else {
            return Err(OpsError::NotFound { location: self.open.file.display().to_string(), name });
        };
        self.repositories.insert(name, Arc::clone(&store));
        Ok(store)
    }
}
