//! Whole operations on an image from a stranger: look at it, take its files, copy it.

use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use graph::Difference;
use oci::name::ConventionSuffix;
use oci::{Descriptor, Digest, Manifest, Reference, Tag, annotation};
use ops::artifacts::{ArtifactsRequest, artifacts};
use ops::copy::{CopyRequest, copy};
use ops::inspect::{InspectRequest, inspect};
use ops::pull::{PullFilesRequest, pull_files};
use ops::{Context, ContextOptions, Destination, OpsError, Silent};
use serde_json::json;
use store::{LayoutStore, Store as _};

use super::assert_printable;
use super::layouts::MARKER;
use super::pieces::pieces;
use super::place::{Place, run};
use crate::read::read_tags;

/// Inspects an image, lists its artifacts, pulls its files and copies it from layout to layout. The last piece of the input
/// is its manifest; the others are content, of which what has a subject is listed, and the first is attached by a `.sig` tag.
///
/// Nothing is written outside of the directory that was given, files are what their descriptors say, and a copy is whole or
/// leaves no tag.
pub fn image(data: &[u8]) {
    let pieces = pieces(data);
    let Some(root) = pieces.last().and_then(|piece| Manifest::parse(piece.clone(), None, None).ok()) else { return };
    let place = Place::new();
    write_layout(&place, &root, &pieces);
    let context = Context::new(ContextOptions::default());
    let at = |name: &str| -> Reference { format!("oci:{}/{name}:1.0", place.path().display()).parse().unwrap() };
    run(async {
        look(&context, &at("from")).await;
        pull(&context, &at("from"), &place).await;
        copy_whole(&context, &at("from"), &at("to"), &place).await;
    });
    let there: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(there.iter().all(|name| ["from", "to", "files"].iter().any(|known| name == known)), "{there:?}");
}

/// Writes the layout `from`: the root as `1.0`, what is attached to it, and every piece.
pub(super) fn write_layout(place: &Place, root: &Manifest, pieces: &[Bytes]) {
    place.write("from/oci-layout", MARKER);
    let mut listed = vec![named(root, "1.0")];
    for (number, piece) in pieces.iter().enumerate() {
        place.write(&format!("from/{}", super::place::blob_name(piece)), piece);
        let Ok(manifest) = Manifest::parse(piece.clone(), None, None) else { continue };
        if number == 0 {
            let tag = Tag::convention(root.digest(), ConventionSuffix::Signature);
            listed.push(named(&manifest, tag.as_str()));
        } else if manifest.subject().is_some() && manifest.digest() != root.digest() {
            listed.push(manifest.referrer_descriptor());
        }
    }
    place.write("from/index.json", json!({"schemaVersion": 2, "manifests": listed}).to_string().as_bytes());
}

fn named(manifest: &Manifest, tag: &str) -> Descriptor {
    let mut descriptor = manifest.descriptor();
    descriptor.annotations.insert(annotation::REF_NAME.to_owned(), tag.to_owned());
    descriptor
}

/// Returns what an operation brought; what it said instead can be shown.
fn checked<T>(result: Result<T, OpsError>) -> Option<T> {
    result.inspect_err(assert_printable).ok()
}

async fn look(context: &Context, reference: &Reference) {
    for platform in [None, Some("linux/amd64".parse().unwrap())] {
        let base = Some(reference.clone());
        let request = InspectRequest { reference: reference.clone(), platform: platform.clone(), base, now: None };
        checked(inspect(context, &request).await);
        let request = ArtifactsRequest { reference: reference.clone(), platform, artifact_type: None };
        checked(artifacts(context, &request).await);
    }
}

async fn pull(context: &Context, reference: &Reference, place: &Place) {
    let directory = place.path().join("files");
    let request =
        PullFilesRequest { reference: reference.clone(), platform: None, directory: directory.clone(), dry_run: false };
    let Some(pulled) = checked(pull_files(context, &request, Arc::new(Silent)).await) else { return };
    for file in pulled.files {
        assert!(file.path.starts_with(&directory), "{} is outside", file.path.display());
        let bytes = fs::read(&file.path).unwrap();
        assert!(file.descriptor.digest.verify(&bytes).is_ok(), "{} is something else", file.path.display());
    }
}

async fn copy_whole(context: &Context, from: &Reference, to: &Reference, place: &Place) {
    let request =
        CopyRequest { pairs: vec![(from.clone(), Destination::Exactly(to.clone()))], ..CopyRequest::default() };
    let copied = checked(copy(context, &request, Arc::new(Silent)).await);
    let outcomes = copied.map(|report| report.routes).unwrap_or_default();
    let whole =
        !outcomes.is_empty() && outcomes.iter().all(|outcome| outcome.as_ref().inspect_err(assert_printable).is_ok());
    let tags: [Tag; 1] = ["1.0".parse().unwrap()];
    if !whole {
        if let Ok(store) = LayoutStore::open(place.path().join("to")) {
            assert_eq!(store.resolve(&tags[0]).await.unwrap(), None, "a tag on something that is not whole");
        }
        return;
    }
    let proofs = outcomes.iter().map(|outcome| outcome.as_ref().unwrap().proof.as_ref().unwrap());
    assert!(proofs.into_iter().all(graph::ProofReport::holds));
    let before = read_tags(&LayoutStore::open(place.path().join("from")).unwrap(), &tags).await.unwrap();
    let after = read_tags(&LayoutStore::open(place.path().join("to")).unwrap(), &tags).await.unwrap();
    let difference = Difference::between(&before.graph, &after.graph);
    assert!(difference.is_empty(), "{difference:?}");
    assert_eq!(before.convention_tags, after.convention_tags);
    assert!(after.losses.is_empty(), "{:?}", after.losses);
    let known = |digest: &Digest| before.graph.manifest(digest).is_some();
    assert!(after.graph.roots().iter().all(|root| known(&root.digest)));
}
