//! Uploads that break, or are too large for a request, where registries count bytes in their own way; and what is kept of quirks.

use e2e::{Kind, Place, Program, Scene};
use testkit::application::{Application, WholeGraph};
use testkit::proxy::{Answer, Exchange, Fault, HttpProxy, Matcher, Rule};

use super::{READ, uploads};

/// Layers of which an upload is worth to go on with.
const LAYER_BYTES: usize = 700_000;

/// The first two uploads break on the way.
fn breaks() -> Rule {
    Rule::new(Matcher::uploads().method("PUT"), Fault::CutRequest(300_000)).times(2)
}

fn too_long(request: &Exchange, bytes: u64) -> bool {
    request.header("content-length").and_then(|length| length.parse().ok()).is_some_and(|length: u64| length > bytes)
}

/// Copies an application from a layout to a registry that does as the rules say.
async fn copies(name: &str, application: Application, rules: Vec<Rule>) -> Scene {
    let scene = Scene::open(Kind::Layout, Kind::Ours, application).await.unwrap();
    scene.destination.proxy().set_rules(rules);
    let outcome = scene.copy("1.0", &[]);
    assert_eq!(outcome.code, Some(0), "{name}: {outcome}");
    scene.assert_arrived("1.0").await;
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_break_arrive_however_their_bytes_are_counted() {
    for registry in ["Amazon ECR, chunks", "Google Artifact Registry", "Quay, sessions", "zot (2025)"] {
        let mut rules = vec![breaks()];
        rules.extend(uploads::rules_of(registry));
        copies(registry, WholeGraph::default().layer_bytes(LAYER_BYTES).build(), rules).await;
    }
}

/// GHCR takes no chunk of more than 4 MiB and says that the range is wrong (oras-project/rust-oci-client#35).
#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_that_is_too_long_is_not_sent_for_ever() {
    let refused = |request: &Exchange| {
        let answer = || Answer::error(416, "REQUESTED_RANGE_NOT_SATISFIABLE", "the request body is too large");
        too_long(request, 100_000).then(answer)
    };
    let rules = vec![breaks(), Rule::new(Matcher::uploads().method("PATCH"), Fault::unless(refused))];
    copies("GHCR", WholeGraph::default().layer_bytes(LAYER_BYTES).build(), rules).await;
}

