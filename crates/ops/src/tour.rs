//! Two registries in this process, and an application to move between them.
//!
//! The registries are what `serve` runs when nothing is said: files and SQLite. They listen on the loopback address.

mod application;
mod image;
pub mod jaeger;
mod scene;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use graph::{Difference, Graph, WalkOptions};
use oci::{Digest, Reference, Selector};
use registry::{Clock, Keeping, Registry, RegistryOptions, RunningRegistry, Storage};
use transfer::RootRequest;

use crate::context::Context;
use crate::error::OpsError;

pub use application::{Application, write_application};
pub use scene::Scene;

/// The ports that are tried first, so that one tour reads like another.
const PORTS: [u16; 2] = [15000, 15001];

/// Two registries that are being served.
#[derive(Debug)]
pub struct Stage {
    registries: [RunningRegistry; 2],
}

impl Stage {
    /// Starts both registries, each in a directory of its own below `directory`, on free ports where the usual ones are taken.
    ///
    /// # Errors
    /// When the loopback address cannot be listened on, or the directory cannot be written.
    pub async fn open(directory: &Path) -> Result<Self, OpsError> {
        let [first, second] = PORTS;
        let registries = directory.join("registries");
        let start = async |name, port| start(registries.join(name), port).await;
        Ok(Self { registries: [start("first", first).await?, start("second", second).await?] })
    }

    /// Ends both registries. Returns when they no longer use their directories.
    pub async fn close(self) {
        let [first, second] = self.registries;
        first.shutdown().await;
        second.shutdown().await;
    }

    /// Returns the address of the registry that has the application first, as `HOST:PORT`.
    pub fn source(&self) -> String {
        self.registries[0].addr().to_string()
    }

    /// Returns the address of the registry that it is copied to.
    pub fn destination(&self) -> String {
        self.registries[1].addr().to_string()
    }
}

async fn start(root: PathBuf, port: u16) -> Result<RunningRegistry, OpsError> {
    let opened = Storage::open(&root, Clock::system(), Keeping::default()).await;
    let storage = opened.map_err(|source| OpsError::Storage { root, source })?;
    let registry = || Registry::new(storage.clone(), RegistryOptions::default());
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let started = match RunningRegistry::start(address(port), registry()).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => RunningRegistry::start(address(0), registry()).await,
        started => started,
    };
    started.map_err(|source| OpsError::File {
        action: "cannot listen on",
        path: address(port).to_string().into(),
        source,
    })
}

/// Takes a blob out of a repository, as a broken disk or a careless collection would: what names it stays.
///
/// # Errors
/// [`OpsError::NotFound`] when it is not there; what the store brings.
pub async fn lose_blob(context: &Context, repository: &Reference, digest: &Digest) -> Result<(), OpsError> {
    let store = context.open_destination(repository).await?;
    if store.delete_blob(digest).await? {
        return Ok(());
    }
    Err(OpsError::NotFound { location: store.location().to_owned(), name: format!("blob {digest}") })
}

/// What two places have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SameGraph {
    /// Number of nodes.
    pub nodes: usize,
    /// Number of edges.
    pub edges: usize,
}

/// Walks the graphs of two images, each where it is, and compares them.
///
/// # Errors
/// [`OpsError::Integrity`] when one has what the other lacks.
pub async fn compare(context: &Context, first: &Reference, second: &Reference) -> Result<SameGraph, OpsError> {
    let (a, b) = (graph_of(context, first).await?, graph_of(context, second).await?);
    let difference = Difference::between(&a, &b);
    if difference.is_empty() {
        return Ok(SameGraph { nodes: a.len(), edges: a.edges().count() });
    }
    Err(OpsError::Integrity {
        location: second.to_string(),
        message: format!(
            "differs from {first}: {} nodes and {} edges are missing, {} nodes and {} edges are beyond it",
            difference.missing_nodes.len(),
            difference.missing_edges.len(),
            difference.extra_nodes.len(),
            difference.extra_edges.len()
        ),
    })
}

async fn graph_of(context: &Context, reference: &Reference) -> Result<Graph, OpsError> {
    let store = context.open_source(&reference.with_selector(Selector::default())).await?;
    let roots = [RootRequest { selector: reference.selector(), ..RootRequest::default() }];
    let cache = transfer::NoCache;
    Ok(transfer::explore::closure_of(&*store, &roots, WalkOptions::default(), &cache).await?.graph)
}
