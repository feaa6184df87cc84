//! What an unchanged copy asks, counted before both ends: nothing more than the contract says.

use std::collections::BTreeSet;

use e2e::{Kind, Place, Scene, users};
use graph::{EdgeKind, Space};
use registry::RegistryOptions;
use testkit::application::{Application, WholeGraph, application_of};
use testkit::proxy::{Exchange, Fault, HttpProxy, Matcher, Rule};

const PATH: &str = "/v2/team/app";

/// What one side is asked when nothing has changed, where it keeps lists of referrers: a HEAD for each root, one list for
/// each manifest and each distinct layer, one list of tags, one HEAD for each attachment tag, and one ping.
fn unchanged(application: &Application, roots: &[&str]) -> Vec<String> {
    let mut lines = vec!["GET /v2/".to_owned(), format!("GET {PATH}/tags/list")];
    lines.extend(roots.iter().map(|root| format!("HEAD {PATH}/manifests/{root}")));
    lines.extend(application.convention_tags().keys().map(|tag| format!("HEAD {PATH}/manifests/{tag}")));
    lines.extend(lists_of_referrers(application));
    lines.sort();
    lines
}

fn lists_of_referrers(application: &Application) -> BTreeSet<String> {
    let graph = application.graph();
    let mut subjects: BTreeSet<_> = application.manifests().iter().map(|manifest| *manifest.digest()).collect();
    let layers = graph.edges().filter(|edge| edge.kind == EdgeKind::Layer && edge.to.space == Space::Blob);
    // The empty object is in every other artifact: nothing is about it.
    let empty = oci::Descriptor::empty_json().digest;
    subjects.extend(layers.map(|edge| edge.to.digest).filter(|digest| *digest != empty));
    subjects.iter().map(|digest| format!("GET {PATH}/referrers/{digest}")).collect()
}

/// Returns the requests, sorted, lists of tags without their query.
async fn asked(proxy: &HttpProxy) -> Vec<String> {
    proxy.log().settled().await;
    let line = |exchange: &Exchange| {
        let line = exchange.line();
        if exchange.path.ends_with("/tags/list") { line.split('?').next().unwrap().to_owned() } else { line }
    };
    let mut lines: Vec<String> = proxy.log().exchanges().iter().map(line).collect();
    lines.sort();
    lines
}

fn forget(scene: &Scene) {
    for side in [&scene.source, &scene.destination] {
        side.proxy().log().clear();
    }
}

