//! Where the images of a project are read: what was vendored, mirrors, registries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci::{Digest, Reference, RegistryReference, Tag};
use resolve::lock::LockedImage;
use resolve::project::MirrorUse;
use store::{LayoutStore, Store};

use crate::application::{self, Application};
use crate::carried::{self, CarriedLock};
use crate::context::Context;
use crate::error::{ErrorKind, OpsError};
use crate::inside;
use crate::installed;
use crate::mirrored::{Mirrored, Place};
use crate::project::OpenProject;
use crate::shell::quote;

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

/// Returns the directory in which a project keeps its locked images, to write to it.
///
/// # Errors
/// [`OpsError::Usage`] when it is outside of the project: then the user has to name it.
pub fn vendor_destination(open: &OpenProject) -> Result<PathBuf, OpsError> {
    let directory = vendor_directory(open);
    let typed = format!("supercargo vendor {}", quote(&inside::real_path(&directory).to_string_lossy()));
    inside::check(open.directory(), &directory, &typed)?;
    Ok(directory)
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

/// Returns the names of the images that a directory does not hold as they are locked.
///
/// # Errors
/// What the directory brings.
pub async fn lacking(open: &OpenProject, directory: &Path) -> Result<Vec<String>, OpsError> {
    let store = LayoutStore::open(directory)?;
    let mut lacking = Vec::new();
    for (name, locked) in &open.lock.images {
        let found = match name.parse::<Tag>() {
            Ok(tag) => store.resolve(&tag).await?,
            Err(_) => None,
        };
        if found.is_none_or(|found| found.digest != locked.digest) {
            lacking.push(name.clone());
        }
    }
    Ok(lacking)
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
    let mut mirrors = Vec::new();
    for (mirror, by) in open.project.mirrors_of(repository) {
        let host = mirror.host.clone();
        let store = context.open_source(&Reference::Registry(mirror)).await?;
        mirrors.push(Place { host, by, has_all_tags: true, store });
    }
    let origin = context.open_source(&Reference::Registry(repository.clone())).await?;
    if mirrors.is_empty() {
        return Ok(origin);
    }
    let origin = Place { host: repository.host.clone(), by: MirrorUse::All, has_all_tags: true, store: origin };
    Ok(Arc::new(Mirrored::new(mirrors, origin, Arc::clone(context.reach()))))
}

/// Where the images of a project are read. Every repository is opened once, and so is the application that a project was installed
/// from.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    context: &'a Context,
    open: &'a OpenProject,
    vendored: Option<Vendored>,
    /// Where the application was installed from, if it was.
    installed: Option<Reference>,
    application: Option<Arc<Application>>,
    repositories: BTreeMap<String, Arc<dyn Store>>,
}

impl<'a> Sources<'a> {
    /// Looks for what was vendored.
    ///
    /// # Errors
    /// As [`vendored`] and [`installed::place`].
    pub(crate) async fn new(context: &'a Context, open: &'a OpenProject) -> Result<Self, OpsError> {
        Ok(Self { vendored: vendored(open).await?, ..Self::of_registries(context, open)? })
    }

    /// Returns sources that do not read what was vendored.
    ///
    /// # Errors
    /// As [`installed::place`].
    pub(crate) fn of_registries(context: &'a Context, open: &'a OpenProject) -> Result<Self, OpsError> {
        Ok(Self {
            context,
            open,
            vendored: None,
            installed: installed::place(open)?,
            application: None,
            repositories: BTreeMap::new(),
        })
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
        self.of_repository(&locked.repository).await
    }

    /// Returns the place that may have a manifest that was locked once: what was vendored, where it is still there, or else its
    /// repository.
    ///
    /// # Errors
    /// As [`repository`].
    pub(crate) async fn of_former(
        &mut self,
        digest: &Digest,
        repository: &RegistryReference,
    ) -> Result<Arc<dyn Store>, OpsError> {
        match &self.vendored {
            Some(vendored) if vendored.store.stat_manifest(digest).await?.is_some() => Ok(Arc::clone(&vendored.store)),
            _ => self.of_repository(repository).await,
        }
    }

    /// Returns a repository: its mirrors and itself; or the place that the application was installed from, where the repository cannot
    /// be reached, admits nobody or is empty.
    ///
    /// # Errors
    /// As [`repository`], and as [`application::read`]. A repository is not asked where there is no other place for its images.
    pub(crate) async fn of_repository(&mut self, named: &RegistryReference) -> Result<Arc<dyn Store>, OpsError> {
        let name = named.to_string();
        if let Some(store) = self.repositories.get(&name) {
            return Ok(Arc::clone(store));
        }
        let store = self.find_repository(named).await?;
        self.repositories.insert(name, Arc::clone(&store));
        Ok(store)
    }

    async fn find_repository(&mut self, named: &RegistryReference) -> Result<Arc<dyn Store>, OpsError> {
        if self.context.is_offline() {
            // A registry is no place to read from, wherever it was installed from.
            let is_here = self.installed.as_ref().is_some_and(|place| !matches!(place, Reference::Registry(_)));
            let member = if is_here { self.member(named).await? } else { None };
            let (host, wanted) = (named.host.to_string(), named.to_string());
            let help = Some("supercargo vendor".to_owned());
            return member.ok_or(OpsError::Offline { host, wanted, help });
        }
        let origin = repository(self.context, self.open, named).await?;
        if self.installed.is_none() || self.answers(&*origin, named).await? {
            return Ok(origin);
        }
        Ok(self.member(named).await?.unwrap_or(origin))
    }

    /// Returns what of a repository was published with the application that the project was installed from.
    async fn member(&mut self, named: &RegistryReference) -> Result<Option<Arc<dyn Store>>, OpsError> {
        let application = match (&self.application, &self.installed) {
            (Some(application), _) => Arc::clone(application),
            (None, Some(place)) => Arc::new(application::read(self.context, place).await?),
            (None, None) => return Ok(None),
        };
        let member = installed::member(&application, named);
        self.application = Some(application);
        Ok(member)
    }

    /// Tells whether a repository can be read and has something. A registry that did not answer once is not waited for again.
    async fn answers(&self, store: &dyn Store, named: &RegistryReference) -> Result<bool, OpsError> {
        let reach = self.context.reach();
        let is_mirrored = !self.open.project.mirrors_of(named).is_empty();
        if !is_mirrored && reach.silence(&named.host, store.location()).is_some() {
            return Ok(false);
        }
        let error = match store.tags().await {
            Ok(tags) => return Ok(!tags.is_empty()),
            Err(error) => error,
        };
        reach.note(&named.host, &error);
        let error = OpsError::from(error);
        match error.kind() {
            ErrorKind::Unreachable | ErrorKind::Denied => Ok(false),
            _ => Err(error),
        }
    }
}
