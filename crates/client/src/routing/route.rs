//! Where requests for a repository go.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;
use oci::{Host, RepositoryName};

/// The places to ask for a repository. Each [`Endpoint`] says what it may be asked.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// The file that forbids to ask the registry itself, or what stands in its place. Mirrors may still be asked: that is how it is said
    /// that only they may be.
    pub blocked: Option<PathBuf>,
    /// The places, in the order in which they are to be tried; the registry itself, or what stands in its place, is the last. What is
    /// forbidden is not among them, so there may be none.
    pub endpoints: Vec<Endpoint>,
}

impl Route {
    /// Returns the route to a registry of which no file says anything.
    pub(super) fn direct(host: &Host, repository: Option<&RepositoryName>) -> Self {
        Self { blocked: None, endpoints: vec![Endpoint::itself(host, repository)] }
    }

    /// Returns the places from which an image may be pulled, in the order in which they are to be tried.
    pub fn pulls(&self, by_digest: bool) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter().filter(move |endpoint| {
            let Pulls { tags, digests } = endpoint.pulls;
            if by_digest { digests } else { tags }
        })
    }

    /// Returns the one place to which is pushed; `None` when there is none.
    pub fn push(&self) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.pushes)
    }
}

/// A place to ask.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The host that is asked, under the name that users know: `docker.io` is not made the host that answers for it.
    pub host: Host,
    /// What the repository is called there; `None` when a route to a registry was asked for.
    pub repository: Option<RepositoryName>,
    /// What it speaks, where a file says so.
    pub scheme: Option<Scheme>,
    /// What takes the place of `/v2`, without a slash at the end: empty when the API is at the root. `None` when it is `/v2`.
    pub api_path: Option<String>,
    /// Whether this is the registry itself, or what a file puts in its place, rather than a mirror.
    pub origin: bool,
    /// What may be pulled.
    pub pulls: Pulls,
    /// Whether it is pushed to: true of one place at most.
    pub pushes: bool,
    /// Whether it may be asked what refers to an image.
    pub referrers: bool,
    /// Whether certificates are not checked, and plain HTTP will do where there is no TLS.
    pub insecure: bool,
    /// Certificates and keys.
    pub tls: TlsFiles,
    /// Headers that go with every request, marked as secret.
    pub headers: HeaderMap,
    /// The registry that the place stands in for, to be sent as `ns`.
    pub namespace: Option<Host>,
    /// How long it may take to connect.
    pub connect_timeout: Option<Duration>,
    /// The file that says all this.
    pub source: Option<PathBuf>,
}

impl Endpoint {
    /// Returns the place of a registry of which no file says anything.
    pub fn itself(host: &Host, repository: Option<&RepositoryName>) -> Self {
        Self {
            host: host.clone(),
            repository: repository.cloned(),
            scheme: None,
            api_path: None,
            origin: true,
            pulls: Pulls::ALL,
            pushes: true,
            referrers: true,
            insecure: false,
            tls: TlsFiles::default(),
            headers: HeaderMap::new(),
            namespace: None,
            connect_timeout: None,
            source: None,
        }
    }

    /// Tells whether requests to another place of the same name go the same way.
    pub(crate) fn is_reached_as(&self, other: &Self) -> bool {
        self.host == other.host
            && self.scheme == other.scheme
            && self.api_path == other.api_path
            && self.insecure == other.insecure
            && self.tls == other.tls
            && self.headers == other.headers
            && self.namespace == other.namespace
            && self.connect_timeout == other.connect_timeout
            && self.origin == other.origin
    }
}

/// What a place speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP in TLS.
    Https,
    /// TLS, and plain HTTP when the other side turns out not to speak it: the file says `http` and has settings of TLS.
    HttpsOrHttp,
}

/// For which names of an image a place is asked. Where its manifest is found, by tag or by digest, there its blobs are, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulls {
    /// Images named by tag.
    pub tags: bool,
    /// Images named by digest.
    pub digests: bool,
}

impl Pulls {
    /// All names.
    pub const ALL: Self = Self { tags: true, digests: true };
    /// No names.
    pub const NONE: Self = Self { tags: false, digests: false };
}

/// Files with certificates and keys (PEM), and whether to check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates that are trusted beside those of the system.
    pub ca: Vec<PathBuf>,
    /// What we show of ourselves: the first that the other side takes.
    pub identities: Vec<Identity>,
    /// Do not check certificates.
    pub skip_verify: bool,
}

impl TlsFiles {
    /// Adds what other files have, after what is there.
    pub(super) fn add(&mut self, other: Self) {
        self.ca.extend(other.ca);
        self.identities.extend(other.identities);
        self.skip_verify |= other.skip_verify;
    }
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The file with the certificate.
    pub certificate: PathBuf,
    /// The file with the key; it may be the same.
    pub key: PathBuf,
}
