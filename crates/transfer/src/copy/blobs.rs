//! Blobs, each once over all routes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use graph::NodeId;
use oci::{Descriptor, Digest};
use store::{BlobBody, BlobSource, Meter, Put, Store, StoreError};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use super::Planned;
use super::early::Waiting;
use super::pace::{LARGE_MIN_BYTES, Pace, STEP};
use crate::error::TransferError;
use crate::progress::{BlobOutcome, Progress};
use crate::route::{CopyOptions, UrlSource};

/// How many blobs move at once when neither the user nor the stores say.
const JOBS_MAX: usize = 96;

/// What moved for one route.
#[derive(Clone, Debug, Default)]
pub(super) struct Moved {
    pub(super) blobs: BTreeMap<Digest, BlobOutcome>,
    /// Those that the destination has shown to have.
    pub(super) seen: BTreeSet<Digest>,
    pub(super) bytes: u64,
}

/// How a blob got where it should be.
#[derive(Clone, Copy, Debug)]
struct Arrived {
    outcome: BlobOutcome,
    /// Whether the destination says that it has it. Asked at once, while others move: that costs no time of its own.
    seen: bool,
}

/// One blob and everywhere it has to go.
struct Work {
    descriptor: Descriptor,
    source: Arc<dyn Store>,
    urls: Option<Arc<dyn UrlSource>>,
    destinations: Vec<Target>,
}

/// A place where a blob has to go.
struct Target {
    store: Arc<dyn Store>,
    /// The routes that go there.
    routes: Vec<usize>,
    /// Whether it is known not to have the blob.
    lacks: bool,
}

