//! The whole job: explore every route, plan, apply, prove.
//!
//! All routes are planned together, so that a blob which several of them need moves once: it goes to the first destination
//! and is mounted or linked from there by the others, where they can.

mod arrive;
mod blobs;
mod early;
mod pace;
mod report;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use graph::{CopyPlan, NodeId, Space};
use oci::Digest;

pub use report::{CopyReport, RouteOutcome, RouteReport};

use crate::cache::ManifestCache;
use crate::error::TransferError;
use crate::explore::{Claims, Explored, explore};
use crate::progress::Progress;
use crate::route::{CopyOptions, Route};

/// A route with everything known that is needed to act.
pub(crate) struct Planned {
    pub(crate) route: Route,
    pub(crate) explored: Explored,
    pub(crate) plan: CopyPlan,
    /// Manifests and blobs that the destination is known, or with reason assumed, to have.
    pub(crate) present: BTreeSet<NodeId>,
}

/// Finds out what would be copied, and changes nothing.
///
/// # Errors
/// As [`copy`], as far as it shows before anything is written.
pub async fn plan(
    routes: Vec<Route>,
    options: &CopyOptions,
    cache: &dyn ManifestCache,
) -> Vec<Result<RouteReport, TransferError>> {
    let claims = Claims::default();
    let planned = join_all(routes.into_iter().map(|route| plan_route(route, options, cache, &claims))).await;
    planned.into_iter().map(|planned| planned.map(|planned| RouteReport::of_plan(&planned))).collect()
}

/// Copies everything that the routes name and proves that it arrived.
///
/// Cancelling (dropping the future) leaves what has arrived where it is, without a tag; a repeated copy finds it there.
/// A failure of one route stops the others, unless [`CopyOptions::keep_going`]; images without artifacts that are whole by
/// then may have their tags, nothing else has.
///
/// # Errors
/// [`TransferError`]; with `keep_going` the report holds them instead. No root's tag is set before its proof holds.
pub async fn copy(
    routes: Vec<Route>,
    options: &CopyOptions,
    cache: Arc<dyn ManifestCache>,
    progress: Arc<dyn Progress>,
) -> Result<CopyReport, TransferError> {
    let claims = Claims::default();
    let planned = join_all(routes.into_iter().map(|route| plan_route(route, options, &*cache, &claims))).await;
    let mut outcomes: Vec<Option<RouteOutcome>> = Vec::new();
    let mut ready: Vec<(usize, Planned)> = Vec::new();
    for (position, planned) in planned.into_iter().enumerate() {
        match planned {
            Ok(planned) => {
                ready.push((position, planned));
                outcomes.push(None);
            }
            Err(error) if options.keep_going => outcomes.push(Some(Err(error))),
            Err(error) => return Err(error),
        }
    }
    announce(&ready, &*progress);

    let planned: Vec<&Planned> = ready.iter().map(|(_, planned)| planned).collect();
    let (waiting, ready_images) = early::queue(&planned);
    let (mut moved, tagged) = tokio::join!(
        blobs::move_all(&planned, waiting, options, &progress),
        early::put(&planned, ready_images, &*progress),
    );
    if !options.keep_going
        && let Some(failed) = moved.iter().position(Result::is_err)
        && let Err(error) = moved.swap_remove(failed)
    {
        return Err(error);
    }
    let arrivals = join_all(ready.iter().zip(moved).zip(tagged).map(|(((position, planned), moved), tagged)| {
        let (cache, progress) = (&cache, &progress);
        async move {
            let outcome = match (moved, tagged) {
                (Ok(moved), Ok(tagged)) => arrive::arrive(planned, moved, tagged, &**cache, &**progress).await,
                (Err(error), _) | (_, Err(error)) => Err(error),
            };
            (*position, outcome)
        }
    }));
    for (position, outcome) in arrivals.await {
        match outcome {
            Err(error) if !options.keep_going => return Err(error),
            outcome => outcomes[position] = Some(outcome),
        }
    }
    finish(&ready, &mut outcomes, options).await?;
    Ok(CopyReport { routes: outcomes.into_iter().flatten().collect() })
}

