//! Pulls of blobs by clients that throw the bytes away.

use std::time::Duration;

use anyhow::Result;

use super::figures::Metric;
use super::image::Material;
use super::jobs::Action;
use super::outcome::{Limit, Outcome, Target};
use super::requests::Cycle;
use super::server::Server;
use super::{Bench, jobs, sample};
use crate::load::{Request, Until};

const REPOSITORY: &str = "bench/blobs";
const BLOB_BYTES: usize = 10_000_000;
const BLOBS: u64 = 4;

/// Connections of the load under which memory is measured.
const MANY: usize = 64;
const PEAK_BYTES: u64 = 96 << 20;

pub fn measure(bench: &mut Bench, connections: usize) -> Result<Outcome> {
    let (mut servers, paths) = filled(bench)?;
    let period = bench.period();
    let rows = bench
        .rounds(&mut servers, |server| sample(server, Cycle::lanes(requests(server, &paths), connections), period))?;
    let target = |metric| Target { row: "supercargo".into(), metric, limit: Limit::TimesBest(1.0) };
    let targets = vec![target(Metric::Throughput), target(Metric::CpuPerGigabyte)];
    Ok(Outcome::new(format!("GET blobs of 10 MB, discarded by the reader, c={connections}"), rows, targets))
}

pub fn measure_memory(bench: &mut Bench) -> Result<Outcome> {
    let (mut servers, paths) = filled(bench)?;
    let period = Until::Elapsed(bench.pick(Duration::from_secs(4), Duration::from_secs(1)));
    let rows = bench.rounds(&mut servers, |server| {
        // What an earlier run has left would count otherwise.
        server.start()?;
        let mut sample = sample(server, Cycle::lanes(requests(server, &paths), MANY), period)?;
        sample.push((Metric::Peak, server.used()?.peak));
        Ok(sample)
    })?;
    let limit = Limit::Absolute(PEAK_BYTES);
    let targets = vec![Target { row: "supercargo".into(), metric: Metric::Peak, limit }];
    Ok(Outcome::new(format!("{MANY} connections pull blobs of 10 MB"), rows, targets))
}

/// Starts everybody with the same blobs, and returns their paths.
fn filled(bench: &mut Bench) -> Result<(Vec<Server>, Vec<String>)> {
    let servers = bench.start("")?;
    let material = Material::new(BLOB_BYTES - 16);
    let blobs: Vec<_> = (0..BLOBS).map(|number| material.layer(number)).collect();
    for server in &servers {
        let upload = |blob: &_| vec![Action::Upload { repository: REPOSITORY.to_owned(), blob: Clone::clone(blob) }];
        jobs::run(server, 1, blobs.iter().map(upload))?;
    }
    let path = |blob: &super::image::Blob| format!("/v2/{REPOSITORY}/blobs/{}", blob.digest);
    Ok((servers, blobs.iter().map(path).collect()))
}

fn requests(server: &Server, paths: &[String]) -> Vec<Request> {
    paths.iter().map(|path| Request::new("GET", server.address(), path, &[], 200)).collect()
}
