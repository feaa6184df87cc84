//! A million manifests with two million referrers, beside ten thousand.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::figures::{Metric, microseconds};
use super::fixture::{Fixture, REPOSITORIES};
use super::outcome::{Limit, Outcome, Row, Target};
use super::requests::Cycle;
use super::server::{Kind, Server};
use super::{Bench, sample};
use crate::contender::Role;
use crate::load::{Request, Until};

/// Manifests of the small fixture.
const SMALL: u64 = 10_000;

const P50_MICROSECONDS: u64 = 2000;
const START_MICROSECONDS: u64 = 200_000;

/// "Flat": the median may grow by so much from the small fixture to the large one.
const FLAT: f64 = 1.5;

/// Tags of a page that there is in either fixture, and of one that only the large one fills.
const PAGE: u64 = 5;
const LARGE_PAGE: u64 = 100;

/// Different things that are asked for, spread over all repositories.
const SPREAD: u64 = 5000;

const CONNECTIONS: usize = 4;

/// What is asked.
const QUESTIONS: [&str; 4] = ["referrers", "tag page", LARGE_TAG_PAGE, "manifest by tag"];

/// The answer is larger where there are more tags, so that it is not compared.
const LARGE_TAG_PAGE: &str = "page of 100 tags";

pub fn measure(bench: &mut Bench) -> Result<Outcome> {
    let large = bench.manifests;
    let sizes = [Fixture { manifests: SMALL.min(large) }, Fixture { manifests: large }];
    let mut servers = Vec::new();
    for fixture in sizes {
        servers.push((fixture, served(bench, fixture)?));
    }
    let mut rows = Vec::new();
    let mut targets = Vec::new();
    let period = Until::Elapsed(bench.pick(Duration::from_secs(3), Duration::from_millis(500)));
    for question in QUESTIONS {
        let mut asked: Vec<Row> = sizes.iter().map(|fixture| Row::new(named(question, *fixture), Role::Ours)).collect();
        for round in 0..=bench.pick(5, 2) {
            for ((fixture, server), row) in servers.iter().zip(&mut asked) {
                let sample = sample(server, Cycle::lanes(requests(server, *fixture, question), CONNECTIONS), period)?;
                if round > 0 {
                    row.take(&sample);
                }
            }
        }
        rows.extend(asked);
        let [small, large] = sizes.map(|fixture| named(question, fixture));
        targets.push(target(&large, Metric::P50, Limit::Absolute(P50_MICROSECONDS)));
        if question != LARGE_TAG_PAGE {
            targets.push(target(&large, Metric::P50, Limit::TimesRow(FLAT, small)));
        }
    }
    for (fixture, mut server) in servers {
        let mut row = Row::new(named("start", fixture), Role::Ours);
        for _ in 0..bench.pick(5, 2) {
            row.take(&vec![(Metric::Wall, microseconds(server.start()?))]);
        }
        rows.push(row);
    }
    let limit = Limit::Absolute(START_MICROSECONDS);
    targets.push(target(&named("start", Fixture { manifests: large }), Metric::Wall, limit));
    let title =
        format!("{large} manifests in {REPOSITORIES} repositories with {} referrers, c={CONNECTIONS}", 2 * large);
    Ok(Outcome::new(title, rows, targets))
}

fn target(row: &str, metric: Metric, limit: Limit) -> Target {
    Target { row: row.to_owned(), metric, limit }
}

fn named(question: &str, fixture: Fixture) -> String {
    format!("{question}, {} manifests", fixture.manifests)
}

/// Starts our registry on a fixture, which is written first if it is not there.
fn served(bench: &Bench, fixture: Fixture) -> Result<Server> {
    let place = bench.fixtures.join(format!("growth-{}", fixture.manifests));
    let program = bench.tools.path(Kind::Supercargo.name())?;
    if !place.exists() {
        write(&program, &place, fixture).with_context(|| format!("cannot write {}", place.display()))?;
    }
    let mut server = Server::new(Kind::Supercargo, program, place, "")?;
    server.start()?;
    Ok(server)
}

/// Writes a fixture beside its place, and then puts it there.
fn write(program: &str, place: &Path, fixture: Fixture) -> Result<()> {
    eprintln!("bench: writing {} manifests with their referrers", fixture.manifests);
    let partial: PathBuf = place.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    // The program makes its tables.
    let mut server = Server::new(Kind::Supercargo, program.to_owned(), partial.clone(), "")?;
    server.start()?;
    let content = server.content();
    server.stop();
    fixture.write(&content.join("metadata.db"))?;
    Ok(fs::rename(&partial, place)?)
}

/// Returns questions about things all over the fixture.
fn requests(server: &Server, fixture: Fixture, question: &str) -> Vec<Request> {
    let images = fixture.in_each() * REPOSITORIES;
    let count = SPREAD.min(images);
    let request = |index: u64| {
        let image = index * (images / count);
        let (repository, number) = (image / fixture.in_each(), image % fixture.in_each());
        let name = Fixture::repository(repository);
        let path = match question {
            "referrers" => format!("/v2/{name}/referrers/{}", fixture.image(repository, number)),
            "tag page" => {
                let last = Fixture::tag(number % fixture.in_each().saturating_sub(PAGE).max(1));
                format!("/v2/{name}/tags/list?n={PAGE}&last={last}")
            }
            LARGE_TAG_PAGE => format!("/v2/{name}/tags/list?n={LARGE_PAGE}&last={}", Fixture::tag(number)),
            _ => format!("/v2/{name}/manifests/{}", Fixture::tag(number)),
        };
        Request::new("GET", server.address(), &path, &[], 200)
    };
    (0..count).map(request).collect()
}
