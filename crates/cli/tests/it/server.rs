//! Registries in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use ops::registry::{
    Access, BlobMemory, Clock, Credentials, Keeping, Registry, RegistryOptions, RunningRegistry, Storage,
};
use tokio::sync::oneshot;

/// A registry on loopback, on a thread of its own, for as long as this value lives.
pub(crate) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Returns a registry that keeps no history of tags, as most do.
    pub(crate) fn new() -> Self {
        Self::with(RegistryOptions { history: false, ..RegistryOptions::default() })
    }

    /// Returns a registry that lets in `user` with `password` only.
    pub(crate) fn locked() -> Self {
        let credentials = Credentials { user: "user".to_owned(), password: "password".to_owned() };
        Self::with(RegistryOptions { access: Access::Basic(credentials), ..RegistryOptions::default() })
    }

    pub(crate) fn with(options: RegistryOptions) -> Self {
        Self::serving(move || Registry::in_memory(options))
    }

    /// Returns a registry that keeps the history of tags, and the seconds since 1970 that its clock shows.
    pub(crate) fn with_history() -> (Self, Arc<AtomicU64>) {
        let seconds = Arc::new(AtomicU64::new(0));
        let shown = Arc::clone(&seconds);
        let clock = Clock::new(move || Duration::from_secs(shown.load(Ordering::SeqCst)));
        let server = Self::serving(move || {
            let keeping = Keeping { untagged: None, ..Keeping::default() };
            let storage = Storage::in_memory_with(Arc::new(BlobMemory::default()), clock, keeping);
            Registry::new(storage, RegistryOptions::default())
        });
        (server, seconds)
    }

    fn serving(registry: impl FnOnce() -> Registry + Send + 'static) -> Self {
        let (started, address) = channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let registry = registry();
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
