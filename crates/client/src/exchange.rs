//! One request and its answer, uninterpreted.
//!
//! Plain HTTP goes over our own connections ([`crate::direct`]), so that blobs can move inside the kernel and a run that
//! meets no TLS never loads roots; TLS, and what goes through a proxy, is for reqwest. Nothing here retries, redirects or authenticates.

pub(crate) mod answer;
pub(crate) mod failure;
pub(crate) mod gate;
pub(crate) mod request;
pub(crate) mod tls;

use std::time::Duration;

pub(crate) use answer::Answer;
pub(crate) use failure::Failure;
pub(crate) use gate::Gate;
pub(crate) use request::{Body, Request, Tally};

use crate::direct::Direct;
use crate::options::ClientOptions;
use crate::proxies::Proxies;

/// Both ways to a host.
#[derive(Debug)]
pub(crate) struct Transport {
    direct: Direct,
    tls: tls::Tls,
    proxies: Proxies,
}

impl Transport {
    pub(crate) fn new(options: &ClientOptions) -> Self {
        Self {
            direct: Direct::new(options.timeout, options.concurrency_per_host),
            tls: tls::Tls::new(options),
            proxies: options.proxies.clone(),
        }
    }

    /// Sends a request and returns the answer as soon as its header is there.
    pub(crate) async fn send(&self, request: Request) -> Result<Answer, Failure> {
        if let (Body::Bytes(_), Some(gate)) = (&request.body, &request.gate) {
            // They take no time worth saving.
            gate.passed().await;
        }
        if request.url.scheme() == "https" || self.proxies.of(&request.url).is_some() {
            self.tls.send(request).await
        } else {
            self.direct.send(request).await
        }
    }
}

/// Waits for something, as long as it takes less than `limit`.
pub(crate) async fn within<T>(limit: Duration, wait: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(limit, wait).await.map_err(|_| Failure::Stalled(limit))
}
