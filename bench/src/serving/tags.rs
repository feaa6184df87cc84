//! What a request costs where a repository has many tags.

use anyhow::{Context, Result};
use oci::Digest;

use super::figures::Metric;
use super::outcome::{Limit, Outcome, Row, Target};
use super::requests::Cycle;
use super::server::Server;
use super::{Bench, jobs, sample};
use crate::load::{Request, Until};

const FEW: usize = 5;
const MANY: usize = 10_000;
const QUICK_MANY: usize = 500;

/// Deletes of one run. They need hundreds of milliseconds in some registries.
const DELETES: usize = 20;
const QUICK_DELETES: usize = 5;

const CONNECTIONS: usize = 32;

/// Most that the rate may lose.
const KEPT: f64 = 0.8;

const DELETE_MICROSECONDS: u64 = 2000;

pub fn measure(bench: &mut Bench) -> Result<Outcome> {
    let mut servers = bench.start("")?;
    let many = bench.pick(MANY, QUICK_MANY);
    let mut doomed = Vec::new();
    for server in &servers {
        fill(server, FEW)?;
        doomed.push(fill(server, many)?);
    }
    let mut rows = Vec::new();
    let mut targets = Vec::new();
    let period = bench.period();
    for method in ["HEAD", "GET"] {
        for count in [FEW, many] {
            let measured = bench.rounds(&mut servers, |server| {
                sample(server, Cycle::lanes(requests(server, method, count), CONNECTIONS), period)
            })?;
            rows.extend(measured.into_iter().map(|row| row.renamed(|name| named(name, method, count))));
        }
        targets.push(Target {
            row: named("supercargo", method, many),
            metric: Metric::Rate,
            limit: Limit::TimesRow(KEPT, named("supercargo", method, FEW)),
        });
    }
    rows.extend(deletes(bench, &mut servers, &doomed, many)?);
    targets.push(Target {
        row: named("supercargo", "DELETE", many),
        metric: Metric::P50,
        limit: Limit::Absolute(DELETE_MICROSECONDS),
    });
    Ok(Outcome::new(format!("manifests by tag with {FEW} and {many} tags in the repository"), rows, targets))
}

/// Deletes manifests by digest, one after another.
fn deletes(bench: &Bench, servers: &mut [Server], doomed: &[Vec<Digest>], many: usize) -> Result<Vec<Row>> {
    let count = bench.pick(DELETES, QUICK_DELETES);
    let mut rows = Vec::new();
    for (server, digests) in servers.iter_mut().zip(doomed) {
        let mut row = Row::new(named(server.kind().name(), "DELETE", many), server.role());
        for digests in digests.chunks(count).take(bench.pick(5, 2)) {
            let path = |digest: &Digest| format!("/v2/{}/manifests/{digest}", repository(many));
            let requests =
                digests.iter().map(|digest| Request::new("DELETE", server.address(), &path(digest), &[], 202));
            let lanes = Cycle::lanes(requests.collect(), 1);
            row.take(&sample(server, lanes, Until::Operations(u64::try_from(digests.len())?))?);
        }
        rows.push(row);
    }
    Ok(rows)
}

fn fill(server: &Server, count: usize) -> Result<Vec<Digest>> {
    let (shared, manifests, digests) = jobs::light_images(server.address(), &repository(count), (0..count).map(tag));
    let filled =
        jobs::run(server, 1, std::iter::once(shared)).and_then(|_| jobs::run(server, 16, manifests.into_iter()));
    filled.with_context(|| format!("{}: cannot push {count} manifests", server.kind().name()))?;
    Ok(digests)
}

/// Returns requests for tags all over the repository.
fn requests(server: &Server, method: &str, count: usize) -> Vec<Request> {
    let path = |number| format!("/v2/{}/manifests/{}", repository(count), tag(number));
    // Those that will be deleted are among them, for they are deleted last.
    let request = |number| Request::new(method, server.address(), &path(number), &[], 200);
    (0..count).map(request).collect()
}

fn named(server: &str, method: &str, count: usize) -> String {
    format!("{server}, {method}, {count} tags")
}

fn repository(tags: usize) -> String {
    format!("bench/tags-{tags}")
}

fn tag(number: usize) -> String {
    format!("v{number}")
}