/// Expects the same lines as often, and shows what differs.
fn assert_same(found: &[String], expected: &[String], what: &str) {
    let beyond = |these: &[String], those: &[String]| {
        let mut beyond = these.to_vec();
        for line in those {
            if let Some(at) = beyond.iter().position(|other| other == line) {
                beyond.remove(at);
            }
        }
        beyond
    };
    let (more, less) = (beyond(found, expected), beyond(expected, found));
    assert!(more.is_empty() && less.is_empty(), "{what}\nasked beyond: {more:#?}\nnot asked: {less:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unchanged_application_costs_its_lists_and_nothing_more() {
    for (from, to) in [(Kind::Ours, Kind::Ours), (Kind::OciRegistry, Kind::Liar)] {
        let Some(scene) = Scene::open(from, to, WholeGraph::default().build()).await else { continue };
        scene.succeeds("bundle", &[]).await;
        forget(&scene);
        scene.succeeds("bundle", &[]).await;
        let expected = unchanged(&scene.application, &["bundle"]);
        assert_same(&asked(scene.source.proxy()).await, &expected, &format!("{from:?} as source"));
        assert_same(&asked(scene.destination.proxy()).await, &expected, &format!("{to:?} as destination"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tag_of_a_repository_costs_one_list_of_tags() {
    let scene = Scene::open(Kind::Ours, Kind::Ours, WholeGraph::default().build()).await.unwrap();
    let ends = [scene.source.reference(), scene.destination.reference()];
    let arguments = ["copy", "--all-tags", &ends[0], &ends[1]];
    scene.program.succeed(&arguments);
    forget(&scene);
    scene.program.succeed(&arguments);
    let expected = unchanged(&scene.application, &["1.0", "bundle", "docker"]);
    assert_same(&asked(scene.source.proxy()).await, &expected, "the source");
    assert_same(&asked(scene.destination.proxy()).await, &expected, "the destination");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_without_lists_costs_a_head_for_each_fallback_tag() {
    for kind in [Kind::Distribution, Kind::DockerRegistry] {
        let Some(scene) = Scene::open(kind, kind, WholeGraph::default().build()).await else { continue };
        scene.succeeds("bundle", &[]).await;
        forget(&scene);
        scene.succeeds("bundle", &[]).await;
        let application = &scene.application;
        let subjects: BTreeSet<_> = application.manifests().iter().filter_map(|m| Some(m.subject()?.digest)).collect();
        let mut expected = unchanged(application, &["bundle"]);
        expected.retain(|line| !line.contains("/referrers/"));
        let fallback = |digest| format!("HEAD {PATH}/manifests/{}", oci::Tag::referrers_fallback(digest));
        expected.extend(subjects.iter().map(fallback));
        let possible = lists_of_referrers(application);
        for side in [&scene.source, &scene.destination] {
            // Once it is known that there are no lists nobody asks for more; how many are under way by then is chance.
            let (lists, others): (Vec<String>, _) =
                asked(side.proxy()).await.into_iter().partition(|line| line.contains("/referrers/"));
            assert_same(&others, &expected, &format!("{kind:?}"));
            let distinct: BTreeSet<_> = lists.iter().cloned().collect();
            assert!(distinct.is_subset(&possible) && distinct.len() == lists.len(), "{kind:?}: {lists:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_copy_reads_each_manifest_and_each_blob_once() {
    let scene = Scene::open(Kind::Ours, Kind::Ours, WholeGraph::default().build()).await.unwrap();
    scene.succeeds("bundle", &[]).await;
    let log = scene.source.proxy().log();
    log.settled().await;
    let read = |part: &str| {
        let exchanges = log.matching(&Matcher::any().method("GET").path_contains(part));
        let mut names: Vec<String> = exchanges.iter().map(|e| e.path.rsplit('/').next().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let application = &scene.application;
    let mut manifests: Vec<String> = application.manifests().iter().map(|m| m.digest().to_string()).collect();
    manifests.sort();
    assert_same(&read("/manifests/"), &manifests, "manifests");
    // What a descriptor carries itself may be read or not.
    let mut blobs: Vec<String> = application.blobs().map(|(descriptor, _)| descriptor.digest.to_string()).collect();
    blobs.sort();
    assert_same(&read("/blobs/"), &blobs, "blobs");
    let destination = scene.destination.proxy().log();
    destination.settled().await;
    let count = |matcher: Matcher| destination.count(&matcher);
    // The root, of which nothing else speaks, is put once, with its tag.
    assert_eq!(count(Matcher::manifests().method("PUT").path_contains("sha256:")), manifests.len() - 1);
    assert_eq!(count(Matcher::manifests().method("PUT").path_ends("/manifests/bundle")), 1);
    assert_eq!(count(Matcher::any().path_ends("/v2/")), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_is_asked_for_one_token_when_nothing_changed() {
    let place = async || {
        let access = users::bearer();
        Place::ours(RegistryOptions { access, ..RegistryOptions::default() }).await
    };
    let scene = Scene::between(place().await, place().await, WholeGraph::default().build()).await;
    let option = ["--authfile", &users::auth_file(&scene)];
    scene.succeeds("bundle", &option).await;
    forget(&scene);
    scene.succeeds("bundle", &option).await;
    let mut expected = unchanged(&scene.application, &["bundle"]);
    for side in [&scene.source, &scene.destination] {
        let (tokens, others): (Vec<String>, _) =
            asked(side.proxy()).await.into_iter().partition(|line| line.starts_with("GET /token?"));
        assert_eq!(tokens.len(), 1, "{tokens:#?}");
        expected.sort();
        assert_same(&others, &expected, "beside the token");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_need_nothing_of_each_other_are_under_way_at_once() {
    let scene = Scene::open(Kind::Ours, Kind::Ours, application_of(3, 2, 3, 200)).await.unwrap();
    // Each of these waits until the others are there too. Were they sent one after the other, the wait would end with 503.
    let together = |matcher: Matcher, count| Rule::new(matcher, Fault::Together(count)).times(count);
    let manifests = Matcher::manifests().method("GET");
    // The first manifest is the root, without which nobody knows what else to ask for.
    let manifests = together(manifests, 3).after(1);
    scene.source.proxy().set_rules([manifests, together(Matcher::referrers(), 8)]);
    let blobs = Matcher::any().method("HEAD").path_contains("/blobs/");
    scene.destination.proxy().set_rules([together(blobs, 8), together(Matcher::manifests().method("PUT"), 4)]);
    scene.succeeds("application", &[]).await;
    scene.source.proxy().set_rules([together(Matcher::referrers(), 8)]);
    scene.destination.proxy().set_rules([together(Matcher::referrers(), 8)]);
    scene.succeeds("application", &[]).await;
    for side in [&scene.source, &scene.destination] {
        side.proxy().log().settled().await;
        let waited: Vec<String> =
            side.proxy().log().exchanges().iter().filter(|e| e.status == Some(503)).map(Exchange::line).collect();
        assert_eq!(waited, [""; 0], "were not under way at once");
        assert!(side.proxy().log().most_under_way() >= 8);
    }
}
