//! The whole job over stores in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use graph::{Difference, WalkError};
use oci::{Digest, Manifest, MediaType, Selector, Tag};
use store::{Store, StoreError};
use testkit::application::{Application, ApplicationBuilder, Image, WholeGraph};
use testkit::layer::Layer;
use testkit::read::read_tags;
use transfer::{CopyOptions, CopyReport, ManifestCache, RootRequest, Route, Silent, TransferError};

use crate::quirks::Quirky;

/// A cache in memory.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<Digest, Manifest>>);

impl ManifestCache for Kept {
    fn get(&self, digest: &Digest, _: &MediaType) -> Option<Manifest> {
        self.0.lock().unwrap().get(digest).cloned()
    }

    fn keep(&self, manifest: &Manifest) {
        self.0.lock().unwrap().insert(*manifest.digest(), manifest.clone());
    }
}

fn tags(application: &Application) -> Vec<Tag> {
    application.tags().iter().map(|(tag, _)| tag.clone()).collect()
}

fn route(source: &Arc<Quirky>, destination: &Arc<Quirky>, tags: &[Tag]) -> Route {
    let root = |tag: &Tag| RootRequest {
        selector: Selector { tag: Some(tag.clone()), digest: None },
        tag: Some(tag.clone()),
        ..RootRequest::default()
    };
    Route {
        source: Arc::<Quirky>::clone(source),
        destination: Arc::<Quirky>::clone(destination),
        roots: tags.iter().map(root).collect(),
        source_tags: None,
        urls: None,
    }
}

async fn copy(routes: Vec<Route>, options: &CopyOptions, cache: &Arc<Kept>) -> Result<CopyReport, TransferError> {
    transfer::copy(routes, options, Arc::<Kept>::clone(cache), Arc::new(Silent)).await
}

async fn filled(name: &str, application: &Application) -> Arc<Quirky> {
    let store = Quirky::new(name).shared();
    application.write_to_store(&store.inner).await.unwrap();
    store
}

async fn assert_whole(application: &Application, destination: &dyn Store) {
    let closure = read_tags(destination, &tags(application)).await.unwrap();
    assert_eq!(closure.losses, []);
    let difference = Difference::between(&application.graph(), &closure.graph);
    assert!(difference.is_empty(), "{difference:#?}");
}

#[tokio::test]
async fn the_whole_graph_arrives_and_a_second_copy_only_looks() {
    let application = WholeGraph::default().sha512().build();
    let (source, destination) = (filled("source", &application).await, Quirky::new("destination").shared());
    let (cache, options) = (Arc::default(), CopyOptions::default());
    let roots = tags(&application);
    let report = copy(vec![route(&source, &destination, &roots)], &options, &cache).await.unwrap();
    let report = report.routes[0].as_ref().unwrap();
    assert!(report.blobs_moved > 0 && report.manifests_put > 0);
    assert_whole(&application, &destination.inner).await;

    source.taken_log();
    destination.taken_log();
    let again = copy(vec![route(&source, &destination, &roots)], &options, &cache).await.unwrap();
    let again = again.routes[0].as_ref().unwrap();
    assert_eq!((again.blobs_moved, again.manifests_put), (0, 0));
    assert!(again.proof.as_ref().unwrap().holds());

    // Nothing but a HEAD per root and attachment tag, one listing of tags, and one of referrers for each manifest and layer.
    let graph = application.graph();
    let manifests = application.manifests().iter().map(|manifest| *manifest.digest());
    let layers =
        application.manifests().iter().flat_map(Manifest::layers).filter(|l| l.media_type != MediaType::EMPTY_JSON);
    let subjects: BTreeSet<Digest> = manifests.chain(layers.map(|layer| layer.digest)).collect();
    let mut expected: Vec<String> = subjects.iter().map(|digest| format!("list referrers {digest}")).collect();
    expected.push("list tags".to_owned());
    expected.extend(roots.iter().chain(application.convention_tags().keys()).map(|tag| format!("head tag {tag}")));
    expected.sort();
    assert_eq!(source.taken_log(), expected);
    assert_eq!(destination.taken_log(), expected);
    assert!(graph.len() > subjects.len());
}