/// Makes what arrived final, once for each destination: an archive gets its name when all of its images are in it.
async fn finish(
    ready: &[(usize, Planned)],
    outcomes: &mut [Option<RouteOutcome>],
    options: &CopyOptions,
) -> Result<(), TransferError> {
    let mut finished = BTreeSet::new();
    for (position, planned) in ready {
        let destination = &planned.route.destination;
        let arrived = matches!(outcomes[*position], Some(Ok(_)));
        if !arrived || !finished.insert(destination.location().to_owned()) {
            continue;
        }
        match destination.finish().await {
            Err(error) if options.keep_going => outcomes[*position] = Some(Err(error.into())),
            outcome => outcome?,
        }
    }
    Ok(())
}

fn announce(ready: &[(usize, Planned)], progress: &dyn Progress) {
    let mut seen = BTreeSet::new();
    let (mut bytes, mut manifests) = (0, 0);
    for (_, planned) in ready {
        manifests += planned.plan.manifest_count();
        for blob in planned.plan.blobs.iter().filter(|blob| seen.insert(blob.digest)) {
            bytes += blob.size;
        }
    }
    progress.planned(seen.len(), bytes, manifests);
}

async fn plan_route(
    route: Route,
    options: &CopyOptions,
    cache: &dyn ManifestCache,
    claims: &Claims,
) -> Result<Planned, TransferError> {
    let explored = explore(&route, options, cache, claims).await?;
    if !explored.closure.losses.is_empty() {
        return Err(TransferError::Lost {
            location: route.source.location().to_owned(),
            losses: explored.closure.losses,
        });
    }
    let graph = &explored.closure.graph;
    let required = route.roots.iter().flat_map(|root| &root.required);
    let withheld: BTreeSet<Digest> = required.filter(|digest| graph.manifest(digest).is_none()).copied().collect();
    if !withheld.is_empty() {
        let location = route.source.location().to_owned();
        return Err(TransferError::Withheld { location, digests: withheld.into_iter().collect() });
    }
    let present = presence(&route, &explored, options).await?;
    let plan = CopyPlan::new(&explored.closure.graph, options.include_foreign_layers, |id| present.contains(id));
    Ok(Planned { route, explored, plan, present })
}

/// Returns what the destination has: what it has shown, what follows from that, and for every manifest that is still
/// open what it answers now. Blobs that are open are asked for one by one when their turn comes.
async fn presence(
    route: &Route,
    explored: &Explored,
    options: &CopyOptions,
) -> Result<BTreeSet<NodeId>, TransferError> {
    let graph = &explored.closure.graph;
    let mut evidence = explored.evidence.clone();
    if options.recheck {
        evidence.present.clear();
    }
    evidence.present.extend(&explored.asked.present);
    if !options.recheck {
        evidence.assume_content_of_present(graph);
    }
    let open = graph.nodes().map(|(id, _)| *id);
    let open: Vec<Digest> = open
        .filter(|id| id.space == Space::Manifest && !evidence.present.contains(id))
        .filter(|id| !explored.asked.absent.contains(id))
        .map(|id| id.digest)
        .collect();
    let found: Vec<Option<NodeId>> = stream::iter(open)
        .map(|digest| async move {
            let found = route.destination.stat_manifest(&digest).await?;
            Ok::<_, TransferError>(found.map(|_| NodeId::manifest(digest)))
        })
        .buffer_unordered(route.destination.concurrency().max(1))
        .try_collect()
        .await?;
    evidence.present.extend(found.into_iter().flatten());
    if !options.recheck {
        evidence.assume_content_of_present(graph);
    }
    Ok(evidence.present)
}
