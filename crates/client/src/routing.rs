//! Where requests for a repository go, as the files of podman, containerd and docker say.
//!
//! ```text
//!  registries.conf, *.conf ─▶ an entry for the name? ──yes─▶ its mirrors, its location ─────────────┐
//!                                   │ no                                                            │
//!  hosts.toml of the host  ─▶ a directory for it? ──yes─▶ its hosts, its server ────────────────────┤
//!                                   │ no                                                            ▼
//!                                   └─▶ the registry itself ──────────────▶ certs.d of each place ─▶ Route
//! ```
//!
//! Nothing here speaks to anybody. What the tools themselves refuse is refused, with the file and the reason; what they do not know is
//! passed over, as they pass over it.

mod certs_d;
mod file;
mod files;
mod hosts_toml;
mod registries_conf;
mod route;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use oci::{Host, RepositoryName};
use store::StoreError;

pub use self::files::RoutingFiles;
use self::hosts_toml::HostDirectory;
use self::registries_conf::RegistriesConf;
pub use self::route::{Endpoint, Identity, Pulls, Route, Scheme, TlsFiles};

/// Where requests go. Each file is read once; a clone shares what was read.
#[derive(Clone, Debug, Default)]
pub struct Routing(Arc<Rules>);

#[derive(Debug, Default)]
struct Rules {
    registries: RegistriesConf,
    hosts_dirs: Vec<PathBuf>,
    certs_dirs: Vec<PathBuf>,
    hosts: Known<Option<HostDirectory>>,
    certificates: Known<TlsFiles>,
}

/// What was read about hosts.
#[derive(Debug)]
struct Known<T>(Mutex<HashMap<Host, T>>);

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Known<T> {
    /// Returns what is known of a host, or what `read` returns of it now. An error is not remembered.
    fn get(&self, host: &Host, read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(host) {
            return Ok(known.clone());
        }
        let read = read()?;
        known.insert(host.clone(), read.clone());
        Ok(read)
    }
}

impl Routing {
    /// Reads `registries.conf`, and what changes it. What is said of single hosts is read when a route to one is asked for.
    ///
    /// # Errors
    /// [`StoreError::File`] when a file cannot be read, [`StoreError::Format`] when it is not what it should be.
    pub fn from_files(files: &RoutingFiles) -> Result<Self, StoreError> {
        let registries = RegistriesConf::read(files.registries_conf.as_deref(), files.named, &files.drop_ins)?;
        let (hosts_dirs, certs_dirs) = (files.hosts_dirs.clone(), files.certs_dirs.clone());
        Ok(Self(Arc::new(Rules { registries, hosts_dirs, certs_dirs, ..Rules::default() })))
    }

    /// Returns where requests for a repository go, or those that are about a registry as a whole. Names are compared as they are:
    /// Docker Hub is `docker.io`.
    ///
    /// # Errors
    /// As [`Routing::from_files`], of the files about the host and about those that stand in for it; [`StoreError::Format`] also when
    /// what `registries.conf` makes of the name is no name.
    pub fn route(&self, host: &Host, repository: Option<&RepositoryName>) -> Result<Route, StoreError> {
        let rules = &self.0;
        let mut route = if let Some(route) = rules.registries.route(host, repository)? {
            route
        } else {
            let directory = rules.hosts.get(host, || HostDirectory::find(&rules.hosts_dirs, host))?;
            directory.map_or_else(|| Route::direct(host, repository), |directory| directory.route(host, repository))
        };
        for endpoint in &mut route.endpoints {
            let of_host = || certs_d::of_host(&rules.certs_dirs, &endpoint.host);
            endpoint.tls.add(rules.certificates.get(&endpoint.host, of_host)?);
        }
        Ok(route)
    }

    /// Returns the full name for which a short one stands, as `docker.io/library/alpine`.
    pub fn alias(&self, short: &str) -> Option<&str> {
        self.0.registries.alias(short)
    }

    /// Returns the registries in which podman looks for a short name.
    pub fn search_registries(&self) -> &[String] {
        self.0.registries.search()
    }
}

#[cfg(test)]
mod tests;