#[tokio::test]
async fn a_destination_without_lists_of_referrers_gets_fallback_tags() {
    let application = WholeGraph::default().build();
    let source = filled("source", &application).await;
    let destination = Quirky { no_referrers: true, ..Quirky::new("destination") }.shared();
    let (cache, options) = (Arc::default(), CopyOptions::default());
    let roots = tags(&application);
    copy(vec![route(&source, &destination, &roots)], &options, &cache).await.unwrap();
    assert_whole(&application, &*destination).await;
    // And back out of it, by its fallback tags alone.
    let third = Quirky::new("third").shared();
    copy(vec![route(&destination, &third, &roots)], &options, &cache).await.unwrap();
    assert_whole(&application, &third.inner).await;
    destination.taken_log();
    copy(vec![route(&source, &destination, &roots)], &options, &cache).await.unwrap();
    assert!(!destination.taken_log().iter().any(|line| line.starts_with("put")));
}

#[tokio::test]
async fn what_the_source_lacks_stops_the_copy_before_anything_is_written() {
    for lost in ["sbom-amd64", "arm64"] {
        let mut application = WholeGraph::default().build();
        let digest = application.named(lost).digest;
        let source = filled("source", &application).await;
        // The list of referrers and the index still name it.
        let listed = application.named(lost).clone();
        source.inner.delete_manifest(&digest).await.unwrap();
        application.lose(&digest);
        let subject = application.named("amd64").digest;
        let mut source = Arc::into_inner(source).unwrap();
        source.also_lists = (lost == "sbom-amd64").then_some((subject, listed));
        let (source, destination) = (source.shared(), Quirky::new("destination").shared());
        let only = route(&source, &destination, &tags(&application));
        let error = copy(vec![only], &CopyOptions::default(), &Arc::default()).await.unwrap_err();
        assert_eq!(error.digests()[0], digest, "{error}");
        assert!(matches!(error, TransferError::Lost { .. }));
        assert!(!destination.taken_log().iter().any(|line| line.starts_with("put")));
    }
}

#[tokio::test]
async fn a_lost_blob_leaves_the_tag_alone() {
    let application = WholeGraph::default().build();
    let source = filled("source", &application).await;
    let layer = application.named("base-layer").digest;
    source.inner.delete_blob(&layer).await.unwrap();
    let destination = Quirky::new("destination").shared();
    let only = route(&source, &destination, &tags(&application));
    let error = copy(vec![only], &CopyOptions::default(), &Arc::default()).await.unwrap_err();
    assert!(matches!(&error, TransferError::Store(StoreError::Missing { .. })), "{error}");
    assert!(error.to_string().contains(&layer.to_string()));
    assert_eq!(destination.inner.tags().await.unwrap(), []);
}

#[tokio::test]
async fn a_destination_that_drops_or_hides_an_artifact_is_found_out() {
    let application = WholeGraph::default().build();
    let source = filled("source", &application).await;
    let artifact = application.named("sbom-signature-arm64").digest;
    let set = BTreeSet::from([artifact]);
    for destination in [
        Quirky { drops: set.clone(), ..Quirky::new("drops") },
        Quirky { unlisted: set.clone(), ..Quirky::new("hides") },
    ] {
        let destination = destination.shared();
        let only = route(&source, &destination, &tags(&application));
        let error = copy(vec![only], &CopyOptions::default(), &Arc::default()).await.unwrap_err();
        assert!(matches!(error, TransferError::Unproven { .. }), "{error}");
        assert!(error.digests().contains(&artifact), "{error}");
        let left = destination.inner.tags().await.unwrap();
        assert!(left.iter().all(Tag::is_attachment), "{left:?}");
    }
}

#[tokio::test]
async fn a_list_of_referrers_that_fails_or_lies_stops_the_copy() {
    let application = WholeGraph::default().build();
    let fails = BTreeSet::from([application.named("index").digest]);
    let stranger = application.named("docker").clone();
    let strange = stranger.digest;
    let sources = [
        Quirky { fails_referrers: fails, ..Quirky::new("fails") },
        Quirky { strangers: vec![stranger], ..Quirky::new("lies") },
    ];
    for source in sources {
        application.write_to_store(&source.inner).await.unwrap();
        let (source, destination) = (source.shared(), Quirky::new("destination").shared());
        let only = route(&source, &destination, &tags(&application));
        let error = copy(vec![only], &CopyOptions::default(), &Arc::default()).await.unwrap_err();
        match error {
            TransferError::Store(StoreError::Unreachable { .. }) => assert_eq!(source.location(), "fails"),
            TransferError::Walk { source: WalkError::Stranger { digest, .. }, .. } => {
                assert_eq!(digest, strange);
            }
            other => panic!("{other}"),
        }
        assert!(!destination.taken_log().iter().any(|line| line.starts_with("put")));
    }
}