/// Moves the blobs of every plan, and says of each to those that wait for it that it is there. Returns what moved for each
/// route, or the first failure that concerns it.
pub(super) async fn move_all(
    planned: &[&Planned],
    mut waiting: Waiting,
    options: &CopyOptions,
    progress: &Arc<dyn Progress>,
) -> Vec<Result<Moved, TransferError>> {
    // Who says how many wants that many.
    let (jobs, mut pace) = if let Some(jobs) = options.jobs {
        (jobs.max(1), Pace::fixed(jobs.max(1)))
    } else {
        let large = most(planned, |store| store.concurrency());
        (most(planned, |store| store.backlog()), Pace::new(large))
    };
    let mut large = gather(planned);
    let mut small = large.split_off(large.partition_point(Work::is_large)).into_iter();
    let mut large = large.into_iter();
    let mut steps = tokio::time::interval_at(Instant::now() + STEP, STEP);
    steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tasks = JoinSet::new();
    let mut results: Vec<Result<Moved, TransferError>> = planned.iter().map(|_| Ok(Moved::default())).collect();
    loop {
        // In their order: the largest, which take longest, begin first.
        while tasks.len() < jobs
            && let Some(work) = pace.admits().then(|| large.next()).flatten().or_else(|| small.next())
        {
            let (progress, meter) = (Arc::clone(progress), Meter::default());
            let is_large = work.is_large();
            if is_large {
                pace.begin(&meter);
            }
            tasks.spawn(async move { (is_large, work.run(&*progress, meter).await) });
        }
        let done = tokio::select! {
            done = tasks.join_next() => done,
            _ = steps.tick(), if large.len() > 0 && pace.may_grow() => {
                pace.step();
                continue;
            }
        };
        let Some(done) = done else { return results };
        // A task is never cancelled here; a panic is passed on.
        let (was_large, done) = match done {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        if was_large {
            pace.end();
        }
        for (routes, digest, size, outcome) in done {
            let Some((first, others)) = routes.split_first() else { continue };
            if outcome.as_ref().is_ok_and(|arrived| arrived.seen) {
                for route in &routes {
                    waiting.arrived(*route, digest);
                }
            }
            for route in others {
                record(&mut results[*route], digest, size, again(digest, &outcome));
            }
            let failed = outcome.is_err();
            record(&mut results[*first], digest, size, outcome);
            if failed && !options.keep_going {
                tasks.abort_all();
                return results;
            }
        }
    }
}

/// Returns how many blobs may move at once by what both ends of a route say of themselves.
fn most(planned: &[&Planned], says: impl Fn(&Arc<dyn Store>) -> usize) -> usize {
    let of_route = |planned: &&Planned| says(&planned.route.source).min(says(&planned.route.destination));
    planned.iter().map(of_route).max().unwrap_or(1).clamp(1, JOBS_MAX)
}

/// The same outcome for another route that shares the destination. An error cannot be cloned; its message can.
fn again(digest: Digest, outcome: &Result<Arrived, TransferError>) -> Result<Arrived, TransferError> {
    match outcome {
        Ok(arrived) => Ok(*arrived),
        Err(error) => Err(TransferError::SharedBlob { digest, reason: error.to_string() }),
    }
}

fn record(
    result: &mut Result<Moved, TransferError>,
    digest: Digest,
    size: u64,
    outcome: Result<Arrived, TransferError>,
) {
    match (result, outcome) {
        (Ok(moved), Ok(Arrived { outcome, seen })) => {
            moved.blobs.insert(digest, outcome);
            if seen {
                moved.seen.insert(digest);
            }
            moved.bytes += if outcome == BlobOutcome::Moved { size } else { 0 };
        }
        (result @ Ok(_), Err(error)) => *result = Err(error),
        (Err(_), _) => {}
    }
}

/// Gathers the blobs of every plan, the largest first, each with all of its destinations.
fn gather(planned: &[&Planned]) -> Vec<Work> {
    let mut works: Vec<Work> = Vec::new();
    let mut by_digest: HashMap<Digest, usize> = HashMap::new();
    for (route, planned) in planned.iter().enumerate() {
        for descriptor in &planned.plan.blobs {
            let position = *by_digest.entry(descriptor.digest).or_insert_with(|| {
                works.push(Work {
                    descriptor: descriptor.clone(),
                    source: Arc::clone(&planned.route.source),
                    urls: planned.route.urls.clone(),
                    destinations: Vec::new(),
                });
                works.len() - 1
            });
            let destination = &planned.route.destination;
            let lacks = planned.explored.asked.absent.contains(&NodeId::blob(descriptor.digest));
            let destinations = &mut works[position].destinations;
            match destinations.iter_mut().find(|known| known.store.location() == destination.location()) {
                Some(known) => {
                    known.routes.push(route);
                    known.lacks |= lacks;
                }
                None => destinations.push(Target { store: Arc::clone(destination), routes: vec![route], lacks }),
            }
        }
    }
    works.sort_by_key(|work| std::cmp::Reverse(work.descriptor.size));
    works
}

type Done = (Vec<usize>, Digest, u64, Result<Arrived, TransferError>);

impl Work {
    const fn is_large(&self) -> bool {
        self.descriptor.size >= LARGE_MIN_BYTES
    }

    /// Brings the blob to each destination: from the source to the first, and from there to the others. The meter counts on
    /// the way to the first.
    async fn run(self, progress: &dyn Progress, mut meter: Meter) -> Vec<Done> {
        let source =
            SourceBlob { store: Arc::clone(&self.source), urls: self.urls, descriptor: self.descriptor.clone() };
        let mut done = Vec::with_capacity(self.destinations.len());
        let mut arrived: Option<Arc<dyn Store>> = None;
        for Target { store: destination, routes, lacks } in self.destinations {
            let outcome =
                bring(&source, &*destination, lacks, arrived.as_deref(), progress, std::mem::take(&mut meter)).await;
            if outcome.is_ok() && arrived.is_none() {
                arrived = Some(destination);
            }
            done.push((routes, self.descriptor.digest, self.descriptor.size, outcome));
        }
        done
    }
}

async fn bring(
    source: &SourceBlob,
    destination: &dyn Store,
    lacks: bool,
    arrived: Option<&dyn Store>,
    progress: &dyn Progress,
    meter: Meter,
) -> Result<Arrived, TransferError> {
    let descriptor = &source.descriptor;
    if !lacks && destination.stat_blob(&descriptor.digest).await? == Some(descriptor.size) {
        progress.blob_finished(descriptor, BlobOutcome::Present);
        return Ok(Arrived { outcome: BlobOutcome::Present, seen: true });
    }
    let is_there = async || Ok::<_, TransferError>(destination.stat_blob(&descriptor.digest).await?.is_some());
    let mut arrival = Arrived { outcome: BlobOutcome::Adopted, seen: false };
    if adopt(source, destination, arrived).await? {
        arrival.seen = is_there().await?;
    }
    // Some say that they have mounted a blob, and have it not.
    if !arrival.seen {
        arrival.outcome = put(source, destination, progress, meter).await?;
        arrival.seen = arrival.outcome == BlobOutcome::Present || is_there().await?;
    }
    progress.blob_finished(descriptor, arrival.outcome);
    Ok(arrival)
}

/// Takes a blob to a destination from within it, if it can do that.
async fn adopt(
    source: &SourceBlob,
    destination: &dyn Store,
    arrived: Option<&dyn Store>,
) -> Result<bool, TransferError> {
    for place in [Some(source.store.identity()), arrived.map(Store::identity)].into_iter().flatten() {
        if destination.adopt_blob(&source.descriptor, &place).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Brings a blob from the source.
async fn put(
    source: &SourceBlob,
    destination: &dyn Store,
    progress: &dyn Progress,
    meter: Meter,
) -> Result<BlobOutcome, TransferError> {
    let descriptor = &source.descriptor;
    progress.blob_started(descriptor, &meter);
    loop {
        match destination.put_blob(descriptor, source, &meter).await {
            Ok(Put::Stored) => return Ok(BlobOutcome::Moved),
            Ok(Put::AlreadyThere) => return Ok(BlobOutcome::Present),
            // A source of several places has fewer of them to try each time.
            Err(error) if error.is_integrity() && source.store.distrust(&descriptor.digest) => {
                meter.rewind(meter.bytes());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// A blob at the source, which its descriptor may carry itself, or say where else it is.
struct SourceBlob {
    store: Arc<dyn Store>,
    urls: Option<Arc<dyn UrlSource>>,
    descriptor: Descriptor,
}

impl SourceBlob {
    /// Asks the URLs of a non-distributable layer one after the other. What is wrong with one matters when none has it.
    async fn open_url(&self, offset: u64) -> Result<Option<BlobBody>, StoreError> {
        let Some(source) = self.urls.as_ref().filter(|_| self.descriptor.media_type.is_non_distributable()) else {
            return Ok(None);
        };
        let mut outcome = Ok(None);
        for url in &self.descriptor.urls {
            match source.open_url(url, &self.descriptor, offset).await {
                Ok(None) => {}
                Ok(Some(body)) => return Ok(Some(body)),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }
}

#[async_trait]
impl BlobSource for SourceBlob {
    async fn open(&self, offset: u64) -> Result<BlobBody, StoreError> {
        if let Some(body) = self.store.open_blob(&self.descriptor, offset).await? {
            return Ok(body);
        }
        // `data` that does not check out is as good as none.
        if let Ok(Some(bytes)) = self.descriptor.embedded() {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            return Ok(BlobBody::from_bytes(bytes.slice(start..)));
        }
        if let Some(body) = self.open_url(offset).await? {
            return Ok(body);
        }
        Err(StoreError::Missing {
            location: self.store.location().to_owned(),
            what: format!("blob {}", self.descriptor.digest),
        })
    }
}
