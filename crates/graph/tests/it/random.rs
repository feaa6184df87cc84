//! Random small graphs with everything in them that a graph can hold.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use oci::{Algorithm, Descriptor, Digest};
use proptest::prelude::*;
use proptest::sample::Index;
use testkit::application::{Application, ApplicationBuilder, Image};
use testkit::layer::Layer;
use testkit::seed::Seed;

/// One step in the making of a graph: what is made, and of which earlier things.
#[derive(Clone, Debug)]
enum Step {
    Image(Vec<Index>),
    Index(Vec<Index>),
    ArtifactAboutManifest(Index),
    ArtifactAboutLayer(Index),
    ArtifactOfNothing(Option<Index>),
    ArtifactWithSha512Blob(Index),
    SignatureByConvention(Index),
    Tag(Index),
}

fn step() -> impl Strategy<Value = Step> {
    let some = || prop::collection::vec(any::<Index>(), 0..4);
    prop_oneof![
        3 => some().prop_map(Step::Image),
        3 => some().prop_map(Step::Index),
        4 => any::<Index>().prop_map(Step::ArtifactAboutManifest),
        2 => any::<Index>().prop_map(Step::ArtifactAboutLayer),
        1 => any::<Option<Index>>().prop_map(Step::ArtifactOfNothing),
        1 => any::<Index>().prop_map(Step::ArtifactWithSha512Blob),
        1 => any::<Index>().prop_map(Step::SignatureByConvention),
        2 => any::<Index>().prop_map(Step::Tag),
    ]
}

/// Returns applications of a few dozen nodes at most, not all of which the tags reach.
pub(crate) fn applications() -> impl Strategy<Value = Application> {
    prop::collection::vec(step(), 1..24).prop_map(|steps| build(&steps))
}

/// The layers of all random graphs, made once.
fn layers() -> &'static [Layer] {
    static LAYERS: OnceLock<Vec<Layer>> = OnceLock::new();
    LAYERS.get_or_init(|| {
        (0..4).map(|number| Layer::new(&format!("layer-{number}"), &mut Seed::new(number), 10)).collect()
    })
}

/// Returns how often a property is tried: often enough to find what is wrong with it, seldom enough for a debug build.
pub(crate) fn tries() -> ProptestConfig {
    ProptestConfig::with_cases(64)
}

fn build(steps: &[Step]) -> Application {
    let mut builder = ApplicationBuilder::new(1);
    let layers = layers();
    for layer in layers {
        builder.add_layer(layer);
    }
    let mut manifests = vec![builder.image(&Image::new("linux/amd64", &layers[..2]))];
    let mut about: Vec<Descriptor> = layers.iter().map(|layer| layer.descriptor.clone()).collect();
    builder.tag("first", &manifests[0]);
    for (number, step) in steps.iter().enumerate() {
        let made = match step {
            Step::Image(of) => {
                let chosen: Vec<Layer> = of.iter().map(|index| index.get(layers).clone()).collect();
                builder.image(&Image::new(&format!("linux/arch{number}"), &chosen))
            }
            Step::Index(of) => {
                let children: Vec<Descriptor> = of.iter().map(|index| index.get(&manifests).clone()).collect();
                builder.index(&children)
            }
            Step::ArtifactAboutManifest(subject) => artifact(&mut builder, number, subject.get(&manifests)),
            Step::ArtifactAboutLayer(subject) => artifact(&mut builder, number, subject.get(&about)),
            Step::ArtifactOfNothing(subject) => {
                let subject = subject.map(|index| index.get(&manifests).clone());
                let empty = builder.empty_object();
                builder.artifact(&format!("a/nothing-{number}"), subject.as_ref(), &[empty])
            }
            Step::ArtifactWithSha512Blob(subject) => {
                let blob = builder.blob_named_by(Algorithm::Sha512, "a/blob", number.to_string());
                about.push(blob.clone());
                builder.artifact("a/sha512", Some(subject.get(&manifests)), &[blob])
            }
            Step::SignatureByConvention(subject) => builder.convention_signature(subject.get(&manifests)),
            Step::Tag(target) => {
                let target = target.get(&manifests).clone();
                builder.tag(&format!("tag-{number}"), &target);
                continue;
            }
        };
        manifests.push(made);
    }
    builder.build()
}

fn artifact(builder: &mut ApplicationBuilder, number: usize, subject: &Descriptor) -> Descriptor {
    let blob = builder.blob("a/blob", format!("artifact {number}"));
    builder.artifact("a/artifact", Some(subject), &[blob])
}

/// Returns the digests of an application that are chosen by these numbers.
pub(crate) fn chosen(application: &Application, by: &[Index]) -> BTreeSet<Digest> {
    let all: Vec<Digest> = application.graph().nodes().map(|(id, _)| id.digest).collect();
    by.iter().map(|index| *index.get(&all)).collect()
}
