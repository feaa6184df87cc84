//! `hosts.toml` of containerd: which places stand in for a registry, and how they are asked.

mod address;
mod duration;
mod fields;

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::HeaderMap;
use oci::{Host, RepositoryName};
use store::StoreError;

use self::address::Address;
use super::certs_d::{self, Missing};
use super::file::{self, Fields, Reason, refused};
use super::route::{Endpoint, Pulls, Route, Scheme, TlsFiles};

/// Most `[host."…"]` in a file.
const HOSTS_MAX: usize = 128;

/// What containerd calls Docker Hub, and the host that it asks.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// What a directory says of a registry.
#[derive(Clone, Debug)]
pub(super) struct HostDirectory {
    /// In the order in which they are asked; the last stands for the registry itself.
    places: Vec<Place>,
    /// The file, or the directory when it has none.
    source: PathBuf,
}

/// A place and how it is asked.
#[derive(Clone, Debug, Default)]
struct Place {
    /// `None` for the registry itself.
    address: Option<Address>,
    capabilities: Capabilities,
    tls: TlsFiles,
    /// Whether anything is said of TLS, if only that certificates are checked.
    speaks_of_tls: bool,
    headers: HeaderMap,
    connect_timeout: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Capabilities {
    pull: bool,
    resolve: bool,
    push: bool,
    referrers: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { pull: true, resolve: true, push: true, referrers: true }
    }
}

impl HostDirectory {
    /// Returns what the first of some directories that knows the registry, or has something for all, says of it.
    pub(super) fn find(roots: &[PathBuf], host: &Host) -> Result<Option<Self>, StoreError> {
        for directory in roots.iter().flat_map(|root| directories(root, host)) {
            match std::fs::metadata(&directory) {
                Ok(_) => return Self::read(&directory).map(Some),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::file("cannot look for a registry in", &directory)(error)),
            }
        }
        Ok(None)
    }

    /// Reads `hosts.toml`, or what there is of certificates when there is none.
    fn read(directory: &Path) -> Result<Self, StoreError> {
        let source = directory.join("hosts.toml");
        if let Some(text) = file::read(&source)?.filter(|text| !text.is_empty()) {
            let places = places(&text, directory).map_err(refused(&source))?;
            return Ok(Self { places, source });
        }
        let tls = certs_d::of_directory(directory, Missing::SameFile)?;
        let speaks_of_tls = tls != TlsFiles::default();
        let places = vec![Place { tls, speaks_of_tls, ..Place::default() }];
        Ok(Self { places, source: directory.to_owned() })
    }

    pub(super) fn route(self, host: &Host, repository: Option<&RepositoryName>) -> Route {
        let last = self.places.len().saturating_sub(1);
        let source = self.source;
        let mut pushes = true;
        let endpoints = self.places.into_iter().enumerate().map(|(at, place)| {
            let mut endpoint = place.endpoint(host, repository);
            endpoint.origin = at == last;
            // Only the first that takes pushes is pushed to.
            endpoint.pushes &= pushes;
            pushes &= !endpoint.pushes;
            endpoint.source = Some(source.clone());
            endpoint
        });
        Route { blocked: None, endpoints: endpoints.collect() }
    }
}

impl Place {
    fn endpoint(self, host: &Host, repository: Option<&RepositoryName>) -> Endpoint {
        let itself = Endpoint {
            tls: self.tls,
            headers: self.headers,
            connect_timeout: self.connect_timeout,
            ..Endpoint::itself(host, repository)
        };
        // What the registry itself can do is not for the file to say.
        let Some(address) = self.address else { return itself };
        let Capabilities { pull, resolve, push, referrers } = self.capabilities;
        let is_hub = host.as_str() == DOCKER_HUB && address.host.as_str() == DOCKER_HUB_HOST;
        let stands_in = address.host != *host && !is_hub;
        let scheme = match address.scheme {
            Scheme::Http if self.speaks_of_tls && !address.host.as_str().ends_with(":80") => Scheme::HttpsOrHttp,
            scheme => scheme,
        };
        Endpoint {
            host: address.host,
            scheme: Some(scheme),
            api_path: Some(address.api_path).filter(|path| path != "/v2"),
            pulls: Pulls { tags: pull && resolve, digests: pull },
            pushes: push,
            referrers,
            namespace: stands_in.then(|| host.clone()),
            ..itself
        }
    }
}

/// Returns the directories in which containerd looks, in its order.
fn directories(root: &Path, host: &Host) -> impl Iterator<Item = PathBuf> {
    let name = host.as_str();
    let without_colon = name.rsplit_once(':').map(|(name, port)| root.join(format!("{name}_{port}_")));
    without_colon.into_iter().chain([root.join(name), root.join("_default")])
}

/// Reads the text of a file.
fn places(text: &str, directory: &Path) -> Result<Vec<Place>, Reason> {
    let document = file::document(text)?;
    let root = Fields::new(document.as_table(), text);
    let mut places = Vec::new();
    if let Some(hosts) = root.table("host")? {
        if hosts.len() > HOSTS_MAX {
            return Err(format!("there are more than {HOSTS_MAX} hosts"));
        }
        for (url, item) in hosts.iter() {
            // Others are passed over by containerd, without a word.
            let is_header = item.as_table().is_some_and(|table| !table.is_dotted());
            let table = hosts.table_of(item).filter(|_| is_header);
            let table = table.ok_or_else(|| hosts.wrong(item, "a host must be written as `[host.\"URL\"]`"))?;
            let is_root = table.flag("override_path")?.unwrap_or_default();
            let address =
                Address::parse(url, is_root).map_err(|reason| table.wrong(item, format!("the host {reason}")))?;
            places.push(Place { address: Some(address), ..fields::place(table, directory)? });
        }
    }
    let is_root = root.flag("override_path")?.unwrap_or_default();
    let server = root.text("server")?.map(|server| Address::parse(server, is_root)).transpose();
    let address = server.map_err(|reason| root.wrong_field("server", format!("`server` {reason}")))?;
    places.push(Place { address, ..fields::place(root, directory)? });
    Ok(places)
}

#[cfg(test)]
mod tests;
