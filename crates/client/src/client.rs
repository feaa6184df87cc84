//! The client: what every repository of every registry shares.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use oci::{Host, RepositoryName};
use store::StoreError;

use crate::exchange::Transport;
use crate::host::Registry;
use crate::notices::Notices;
use crate::options::ClientOptions;
use crate::repository::Repository;
use crate::routing::Endpoint;

/// The registry client. One per process: it holds the connections, the tokens and what has been learned about each registry.
/// Cloning is cheap, and clones share everything.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    options: Arc<ClientOptions>,
    transport: Arc<Transport>,
    notices: Arc<Notices>,
    /// By their names; under one name there may be several ways to reach it.
    registries: Mutex<HashMap<Host, Vec<Arc<Registry>>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Client").field(&self.0.options).finish()
    }
}

impl Client {
    /// Makes a client. Nothing is read or asked before the first request.
    pub fn new(options: ClientOptions) -> Self {
        let transport = Arc::new(Transport::new(&options));
        Self(Arc::new(Inner {
            options: Arc::new(options),
            transport,
            notices: Arc::default(),
            registries: Mutex::default(),
        }))
    }

    /// Returns a repository as a store, where its name says that it is: files about routes are not looked at, as by
    /// [`Client::places`]. Nothing is asked: whether it exists shows with the first request.
    pub fn repository(&self, host: &Host, name: &RepositoryName) -> Repository {
        Repository::new(self.registry_at(&Endpoint::itself(host, None)), name.clone())
    }

    /// Asks a registry whether it is there (`GET /v2/`), unless it has answered before.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] when it does not answer, [`StoreError::Denied`] when it wants to be shown something this
    /// client does not have; as [`Client::places`].
    pub async fn ping(&self, host: &Host) -> Result<(), StoreError> {
        self.registry(host)?.base().await.map(|_| ())
    }

    /// Asks a registry whether it lets in whoever shows the credentials of this client. Returns false when it wants to see none.
    ///
    /// # Errors
    /// [`StoreError::Denied`] when it does not, [`StoreError::Unreachable`] when it does not answer.
    pub async fn sign_in(&self, host: &Host) -> Result<bool, StoreError> {
        self.registry(host)?.sign_in().await
    }

    /// Returns which registry wants its users to be told what (distribution-spec, "Warnings"), each text once. They are strangers' words.
    pub fn warnings(&self) -> Vec<(Host, String)> {
        self.0.notices.untold()
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.0.options
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.0.transport
    }

    /// Returns the registry that has a name, by what files say of it.
    fn registry(&self, host: &Host) -> Result<Arc<Registry>, StoreError> {
        let route = self.0.options.routing.route(host, None)?;
        Ok(match route.endpoints.iter().rfind(|endpoint| endpoint.origin) {
            Some(endpoint) => self.registry_at(endpoint),
            None => self.forbidden(host, route.blocked.unwrap_or_default()),
        })
    }

    /// Returns a registry that is reached in this way, the same for all who ask for it.
    pub(crate) fn registry_at(&self, endpoint: &Endpoint) -> Arc<Registry> {
        let mut registries = self.0.registries.lock().unwrap_or_else(PoisonError::into_inner);
        let known = registries.entry(endpoint.host.clone()).or_default();
        if let Some(registry) = known.iter().find(|registry| registry.endpoint().is_reached_as(endpoint)) {
            return Arc::clone(registry);
        }
        let registry = Arc::new(Registry::at(endpoint, &self.0.options, &self.0.transport, &self.0.notices));
        known.push(Arc::clone(&registry));
        registry
    }

    /// Returns a registry that a file forbids to ask.
    pub(crate) fn forbidden(&self, host: &Host, file: PathBuf) -> Arc<Registry> {
        let endpoint = Endpoint::itself(host, None);
        Arc::new(Registry::at(&endpoint, &self.0.options, &self.0.transport, &self.0.notices).forbidden_by(file))
    }
}
