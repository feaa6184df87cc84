//! One request and its answer, uninterpreted.
//!
//! Plain HTTP goes over our own connections ([`crate::direct`]), so that blobs can move inside the kernel and a run that
//! meets no TLS never loads roots; TLS, and what goes through a proxy, is for reqwest. Nothing here retries, redirects or authenticates.

pub(crate) mod answer;
pub(crate) mod failure;
pub(crate) mod gate;
pub(crate) mod pace;
pub(crate) mod request;
pub(crate) mod shown;
pub(crate) mod tls;

use std::time::Duration;

pub(crate) use answer::Answer;
pub(crate) use failure::Failure;
pub(crate) use gate::Gate;
pub(crate) use request::{Body, Request, Tally};
pub(crate) use shown::Shown;
use tls::{Tls, TlsSettings};

use crate::direct::Direct;
use crate::options::ClientOptions;
use crate::proxies::Proxies;
use crate::routing::{Endpoint, TlsFiles};

/// How long it may take to connect to a mirror of which nobody says how long: others have what it has.
const MIRROR_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Both ways to a host.
#[derive(Debug)]
pub(crate) struct Transport {
    direct: Direct,
    tls: Tls,
    proxies: Proxies,
}

impl Transport {
    pub(crate) fn new(options: &ClientOptions) -> Self {
        Self::with(options, TlsSettings::new(options))
    }

    /// Returns a way to one place alone, where a file says how it is reached.
    pub(crate) fn of(options: &ClientOptions, endpoint: &Endpoint) -> Option<Self> {
        let usual = endpoint.tls == TlsFiles::default() && !endpoint.insecure;
        let connect_timeout = endpoint.connect_timeout.or_else(|| (!endpoint.origin).then_some(MIRROR_CONNECT_TIMEOUT));
        if usual && connect_timeout.is_none() {
            return None;
        }
        let connect_timeout = connect_timeout.unwrap_or(options.timeout).min(options.timeout);
        let mut tls = TlsSettings { connect_timeout, ..TlsSettings::new(options) };
        tls.skip_verification |= endpoint.insecure || endpoint.tls.skip_verify;
        tls.ca_files.extend(endpoint.tls.ca.iter().cloned());
        tls.identity = endpoint.tls.identities.first().cloned();
        Some(Self::with(options, tls))
    }

    fn with(options: &ClientOptions, tls: TlsSettings) -> Self {
        let direct = Direct::new(options.timeout, tls.connect_timeout, options.concurrency_per_host);
        Self { direct, tls: Tls::new(options, tls), proxies: options.proxies.clone() }
    }

    /// Sends a request and returns the answer as soon as its header is there.
    pub(crate) async fn send(&self, request: Request) -> Result<Answer, Failure> {
        if let (Body::Bytes(_), Some(gate)) = (&request.body, &request.gate) {
            // They take no time worth saving.
            gate.passed().await;
        }
        let shown = Shown::by(&request);
        let answer = if request.url.scheme() == "https" || self.proxies.of(&request.url).is_some() {
            self.tls.send(request).await?
        } else {
            self.direct.send(request).await?
        };
        Ok(Answer { shown, ..answer })
    }
}

/// Waits for something, as long as it takes less than `limit`.
pub(crate) async fn within<T>(limit: Duration, wait: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(limit, wait).await.map_err(|_| Failure::Stalled(limit))
}