/// Azure Container Registry takes no body of more than about 20 MB (goharbor/harbor#23015).
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_goes_in_pieces() {
    let refused = |request: &Exchange| {
        let answer = || Answer::new(413).body("413 Request Entity Too Large - AzureContainerRegistry");
        too_long(request, 5_000_000).then(answer)
    };
    let rules = vec![Rule::new(Matcher::uploads(), Fault::unless(refused))];
    let application = WholeGraph::default().layer_bytes(6_000_000).build();
    let scene = copies("Azure Container Registry", application, rules).await;
    let log = scene.destination.proxy().log();
    assert!(log.count(&Matcher::uploads().method("PATCH")) >= 4, "{:?}", log.sorted_lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_out_is_kept() {
    let place = Place::open(Kind::Ours).await.unwrap();
    place.fill(READ, &WholeGraph::default().build()).await;
    let proxy = HttpProxy::start(place.address()).await;
    let denied = |_: &Exchange, answer: &mut Answer| {
        if answer.status == 404 {
            *answer = Answer::new(403);
        }
    };
    proxy.set_rules([Rule::new(Matcher::manifests(), Fault::change(denied))]);
    let program = Program::default();
    let (host, image) = (proxy.host(), format!("{}/{READ}", proxy.host()));
    let trials = || proxy.log().count(&Matcher::any().path_contains("/manifests/supercargo-absent-"));
    for _ in 0..3 {
        program.fail(9, &["inspect", &format!("{image}:nothing")]);
    }
    assert_eq!(trials(), 1, "{:?}", proxy.log().sorted_lines());

    // It is shown without asking, and is asked again when it is too old.
    let requests = proxy.log().exchanges().len();
    let kept = program.json(&["--offline", "doctor", host.as_str()]);
    assert_eq!(kept["quirks"][0]["name"], "absent-tag-denied");
    assert_eq!(proxy.log().exchanges().len(), requests);
    let mut later = program;
    later.set("SUPERCARGO_NOW", "2099-01-01T00:00:00Z");
    later.fail(9, &["inspect", &format!("{image}:nothing")]);
    assert_eq!(trials(), 2);
    later.fail(4, &["--offline", "doctor", "registry.example"]);
    later.fail(2, &["doctor", host.as_str(), "--write"]);
    later.fail(2, &["doctor", "a b"]);
}

/// What a user may not read stays denied, whatever the registry answers for what is absent.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_is_not_absent() {
    let place = Place::open(Kind::Ours).await.unwrap();
    place.fill(READ, &WholeGraph::default().build()).await;
    let proxy = HttpProxy::start(place.address()).await;
    let denied = Fault::Answer(Answer::error(403, "DENIED", "not for you"));
    let program = Program::default();
    let image = format!("{}/{READ}:1.0", proxy.host());
    // The whole repository.
    proxy.set_rules([Rule::new(Matcher::any().path_contains(READ), denied.clone())]);
    program.fail(5, &["inspect", &image]).assert_says(&["not for you"]);
    // One image, where what is absent is answered 404.
    proxy.set_rules([Rule::new(Matcher::manifest("1.0"), denied.clone())]);
    program.fail(5, &["inspect", &image]).assert_says(&["not for you"]);
    // Where everything is denied `doctor` cannot say what that means.
    proxy.set_rules([Rule::new(Matcher::any().path_contains(READ), denied)]);
    let profile = program.json(&["doctor", &format!("{}/{READ}", proxy.host())]);
    let quirks = profile["quirks"].as_array().unwrap().iter().map(|quirk| quirk["name"].as_str().unwrap());
    assert_eq!(quirks.filter(|name| name.starts_with("absent-tag") || name.starts_with("absent-blob")).count(), 0);
}

/// A gateway that does not know the list of tags hides no artifacts: those that tags attach are asked for by name.
#[tokio::test(flavor = "multi_thread")]
async fn where_tags_are_not_listed_artifacts_arrive() {
    for status in [404, 405] {
        let scene = Scene::open(Kind::Ours, Kind::Layout, WholeGraph::default().build()).await.unwrap();
        scene.source.proxy().set_rules([Rule::new(Matcher::tags(), Fault::Answer(Answer::new(status)))]);
        scene.succeeds("1.0", &[]).await;
    }
}

/// registry.k8s.io answers a part of a blob with 400 (kubernetes/registry.k8s.io#333), others with all of it.
#[tokio::test(flavor = "multi_thread")]
async fn downloads_that_break_arrive_where_no_parts_are_given() {
    let is_blob = || Matcher::any().path_contains("/blobs/sha256").method("GET");
    let refused = |request: &Exchange| {
        let answer =
            || Answer::new(400).header("Content-Type", "application/xml").body("<Error><Code>x</Code></Error>");
        request.header("range").map(|_| answer())
    };
    let scene = Scene::open(Kind::Ours, Kind::Layout, WholeGraph::default().layer_bytes(LAYER_BYTES).build()).await;
    let scene = scene.unwrap();
    let rules = [Rule::new(is_blob(), Fault::CutBody(300_000)).times(3), Rule::new(is_blob(), Fault::unless(refused))];
    scene.source.proxy().set_rules(rules);
    scene.succeeds("1.0", &[]).await;
}

/// What a run could not bring to its end the next goes on with.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_run_goes_on_where_a_large_blob_broke() {
    const HALF: u64 = 3_000_000;
    let application = WholeGraph::default().layer_bytes(6_000_000).build();
    let scene = Scene::open(Kind::Ours, Kind::Layout, application).await.unwrap();
    let large = |application: &Application| {
        let (blob, _) = application.blobs().max_by_key(|(blob, _)| blob.size).unwrap();
        blob.digest
    };
    let blob = Matcher::blob(&large(&scene.application)).method("GET");
    let rules = [Rule::new(blob.clone(), Fault::CutBody(HALF)).times(1), Rule::new(blob.clone(), Fault::Disconnect)];
    scene.source.proxy().set_rules(rules);
    scene.fails(4, "1.0", &[], &[]).await;
    scene.source.proxy().set_rules([]);
    scene.source.proxy().log().clear();
    scene.succeeds("1.0", &[]).await;
    let asked = scene.source.proxy().log().matching(&blob);
    let ranges: Vec<_> = asked.iter().map(|request| request.header("range").unwrap_or("none")).collect();
    let begins = |range: &str| range.strip_prefix("bytes=")?.split('-').next()?.parse::<u64>().ok();
    assert_eq!(ranges.len(), 1, "{ranges:?}");
    assert!(begins(ranges[0]).is_some_and(|first| first > HALF / 2 && first <= HALF), "{ranges:?}");
}
