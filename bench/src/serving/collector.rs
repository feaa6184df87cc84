//! What readers feel of a collector at work.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use oci::Digest;

use super::figures::Metric;
use super::image::Material;
use super::outcome::{Limit, Outcome, Row, Target};
use super::requests::Cycle;
use super::server::Server;
use super::{Bench, jobs, sample};
use crate::contender::Role;
use crate::load::{self, Answer, Request, Script, Step, Until};

const KEPT: &str = "bench/kept";
const DOOMED: &str = "bench/doomed";
const TAGS: usize = 50;
const CONNECTIONS: usize = 32;

/// Time between two deletes: five hundred a second at most, each with three things to collect.
const PACE: Duration = Duration::from_millis(2);

/// So that what is deleted is collected while the load goes on.
const SETTINGS: &str = "[collect]\nlease = \"1s\"\nuntagged = \"keep\"\nperiod = \"1s\"\n";

/// How long a load runs: some rounds of the collector.
const PERIOD: Until = Until::Elapsed(Duration::from_secs(5));

const P99_TIMES: f64 = 1.5;

pub fn measure(bench: &mut Bench) -> Result<Outcome> {
    let server = bench.start_ours(SETTINGS)?;
    let (shared, manifests, _) = jobs::light_images(server.address(), KEPT, (0..TAGS).map(|tag| format!("v{tag}")));
    jobs::run(&server, 1, std::iter::once(shared).chain(manifests))?;
    let path = |tag: usize| format!("/v2/{KEPT}/manifests/v{tag}");
    let requests: Vec<_> = (0..TAGS).map(|tag| Request::new("GET", server.address(), &path(tag), &[], 200)).collect();

    let mut quiet = Row::new("supercargo, alone", Role::Beside);
    let mut busy = Row::new("supercargo, with deletes", Role::Ours);
    let (mut deleted, mut collected) = (0, 0);
    let material = Material::new(1000);
    let rounds = bench.pick(5, 1);
    for round in 0..=rounds {
        let images = bench.pick(3000, 2000);
        let first = u64::try_from(round)? * images;
        let digests = push(&server, &material, first, images)?;
        let alone = sample(&server, Cycle::lanes(requests.clone(), CONNECTIONS), PERIOD)?;
        let before = files(&server.content())?;
        let (with, count) =
            beside_deletes(&server, &digests, || sample(&server, Cycle::lanes(requests.clone(), CONNECTIONS), PERIOD))?;
        if round > 0 {
            quiet.take(&alone);
            busy.take(&with);
            deleted += count;
            collected += before.saturating_sub(files(&server.content())?);
        }
    }
    let limit = Limit::TimesRow(P99_TIMES, "supercargo, alone".to_owned());
    let targets = vec![Target { row: "supercargo, with deletes".to_owned(), metric: Metric::P99, limit }];
    ensure!(collected > 0, "nothing was collected meanwhile");
    let title = format!(
        "GET by tag, c={CONNECTIONS}, while {deleted} images are deleted and {collected} blobs collected in {rounds} runs"
    );
    Ok(Outcome::new(title, vec![quiet, busy], targets))
}

fn push(server: &Server, material: &Material, first: u64, images: u64) -> Result<Vec<Digest>> {
    let pushes = (first..first + images).map(|number| jobs::push(server.address(), DOOMED, None, material, number));
    let (jobs, digests): (Vec<_>, Vec<_>) = pushes.unzip();
    jobs::run(server, 32, jobs.into_iter())?;
    Ok(digests)
}

/// Deletes, at a pace, until it is told to end.
struct Paced<'a> {
    requests: std::vec::IntoIter<Request>,
    end: &'a AtomicBool,
}

impl Script for Paced<'_> {
    fn next(&mut self, _: Option<&Answer>) -> Result<Step> {
        thread::sleep(PACE);
        let next = if self.end.load(Ordering::Relaxed) { None } else { self.requests.next() };
        Ok(next.map_or(Step::End, Step::Begin))
    }
}

/// Measures something while images are deleted; returns how many were.
fn beside_deletes<T>(server: &Server, digests: &[Digest], measure: impl FnOnce() -> Result<T>) -> Result<(T, u64)> {
    let address = server.address();
    let path = |digest: &Digest| format!("/v2/{DOOMED}/manifests/{digest}");
    let requests = digests.iter().map(|digest| Request::new("DELETE", address, &path(digest), &[], 202));
    let requests: Vec<_> = requests.collect();
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        let script = Paced { requests: requests.into_iter(), end: &end };
        let deletes = scope.spawn(|| load::run(address, [script], Until::Scripts));
        let measured = measure();
        end.store(true, Ordering::Relaxed);
        let deletes = deletes.join().map_err(|_| anyhow!("the deletes have panicked"))?;
        Ok((measured?, deletes.context("deletes")?.operations))
    })
}

/// Counts the files of blobs.
pub fn files(content: &Path) -> Result<usize> {
    count(&content.join("blobs"))
}

fn count(directory: &Path) -> Result<usize> {
    let mut files = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        files += if entry.file_type()?.is_dir() { count(&entry.path())? } else { 1 };
    }
    Ok(files)
}
