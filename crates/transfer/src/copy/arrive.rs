//! Manifests, lists of referrers and tags of one route, and the proof between them and the root's tag.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use futures_util::try_join;
use graph::plan::content_levels;
use graph::{Evidence, Graph, NodeId, ProofReport, Space};
use oci::{Algorithm, Digest, Manifest, Tag};
use store::{Referrers, Store};
use tokio::sync::mpsc;

use super::blobs::Moved;
use super::early::SetTags;
use super::{Planned, RouteReport};
use crate::cache::ManifestCache;
use crate::error::TransferError;
use crate::fallback;
use crate::progress::{BlobOutcome, Progress};

/// Puts what remains after the blobs, proves that everything is there, and sets the roots' tags, but for those that were
/// `tagged` before.
pub(super) async fn arrive(
    planned: &Planned,
    moved: Moved,
    tagged: SetTags,
    cache: &dyn ManifestCache,
    progress: &dyn Progress,
) -> Result<RouteReport, TransferError> {
    let arrival = Arrival {
        graph: &planned.explored.closure.graph,
        destination: &*planned.route.destination,
        location: planned.route.destination.location(),
        cache,
    };
    let plan = &planned.plan;
    let mut evidence = planned.explored.evidence.clone();
    evidence.present.clone_from(&planned.present);
    evidence.present.extend(tagged.iter().filter_map(|(_, found)| found.map(NodeId::manifest)));
    note(&mut evidence, tagged);
    let lone = lone(planned);
    let waves = plan.manifests.iter().chain(&plan.referrers);
    let (sender, put) = mpsc::unbounded_channel();
    let arrive = async {
        for wave in waves {
            let with_others = |digest: &&Digest| !lone.contains(&NodeId::manifest(**digest));
            let wave: Vec<Digest> = wave.iter().filter(with_others).copied().collect();
            arrival.put(&wave, progress).await?;
            // It is received as long as nothing has failed.
            let _ = sender.send(wave);
        }
        drop(sender);
        try_join!(
            arrival.list_referrers(&plan.subjects, &evidence),
            arrival.set_tags(&planned.explored.closure.convention_tags, &evidence),
        )
    };
    let ((listed, tags), manifests) = try_join!(arrive, arrival.see_waves(put))?;
    evidence.present.extend(manifests.into_iter().chain(moved.seen.iter().map(|digest| NodeId::blob(*digest))));
    evidence.referrers.extend(listed);
    note(&mut evidence, tags);

    let selected = |id: &NodeId| id.space == Space::Manifest || !plan.foreign.iter().any(|d| d.digest == id.digest);
    let wanted: BTreeMap<Tag, Digest> =
        planned.explored.roots.iter().filter_map(|root| Some((root.tag.clone()?, root.descriptor.digest))).collect();
    let without_lone = |id: &NodeId| selected(id) && !lone.contains(id);
    arrival.demand(ProofReport::new(arrival.graph, without_lone, &BTreeMap::new(), &evidence))?;
    for root in planned.explored.roots.iter().filter(|root| root.tag.is_none()) {
        if let Some(manifest) = arrival.graph.manifest(&root.descriptor.digest) {
            arrival.destination.keep_root(manifest).await?;
        }
    }
    for wave in parts_first(arrival.graph, &wanted) {
        let tags = arrival.set_tags(&wave, &evidence).await?;
        for id in tags.iter().filter_map(|(_, found)| found.map(NodeId::manifest)).filter(|id| lone.contains(id)) {
            if evidence.present.insert(id) {
                progress.manifest_put(&id.digest);
            }
        }
        note(&mut evidence, tags);
    }
    let proof = arrival.demand(ProofReport::new(arrival.graph, selected, &wanted, &evidence))?;
    for root in &planned.explored.roots {
        progress.root_finished(arrival.location, &root.descriptor.digest);
    }

    let count = |outcome| moved.blobs.values().filter(|found| **found == outcome).count();
    let mut report = RouteReport::of_plan(planned);
    report.planned.clear();
    report.blobs_moved = count(BlobOutcome::Moved);
    report.blobs_adopted = count(BlobOutcome::Adopted);
    report.blobs_present += count(BlobOutcome::Present);
    report.bytes_moved = moved.bytes;
    report.proof = Some(proof);
    Ok(report)
}

