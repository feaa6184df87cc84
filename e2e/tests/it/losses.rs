//! A loss is never silent: what something names and the source lacks, and what the destination does not keep.

use e2e::{Kind, Place, Scene, sound};
use oci::Digest;
use store::Meter;
use testkit::application::{Application, WholeGraph};
use testkit::proxy::{Answer, Fault, HttpProxy, Matcher, Rule};
use testkit::source::TestSource;

/// An older version, of which nothing is in the newer one.
fn older() -> Application {
    WholeGraph::default().seed(99).build()
}

fn newer() -> Application {
    WholeGraph::default().build()
}

/// What a registry answers that does not have a manifest or a blob.
fn lacks(matcher: Matcher) -> Rule {
    Rule::new(matcher, Fault::Answer(Answer::error(404, "MANIFEST_UNKNOWN", "unknown")))
}

/// Copies past a fault to a destination where the tag does not exist, and to one where it is an older version.
async fn fails_everywhere(from: Kind, to: Kind, code: i32, says: &[&str], rules: impl Fn(&Scene)) {
    for occupied in [false, true] {
        let destination = Place::open(to).await.unwrap();
        if occupied {
            destination.fill(e2e::scene::REPOSITORY, &older()).await;
        }
        let scene = Scene::between(Place::open(from).await.unwrap(), destination, newer()).await;
        rules(&scene);
        scene.fails(code, "bundle", &[], says).await;
        if occupied {
            sound::assert_whole(&older(), &*scene.destination.store(), "the older version").await;
        }
    }
}

