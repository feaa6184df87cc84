//! Half of many manifests is garbage: how long until it is gone.
//!
//! Distribution collects while it does not serve. Deleting ten thousand manifests through its API would take an hour, so what a
//! delete takes away is taken from its directory: the link of the revision.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use oci::Digest;

use super::collector::files;
use super::figures::{Metric, microseconds};
use super::image::Material;
use super::outcome::{Outcome, Row};
use super::requests::Cycle;
use super::server::{Kind, Server};
use super::{Bench, jobs};
use crate::load::{self, Request, Until};

const REPOSITORY: &str = "bench/garbage";
const MANIFESTS: u64 = 20_000;
const QUICK_MANIFESTS: u64 = 400;

/// Blobs of each image that are files: a layer and a config.
const FILES: u64 = 2;

const SETTINGS: &str = "[collect]\nlease = \"1s\"\nuntagged = \"keep\"\nperiod = \"1s\"\n";

/// Most time until everything is gone.
const PATIENCE: Duration = Duration::from_mins(10);

pub fn measure(bench: &mut Bench) -> Result<Outcome> {
    let images = bench.pick(MANIFESTS, QUICK_MANIFESTS);
    let material = Material::new(1000);
    let mut rows = Vec::new();
    for mut server in bench.start(SETTINGS)? {
        let pushes = (0..images).map(|number| jobs::push(server.address(), REPOSITORY, None, &material, number));
        let (jobs, mut digests): (Vec<_>, Vec<_>) = pushes.unzip();
        jobs::run(&server, 16, jobs.into_iter()).with_context(|| server.kind().name())?;
        digests.truncate(usize::try_from(images / 2)?);
        let wall = match server.kind() {
            Kind::Supercargo => online(&server, &digests, images)?,
            Kind::Distribution => offline(&mut server, &digests)?,
            // Its collector waits for hours, and says nothing.
            Kind::Zot => continue,
        };
        let name = match server.kind() {
            Kind::Distribution => "distribution, offline, without the deletes",
            _ => "supercargo, online, with the deletes and a lease of 1 s",
        };
        let mut row = Row::new(name, server.role());
        row.take(&vec![(Metric::Wall, microseconds(wall))]);
        rows.push(row);
    }
    Ok(Outcome::new(format!("half of {images} images is garbage, until it is gone"), rows, Vec::new()))
}

fn online(server: &Server, digests: &[Digest], images: u64) -> Result<Duration> {
    let kept = usize::try_from((images - u64::try_from(digests.len())?) * FILES)?;
    let path = |digest: &Digest| format!("/v2/{REPOSITORY}/manifests/{digest}");
    let request = |digest| Request::new("DELETE", server.address(), &path(digest), &[], 202);
    let requests: Vec<_> = digests.iter().map(request).collect();
    let all = Until::Operations(u64::try_from(requests.len())?);
    let start = Instant::now();
    load::run(server.address(), Cycle::lanes(requests, 1), all)?;
    while files(&server.content())? > kept {
        ensure!(start.elapsed() < PATIENCE, "{} files are left of {kept}", files(&server.content())?);
        thread::sleep(Duration::from_millis(20));
    }
    Ok(start.elapsed())
}

fn offline(server: &mut Server, digests: &[Digest]) -> Result<Duration> {
    let repositories = server.content().join("docker/registry/v2/repositories");
    let revisions = repositories.join(REPOSITORY).join("_manifests/revisions/sha256");
    for digest in digests {
        fs::remove_file(revisions.join(digest.encoded()).join("link"))?;
    }
    let blobs = server.content().join("docker/registry/v2");
    let before = files(&blobs)?;
    let took = server.collect_offline()?;
    // Each image has a layer, a config and a manifest.
    let gone = before - files(&blobs)?;
    ensure!(gone >= digests.len() * 3, "only {gone} blobs of {} are gone", digests.len() * 3);
    Ok(took)
}
