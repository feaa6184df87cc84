//! The whole graph survives every road: every ordered pair of places.

use e2e::{Kind, Place, Program, sound};
use testkit::application::{Application, WholeGraph, large_application};

/// Copies the whole graph between every ordered pair that begins with `from`, and reads it back with a walk of its own.
async fn every_road_from(from: Kind) {
    let Some(source) = Place::open(from).await else { return };
    let program = Program::default();
    for to in Kind::ALL {
        let Some(destination) = Place::open(to).await else { continue };
        let road = format!("{from:?} to {to:?}");
        let application = application(from, to);
        let name = format!("road/{}", format!("{to:?}").to_lowercase());
        source.fill(&name, &application).await;
        let (src, dst) = (source.reference(&name), destination.reference("arrived/app"));
        let report = program.json(&["copy", "--all-tags", &src, &dst]);
        assert_eq!(report["schema"], "supercargo.copy.v1", "{road}");
        assert!(moved(&report) > 0, "{road}: {report}");
        sound::assert_whole(&application, &*destination.read("arrived/app"), &road).await;
        if to != Kind::Archive {
            // Once more: nothing moves, and the proof holds again.
            let again = program.json(&["copy", "--all-tags", &src, &dst]);
            assert_eq!(moved(&again), 0, "{road} again: {again}");
            sound::assert_whole(&application, &*destination.read("arrived/app"), &format!("{road} again")).await;
        }
    }
}

/// Returns how many bytes of blobs a copy says that it moved.
fn moved(report: &serde_json::Value) -> u64 {
    let routes = report["routes"].as_array().unwrap_or_else(|| panic!("{report}"));
    routes.iter().map(|route| route["blobs"]["bytes_moved"].as_u64().unwrap()).sum()
}

/// A blob named by sha512 belongs to it where both ends take one.
fn application(from: Kind, to: Kind) -> Application {
    let whole = WholeGraph::default();
    if from.takes_sha512() && to.takes_sha512() { whole.sha512().build() } else { whole.build() }
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

/// The application of 144 nodes on which other tools lose between 6 and 91, over the places that make it hardest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_large_application_loses_nothing() {
    let application = large_application();
    let program = Program::default();
    let mut from = Place::open(Kind::Layout).await.unwrap();
    from.fill("app", &application).await;
    for to in [Kind::Distribution, Kind::Liar, Kind::Archive, Kind::Ours, Kind::Layout] {
        let Some(destination) = Place::open(to).await else { continue };
        let arguments = ["copy", "--all-tags", &from.reference("app"), &destination.reference("app")];
        program.succeed(&arguments);
        sound::assert_whole(&application, &*destination.read("app"), &format!("{:?} to {to:?}", from.kind)).await;
        from = destination;
    }
}

/// An archive that is compressed holds the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressed_archive_holds_the_same() {
    let application = WholeGraph::default().sha512().blake3().build();
    let (from, to) = (Place::open(Kind::Layout).await.unwrap(), Place::open(Kind::Layout).await.unwrap());
    from.fill("app", &application).await;
    let program = Program::default();
    let archive = format!("oci-archive:{}", program.home().join("app.tar.zst").display());
    program.succeed(&["copy", "--all-tags", &from.reference("app"), &archive]);
    program.succeed(&["copy", "--all-tags", &archive, &to.reference("app")]);
    sound::assert_whole(&application, &*to.read("app"), "through a compressed archive").await;
}
