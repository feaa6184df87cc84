//! The client: what every repository of every registry shares.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use oci::{Host, RepositoryName};
use store::StoreError;

use crate::exchange::Transport;
use crate::host::Registry;
use crate::options::ClientOptions;
use crate::repository::Repository;

/// The registry client. One per process: it holds the connections, the tokens and what has been learned about each registry.
/// Cloning is cheap, and clones share everything.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    options: Arc<ClientOptions>,
    transport: Arc<Transport>,
    registries: Mutex<HashMap<Host, Arc<Registry>>>,
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
        Self(Arc::new(Inner { options: Arc::new(options), transport, registries: Mutex::default() }))
    }

    /// Returns a repository as a store. Nothing is asked: whether it exists shows with the first request.
    pub fn repository(&self, host: &Host, name: &RepositoryName) -> Repository {
        Repository::new(self.registry(host), name.clone())
    }

    /// Asks a registry whether it is there (`GET /v2/`), unless it has answered before.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] when it does not answer, [`StoreError::Denied`] when it wants to be shown something this
    /// client does not have.
    pub async fn ping(&self, host: &Host) -> Result<(), StoreError> {
        self.registry(host).base().await.map(|_| ())
    }

    /// Asks a registry whether it lets in whoever shows the credentials of this client. Returns false when it wants to see none.
    ///
    /// # Errors
    /// [`StoreError::Denied`] when it does not, [`StoreError::Unreachable`] when it does not answer.
    pub async fn sign_in(&self, host: &Host) -> Result<bool, StoreError> {
        self.registry(host).sign_in().await
    }

    pub(crate) fn options(&self) -> &ClientOptions {
        &self.0.options
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.0.transport
    }

    fn registry(&self, host: &Host) -> Arc<Registry> {
        let mut registries = self.0.registries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(registry) = registries.get(host) {
            return Arc::clone(registry);
        }
        let registry = Registry::new(host.clone(), Arc::clone(&self.0.options), Arc::clone(&self.0.transport));
        Arc::clone(registries.entry(host.clone()).or_insert_with(|| Arc::new(registry)))
    }
}
