//! One client: what it does next, and how it asks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use oci::Digest;

use super::http::{NoAnswer, Reply, Request};
use super::pool::{self, below, percent};
use super::world::{Repository, World, own};
use super::{SHARED, Shared};
use crate::seed::Seed;

/// How long a server may be away.
const AWAY: Duration = Duration::from_mins(2);

pub(super) struct Client {
    pub(super) shared: Arc<Shared>,
    pub(super) number: u64,
    pub(super) seed: Seed,
    pub(super) world: World,
    starts: u64,
}

impl Client {
    pub(super) fn new(shared: Arc<Shared>, number: u64) -> Self {
        Self::with(shared, number, World::default())
    }

    pub(super) fn with(shared: Arc<Shared>, number: u64, world: World) -> Self {
        let seed = Seed::new(shared.settings.seed ^ number.wrapping_mul(0x9e37_79b9));
        Self { shared, number, seed, world, starts: 0 }
    }

    /// Works until it is told to end, and returns what it was promised.
    pub(super) fn run(mut self) -> World {
        while !self.shared.stop.load(Ordering::SeqCst) {
            let starts = self.shared.starts.load(Ordering::SeqCst);
            if starts == self.starts {
                self.act();
            } else {
                self.starts = starts;
                self.check_promises(false);
            }
        }
        self.world
    }

    fn act(&mut self) {
        let repository = self.repository();
        match self.seed.next() % 100 {
            0..40 => self.push_image(&repository),
            40..50 => self.push_index(&repository),
            50..60 => self.push_referrer(&repository),
            60..68 => self.move_tag(&repository),
            68..76 => self.delete_tag(&repository),
            76..80 => self.delete_manifest(),
            80..86 => self.delete_blob(),
            86..90 => self.abandon(&repository),
            _ => self.check_some(&repository),
        }
    }

    fn repository(&mut self) -> String {
        if percent(&mut self.seed, 70) { own(self.number) } else { SHARED.to_owned() }
    }

    /// Returns what is known of a repository.
    pub(super) fn at(&mut self, repository: &str) -> &mut Repository {
        self.world.repositories.entry(repository.to_owned()).or_default()
    }

    /// Returns the name of one of the client's tags.
    pub(super) fn tag(&mut self) -> String {
        format!("t{}-{}", self.number, below(&mut self.seed, 6))
    }

    /// Says what was not as it should be.
    pub(super) fn violation(&self, text: &str) {
        self.shared.violation(format!("client {}: {text}", self.number));
    }

    fn node(&mut self) -> SocketAddr {
        let nodes = self.shared.settings.nodes.len();
        self.shared.settings.nodes[below(&mut self.seed, nodes)]
    }

    /// Asks any node that is up. Returns `None` when no answer came, so that nobody knows what became of the request.
    pub(super) fn send(&mut self, request: &Request) -> Option<Reply> {
        let since = Instant::now();
        loop {
            let answer = request.send(self.node());
            if matches!(answer, Err(NoAnswer::Refused)) && since.elapsed() < AWAY {
                thread::sleep(Duration::from_millis(10));
                continue;
            }
            let counter = if answer.is_ok() { &self.shared.answered } else { &self.shared.unanswered };
            counter.fetch_add(1, Ordering::SeqCst);
            let line = format!("{} {}", request.method, request.path);
            return match answer {
                Ok(reply) if reply.status >= 500 => {
                    if !self.shared.settings.may_fail {
                        self.violation(&format!("{line} failed with {}", reply.status));
                    }
                    None
                }
                Ok(reply) => Some(reply),
                Err(NoAnswer::Broken) => {
                    // What a node that was killed has asked of the database may still be on its way.
                    thread::sleep(Duration::from_millis(50));
                    None
                }
                Err(why) => {
                    self.violation(&format!("{line} was not answered: {why:?}"));
                    None
                }
            };
        }
    }

    fn delete_tag(&mut self, repository: &str) {
        let tag = self.tag();
        let reply = self.send(&Request::new("DELETE", format!("/v2/{repository}/manifests/{tag}")));
        let here = self.at(repository);
        let was_certain = here.certain(&tag).is_some();
        match reply.map(|reply| reply.status) {
            Some(202) => here.is_now(&tag, None),
            Some(404) => {
                here.is_now(&tag, None);
                if was_certain {
                    self.violation(&format!("{repository}:{tag} was lost before it was deleted"));
                }
            }
            Some(status) => self.violation(&format!("DELETE of {repository}:{tag} was answered with {status}")),
            None => here.may_be(&tag, None),
        }
    }

    fn delete_manifest(&mut self) {
        let repository = own(self.number);
        let digests: Vec<Digest> = self.at(&repository).manifests.keys().copied().collect();
        let Some(digest) = digests.get(below(&mut self.seed, digests.len())).copied() else { return };
        let reply = self.send(&Request::new("DELETE", format!("/v2/{repository}/manifests/{digest}")));
        let here = self.at(&repository);
        let was_tagged = here.tagged().iter().any(|(_, tagged)| *tagged == digest);
        match reply.map(|reply| reply.status) {
            Some(404) if was_tagged => self.violation(&format!("{repository}@{digest} was lost before it was deleted")),
            Some(202 | 404) => here.without(&digest, true),
            Some(status) => self.violation(&format!("DELETE of {repository}@{digest} was answered with {status}")),
            None => here.without(&digest, false),
        }
    }

    fn delete_blob(&mut self) {
        let repository = own(self.number);
        let digest = pool::pick(&mut self.seed).digest;
        self.at(&repository).deleted.insert(digest);
        let reply = self.send(&Request::new("DELETE", format!("/v2/{repository}/blobs/{digest}")));
        match reply.map(|reply| reply.status) {
            None | Some(202 | 404) => {}
            Some(status) => self.violation(&format!("DELETE of {repository}@{digest} was answered with {status}")),
        }
    }

    /// Begins an upload and cancels it, or leaves it as it is.
    fn abandon(&mut self, repository: &str) {
        let begun = self.send(&Request::new("POST", format!("/v2/{repository}/blobs/uploads/")));
        let Some(location) = begun.and_then(|reply| reply.header("location").map(str::to_owned)) else { return };
        let content = pool::pick(&mut self.seed);
        self.send(&Request::new("PATCH", &location).body(&content.bytes));
        if percent(&mut self.seed, 50) {
            self.send(&Request::new("DELETE", &location));
        }
    }
}
