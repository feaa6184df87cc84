//! What we write, others read, and the reverse.

pub(crate) mod containerd;
mod cosign;
mod images;
mod layouts;
mod trees;

use e2e::{Kind, Place, Program};
use testkit::application::{Application, ApplicationBuilder, Image, Shape};
use testkit::peers::{Tool, tool};

/// An image for one platform, and an index of images for two: what every tool understands.
pub(crate) fn flat() -> Application {
    let mut builder = ApplicationBuilder::new(5);
    let base = builder.layer("base", 40_000);
    let mut images = Vec::new();
    for platform in ["linux/amd64", "linux/arm64/v8"] {
        let program = builder.layer(&platform.replace('/', "-"), 10_000);
        images.push(builder.image(&Image::new(platform, &[base.clone(), program])));
    }
    let index = builder.index(&images);
    builder.tag("single", &images[0]);
    builder.tag("index", &index);
    builder.build()
}

/// Copies every tag of an application to a place with the program.
async fn written_by_us(application: &Application, kind: Kind) -> Option<Place> {
    let place = Place::open(kind).await?;
    let source = Place::open(Kind::Layout).await.unwrap();
    source.fill("source", application).await;
    Program::default().succeed(&["copy", "--all-tags", &source.reference("source"), &place.reference("team/app")]);
    Some(place)
}

/// Returns regctl with the arguments by which it reaches these registries without TLS.
fn regctl(places: &[&Place]) -> Option<(Tool, Vec<String>)> {
    let registries = places.iter().filter(|place| place.kind.is_registry());
    let arguments = registries.flat_map(|place| ["--host".to_owned(), format!("reg={},tls=disabled", place.address())]);
    Some((tool("regctl")?, arguments.collect()))
}

/// An application with artifacts that every tool which knows of referrers carries whole.
pub(crate) fn attested() -> Application {
    Shape { images: 2, platforms: 2, layers: 2, layer_bytes: 3000, artifacts: true }.build()
}
