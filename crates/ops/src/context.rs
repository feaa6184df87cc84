//! Opens a reference as a store; keeps manifests between runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use client::routing::{Routing, RoutingFiles};
use client::{Client, ClientOptions, Places, Repository};
use oci::{Descriptor, Digest, Manifest, MediaType, Reference, RegistryReference};
use resolve::project::MirrorUse;
use store::{ArchiveStore, BlobBody, ContentStore, DockerArchive, LayoutStore, Store, StoreError};
use transfer::{CopyOptions, ManifestCache, UrlSource};

use crate::credentials::AuthFiles;
use crate::error::OpsError;
use crate::mirrored::{Mirrored, Place};
use crate::observations::{Clock, Observer, Watched};
use crate::reach::Reach;

/// Most requests under way to one registry where only small questions are asked: of twenty images, three each. Without them
/// the last to be asked waits for one more round trip.
const QUESTIONS_PER_HOST: usize = 64;

/// What an operation needs to know about where it runs.
#[derive(Clone, Debug, Default)]
pub struct ContextOptions {
    /// The directory of the local content store, where one is known.
    pub content_store: Option<PathBuf>,
    /// How registries are reached.
    pub client: ClientOptions,
    /// Files that say where requests go. They are read when a registry is first named.
    pub routing_files: RoutingFiles,
    /// Files with credentials. They are read when a registry is first named.
    pub auth_files: AuthFiles,
    /// The directory in which is written down what registries answer about tags, where one is known.
    pub observations: Option<PathBuf>,
    /// The clock; nothing is written down without one.
    pub clock: Clock,
    /// Whether no registry is asked.
    pub offline: bool,
    /// What may become of the lock of a project.
    pub lock_use: LockUse,
}

impl ContextOptions {
    /// Returns options for operations that ask much and move no blobs.
    #[must_use]
    pub const fn for_questions(mut self) -> Self {
        self.client.concurrency_per_host = QUESTIONS_PER_HOST;
        self
    }
}

/// What may become of the lock of a project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LockUse {
    /// It is brought up to date where it is not.
    #[default]
    Refresh,
    /// It has to be up to date.
    Locked,
    /// It is used as it is, up to date or not.
    Frozen,
}

/// What operations share: connections, credentials, the local content store. Opened on first use, so that a command which
/// only reads a layout starts nothing else.
#[derive(Debug)]
pub struct Context {
    options: ContextOptions,
    client: OnceLock<Client>,
    routing: OnceLock<Routing>,
    content_store: OnceLock<Arc<ContentStore>>,
    observer: OnceLock<Arc<Observer>>,
    reach: OnceLock<Arc<Reach>>,
}

impl Context {
    /// Returns a context. Nothing is opened yet.
    pub const fn new(options: ContextOptions) -> Self {
        Self {
            options,
            client: OnceLock::new(),
            routing: OnceLock::new(),
            content_store: OnceLock::new(),
            observer: OnceLock::new(),
            reach: OnceLock::new(),
        }
    }

    /// Returns what was learnt of registries that do not answer.
    pub fn reach(&self) -> &Arc<Reach> {
        self.reach.get_or_init(Arc::default)
    }

    /// Tells whether no registry is asked.
    pub const fn is_offline(&self) -> bool {
        self.options.offline
    }

    /// Returns what may become of the lock of a project.
    pub const fn lock_use(&self) -> LockUse {
        self.options.lock_use
    }

