//! What the publisher of an image says of it as a package.

use graph::{EdgeKind, Graph, NodeId};
use oci::package::{ARTIFACT_TYPE, Package};
use oci::{Digest, Manifest};

use crate::error::OpsError;
use crate::facts::package;
use crate::found::Found;

/// Where what a publisher says was read.
#[derive(Clone, Debug)]
pub struct ReadPackage {
    /// The descriptor that counts; none where annotations stand for one.
    pub artifact: Option<Digest>,
    /// What it says, or why that cannot be read.
    pub package: Result<Package, String>,
}

/// Reads the package descriptor of the root, or the annotations that stand for one.
pub(super) async fn read(graph: &Graph, found: &Found) -> Result<Option<ReadPackage>, OpsError> {
    let root = *found.manifest.digest();
    let edges = graph.edges_to(&NodeId::manifest(root)).filter(|edge| edge.kind == EdgeKind::Subject);
    let artifacts = edges.filter_map(|edge| graph.manifest(&edge.from.digest));
    let is_package = |artifact: &&Manifest| artifact.artifact_type() == Some(ARTIFACT_TYPE);
    let descriptor = artifacts.filter(is_package).min_by_key(|artifact| package::rank(artifact));
    if let Some(artifact) = descriptor {
        let read = package::read(&*found.store, artifact).await?;
        return Ok(Some(ReadPackage { artifact: Some(*artifact.digest()), package: read }));
    }
    let annotated = Package::from_annotations(found.manifest.annotations()).map_err(|error| error.to_string());
    Ok(annotated.transpose().map(|package| ReadPackage { artifact: None, package }))
}
