//! Pushes of images that nobody has: two blobs with POST and PUT, and a manifest by tag.

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::figures::Metric;
use super::image::Material;
use super::outcome::{Limit, Outcome, Target};
use super::server::{Kind, Server};
use super::{Bench, jobs, sample};
use crate::load::Until;

const CONNECTIONS: usize = 10;
const REPOSITORIES: u64 = 10;

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";

/// Images of one size.
pub struct Size {
    name: &'static str,
    bytes: usize,
    /// Images of one run.
    images: u64,
    quick: u64,
}

pub const SMALL: Size = Size { name: "100 kB", bytes: 100_000, images: 300, quick: 50 };
pub const MIDDLE: Size = Size { name: "1 MB", bytes: 1_000_000, images: 200, quick: 30 };
pub const LARGE: Size = Size { name: "10 MB", bytes: 10_000_000, images: 50, quick: 10 };

/// On the disk: we sync files and their directories, distribution syncs files, zot nothing.
pub fn measure(bench: &mut Bench, size: &Size) -> Result<Outcome> {
    let servers = bench.start("")?;
    let kinds: Vec<Kind> = servers.iter().map(Server::kind).collect();
    let limit = |kind: Kind| match kind {
        Kind::Supercargo => None,
        Kind::Distribution => Some(1.5),
        Kind::Zot => Some(1.0),
    };
    let targets = kinds.into_iter().filter_map(|kind| {
        let limit = Limit::TimesRow(limit(kind)?, kind.name().to_owned());
        Some(Target { row: Kind::Supercargo.name().to_owned(), metric: Metric::Rate, limit })
    });
    push(bench, servers, size, "on the disk", targets.collect())
}

/// In memory, where syncing costs nobody anything: what is left is the work of the programs, and of what they share.
pub fn measure_in_memory(bench: &mut Bench, size: &Size) -> Result<Outcome> {
    let directory = TempDir::with_prefix_in("supercargo-bench-", MEMORY).context("no file system in memory")?;
    let servers = bench.kinds().into_iter().map(|kind| bench.start_one(kind, directory.path(), ""));
    let servers = servers.collect::<Result<Vec<Server>>>()?;
    push(bench, servers, size, "in memory", Vec::new())
}

fn push(bench: &Bench, mut servers: Vec<Server>, size: &Size, place: &str, targets: Vec<Target>) -> Result<Outcome> {
    let material = Material::new(size.bytes);
    let images = bench.pick(size.images, size.quick);
    let mut first = 0;
    let rows = bench.rounds(&mut servers, |server| {
        let push = |number: u64| {
            let repository = format!("bench/repository-{}", number % REPOSITORIES);
            jobs::push(server.address(), &repository, Some(&format!("v{number}")), &material, number).0
        };
        let jobs = jobs::workers(server.address(), CONNECTIONS, (first..first + images).map(push));
        first += images;
        sample(server, jobs, Until::Scripts)
    })?;
    let title = format!("push {images} images of {}, {place}, c={CONNECTIONS}", size.name);
    Ok(Outcome::new(title, rows, targets))
}
