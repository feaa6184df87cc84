//! Registries, layouts and archives, by one name.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use client::{Client, ClientOptions, Credential, Credentials, Secret};
use oci::{RepositoryName, Tag};
use registry::{Access, Registry, RegistryOptions, RunningRegistry};
use store::{LayoutStore, Store};
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
        !matches!(self, Self::OciRegistry | Self::Liar)
    }

    /// Tells whether it is reached over the network.
    pub const fn is_registry(self) -> bool {
        !matches!(self, Self::Layout | Self::Archive)
    }

    const fn peer(self) -> Option<PeerRegistry> {
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
pub struct Place {
    /// What it is.
    pub kind: Kind,
    server: Option<Server>,
    folder: TempDir,
    /// What the tests themselves show to a registry.
    credential: Option<Credential>,
}

impl Place {
    /// Opens a place; `None` when the peer is not installed, which has been said then.
    pub async fn open(kind: Kind) -> Option<Self> {
        let server = match kind.peer() {
            Some(peer) => Some(Server::Peer(peer.start()?)),
            None if kind == Kind::Ours => return Some(Self::ours(RegistryOptions::default()).await),
            None => None,
        };
        Some(Self::new(kind, server, None))
    }

    /// Opens our registry with options of its own.
    pub async fn ours(options: RegistryOptions) -> Self {
        let credential = match &options.access {
            Access::Open | Access::Rules(_) => None,
            Access::Basic(credentials) | Access::Bearer { credentials, .. } => Some(Credential::Password {
                user: credentials.user.clone(),
                password: Secret::new(credentials.password.clone()),
            }),
        };
        let registry = Registry::in_memory(options);
        let running = RunningRegistry::start(([127, 0, 0, 1], 0).into(), registry).await.unwrap();
        Self::new(Kind::Ours, Some(Server::Ours(running)), credential)
    }

    fn new(kind: Kind, server: Option<Server>, credential: Option<Credential>) -> Self {
        let folder = tempfile::Builder::new().prefix("e2e-place-").tempdir().unwrap();
        Self { kind, server, folder, credential }
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
    pub fn address(&self) -> std::net::SocketAddr {
        match &self.server {
            Some(Server::Ours(registry)) => registry.addr(),
            Some(Server::Peer(peer)) => peer.address(),
            None => panic!("{:?} has no address", self.kind),
        }
    }

    /// Returns the path of a layout or an archive.
    pub fn path(&self, name: &str) -> PathBuf {
        let file = name.replace('/', "-");
        self.folder.path().join(if self.kind == Kind::Archive { format!("{file}.tar") } else { file })
    }

    /// Opens the repository `name` here for reading. An archive is unpacked by the tar library first, and a layout must
    /// exist.
    pub fn read(&self, name: &str) -> Arc<dyn Store> {
        match self.kind {
            Kind::Layout => Arc::new(LayoutStore::open(self.path(name)).unwrap()),
            Kind::Archive => Arc::new(LayoutStore::open(self.unpacked(name)).unwrap()),
            _ => self.repository(name),
        }
    }

    /// Unpacks an archive into a new directory beside it.
    pub fn unpacked(&self, name: &str) -> PathBuf {
        let directory = tempfile::Builder::new().prefix("unpacked-").tempdir_in(self.folder.path()).unwrap().keep();
        let file = File::open(self.path(name)).unwrap();
        tar::Archive::new(file).unpack(&directory).unwrap();
        directory
    }

    fn repository(&self, name: &str) -> Arc<dyn Store> {
        let address = self.address().to_string();
        let mut credentials = Credentials::default();
        if let Some(credential) = &self.credential {
            credentials.add(&address, credential.clone());
        }
        let client = Client::new(ClientOptions { credentials, ..ClientOptions::default() });
        let name: RepositoryName = name.parse().unwrap();
        Arc::new(client.repository(&address.parse().unwrap(), &name))
    }

    /// Writes an application into the repository `name` here; into layouts and archives without any code of the product.
    pub async fn fill(&self, name: &str, application: &Application) {
        let path = || self.path(name);
        match self.kind {
            Kind::Layout => application.write_layout(&path()),
            Kind::Archive => write_archive(&path(), application),
            _ => application.write_to_store(&*self.repository(name)).await.unwrap(),
        }
    }

    /// Returns the tags that an application gives to versions.
    pub fn tags(application: &Application) -> Vec<Tag> {
        application.tags().iter().map(|(tag, _)| tag.clone()).collect()
    }
}

/// Opens a repository of a registry that lets everybody in.
pub fn repository_at(host: &oci::Host, name: &str) -> Arc<dyn Store> {
    let client = Client::new(ClientOptions::default());
    Arc::new(client.repository(host, &name.parse().unwrap()))
}

/// Writes an application as a tar of a layout.
pub fn write_archive(path: &Path, application: &Application) {
    let directory = tempfile::tempdir().unwrap();
    application.write_layout(directory.path());
    let mut archive = tar::Builder::new(File::create(path).unwrap());
    archive.append_dir_all("", directory.path()).unwrap();
    archive.into_inner().unwrap().sync_all().unwrap();
}
