//! Killed at random points and repeated: completes, moves no finished blob again, and never leaves a tag on something
//! incomplete.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use e2e::binary::Killer;
use e2e::scene::REPOSITORY;
use e2e::{Kind, Outcome, Place, Scene, environment, sound};
use oci::Digest;
use testkit::application::{Application, WholeGraph};
use testkit::proxy::{Answer, Exchange, Fault, HttpProxy, Matcher, Rule};
use testkit::seed::Seed;

/// How late every byte comes on both sides, so that a kill finds many requests under way.
const DELAY: Duration = Duration::from_millis(2);

/// Bytes of each layer: some are under way at every time.
const LAYER_BYTES: usize = 1_000_000;

fn kills_wanted() -> usize {
    if environment::everything_is_tested() { 50 } else { 10 }
}

fn older() -> Application {
    WholeGraph::default().seed(99).build()
}

async fn scene(to: Kind) -> Option<Scene> {
    let application = WholeGraph::default().layer_bytes(LAYER_BYTES).build();
    let destination = Place::open(to).await?;
    destination.fill(REPOSITORY, &older()).await;
    Some(Scene::slowly_between(Place::open(Kind::Ours).await?, destination, application, DELAY).await)
}

/// The proxy at which requests are counted: where the destination is no registry, that of the source.
fn observer(scene: &Scene) -> &HttpProxy {
    if scene.destination.place.kind.is_registry() { scene.destination.proxy() } else { scene.source.proxy() }
}

/// Copies until the request of this number, and kills the program then: before the request has gone further, or after it
/// was answered and before the program knows.
fn copy_until(scene: &Scene, request: usize, answered: bool) -> Outcome {
    let killer: Arc<OnceLock<Killer>> = Arc::default();
    let kill = {
        let killer = Arc::clone(&killer);
        move || killer.wait().kill()
    };
    let fault = if answered {
        Fault::change(move |_, _| kill())
    } else {
        Fault::answer_to(move |_| {
            kill();
            Answer::new(503)
        })
    };
    observer(scene).set_rules([Rule::new(Matcher::any(), fault).after(request).times(1)]);
    let arguments = scene.arguments("bundle", &[]);
    let running = scene.program.start(&arguments.iter().map(AsRef::as_ref).collect::<Vec<_>>());
    assert!(killer.set(running.killer()).is_ok(), "a run has one killer");
    running.outcome()
}

/// Returns what has come to a destination as a whole, as far as the observer or the files can tell.
fn finished(scene: &Scene, exchanges: &[Exchange]) -> BTreeSet<Digest> {
    if scene.destination.place.kind.is_registry() {
        return exchanges.iter().filter(|e| e.status == Some(201)).filter_map(uploaded).collect();
    }
    sound::blobs_of_layout(&scene.destination.place.path(REPOSITORY)).into_iter().collect()
}

/// Returns the blobs whose bytes were moved.
fn moved(scene: &Scene, exchanges: &[Exchange]) -> BTreeSet<Digest> {
    if scene.destination.place.kind.is_registry() {
        return exchanges.iter().filter(|exchange| exchange.request_bytes > 0).filter_map(uploaded).collect();
    }
    let downloads = exchanges.iter().filter(|e| e.method == "GET" && e.path.contains("/blobs/"));
    downloads.filter_map(|exchange| exchange.path.rsplit('/').next()?.parse().ok()).collect()
}

/// Returns the blob to which a request of an upload gives its name.
fn uploaded(exchange: &Exchange) -> Option<Digest> {
    if !exchange.path.contains("/blobs/uploads/") || !matches!(exchange.method.as_str(), "PUT" | "POST") {
        return None;
    }
    let value = exchange.query.split('&').find_map(|pair| pair.strip_prefix("digest="))?;
    value.replace("%3A", ":").parse().ok()
}

/// Expects that every tag names something whole, and that the version is either the older or the newer one.
async fn assert_tags_are_complete(scene: &Scene, what: &str) {
    let tags = sound::assert_tags_are_complete(&*scene.destination.store(), what).await;
    let expected = [older(), scene.application.clone()].map(|application| application.named("bundle").digest);
    assert!(expected.contains(&tags[&"bundle".parse().unwrap()]), "{what}: {tags:#?}");
}

async fn survives_kills(to: Kind) {
    let Some(undisturbed) = scene(to).await else { return };
    undisturbed.succeeds("bundle", &[]).await;
    observer(&undisturbed).log().settled().await;
    let exchanges = observer(&undisturbed).log().exchanges();
    let requests = exchanges.len() as u64;
    // Of a whole copy every blob is seen that was not there: nothing that moves escapes the count below.
    let there: BTreeSet<Digest> = older().blobs().map(|(descriptor, _)| descriptor.digest).collect();
    let blobs = undisturbed.application.blobs().map(|(descriptor, _)| descriptor.digest);
    let blobs: BTreeSet<Digest> = blobs.filter(|digest| !there.contains(digest)).collect();
    let observed = moved(&undisturbed, &exchanges).intersection(&finished(&undisturbed, &exchanges)).copied().collect();
    assert_eq!(blobs, observed);
    let mut seed = Seed::new(to as u64 + 1);
    let mut kills = 0;
    while kills < kills_wanted() {
        let scene = scene(to).await.unwrap();
        let mut done: BTreeSet<Digest> = BTreeSet::new();
        loop {
            let point = usize::try_from(seed.next() % requests).unwrap();
            let answered = seed.next().is_multiple_of(2);
            let what = format!("{to:?}, kill {kills} at request {point}, answered: {answered}");
            let outcome = copy_until(&scene, point, answered);
            let log = observer(&scene).log();
            log.settled().await;
            let exchanges = log.exchanges();
            log.clear();
            let again: Vec<Digest> = moved(&scene, &exchanges).intersection(&done).copied().collect();
            assert_eq!(again, [], "{what}: these had arrived and were moved again");
            done.extend(finished(&scene, &exchanges));
            assert_tags_are_complete(&scene, &what).await;
            if outcome.code.is_some() {
                let _ = outcome.expect_code(0);
                break;
            }
            kills += 1;
        }
        scene.assert_arrived("bundle").await;
        if to == Kind::Layout {
            sound::assert_sound_layout(&scene.destination.place.path(REPOSITORY));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_way_to_our_registry() {
    survives_kills(Kind::Ours).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_way_to_a_registry_that_keeps_no_lists() {
    survives_kills(Kind::Distribution).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_way_to_a_layout() {
    survives_kills(Kind::Layout).await;
}

/// An archive is written at its end, so there is nothing to go on from: what was there stays until the new one is whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_way_to_an_archive() {
    let undisturbed = scene(Kind::Archive).await.unwrap();
    undisturbed.succeeds("bundle", &[]).await;
    let requests = observer(&undisturbed).log().exchanges().len() as u64;
    let scene = scene(Kind::Archive).await.unwrap();
    let mut seed = Seed::new(11);
    for _ in 0..kills_wanted() / 5 {
        let point = usize::try_from(seed.next() % (requests / 2)).unwrap();
        let outcome = copy_until(&scene, point, true);
        assert_eq!(outcome.code, None, "{outcome}");
        sound::assert_whole(&older(), &*scene.destination.store(), "the older archive").await;
    }
    scene.succeeds("bundle", &[]).await;
}
