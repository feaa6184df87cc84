//! Bodies that are not what they should be.

use bytes::Bytes;
use e2e::{Kind, Scene};
use testkit::application::WholeGraph;
use testkit::proxy::{Answer, Fault, Matcher, Rule};

/// Layers of a size that is read at once, and of one that is moved in pieces.
const LAYER_BYTES: [usize; 2] = [2000, 300_000];

/// Copies from a registry that treats a request in this way, into a registry and into a layout.
async fn fails(matcher: impl Fn(&Scene) -> Matcher, fault: &Fault, code: i32, says: impl Fn(&Scene) -> String) {
    for to in [Kind::Ours, Kind::Layout] {
        for bytes in LAYER_BYTES {
            let application = WholeGraph::default().layer_bytes(bytes).build();
            let scene = Scene::open(Kind::Ours, to, application).await.unwrap();
            scene.source.proxy().set_rules([Rule::new(matcher(&scene), fault.clone())]);
            scene.fails(code, "bundle", &[], &[&says(&scene)]).await;
        }
    }
}

fn a_layer(scene: &Scene) -> Matcher {
    Matcher::blob(&scene.application.named("base-layer").digest).method("GET")
}

fn its_digest(scene: &Scene) -> String {
    scene.application.named("base-layer").digest.to_string()
}

fn a_manifest(scene: &Scene) -> Matcher {
    Matcher::manifest(scene.application.named("arm64").digest).method("GET")
}

fn manifest_digest(scene: &Scene) -> String {
    scene.application.named("arm64").digest.to_string()
}

/// Cuts a body and says so, as a server does that has lost the rest.
fn shortened() -> Fault {
    Fault::change(|_, answer| answer.body.truncate(answer.body.len() / 2))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layer_that_breaks_off() {
    fails(a_layer, &Fault::CutBody(0), 4, |_| "blob".to_owned()).await;
    fails(a_layer, &Fault::Disconnect, 4, its_digest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layer_of_another_size() {
    fails(a_layer, &shortened(), 6, its_digest).await;
    fails(a_layer, &Fault::Append(Bytes::from_static(b"more")), 6, its_digest).await;
    fails(a_layer, &Fault::StateLength(1), 6, its_digest).await;
    fails(a_layer, &Fault::StateLength(u64::MAX), 6, its_digest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layer_of_other_content() {
    fails(a_layer, &Fault::FlipBit(700), 6, its_digest).await;
    fails(a_layer, &Fault::Answer(Answer::html()), 6, its_digest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manifest_that_breaks_off() {
    fails(a_manifest, &Fault::CutBody(10), 4, manifest_digest).await;
    fails(a_manifest, &Fault::StateLength(100_000), 4, manifest_digest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manifest_of_other_content() {
    fails(a_manifest, &shortened(), 6, manifest_digest).await;
    fails(a_manifest, &Fault::Append(Bytes::from_static(b" ")), 6, manifest_digest).await;
    fails(a_manifest, &Fault::FlipBit(100), 6, manifest_digest).await;
    fails(a_manifest, &Fault::StateLength(10), 6, manifest_digest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_page_in_the_place_of_anything() {
    let page = Fault::Answer(Answer::html());
    fails(a_manifest, &page, 4, |_| "web page".to_owned()).await;
    fails(|_| Matcher::manifest("bundle"), &page, 4, |_| "bundle".to_owned()).await;
    fails(|_| Matcher::referrers(), &page, 4, |_| "referrers".to_owned()).await;
    fails(|_| Matcher::tags(), &page, 4, |_| "tags".to_owned()).await;
    fails(|_| Matcher::any(), &page, 4, |_| "protocol".to_owned()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_never_end() {
    let again = |_: &testkit::proxy::Exchange, answer: &mut Answer| {
        answer.headers.push(("Link".to_owned(), "<?n=1000&last=0>; rel=\"next\"".to_owned()));
    };
    fails(|_| Matcher::tags(), &Fault::change(again), 4, |_| "tags".to_owned()).await;
    fails(|_| Matcher::referrers(), &Fault::change(again), 4, |_| "referrers".to_owned()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_that_never_end() {
    let circle = Fault::redirect_loop();
    fails(a_layer, &circle, 4, its_digest).await;
    fails(a_manifest, &circle, 4, manifest_digest).await;
    fails(|_| Matcher::manifest("bundle"), &circle, 4, |_| "bundle".to_owned()).await;
    // Never the same place twice.
    let further = Fault::answer_to(|request| Answer::redirect(&format!("{}?{}x", request.path, request.query)));
    fails(a_layer, &further, 4, its_digest).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_to_where_nobody_should_go() {
    for target in ["ftp://127.0.0.1/layer", "file:///etc/passwd", "http://user:pass@127.0.0.1:1/", "http://", "//[", ""]
    {
        fails(a_layer, &Fault::Answer(Answer::redirect(target)), 4, its_digest).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_fails_and_one_that_is_not_there() {
    let failing = Fault::Answer(Answer::error(500, "UNKNOWN", "out of order"));
    fails(a_manifest, &failing, 4, |_| "out of order".to_owned()).await;
    let scene = Scene::open(Kind::Ours, Kind::Layout, WholeGraph::default().build()).await.unwrap();
    let outcome = scene.program.fail(4, &["copy", "127.0.0.1:1/team/app:1", &scene.destination.reference()]);
    outcome.assert_says(&["127.0.0.1:1"]);
    assert!(!scene.destination.place.path(e2e::scene::REPOSITORY).exists(), "an empty layout was left behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_is_busy_for_a_while_is_asked_again() {
    let scene = Scene::open(Kind::Ours, Kind::Ours, WholeGraph::default().layer_bytes(300_000).build()).await.unwrap();
    let busy = || Fault::Answer(Answer::error(429, "TOOMANYREQUESTS", "later").header("Retry-After", "0"));
    let rules = |scene: &Scene| {
        vec![
            Rule::new(a_layer(scene), Fault::CutBody(100_000)).times(2),
            Rule::new(Matcher::manifests(), busy()).after(2).times(3),
            Rule::new(Matcher::any().path_contains("/blobs/"), busy()).after(4).times(3),
            Rule::new(Matcher::uploads().method("PUT"), Fault::Disconnect).times(2),
            Rule::new(Matcher::referrers(), Fault::Answer(Answer::new(502))).times(1),
        ]
    };
    scene.source.proxy().set_rules(rules(&scene));
    scene.destination.proxy().set_rules(rules(&scene));
    scene.succeeds("bundle", &[]).await;
}
