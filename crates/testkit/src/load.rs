//! Clients that push, pull, move and delete at random, and know what they were promised: whatever becomes of the server
//! meanwhile, what was acknowledged has to be there.
//!
//! Each client has a repository of its own, in which it also deletes by digest, and all share one, in which they delete tags alone. All
//! content is from one small pool, so that the same blobs come and go everywhere at once.

mod acquire;
mod check;
mod client;
mod http;
mod pool;
mod push;
mod world;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use oci::Digest;

use client::Client;
use world::World;

pub use crate::environment::{runs_all, stated_seed};

/// The repository in which all clients write.
const SHARED: &str = "shared";

/// How the clients behave.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Determines what they do, as far as the server lets it.
    pub seed: u64,
    /// How many there are.
    pub clients: u64,
    /// The lease of the server.
    pub lease: Duration,
    /// The addresses of its nodes.
    pub nodes: Vec<SocketAddr>,
    /// Whether a server that is up may fail at a request nevertheless.
    pub may_fail: bool,
}

/// What all clients share.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    stop: AtomicBool,
    /// How often the server was started again.
    starts: AtomicU64,
    /// Requests that were answered, and those that were not.
    answered: AtomicU64,
    unanswered: AtomicU64,
    violations: Mutex<Vec<String>>,
}

impl Shared {
    fn violation(&self, text: String) {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
}

/// Clients at work.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<World>>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    shared: Arc<Shared>,
    worlds: Vec<World>,
}

impl Load {
    /// Begins.
    pub fn start(settings: Settings) -> Self {
        let shared = Arc::new(Shared {
            settings,
            stop: AtomicBool::new(false),
            starts: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            violations: Mutex::default(),
        });
        let thread = |number| {
            let client = Client::new(Arc::clone(&shared), number);
            std::thread::spawn(move || client.run())
        };
        let threads = (0..shared.settings.clients).map(thread).collect();
        Self { shared, threads }
    }

    /// Says that the server was started again: each client looks whether all that it was promised is there.
    pub fn restarted(&self) {
        self.shared.starts.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns how many requests were answered so far.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::SeqCst)
    }

    /// Lets every client end what it is at. The server has to be up.
    ///
    /// # Panics
    /// When a client has panicked.
    pub fn finish(self) -> Outcome {
        self.shared.stop.store(true, Ordering::SeqCst);
        let worlds = self.threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        Outcome { shared: self.shared, worlds }
    }
}

impl Outcome {
    /// Looks at everything that any client was promised, and reads all of it.
    pub fn check(&mut self) {
        for (number, world) in (0..).zip(std::mem::take(&mut self.worlds)) {
            self.worlds.push(Client::with(Arc::clone(&self.shared), number, world).check_all());
        }
    }

    /// Returns the digests of all blobs that tags lead to, as the server tells it.
    pub fn needed(&self) -> BTreeSet<Digest> {
        let names = (0..self.shared.settings.clients).map(world::own).chain([SHARED.to_owned()]);
        let mut client = Client::new(Arc::clone(&self.shared), u64::MAX);
        names.flat_map(|repository| client.needed(&repository)).collect()
    }

    /// Returns what was not as promised.
    pub fn violations(&self) -> Vec<String> {
        self.shared.violations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns how many requests were answered, and how many were not.
    pub fn requests(&self) -> (u64, u64) {
        (self.shared.answered.load(Ordering::SeqCst), self.shared.unanswered.load(Ordering::SeqCst))
    }
}
