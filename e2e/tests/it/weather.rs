//! Registries and networks on a bad day: copies complete with a bounded number of requests, or stop with exit code 4 and go on where
//! they were. What cannot be known for it is an error, never "nothing".

use std::sync::Mutex;
use std::time::{Duration, Instant};

use e2e::{Kind, Outcome, Scene, Side};
use testkit::application::{Application, WholeGraph};
use testkit::proxy::{Answer, Exchange, Fault, HttpProxy, Matcher, Rule};

/// Between which kinds of place.
const WAYS: [(Kind, Kind); 4] = [
    (Kind::Ours, Kind::Ours),
    (Kind::Ours, Kind::Layout),
    (Kind::Layout, Kind::Ours),
    (Kind::Distribution, Kind::Distribution),
];

fn application() -> Application {
    WholeGraph::default().layer_bytes(300_000).build()
}

/// The observers of those ends that are registries.
fn registries(scene: &Scene) -> impl Iterator<Item = &HttpProxy> {
    [&scene.source, &scene.destination].into_iter().filter(|side| side.place.kind.is_registry()).map(Side::proxy)
}

fn requests(scene: &Scene) -> usize {
    registries(scene).map(|proxy| proxy.log().exchanges().len()).sum()
}

/// Lets a copy meet the same weather at both ends, in every way, and arrive. Returns how many requests that took, and how many without.
async fn arrives(ways: &[(Kind, Kind)], options: &[&str], weather: impl Fn() -> Vec<Rule>) -> Vec<(usize, usize)> {
    let mut counts = Vec::new();
    for &(from, to) in ways {
        let Some(fair) = Scene::open(from, to, application()).await else { continue };
        fair.succeeds("bundle", &[]).await;
        let Some(scene) = Scene::open(from, to, application()).await else { continue };
        for proxy in registries(&scene) {
            proxy.set_rules(weather());
        }
        scene.succeeds("bundle", options).await;
        counts.push((requests(&scene), requests(&fair)));
    }
    counts
}

