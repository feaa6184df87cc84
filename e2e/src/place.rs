//! Registries, layouts and archives, by one name.

use std::path::PathBuf;
use std::sync::Arc;

use client::{Client, ClientOptions};
use registry::{MemoryRepositories, Registry, RegistryOptions, RunningRegistry};
use oci::{RepositoryName, Tag};
use store::{ArchiveStore, LayoutStore, Store};
use tempfile::TempDir;
use testkit::application::Application;
use testkit::peers::{PeerRegistry, RunningPeer};

/// The kinds of place that a copy goes between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Our registry.
    Ours,
    /// CNCF distribution v3: no lists of referrers.
    Distribution,
    /// Debian's docker-registry 2.8: no lists of referrers either.
    DockerRegistry,
    /// An in-memory registry with referrers, filter and mount.
    OciRegistry,
    /// An in-memory registry that ignores filters and answers mounts with 202.
    Liar,
    /// An OCI image layout.
    Layout,
    /// The same in a tar.
    Archive,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Ours,
        Self::Distribution,
        Self::DockerRegistry,
        Self::OciRegistry,
        Self::Liar,
        Self::Layout,
        Self::Archive,
    ];

    /// Tells whether blobs may be named by sha512.
    pub fn takes_sha512(self) -> bool {
        self != Self::OciRegistry
    }

    fn peer(self) -> Option<PeerRegistry> {
        match self {
            Self::Distribution => Some(PeerRegistry::Distribution),
            Self::DockerRegistry => Some(PeerRegistry::DockerRegistry),
            Self::OciRegistry => Some(PeerRegistry::Ociregistry),
            Self::Liar => Some(PeerRegistry::Liar),
            Self::Ours | Self::Layout | Self::Archive => None,
        }
    }
}

/// A registry that runs.
#[derive(Debug)]
enum Server {
    Ours(RunningRegistry),
    Peer(RunningPeer),
}

/// A place that is open for as long as this value lives.
#[derive(Debug)]
pub struct Place {
    /// What it is.
    pub kind: Kind,
    server: Option<Server>,
    folder: TempDir,
}

impl Place {
    /// Opens a place; `None` when the peer is not installed, which has been said then.
    pub async fn open(kind: Kind) -> Option<Self> {
        let server = match (kind, kind.peer()) {
            (_, Some(peer)) => Some(Server::Peer(peer.start()?)),
            (Kind::Ours, None) => {
                let registry = Registry::new(Arc::new(MemoryRepositories::default()), RegistryOptions::default());
                Some(Server::Ours(RunningRegistry::start(([127, 0, 0, 1], 0).into(), registry).await.unwrap()))
            }
            (_, None) => None,
        };
        Some(Self { kind, server, folder: tempfile::tempdir().unwrap() })
    }

    /// Returns what a user would type for the repository `name` here, without a tag.
    pub fn reference(&self, name: &str) -> String {
        match self.kind {
            Kind::Layout => format!("oci:{}", self.path(name).display()),
            Kind::Archive => format!("oci-archive:{}", self.path(name).display()),
            _ => format!("{}/{name}", self.address()),
        }
    }

    /// Returns `HOST:PORT` of a registry.
    pub fn address(&self) -> String {
        match &self.server {
            Some(Server::Ours(registry)) => registry.addr().to_string(),
            Some(Server::Peer(peer)) => peer.address().to_string(),
            None => String::new(),
        }
    }

    /// Returns the path of a layout or an archive.
    pub fn path(&self, name: &str) -> PathBuf {
        let file = name.replace('/', "-");
        self.folder.path().join(if self.kind == Kind::Archive { format!("{file}.tar") } else { file })
    }

    /// Opens the repository `name` here for reading, by our own stores.
    pub fn read(&self, name: &str) -> Arc<dyn Store> {
        match self.kind {
            Kind::Layout => Arc::new(LayoutStore::open(self.path(name)).unwrap()),
            Kind::Archive => Arc::new(ArchiveStore::open(self.path(name)).unwrap()),
            _ => self.repository(name),
        }
    }

    fn repository(&self, name: &str) -> Arc<dyn Store> {
        let client = Client::new(ClientOptions::default()).unwrap();
        let name: RepositoryName = name.parse().unwrap();
        Arc::new(client.repository(&self.address().parse().unwrap(), &name))
    }

    /// Writes an application into the repository `name` here.
    pub async fn fill(&self, name: &str, application: &Application) {
        let store: Arc<dyn Store> = match self.kind {
            Kind::Layout => Arc::new(LayoutStore::open_or_create(self.path(name)).unwrap()),
            Kind::Archive => Arc::new(ArchiveStore::create(self.path(name)).unwrap()),
            _ => self.repository(name),
        };
        application.write_to_store(&*store).await.unwrap();
        store.finish().await.unwrap();
    }

    /// Returns the tags that an application gives to versions.
    pub fn tags(application: &Application) -> Vec<Tag> {
        application.tags().iter().map(|(tag, _)| tag.clone()).collect()
    }
}
