//! Why something goes.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Digest, Tag};

use super::is_there;
use super::reach::Reach;
use crate::collect::{Inventory, TagOf};
use crate::node::{EdgeKind, NodeId};

/// Why something goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A rule takes the tag away.
    Rule,
    /// The tags that named it go, this one among them.
    Untagged(Tag),
    /// It is a part of a manifest that goes: a child, a config or a layer.
    PartOf(Digest),
    /// It is about something that goes.
    About(Digest),
    /// It is about something that is not there.
    SubjectGone(Digest),
    /// It is the list of referrers that a fallback tag names.
    List(Tag),
    /// Nothing that stays needs it.
    Unneeded,
}

/// Finds reasons. Of several the same is given wherever the graph lies.
#[derive(Debug)]
pub(super) struct Reasons<'a> {
    inventory: &'a Inventory,
    reach: &'a Reach,
    keep: &'a BTreeSet<NodeId>,
    /// The first name of a manifest that is taken away.
    taken: BTreeMap<Digest, &'a Tag>,
    /// The first tag that attaches a manifest to something.
    attached: BTreeMap<Digest, &'a Tag>,
}

impl<'a> Reasons<'a> {
    pub(super) fn new(
        inventory: &'a Inventory,
        taken: &BTreeSet<Tag>,
        reach: &'a Reach,
        keep: &'a BTreeSet<NodeId>,
    ) -> Self {
        let (names, attachments) = inventory.names_and_attachments();
        let first = |tags: Vec<TagOf<'a>>| {
            tags.into_iter().rev().map(|(tag, digest)| (*digest, tag)).collect::<BTreeMap<_, _>>()
        };
        let names = names.into_iter().filter(|(tag, _)| taken.contains(tag)).collect();
        Self { inventory, reach, keep, taken: first(names), attached: first(attachments) }
    }

    pub(super) fn of(&self, id: &NodeId) -> Reason {
        let graph = &self.inventory.graph;
        if let Some(tag) = self.taken.get(&id.digest).filter(|_| *id == NodeId::manifest(id.digest)) {
            return Reason::Untagged((*tag).clone());
        }
        // A list is no parent: it says what is about something and is not made of it. What cannot be seen everywhere is no reason
        // for what can.
        let sees = |from: &NodeId| !self.reach.leads_to(id) || self.reach.leads_to(from);
        let mut parents = graph.edges_to(id).filter(|edge| edge.kind.is_content()).map(|edge| edge.from);
        let counts = |from: &NodeId| !self.keep.contains(from) && !self.reach.is_list(from) && sees(from);
        if let Some(parent) = parents.find(counts) {
            return Reason::PartOf(parent.digest);
        }
        let about = graph.edges_from(id).find(|edge| edge.kind == EdgeKind::Subject).map(|edge| edge.to.digest);
        let attached = || self.attached.get(&id.digest).filter(|_| *id == NodeId::manifest(id.digest));
        if self.reach.is_list(id)
            && let Some(tag) = attached()
        {
            return Reason::List((*tag).clone());
        }
        match about.or_else(|| Some(attached()?.attached_to()?.0)) {
            Some(subject) if is_there(graph, &subject) => Reason::About(subject),
            Some(subject) => Reason::SubjectGone(subject),
            None => Reason::Unneeded,
        }
    }
}
