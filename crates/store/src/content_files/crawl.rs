//! Finding manifests among files of which nothing says what they are.

use std::collections::HashSet;

use graph::node::content_edges;
use graph::walk::NODES_MAX;
use graph::{Graph, NodeId, Space};
use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Descriptor, Digest, Manifest, MediaType};

use super::ContentFiles;
use crate::error::StoreError;

/// What a crawl came by.
#[derive(Debug, Default)]
pub(crate) struct Crawl {
    /// Everything that was named: starts, manifests and what they are made of, whether it is there or not.
    pub(crate) reached: HashSet<Digest>,
    /// Starts that are not there, and whatever is there and cannot be read.
    pub(crate) unreadable: Vec<(Digest, StoreError)>,
}

/// Reads `starts` and everything they are made of, and hands each manifest that can be read to `found`. A child that is
/// not there is left out: whoever copies its parent will ask for it and be told.
///
/// # Errors
/// [`StoreError::Format`] when more is named than a graph may have.
pub(crate) fn crawl(
    files: &dyn ContentFiles,
    starts: impl IntoIterator<Item = Digest>,
    location: &str,
    mut found: impl FnMut(Manifest),
) -> Result<Crawl, StoreError> {
    let mut crawl = Crawl::default();
    for start in starts {
        let mut pending = vec![start];
        while let Some(digest) = pending.pop() {
            if !crawl.reached.insert(digest) {
                continue;
            }
            if crawl.reached.len() > NODES_MAX {
                let reason = format!("begins a graph of more than {NODES_MAX} manifests and blobs");
                return Err(StoreError::format(&files.path(&start), reason));
            }
            let manifest = match files.manifest(&digest, location) {
                Ok(Some(manifest)) => manifest,
                Ok(None) if digest == start => {
                    let what = format!("manifest {digest}, which it lists");
                    crawl.unreadable.push((digest, StoreError::Missing { location: location.to_owned(), what }));
                    continue;
                }
                Ok(None) => continue,
                Err(error) => {
                    crawl.unreadable.push((digest, error));
                    continue;
                }
            };
            for (edge, _) in content_edges(&manifest) {
                match edge.to.space {
                    Space::Manifest => pending.push(edge.to.digest),
                    Space::Blob => {
                        crawl.reached.insert(edge.to.digest);
                    }
                }
            }
            found(manifest);
        }
    }
    Ok(crawl)
}

/// Looks for manifests among the files that nothing has `reached`, and hands them to `found`. Only files that are small
/// enough and begin as a JSON object does are read.
pub(crate) fn sift(
    files: &dyn ContentFiles,
    reached: &HashSet<Digest>,
    location: &str,
    mut found: impl FnMut(Manifest),
) -> Result<(), StoreError> {
    for (digest, size) in files.list()? {
        if reached.contains(&digest) || size > MANIFEST_MAX_BYTES as u64 || !files.begins_like_json(&digest)? {
            continue;
        }
        match files.manifest(&digest, location) {
            Ok(Some(manifest)) => found(manifest),
            Ok(None) => {}
            // Nothing names it, so nothing is lost.
            Err(error) if error.is_integrity() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns every manifest and every other file as nodes of a graph. `starts` are manifests for certain; among the rest
/// whatever reads as a manifest is taken for one.
///
/// # Errors
/// When a manifest is damaged or cannot be read: nobody knows what it is made of.
pub(crate) fn inventory(
    files: &dyn ContentFiles,
    starts: impl IntoIterator<Item = Digest>,
    location: &str,
) -> Result<Graph, StoreError> {
    let mut graph = Graph::default();
    let crawl = crawl(files, starts, location, |manifest| {
        graph.add_manifest(manifest);
    })?;
    let absent = |error: &StoreError| matches!(error, StoreError::Missing { .. });
    if let Some((_, error)) = crawl.unreadable.into_iter().find(|(_, error)| !absent(error)) {
        return Err(error);
    }
    sift(files, &crawl.reached, location, |manifest| {
        graph.add_manifest(manifest);
    })?;
    for (digest, size) in files.list()? {
        if graph.node(&NodeId::manifest(digest)).is_none() {
            graph.add_node(NodeId::blob(digest), &Descriptor::new(MediaType::OCTET_STREAM, digest, size));
        }
    }
    Ok(graph)
}