/// Groups tags so that those of parts come before those of what contains them. A registry may write a manifest anew under
/// each of its tags, and at that moment refuse an index that needs it (distribution does).
fn parts_first(graph: &Graph, tags: &BTreeMap<Tag, Digest>) -> Vec<BTreeMap<Tag, Digest>> {
    let levels = content_levels(graph);
    let mut waves: BTreeMap<usize, BTreeMap<Tag, Digest>> = BTreeMap::new();
    for (tag, digest) in tags {
        let level = levels.get(&NodeId::manifest(*digest)).copied().unwrap_or(0);
        waves.entry(level).or_default().insert(tag.clone(), *digest);
    }
    waves.into_values().collect()
}

/// Returns the roots that are put with their tag and not before: nothing else speaks of them, so only the tag shows them.
pub(super) fn lone(planned: &Planned) -> BTreeSet<NodeId> {
    let graph = &planned.explored.closure.graph;
    let pointed: BTreeSet<&Digest> = planned.explored.evidence.tags.values().collect();
    let is_lone = |id: &NodeId| {
        // What is put under a tag gets its name from the destination, which is a sha256.
        id.digest.algorithm() == Algorithm::Sha256
            && !planned.present.contains(id)
            && !pointed.contains(&id.digest)
            && graph.edges_to(id).next().is_none()
            && graph.manifest(&id.digest).is_some_and(|manifest| manifest.subject().is_none())
    };
    let tagged = planned.explored.roots.iter().filter(|root| root.tag.is_some());
    tagged.map(|root| NodeId::manifest(root.descriptor.digest)).filter(is_lone).collect()
}

/// Sets a tag and returns where it points then.
pub(super) async fn set_tag(
    destination: &dyn Store,
    tag: &Tag,
    manifest: &Manifest,
) -> Result<(Tag, Option<Digest>), TransferError> {
    destination.tag(tag, manifest).await?;
    Ok((tag.clone(), destination.resolve(tag).await?.map(|descriptor| descriptor.digest)))
}

/// Takes down where tags were seen to point.
fn note(evidence: &mut Evidence, tags: Vec<(Tag, Option<Digest>)>) {
    for (tag, found) in tags {
        match found {
            Some(digest) => evidence.tags.insert(tag, digest),
            None => evidence.tags.remove(&tag),
        };
    }
}

struct Arrival<'a> {
    graph: &'a Graph,
    destination: &'a dyn Store,
    location: &'a str,
    cache: &'a dyn ManifestCache,
}