    /// Returns the registry client.
    ///
    /// # Errors
    /// [`OpsError::Offline`] when no registry may be asked; when a file with credentials, or about routes, cannot be read.
    pub fn client(&self) -> Result<&Client, OpsError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = self.client_of_its_own(|_| ())?;
        Ok(self.client.get_or_init(|| client))
    }

    /// Returns a registry client with other options than that of the other operations.
    ///
    /// # Errors
    /// As [`Context::client`].
    pub(crate) fn client_of_its_own(&self, change: impl FnOnce(&mut ClientOptions)) -> Result<Client, OpsError> {
        if self.options.offline {
            return Err(OpsError::Offline { host: "a registry".to_owned(), wanted: "this".to_owned(), help: None });
        }
        let mut options = self.options.client.clone();
        options.credentials = self.options.auth_files.read()?;
        options.routing = self.routing()?.clone();
        change(&mut options);
        Ok(Client::new(options))
    }

    /// Returns what files say of registries.
    ///
    /// # Errors
    /// As [`Routing::from_files`].
    pub(crate) fn routing(&self) -> Result<&Routing, OpsError> {
        if let Some(routing) = self.routing.get() {
            return Ok(routing);
        }
        let routing = Routing::from_files(&self.options.routing_files)?;
        Ok(self.routing.get_or_init(|| routing))
    }

    /// Returns what registries want their users to be told, each text once.
    pub fn registry_warnings(&self) -> Vec<String> {
        let said = self.client.get().map(Client::warnings).unwrap_or_default();
        said.into_iter().map(|(host, text)| format!("{host} says: {text}")).collect()
    }

    /// Returns the files with credentials.
    pub(crate) const fn auth_files(&self) -> &AuthFiles {
        &self.options.auth_files
    }

    /// Returns how registries are reached.
    pub(crate) const fn client_options(&self) -> &ClientOptions {
        &self.options.client
    }

    /// Returns the local content store; it is made if it does not exist.
    ///
    /// # Errors
    /// When its directory cannot be made or is not one.
    pub fn content_store(&self) -> Result<&Arc<ContentStore>, OpsError> {
        if let Some(store) = self.content_store.get() {
            return Ok(store);
        }
        let directory = self.options.content_store.as_ref().ok_or_else(|| {
            OpsError::usage(
                "nothing says where the local content store is: neither SUPERCARGO_STORE nor XDG_DATA_HOME nor HOME is set",
                "export SUPERCARGO_STORE=DIR".to_owned(),
            )
        })?;
        let store = Arc::new(ContentStore::open(directory)?);
        Ok(self.content_store.get_or_init(|| store))
    }

    /// Returns what notes what registries answer about tags.
    pub fn observer(&self) -> &Arc<Observer> {
        let ContextOptions { observations, clock, .. } = &self.options;
        self.observer.get_or_init(|| Arc::new(Observer::new(observations.clone(), clock.clone())))
    }

    /// Opens the place that a reference names, to read from it. Files of the user and the system may have mirrors read before it.
    ///
    /// # Errors
    /// When it does not exist or is not what the reference says. A registry is not asked yet; [`OpsError::Offline`] when none
    /// may be.
    pub async fn open_source(&self, reference: &Reference) -> Result<Arc<dyn Store>, OpsError> {
        Ok(match reference {
            Reference::Registry(reference) => {
                let Places { mirrors, itself, .. } = self.places(reference)?;
                let watched = self.watched(itself, reference);
                if mirrors.is_empty() {
                    return Ok(watched);
                }
                let mirrors = mirrors.into_iter().filter_map(Place::of_mirror).collect();
                let origin =
                    Place { host: reference.host.clone(), by: MirrorUse::All, has_all_tags: true, store: watched };
                Arc::new(Mirrored::new(mirrors, origin, Arc::clone(self.reach())))
            }
            Reference::Layout { path, .. } => Arc::new(LayoutStore::open(path)?),
            Reference::Archive { path, .. } => Arc::new(blocking(path, |path| ArchiveStore::open(path)).await?),
            Reference::DockerArchive { path, .. } => Arc::new(blocking(path, |path| DockerArchive::open(path)).await?),
            Reference::Store { name, .. } => Arc::new(self.content_store()?.name(name.clone())),
        })
    }

    /// Opens the place that a reference names and nothing that stands in for it, to look at what is to be changed there.
    ///
    /// # Errors
    /// As [`Context::open_source`].
    pub async fn open_itself(&self, reference: &Reference) -> Result<Arc<dyn Store>, OpsError> {
        match reference {
            Reference::Registry(reference) => Ok(self.watched(self.places(reference)?.destination, reference)),
            _ => self.open_source(reference).await,
        }
    }

    /// Opens the place that a reference names, to write to it; a layout or an archive is made if it does not exist.
    ///
    /// # Errors
    /// When it cannot be made, or cannot be written to.
    pub async fn open_destination(&self, reference: &Reference) -> Result<Arc<dyn Store>, OpsError> {
        Ok(match reference {
            Reference::Layout { path, .. } => Arc::new(LayoutStore::open_or_create(path)?),
            Reference::Archive { path, .. } => Arc::new(ArchiveStore::create(path)?),
            Reference::Registry(_) | Reference::Store { .. } | Reference::DockerArchive { .. } => {
                self.open_itself(reference).await?
            }
        })
    }

    /// Returns where a repository is read and written.
    ///
    /// # Errors
    /// [`OpsError::Offline`] when no registry may be asked; when files about registries cannot be read.
    pub(crate) fn places(&self, reference: &RegistryReference) -> Result<Places, OpsError> {
        if self.options.offline {
            let (host, wanted) = (reference.host.to_string(), reference.to_string());
            return Err(OpsError::Offline { host, wanted, help: None });
        }
        Ok(self.client()?.places(&reference.host, &reference.repository)?)
    }

    /// Returns a repository of which is noted what its tags were seen to name.
    fn watched(&self, repository: Repository, reference: &RegistryReference) -> Arc<dyn Store> {
        Arc::new(Watched::new(repository, reference.clone(), Arc::clone(self.observer())))
    }

    /// Returns what brings layers from the URLs that their descriptors name, for a copy that asks for those layers; nothing where
    /// nobody may be asked.
    ///
    /// # Errors
    /// As [`Context::client`].
    pub fn url_source(&self, options: &CopyOptions) -> Result<Option<Arc<dyn UrlSource>>, OpsError> {
        if !options.include_foreign_layers || self.options.offline {
            return Ok(None);
        }
        Ok(Some(Arc::new(Urls(self.client()?.clone()))))
    }

    /// Returns the manifests that are here already. Where the content store cannot be opened nothing is kept.
    pub fn manifest_cache(&self) -> Arc<dyn ManifestCache> {
        match self.content_store() {
            Ok(store) => Arc::new(Kept(Arc::clone(store))),
            Err(_) => Arc::new(transfer::NoCache),
        }
    }
}

async fn blocking<S: Send + 'static>(
    path: &Path,
    open: impl FnOnce(&Path) -> Result<S, StoreError> + Send + 'static,
) -> Result<S, OpsError> {
    let path = path.to_owned();
    match tokio::task::spawn_blocking(move || open(&path)).await {
        Ok(opened) => Ok(opened?),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// The client as what follows the URLs of descriptors.
#[derive(Debug)]
struct Urls(Client);

#[async_trait]
impl UrlSource for Urls {
    async fn open_url(&self, url: &str, descriptor: &Descriptor, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        self.0.open_url(url, descriptor, offset).await
    }
}

/// The local content store as the place where manifests are kept.
struct Kept(Arc<ContentStore>);

impl ManifestCache for Kept {
    fn get(&self, digest: &Digest, media_type: &MediaType) -> Option<Manifest> {
        self.0.cached_manifest(digest, media_type)
    }

    fn keep(&self, manifest: &Manifest) {
        self.0.cache_manifest(manifest);
    }
}
