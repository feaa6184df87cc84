//! The whole graph survives every road: every ordered pair of places.

use e2e::{Kind, Place, Program};
use graph::Difference;
use testkit::application::{Application, WholeGraph};
use testkit::read::read_tags;

/// Copies the whole graph between every ordered pair that begins with `from`, and reads it back with a walk of its own.
async fn every_road_from(from: Kind) {
    let Some(source) = Place::open(from).await else { return };
    for to in Kind::ALL {
        let Some(destination) = Place::open(to).await else { continue };
        let application = application(from, to);
        let name = format!("road/{}", format!("{to:?}").to_lowercase());
        source.fill(&name, &application).await;
        let program = Program::default();
        let (src, dst) = (source.reference(&name), destination.reference("arrived/app"));
        let report = program.json(&["copy", "--all-tags", &src, &dst]);
        assert_eq!(report["schema"], "supercargo.copy.v1", "{from:?} to {to:?}");
        assert_whole(&application, &destination, &format!("{from:?} to {to:?}")).await;
        if to != Kind::Archive {
            // Once more: nothing moves, and the proof holds again.
            let again = program.json(&["copy", "--all-tags", &src, &dst]);
            assert_eq!(again["bytes_moved"], 0, "{from:?} to {to:?} again: {again}");
            assert_whole(&application, &destination, &format!("{from:?} to {to:?} again")).await;
        }
    }
}

fn application(from: Kind, to: Kind) -> Application {
    let whole = WholeGraph::default();
    if from.takes_sha512() && to.takes_sha512() { whole.sha512().build() } else { whole.build() }
}

async fn assert_whole(application: &Application, destination: &Place, road: &str) {
    let store = destination.read("arrived/app");
    let closure = read_tags(&*store, &Place::tags(application)).await.unwrap();
    assert_eq!(closure.losses, [], "{road}");
    let difference = Difference::between(&application.graph(), &closure.graph);
    assert!(difference.is_empty(), "{road}: {difference:#?}");
    for (descriptor, bytes) in application.blobs() {
        let body = store.open_blob(descriptor, 0).await.unwrap().unwrap_or_else(|| panic!("{road}: {}", descriptor.digest));
        let arrived = body.into_bytes(descriptor, road, bytes.len()).await.unwrap();
        assert_eq!(arrived, *bytes, "{road}");
    }
}

macro_rules! roads {
    ($($test:ident: $from:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            every_road_from($from).await;
        }
    )*};
}

roads! {
    from_ours: Kind::Ours;
    from_distribution: Kind::Distribution;
    from_docker_registry: Kind::DockerRegistry;
    from_ociregistry: Kind::OciRegistry;
    from_the_liar: Kind::Liar;
    from_a_layout: Kind::Layout;
    from_an_archive: Kind::Archive;
}
