//! Asks a destination what it has while the source is still being walked: through a network with latency these answers would
//! otherwise be waited for afterwards.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _};
use graph::NodeId;
use oci::{Descriptor, Digest, Manifest};
use store::Store;

use super::Answer;
use crate::error::TransferError;

/// Blobs for which some route of a copy asks its destination, so that no other asks again.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<HashSet<(String, Digest)>>);

impl Claims {
    fn claim(&self, location: &str, digest: Digest) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((location.to_owned(), digest))
    }
}

/// What a destination has said about single nodes.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) present: BTreeSet<NodeId>,
    pub(crate) absent: BTreeSet<NodeId>,
}

impl Asked {
    pub(super) fn note(&mut self, node: NodeId, there: bool) {
        if there { &mut self.present } else { &mut self.absent }.insert(node);
    }
}

/// Asks a destination that has none of the roots.
pub(super) struct Ahead<'a> {
    destination: &'a dyn Store,
    claims: &'a Claims,
    begun: BTreeSet<Digest>,
}

impl<'a> Ahead<'a> {
    pub(super) const fn new(destination: &'a dyn Store, claims: &'a Claims) -> Self {
        Self { destination, claims, begun: BTreeSet::new() }
    }

    /// Returns what an answer lets ask for: the manifest that it brought, or the blobs of one that is not there.
    pub(super) fn follow(&mut self, answer: &Answer) -> Vec<BoxFuture<'a, Result<Answer, TransferError>>> {
        match answer {
            Answer::Manifest(_, Some(manifest)) | Answer::Tag { suffix: Some(_), manifest: Some(manifest), .. }
                if self.begun.insert(*manifest.digest()) =>
            {
                vec![manifest_there(self.destination, manifest.clone()).boxed()]
            }
            Answer::There { there: false, manifest: Some(manifest), .. } => {
                let blobs = manifest.config().into_iter().chain(manifest.layers());
                let blobs = blobs.filter(|blob| !blob.media_type.is_non_distributable());
                let mine = blobs.filter(|blob| self.claims.claim(self.destination.location(), blob.digest));
                mine.map(|blob| blob_there(self.destination, blob.clone()).boxed()).collect()
            }
            _ => Vec::new(),
        }
    }
}

async fn manifest_there(destination: &dyn Store, manifest: Manifest) -> Result<Answer, TransferError> {
    let there = destination.stat_manifest(manifest.digest()).await?.is_some();
    Ok(Answer::There { node: NodeId::manifest(*manifest.digest()), there, manifest: Some(manifest) })
}

async fn blob_there(destination: &dyn Store, blob: Descriptor) -> Result<Answer, TransferError> {
    let there = destination.stat_blob(&blob.digest).await? == Some(blob.size);
    Ok(Answer::There { node: NodeId::blob(blob.digest), there, manifest: None })
}
