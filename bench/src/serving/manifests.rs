//! Manifests by tag: what every client asks first.

use anyhow::Result;

use super::figures::Metric;
use super::image::Material;
use super::outcome::{Limit, Outcome, Target};
use super::requests::Cycle;
use super::server::Server;
use super::{Bench, jobs, sample};
use crate::load::Request;

const REPOSITORIES: u64 = 10;
const TAGS: u64 = 5;
const CONNECTIONS: usize = 32;

pub fn measure(bench: &mut Bench, method: &str) -> Result<Outcome> {
    let mut servers = bench.start("")?;
    let material = Material::new(1000);
    for server in &servers {
        let push = |number| {
            let (repository, tag) = (name(number / TAGS), tag(number % TAGS));
            jobs::push(server.address(), &repository, Some(&tag), &material, number).0
        };
        jobs::run(server, 1, (0..REPOSITORIES * TAGS).map(push))?;
    }
    let period = bench.period();
    let rows = bench
        .rounds(&mut servers, |server| sample(server, Cycle::lanes(requests(server, method), CONNECTIONS), period))?;
    let target = |metric, limit| Target { row: "supercargo".into(), metric, limit };
    let targets = vec![target(Metric::Rate, Limit::TimesBest(4.0)), target(Metric::P99, Limit::TimesBest(0.5))];
    let title =
        format!("{method} manifests by tag, {TAGS} tags in each of {REPOSITORIES} repositories, c={CONNECTIONS}");
    Ok(Outcome::new(title, rows, targets))
}

fn requests(server: &Server, method: &str) -> Vec<Request> {
    let path = |number| format!("/v2/{}/manifests/{}", name(number / TAGS), tag(number % TAGS));
    let request = |number| Request::new(method, server.address(), &path(number), &[], 200);
    (0..REPOSITORIES * TAGS).map(request).collect()
}

fn name(repository: u64) -> String {
    format!("bench/repository-{repository}")
}

fn tag(tag: u64) -> String {
    format!("v1.{tag}.0")
}
