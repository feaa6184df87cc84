//! Registries in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use ops::registry::{Access, Credentials, Registry, RegistryOptions, RunningRegistry};
use tokio::sync::oneshot;

/// A registry on loopback, on a thread of its own, for as long as this value lives.
pub(crate) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(RegistryOptions::default())
    }

    /// Returns a registry that lets in `user` with `password` only.
    pub(crate) fn locked() -> Self {
        let credentials = Credentials { user: "user".to_owned(), password: "password".to_owned() };
        Self::with(RegistryOptions { access: Access::Basic(credentials), ..RegistryOptions::default() })
    }

    pub(crate) fn with(options: RegistryOptions) -> Self {
        let (started, address) = channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let registry = Registry::in_memory(options);
                let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let running = RunningRegistry::start(anywhere, registry).await.unwrap();
                started.send(running.addr()).unwrap();
                let _ = stopped.await;
            });
        });
        Self { address: address.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }

    /// Returns a reference to something in this registry.
    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let outcome = thread.join();
            if !std::thread::panicking() {
                outcome.unwrap();
            }
        }
    }
}