/// What lets so many requests through a second, and `at_once` before that.
fn bucket(each_second: f64, at_once: f64) -> impl FnMut() -> bool {
    let (mut left, mut last) = (at_once, Instant::now());
    move || {
        left = (left + last.elapsed().as_secs_f64() * each_second).min(at_once);
        last = Instant::now();
        let passes = left >= 1.0;
        if passes {
            left -= 1.0;
        }
        passes
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_lets_few_requests_through() {
    for (status, ways) in [(429, &WAYS[..]), (503, &WAYS[..1])] {
        // A hundred a second, twenty at once; who comes too early is told to wait for a second.
        let counts = arrives(ways, &[], || {
            let passes = Mutex::new(bucket(100.0, 20.0));
            let gate = Fault::unless(move |_: &Exchange| {
                let passes = passes.lock().unwrap()();
                (!passes).then(|| Answer::error(status, "TOOMANYREQUESTS", "slow down").header("Retry-After", "1"))
            });
            vec![Rule::new(Matcher::any(), gate)]
        })
        .await;
        for (throttled, fair) in counts {
            assert!(throttled < 3 * fair, "{throttled} requests where {fair} are needed");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tenth_request_fails() {
    for failure in [
        Fault::Answer(Answer::error(500, "UNKNOWN", "oops")),
        Fault::Answer(Answer::new(502)),
        Fault::Answer(Answer::error(503, "UNAVAILABLE", "later")),
        Fault::Disconnect,
    ] {
        // Rules count for themselves what they are asked: each takes one of ten, and there are many of them.
        let counts = arrives(&WAYS, &[], || {
            (0..60).map(|tenth| Rule::new(Matcher::any(), failure.clone()).after(9 * (tenth + 1)).times(1)).collect()
        })
        .await;
        for (stormy, fair) in counts {
            assert!(stormy < 2 * fair, "{stormy} requests where {fair} are needed");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_at_every_64_kib() {
    let counts = arrives(&WAYS, &[], || {
        let content = Matcher::any().path_contains("/blobs/");
        vec![
            Rule::new(content.clone().method("GET"), Fault::CutBody(65_536)),
            Rule::new(content.clone().method("PATCH"), Fault::CutRequest(65_536)),
            Rule::new(content.method("PUT"), Fault::CutRequest(65_536)),
        ]
    })
    .await;
    for (broken, fair) in counts {
        // Four layers of 300 kB, each in five parts; each part that goes up is asked about.
        assert!(broken < 3 * fair, "{broken} requests where {fair} are needed");
    }
}

/// Copies through weather that nobody can stand, and expects exit code 4 with few requests; then the sky clears, and the rest is copied.
async fn stops_and_goes_on(to: Kind, rule: Rule, most: usize, options: &[&str]) -> Option<Outcome> {
    let scene = Scene::open(Kind::Ours, to, application()).await?;
    let proxy = if to.is_registry() { scene.destination.proxy() } else { scene.source.proxy() };
    let matcher = rule.clone();
    proxy.set_rules([rule]);
    let outcome = scene.fails(4, "bundle", options, &[]).await;
    assert!(matcher.seen() <= most, "{} requests\n{outcome}", matcher.seen());
    proxy.set_rules([]);
    scene.succeeds("bundle", &[]).await;
    Some(outcome)
}

fn largest(application: &Application) -> Matcher {
    let image = application.manifest(&application.named("amd64").digest).unwrap();
    Matcher::blob(&image.layers().iter().max_by_key(|layer| layer.size).unwrap().digest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_one_byte_a_second() {
    for to in [Kind::Layout, Kind::Ours] {
        let scene = Scene::open(Kind::Ours, to, application()).await.unwrap();
        let trickle = Rule::new(largest(&scene.application).method("GET"), Fault::Trickle(Duration::from_secs(1)));
        let watched = trickle.clone();
        scene.source.proxy().set_rules([trickle]);
        let outcome = scene.fails(4, "bundle", &["--timeout", "1s"], &[]).await;
        assert!(watched.seen() <= 12, "{} requests\n{outcome}", watched.seen());
        scene.source.proxy().set_rules([]);
        scene.succeeds("bundle", &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_open_and_say_nothing() {
    let silent = || Rule::new(Matcher::any().path_contains("/blobs/"), Fault::Stall);
    stops_and_goes_on(Kind::Layout, silent(), 200, &["--timeout", "1s"]).await;
    stops_and_goes_on(Kind::Ours, silent(), 200, &["--timeout", "1s"]).await;
    // Once is nothing.
    let scene = Scene::open(Kind::Ours, Kind::Ours, application()).await.unwrap();
    for proxy in registries(&scene) {
        proxy.set_rules([Rule::new(Matcher::any(), Fault::Stall).after(5).times(3)]);
    }
    scene.succeeds("bundle", &["--timeout", "1s"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_registries_want_to_be_told_is_told_once() {
    let scene = Scene::open(Kind::Ours, Kind::Ours, application()).await.unwrap();
    for proxy in registries(&scene) {
        let says = Fault::SetHeader("Warning".to_owned(), "299 - \"this registry moves in May\"".to_owned());
        proxy.set_rules([Rule::new(Matcher::any(), says)]);
    }
    let outcome = scene.succeeds("bundle", &[]).await;
    for proxy in registries(&scene) {
        let warnings = outcome.stderr.lines().filter(|line| {
            line.starts_with(&format!("warning: {} says: this registry", proxy.host()))
                && line.ends_with("moves in May")
        });
        assert_eq!(warnings.count(), 1, "{outcome}");
    }
    outcome.assert_printable();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_throttled_list_of_referrers_is_an_error() {
    for status in [429, 500, 503] {
        let busy = || Fault::Answer(Answer::error(status, "TOOMANYREQUESTS", "later").header("Retry-After", "0"));
        let outcome = stops_and_goes_on(Kind::Layout, Rule::new(Matcher::referrers(), busy()), 400, &[]).await.unwrap();
        outcome.assert_says(&["referrers"]);
        let scene = Scene::open(Kind::Ours, Kind::Layout, application()).await.unwrap();
        scene.source.proxy().set_rules([Rule::new(Matcher::referrers(), busy())]);
        let image = format!("{}:bundle", scene.source.reference());
        for command in [&["artifacts", &image][..], &["inspect", &image]] {
            let outcome = scene.program.run(command);
            assert_ne!(outcome.code, Some(0), "{outcome}");
            assert!(!outcome.stdout.contains("no artifacts"), "{outcome}");
        }
    }
}
