//! Finding the manifests of a directory of content, in which nothing says what a file is.

use std::collections::HashSet;
use std::os::unix::fs::FileExt as _;

use graph::node::content_edges;
use graph::walk::NODES_MAX;
use graph::{NodeId, Space};
use oci::limits::MANIFEST_MAX_BYTES;
use oci::{Digest, Manifest};

use super::BlobDirectory;
use crate::error::StoreError;

/// What a crawl came by.
#[derive(Debug, Default)]
pub(crate) struct Crawl {
    /// Everything that was named: starts, manifests and what they are made of, whether it is there or not.
    pub(crate) reached: HashSet<Digest>,
    /// Starts that are not there or damaged, in their order.
    pub(crate) unreadable: Vec<(Digest, StoreError)>,
}

impl BlobDirectory {
    /// Reads `starts` and everything they are made of, and hands each manifest that can be read to `found`. A child that
    /// cannot is left out: whoever copies its parent will ask for it and be told.
    pub(crate) fn crawl(
        &self,
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
                    let reason = format!("names more than {NODES_MAX} manifests and blobs");
                    return Err(StoreError::format(&self.path, reason));
                }
                let manifest = match self.manifest(&digest, location) {
                    Ok(Some(manifest)) => manifest,
                    Ok(None) if digest == start => {
                        let what = format!("manifest {digest}, which it lists");
                        crawl.unreadable.push((digest, StoreError::Missing { location: location.to_owned(), what }));
                        continue;
                    }
                    Ok(None) => continue,
                    Err(error) => {
                        if digest == start {
                            crawl.unreadable.push((digest, error));
                        }
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
    /// enough and begin like a JSON object are read.
    pub(crate) fn sift(
        &self,
        reached: &HashSet<Digest>,
        location: &str,
        mut found: impl FnMut(Manifest),
    ) -> Result<(), StoreError> {
        for (digest, size) in self.list()? {
            if reached.contains(&digest) || size > MANIFEST_MAX_BYTES as u64 || !self.begins_like_json(&digest)? {
                continue;
            }
            match self.manifest(&digest, location) {
                Ok(Some(manifest)) => found(manifest),
                Ok(None) => {}
                // Nothing names it, so nothing is lost.
                Err(error) if error.is_integrity() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn begins_like_json(&self, digest: &Digest) -> Result<bool, StoreError> {
        let Some((file, _)) = self.open(digest)? else { return Ok(false) };
        let mut first = [0];
        match file.read_at(&mut first, 0) {
            Ok(count) => Ok(count == 1 && first == *b"{"),
            Err(error) => Err(StoreError::file("cannot read", &self.path(digest))(error)),
        }
    }

    /// Returns every manifest and every other file as nodes of a graph. `starts` are manifests for certain; among the rest
    /// whatever reads as a manifest is taken for one.
    pub(crate) fn inventory(
        &self,
        starts: impl IntoIterator<Item = Digest>,
        location: &str,
    ) -> Result<graph::Graph, StoreError> {
        let mut graph = graph::Graph::default();
        let crawl = self.crawl(starts, location, |manifest| {
            graph.add_manifest(manifest);
        })?;
        self.sift(&crawl.reached, location, |manifest| {
            graph.add_manifest(manifest);
        })?;
        for (digest, size) in self.list()? {
            if graph.node(&NodeId::manifest(digest)).is_none() {
                let descriptor = oci::Descriptor::new(oci::MediaType::OCTET_STREAM, digest, size);
                graph.add_node(NodeId::blob(digest), &descriptor);
            }
        }
        Ok(graph)
    }
}