/// Tests with each of these nodes of the whole graph.
async fn with_each(names: &[&str], test: impl AsyncFn(Digest, String)) {
    let application = newer();
    for name in names {
        let digest = application.named(name).digest;
        test(digest, digest.to_string()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manifest_that_a_parent_or_a_list_names_and_the_source_lacks() {
    let named = ["arm64", "docker", "attestation-amd64", "index-signature", "sbom-signature-arm64", "layer-artifact"];
    with_each(&named, async |digest, text| {
        let rules = |scene: &Scene| scene.source.proxy().set_rules([lacks(Matcher::manifest(digest))]);
        fails_everywhere(Kind::Ours, Kind::Ours, 6, &[&text], rules).await;
        fails_everywhere(Kind::Ours, Kind::Layout, 6, &[&text], rules).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_that_a_manifest_names_and_the_source_lacks() {
    let application = newer();
    let image = application.manifest(&application.named("arm64").digest).unwrap();
    let sbom = application.manifest(&application.named("sbom-amd64").digest).unwrap();
    let (config, layer) = (image.config().unwrap().digest, image.layers()[1].digest);
    for digest in [config, layer, sbom.layers()[0].digest] {
        let rules = |scene: &Scene| scene.source.proxy().set_rules([lacks(Matcher::blob(&digest))]);
        fails_everywhere(Kind::Ours, Kind::Ours, 6, &[&digest.to_string()], rules).await;
        fails_everywhere(Kind::Ours, Kind::Layout, 6, &[&digest.to_string()], rules).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_a_layout_has_lost() {
    with_each(&["amd64", "sbom-signature-amd64", "base-layer"], async |digest, text| {
        let rules = |scene: &Scene| {
            let blobs = scene.source.place.path(e2e::scene::REPOSITORY).join("blobs");
            std::fs::remove_file(blobs.join("sha256").join(digest.encoded())).unwrap();
        };
        fails_everywhere(Kind::Layout, Kind::Ours, 6, &[&text], rules).await;
        fails_everywhere(Kind::Layout, Kind::Layout, 6, &[&text], rules).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_takes_an_artifact_and_throws_it_away() {
    with_each(&["index-signature", "sbom-signature-amd64", "bare-artifact"], async |digest, text| {
        let swallowed = Matcher::manifest(digest).method("PUT");
        let rules = |scene: &Scene| {
            scene.destination.proxy().set_rules([Rule::new(swallowed.clone(), Fault::SwallowManifest)]);
        };
        fails_everywhere(Kind::Layout, Kind::Ours, 6, &[&text], rules).await;
        fails_everywhere(Kind::Layout, Kind::Distribution, 6, &[&text], rules).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_takes_an_attachment_tag_and_does_not_set_it() {
    let application = newer();
    let index = application.named("index").digest;
    let signature = application.named("index-convention-signature").digest.to_string();
    let swallow = |tag: oci::Tag| Rule::new(Matcher::manifest(tag).method("PUT"), Fault::SwallowManifest);
    let convention = swallow(oci::Tag::convention(&index, oci::name::ConventionSuffix::Signature));
    fails_everywhere(Kind::Layout, Kind::Ours, 6, &[&signature], |scene| {
        scene.destination.proxy().set_rules([convention.clone()]);
    })
    .await;
    let fallback = swallow(oci::Tag::referrers_fallback(&index));
    fails_everywhere(Kind::Layout, Kind::Distribution, 6, &[&index.to_string()], |scene| {
        scene.destination.proxy().set_rules([fallback.clone()]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_keeps_an_artifact_and_does_not_list_it() {
    with_each(&["index-signature", "layer-artifact"], async |digest, text| {
        fails_everywhere(Kind::Layout, Kind::Ours, 6, &[&text], |scene| {
            scene.destination.proxy().set_rules([Rule::new(Matcher::referrers(), Fault::omit_referrer(&digest))]);
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_takes_a_blob_and_throws_it_away() {
    let digest = newer().named("base-layer").digest;
    // The liar takes manifests whose blobs it does not have.
    fails_everywhere(Kind::Layout, Kind::Liar, 6, &[&digest.to_string()], |scene| {
        let upload = Matcher::uploads().query_contains(&digest.encoded());
        let proxy = scene.destination.proxy();
        proxy.set_rules([Rule::new(upload, Fault::Answer(Answer::new(201))), lacks(Matcher::blob(&digest))]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_referrers_that_breaks_off() {
    // Only the index has more than one referrer.
    let subject = newer().named("index").digest.to_string();
    let second_pages = [
        Rule::failing_second_page(1, Answer::new(500)),
        Rule::failing_second_page(1, Answer::error(404, "NAME_UNKNOWN", "what repository?")),
        Rule::failing_second_page(1, Answer::html()),
    ];
    for rules in second_pages {
        let rules = |scene: &Scene| scene.source.proxy().set_rules(rules.clone());
        fails_everywhere(Kind::Ours, Kind::Layout, 4, &[&subject], rules).await;
    }
    let at_destination = |scene: &Scene| {
        scene.destination.proxy().set_rules(Rule::failing_second_page(1, Answer::error(403, "DENIED", "no more")));
    };
    fails_everywhere(Kind::Layout, Kind::Ours, 5, &[&subject], at_destination).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_referrers_in_pages_is_read_to_its_end() {
    let scene = Scene::open(Kind::Ours, Kind::Ours, newer()).await.unwrap();
    scene.source.proxy().set_rules(Rule::paged_referrers(1));
    scene.destination.proxy().set_rules(Rule::paged_referrers(1));
    scene.succeeds("bundle", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_loss_does_not_stop_those_who_were_told_to_go_on() {
    let scene = Scene::open(Kind::Ours, Kind::Ours, newer()).await.unwrap();
    scene.source.place.fill("team/other", &older()).await;
    let lost = scene.application.named("sbom-amd64").digest;
    scene.source.proxy().set_rules([lacks(Matcher::manifest(lost))]);
    let sources = [scene.source.reference(), scene.source.reference_of("team/other")].map(|name| name + ":bundle");
    let destination = format!("{}/kept/", scene.destination.proxy().host());
    let arguments = ["copy", "--keep-going", &sources[0], &sources[1], &destination];
    let outcome = scene.program.fail(6, &arguments);
    assert!(outcome.stderr.contains(&lost.to_string()), "{outcome}");
    let arrived = scene.destination.place.read("kept/other");
    let bundle = "bundle".parse().unwrap();
    assert_eq!(arrived.resolve(&bundle).await.unwrap().unwrap().digest, older().named("bundle").digest);
    sound::assert_tags_are_complete(&*arrived, "the other").await;
    assert_eq!(scene.destination.place.read("kept/app").tags().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn layers_that_may_not_be_distributed_stay_where_they_are_unless_asked_for() {
    let elsewhere = HttpProxy::server(vec![]).await;
    let url = format!("http://{}/layer", elsewhere.host());
    let application = WholeGraph::default().foreign_layer(&url).build();
    let layer = application.named("foreign-layer");
    let scene = Scene::open(Kind::Ours, Kind::Ours, application.clone()).await.unwrap();
    scene.copy("bundle", &[]).expect_code(0);
    let store = scene.destination.store();
    assert_eq!(store.stat_blob(&layer.digest).await.unwrap(), None);
    let closure = testkit::read::read_tags(&*store, &["bundle".parse().unwrap()]).await.unwrap();
    let expected = application.graph_of([application.named("bundle").digest]);
    assert!(graph::Difference::between(&expected, &closure.graph).is_empty());
    assert_eq!(elsewhere.log().sorted_lines(), [""; 0], "the URL of a layer is not followed");

    // A source that does have it gives it when it is asked.
    let bytes = application.blob(&layer.digest).unwrap().clone();
    let source = scene.source.store();
    source.put_blob(layer, &TestSource::memory(bytes), &Meter::default()).await.unwrap();
    scene.copy("bundle", &["--include-foreign-layers", "--recheck"]).expect_code(0);
    assert_eq!(store.stat_blob(&layer.digest).await.unwrap(), Some(layer.size));
    assert_eq!(elsewhere.log().sorted_lines(), [""; 0], "there is no need of the URL");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn layers_that_the_source_lacks_come_from_their_urls_when_they_are_asked_for() {
    let elsewhere = HttpProxy::server(vec![]).await;
    let url = format!("http://{}/layer?signature=secret", elsewhere.host());
    let application = WholeGraph::default().foreign_layer(&url).build();
    let layer = application.named("foreign-layer");
    let scene = Scene::open(Kind::Ours, Kind::Ours, application.clone()).await.unwrap();
    let fails = async |code, words: &[&str]| scene.fails(code, "bundle", &["--include-foreign-layers"], words).await;
    let answer = |answer: Answer| elsewhere.set_rules([Rule::new(Matcher::any(), Fault::Answer(answer))]);
    // Nobody has it: that is a loss.
    let digest = layer.digest.to_string();
    answer(Answer::error(404, "GONE", "not here"));
    fails(6, &[&digest]).await;
    // Something else lies there.
    let mut bytes = application.blob(&layer.digest).unwrap().to_vec();
    bytes[0] ^= 1;
    answer(Answer::new(200).body(bytes.clone()));
    fails(6, &[&digest]).await;
    answer(Answer::new(200).body(bytes[1..].to_vec()));
    fails(6, &[&digest]).await;
    answer(Answer::redirect(&url));
    let outcome = scene.copy("bundle", &["--include-foreign-layers"]);
    assert!(outcome.stderr.contains("circle") && !outcome.stderr.contains("secret"), "{outcome}");

    bytes[0] ^= 1;
    answer(Answer::new(200).body(bytes));
    elsewhere.log().clear();
    scene.copy("bundle", &["--include-foreign-layers"]).expect_code(0);
    let store = scene.destination.store();
    assert_eq!(store.stat_blob(&layer.digest).await.unwrap(), Some(layer.size));
    assert_eq!(elsewhere.log().sorted_lines(), ["GET /layer?signature=secret"]);
    assert!(elsewhere.log().exchanges().iter().all(|exchange| exchange.header("authorization").is_none()));
}