#[tokio::test]
async fn without_artifacts_only_what_the_root_is_made_of_moves() {
    let application = WholeGraph::default().build();
    let (source, destination) = (filled("source", &application).await, Quirky::new("destination").shared());
    let mut options = CopyOptions::default();
    options.walk.artifacts = false;
    copy(vec![route(&source, &destination, &tags(&application))], &options, &Arc::default()).await.unwrap();
    assert!(!source.taken_log().iter().any(|line| line.contains("referrers") || line == "list tags"));
    let artifact = application.named("sbom-amd64").digest;
    assert_eq!(destination.inner.stat_manifest(&artifact).await.unwrap(), None);
    assert!(destination.inner.stat_manifest(&application.named("arm64").digest).await.unwrap().is_some());
}

#[tokio::test]
async fn one_route_fails_and_the_other_arrives_under_keep_going() {
    let application = WholeGraph::default().build();
    let good = filled("good", &application).await;
    let bad = Quirky::new("bad").shared();
    let (first, second) = (Quirky::new("first").shared(), Quirky::new("second").shared());
    let roots = tags(&application);
    let routes = || vec![route(&bad, &first, &roots), route(&good, &second, &roots)];
    let error = copy(routes(), &CopyOptions::default(), &Arc::default()).await.unwrap_err();
    assert!(matches!(error, TransferError::NotFound { .. }));
    assert_eq!(second.inner.tags().await.unwrap(), []);
    let options = CopyOptions { keep_going: true, ..CopyOptions::default() };
    let report = copy(routes(), &options, &Arc::default()).await.unwrap();
    assert!(report.routes[0].is_err() && report.routes[1].is_ok());
    assert_whole(&application, &second.inner).await;
}

#[tokio::test]
async fn a_recheck_finds_the_blob_that_an_unchanged_copy_takes_for_granted() {
    let application = WholeGraph::default().build();
    let (source, destination) = (filled("source", &application).await, Quirky::new("destination").shared());
    let roots = tags(&application);
    let cache = Arc::default();
    copy(vec![route(&source, &destination, &roots)], &CopyOptions::default(), &cache).await.unwrap();
    let layer = application.named("base-layer").digest;
    destination.inner.delete_blob(&layer).await.unwrap();
    copy(vec![route(&source, &destination, &roots)], &CopyOptions::default(), &cache).await.unwrap();
    assert_eq!(destination.inner.stat_blob(&layer).await.unwrap(), None);
    let options = CopyOptions { recheck: true, ..CopyOptions::default() };
    let report = copy(vec![route(&source, &destination, &roots)], &options, &cache).await.unwrap();
    assert_eq!(report.routes[0].as_ref().unwrap().blobs_moved, 1);
    assert_whole(&application, &destination.inner).await;
}

#[tokio::test]
async fn an_image_gets_its_tag_while_the_blobs_of_others_move() {
    let mut builder = ApplicationBuilder::new(7);
    let mut image = |tag: &str, bytes: usize| {
        let layer: Layer = builder.layer(tag, bytes);
        let image = builder.image(&Image::new("linux/amd64", &[layer]));
        builder.tag(tag, &image);
        image
    };
    image("plain", 90_000);
    let signed = image("signed", 80_000);
    builder.signature(&signed);
    let application = builder.build();
    let (source, destination) = (filled("source", &application).await, Quirky::new("destination").shared());
    // One after the other, the largest first.
    let options = CopyOptions { jobs: Some(1), ..CopyOptions::default() };
    copy(vec![route(&source, &destination, &tags(&application))], &options, &Arc::default()).await.unwrap();
    let log = destination.log.lock().unwrap().clone();
    let tagged = |tag: &str| log.iter().position(|line| *line == format!("put tag {tag}")).unwrap();
    let last_blob = log.iter().rposition(|line| line.starts_with("put blob")).unwrap();
    // The smallest is the empty object of the signature.
    assert!(tagged("plain") < last_blob && last_blob < tagged("signed"), "{log:#?}");
    assert_eq!(log.iter().filter(|line| line.starts_with("put tag")).count(), 2);
    assert_whole(&application, &destination.inner).await;
}
