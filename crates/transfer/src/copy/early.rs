//! Images of which nothing else speaks and that are made of blobs alone: each gets its tag when its blobs have arrived, while
//! those of others still move. So a copy of many images does not end with a long row of manifests.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _};
use graph::{EdgeKind, Graph, NodeId, Space};
use oci::{Digest, Manifest, Tag};
use tokio::sync::mpsc;

use super::Planned;
use super::arrive::{lone, set_tag};
use crate::error::TransferError;
use crate::progress::Progress;

/// An image and the tag it gets.
struct Image {
    route: usize,
    tag: Tag,
    manifest: Manifest,
}

/// The images that wait for blobs.
pub(super) struct Waiting {
    images: Vec<Option<Image>>,
    /// How many blobs each of them waits for.
    left: Vec<usize>,
    /// The images that wait for a blob of a route.
    by_blob: BTreeMap<(usize, Digest), Vec<usize>>,
    ready: mpsc::UnboundedSender<Image>,
}

/// The images whose blobs have arrived.
pub(super) struct Ready(mpsc::UnboundedReceiver<Image>);

/// Where tags were seen to point after they were set.
pub(super) type SetTags = Vec<(Tag, Option<Digest>)>;

/// Returns what waits, and where it comes when it need not wait any more.
pub(super) fn queue(planned: &[&Planned]) -> (Waiting, Ready) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut waiting = Waiting { images: Vec::new(), left: Vec::new(), by_blob: BTreeMap::new(), ready: sender };
    for (route, planned) in planned.iter().enumerate() {
        let lone = lone(planned);
        let moving: BTreeSet<Digest> = planned.plan.blobs.iter().map(|blob| blob.digest).collect();
        for root in &planned.explored.roots {
            let id = NodeId::manifest(root.descriptor.digest);
            let manifest = planned.explored.closure.graph.manifest(&id.digest);
            if let (Some(tag), Some(manifest)) = (&root.tag, manifest)
                && lone.contains(&id)
                && let Some(blobs) = missing_blobs(&planned.explored.closure.graph, &id, &moving)
            {
                waiting.add(Image { route, tag: tag.clone(), manifest: manifest.clone() }, &blobs);
            }
        }
    }
    (waiting, Ready(receiver))
}

/// Returns those blobs of an image that are `moving`; `None` where it is made of more than blobs, or something is about one.
fn missing_blobs(graph: &Graph, image: &NodeId, moving: &BTreeSet<Digest>) -> Option<BTreeSet<Digest>> {
    let mut blobs = BTreeSet::new();
    for edge in graph.edges_from(image) {
        let is_subject = |edge: graph::Edge| edge.kind == EdgeKind::Subject;
        if edge.to.space != Space::Blob || graph.edges_to(&edge.to).any(is_subject) {
            return None;
        }
        if moving.contains(&edge.to.digest) {
            blobs.insert(edge.to.digest);
        }
    }
    Some(blobs)
}

impl Waiting {
    fn add(&mut self, image: Image, blobs: &BTreeSet<Digest>) {
        if blobs.is_empty() {
            // Nobody listens any more when the copy has ended.
            let _ = self.ready.send(image);
            return;
        }
        for digest in blobs {
            self.by_blob.entry((image.route, *digest)).or_default().push(self.images.len());
        }
        self.images.push(Some(image));
        self.left.push(blobs.len());
    }

    /// Takes note of a blob that the destination of a route has shown to have.
    pub(super) fn arrived(&mut self, route: usize, digest: Digest) {
        for place in self.by_blob.remove(&(route, digest)).unwrap_or_default() {
            self.left[place] -= 1;
            if self.left[place] == 0
                && let Some(image) = self.images[place].take()
            {
                let _ = self.ready.send(image);
            }
        }
    }
}

/// Sets the tag of each image that is ready, until no more can become so. Returns for each route where its tags point then.
pub(super) async fn put(
    planned: &[&Planned],
    ready: Ready,
    progress: &dyn Progress,
) -> Vec<Result<SetTags, TransferError>> {
    let most = planned.iter().map(|planned| planned.route.destination.concurrency()).max().unwrap_or(1);
    let images = stream::unfold(ready.0, async |mut ready| ready.recv().await.map(|image| (image, ready)));
    let mut set = Box::pin(images.map(|image| put_one(planned, image, progress)).buffer_unordered(most.max(1)));
    let mut tags: Vec<Result<SetTags, TransferError>> = planned.iter().map(|_| Ok(Vec::new())).collect();
    while let Some((route, outcome)) = set.next().await {
        match (&mut tags[route], outcome) {
            (Ok(tags), Ok(pointed)) => tags.push(pointed),
            (failed @ Ok(_), Err(error)) => *failed = Err(error),
            (Err(_), _) => {}
        }
    }
    tags
}

async fn put_one(
    planned: &[&Planned],
    image: Image,
    progress: &dyn Progress,
) -> (usize, Result<(Tag, Option<Digest>), TransferError>) {
    let Image { route, tag, manifest } = image;
    let set = set_tag(&*planned[route].route.destination, &tag, &manifest).await;
    if set.is_ok() {
        progress.manifest_put(manifest.digest());
    }
    (route, set)
}