impl Arrival<'_> {
    /// Puts manifests that need nothing of each other.
    async fn put(&self, wave: &[Digest], progress: &dyn Progress) -> Result<(), TransferError> {
        let manifests = wave.iter().filter_map(|digest| self.graph.manifest(digest));
        self.each(manifests, async |manifest: &Manifest| {
            self.destination.put_manifest(manifest).await?;
            progress.manifest_put(manifest.digest());
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Does something for each item, as many at once as the destination likes.
    async fn each<T, R>(
        &self,
        items: impl IntoIterator<Item = T>,
        action: impl AsyncFn(T) -> Result<R, TransferError>,
    ) -> Result<Vec<R>, TransferError> {
        stream::iter(items)
            .map(|item| action(item))
            .buffer_unordered(self.destination.concurrency().max(1))
            .try_collect()
            .await
    }

    /// Asks for the manifests of each wave that has been put, while the next is. Returns those that are there.
    async fn see_waves(&self, mut put: mpsc::UnboundedReceiver<Vec<Digest>>) -> Result<Vec<NodeId>, TransferError> {
        let mut seen = Vec::new();
        while let Some(wave) = put.recv().await {
            seen.append(&mut self.see_manifests(&wave).await?);
        }
        Ok(seen)
    }

    async fn see_manifests(&self, digests: &[Digest]) -> Result<Vec<NodeId>, TransferError> {
        let seen = self.each(digests, async |digest| {
            Ok(self.destination.stat_manifest(digest).await?.map(|_| NodeId::manifest(*digest)))
        });
        Ok(seen.await?.into_iter().flatten().collect())
    }

    /// Brings the destination's lists of referrers up to date and returns what they say. Subjects whose list was seen
    /// to be complete before are left alone.
    async fn list_referrers(
        &self,
        subjects: &BTreeMap<Digest, Vec<Digest>>,
        evidence: &Evidence,
    ) -> Result<Vec<(Digest, BTreeSet<Digest>)>, TransferError> {
        let is_node = |digest: &Digest| {
            [NodeId::manifest(*digest), NodeId::blob(*digest)].iter().any(|id| self.graph.node(id).is_some())
        };
        let complete = |subject: &Digest, wanted: &[Digest]| {
            evidence.referrers.get(subject).is_some_and(|listed| wanted.iter().all(|digest| listed.contains(digest)))
        };
        let mut open = subjects.iter().filter(|(subject, wanted)| is_node(subject) && !complete(subject, wanted));
        // The first shows whether there is a Referrers API: the others need not ask for what is not there.
        let Some((first, wanted)) = open.next() else { return Ok(Vec::new()) };
        let shown = self.destination.referrers(first, None).await?;
        let lists =
            iter::once((first, wanted, Some(shown))).chain(open.map(|(subject, wanted)| (subject, wanted, None)));
        self.each(lists, async |(subject, wanted, shown)| {
            let shown = match shown {
                Some(shown) => shown,
                None => self.destination.referrers(subject, None).await?,
            };
            Ok((*subject, self.complete_list(subject, wanted, shown).await?))
        })
        .await
    }

    /// Returns what the destination lists for a subject after making sure that `wanted` is in the list, which was `shown`.
    async fn complete_list(
        &self,
        subject: &Digest,
        wanted: &[Digest],
        shown: Referrers,
    ) -> Result<BTreeSet<Digest>, TransferError> {
        let digests = |listed: Vec<oci::Descriptor>| listed.into_iter().map(|d| d.digest).collect::<BTreeSet<_>>();
        let manifests = |digests: &mut dyn Iterator<Item = &Digest>| {
            digests.filter_map(|digest| self.graph.manifest(digest).cloned()).collect::<Vec<_>>()
        };
        match shown {
            Referrers::Unsupported => {
                let referrers = manifests(&mut wanted.iter());
                fallback::add_referrers(self.destination, subject, &referrers, self.cache).await
            }
            Referrers::Listed(listed) => {
                let listed = digests(listed);
                let unlisted = manifests(&mut wanted.iter().filter(|digest| !listed.contains(digest)));
                if unlisted.is_empty() {
                    return Ok(listed);
                }
                // A registry that learned to list after a manifest was put lists it when it is put again.
                for manifest in &unlisted {
                    self.destination.put_manifest(manifest).await?;
                }
                match self.destination.referrers(subject, None).await? {
                    Referrers::Listed(listed) => Ok(digests(listed)),
                    Referrers::Unsupported => Ok(listed),
                }
            }
        }
    }

    /// Sets the tags that do not point where they should. Returns where they point then.
    async fn set_tags(
        &self,
        tags: &BTreeMap<Tag, Digest>,
        evidence: &Evidence,
    ) -> Result<Vec<(Tag, Option<Digest>)>, TransferError> {
        let wrong = tags.iter().filter(|(tag, digest)| evidence.tags.get(*tag) != Some(*digest));
        let wrong: Vec<(&Tag, &Manifest)> =
            wrong.filter_map(|(tag, digest)| Some((tag, self.graph.manifest(digest)?))).collect();
        self.each(wrong, async |(tag, manifest)| set_tag(self.destination, tag, manifest).await).await
    }

    fn demand(&self, report: ProofReport) -> Result<ProofReport, TransferError> {
        if report.holds() {
            return Ok(report);
        }
        Err(TransferError::Unproven { location: self.location.to_owned(), report: Box::new(report) })
    }
}
