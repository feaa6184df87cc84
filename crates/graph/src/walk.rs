//! The closure of roots: children, referrers of referrers, of children and of layers, and what convention tags attach.
//!
//! The walk is driven from outside: [`Walk::next`] says what it needs, the `answer_…` methods give it. Questions are
//! independent of each other, so any number may be in flight at once and be answered in any order.

mod error;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use oci::limits::TAG_MAX_BYTES;
use oci::name::ConventionSuffix;
use oci::{Descriptor, Digest, Manifest, MediaType, Tag};

pub use error::WalkError;

use crate::node::{Edge, EdgeKind, Graph, NodeId, Space, content_edges};

/// How deep indexes may nest and referrers may chain, counted in edges from a root.
pub const DEPTH_MAX: usize = 64;

/// How many nodes a walk may find.
pub const NODES_MAX: usize = 1_000_000;

/// What belongs to the closure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkOptions {
    /// Referrers and convention tags, at any depth.
    pub artifacts: bool,
    /// Artifacts about layers.
    pub layer_artifacts: bool,
}

impl Default for WalkOptions {
    fn default() -> Self {
        Self { artifacts: true, layer_artifacts: true }
    }
}

/// Something the walk needs to know.
#[expect(clippy::large_enum_variant, reason = "most questions are for manifests; boxing them would cost more")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The bytes of a manifest. Answer with [`Walk::answer_manifest`].
    Manifest(Descriptor),
    /// What refers to a manifest or a layer. Answer with [`Walk::answer_referrers`].
    Referrers(NodeId),
    /// What a fallback or convention tag points to. Answer with [`Walk::answer_tag`].
    Tag {
        /// The tag.
        tag: Tag,
        /// What its name says it is about.
        subject: NodeId,
        /// The suffix of a convention tag; `None` for a fallback tag.
        suffix: Option<ConventionSuffix>,
    },
}

/// A manifest that something names and the source lacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// What is missing.
    pub node: NodeId,
    /// Who names it: the parent, or the subject in whose list of referrers it stands.
    pub named_by: NodeId,
}

/// A walk in progress.
#[derive(Debug)]
pub struct Walk {
    options: WalkOptions,
    graph: Graph,
    asks: VecDeque<Ask>,
    outstanding: usize,
    depth: BTreeMap<NodeId, usize>,
    /// Who named a manifest that was asked for and has not come yet, and why.
    expected: BTreeMap<Digest, BTreeSet<(Reason, NodeId)>>,
    /// Fallback and convention tags by what they are about.
    attachments: BTreeMap<Digest, Vec<(Tag, Option<ConventionSuffix>)>>,
    /// Digests of layers and manifests whose attachments were asked for.
    attachments_asked: BTreeSet<NodeId>,
    /// Whether every tag that could attach something is asked for, because nobody knows which there are.
    is_unlisted: bool,
    convention_tags: BTreeMap<Tag, Digest>,
    /// Fallback tags whose name holds only a part of the digest they are about (those of sha512).
    truncated_fallbacks: BTreeSet<Tag>,
    losses: BTreeSet<Loss>,
}

/// Why a manifest was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Root,
    Child,
    Referrer,
    Convention(ConventionSuffix),
}

impl Walk {
    /// Begins a walk. `tags` are the tags of the repository, from which fallback and convention tags are taken; without
    /// artifacts they are not looked at.
    pub fn new<'a>(options: WalkOptions, tags: impl IntoIterator<Item = &'a Tag>) -> Self {
        let mut walk = Self {
            options,
            graph: Graph::default(),
            asks: VecDeque::new(),
            outstanding: 0,
            depth: BTreeMap::new(),
            expected: BTreeMap::new(),
            attachments: BTreeMap::new(),
            attachments_asked: BTreeSet::new(),
            is_unlisted: false,
            convention_tags: BTreeMap::new(),
            truncated_fallbacks: BTreeSet::new(),
            losses: BTreeSet::new(),
        };
        if options.artifacts {
            for tag in tags {
                if let Some((digest, suffix)) = tag.attached_to() {
                    walk.attachments.entry(digest).or_default().push((tag.clone(), suffix));
                } else if tag.is_attachment() {
                    walk.truncated_fallbacks.insert(tag.clone());
                }
            }
        }
        walk
    }

    /// Begins a walk in a repository whose tags are not known: whatever may be attached to something by a tag is asked for by its name.
    pub fn without_list(options: WalkOptions) -> Self {
        Self { is_unlisted: true, ..Self::new(options, []) }
    }

    /// Adds a root by its descriptor; the walk will ask for its bytes.
    ///
    /// # Errors
    /// [`WalkError::NotAManifest`] when its media type names no manifest.
    pub fn add_root(&mut self, descriptor: &Descriptor) -> Result<(), WalkError> {
        let id = NodeId::manifest(descriptor.digest);
        if descriptor.manifest_kind().is_none() {
            return Err(WalkError::NotAManifest {
                digest: descriptor.digest,
                media_type: descriptor.media_type.clone(),
            });
        }
        self.graph.add_root(id);
        self.expect_manifest(descriptor, Reason::Root, id, 0)
    }

    /// Returns the next thing to find out, or `None` when nothing can be asked until an answer comes. The walk is over
    /// when this returns `None` and [`Walk::is_done`].
    #[expect(clippy::should_implement_trait, reason = "None is not the end as long as answers are outstanding")]
    pub fn next(&mut self) -> Option<Ask> {
        let ask = self.asks.pop_front()?;
        self.outstanding += 1;
        Some(ask)
    }

    /// Tells whether every question has been asked and answered.
    pub fn is_done(&self) -> bool {
        self.asks.is_empty() && self.outstanding == 0
    }

    /// Answers [`Ask::Manifest`]. `None` says that the source does not have it, which becomes a [`Loss`].
    ///
    /// # Errors
    /// [`WalkError`] when the manifest is not what it was listed as, or the graph exceeds a limit.
    pub fn answer_manifest(&mut self, digest: &Digest, answer: Option<Manifest>) -> Result<(), WalkError> {
        self.outstanding = self.outstanding.saturating_sub(1);
        let id = NodeId::manifest(*digest);
        let reasons = self.expected.remove(digest).unwrap_or_default();
        let Some(manifest) = answer else {
            self.losses.extend(reasons.into_iter().map(|(_, named_by)| Loss { node: id, named_by }));
            return Ok(());
        };
        let depth = self.depth.get(&id).copied().unwrap_or(0);
        self.graph.add_manifest(manifest.clone());
        for (reason, named_by) in reasons {
            self.confirm(&manifest, reason, named_by)?;
        }
        for (edge, descriptor) in content_edges(&manifest) {
            match (edge.kind, edge.to.space) {
                (EdgeKind::Child, Space::Manifest) => {
                    self.expect_manifest(descriptor, Reason::Child, id, depth + 1)?;
                }
                // The empty object is in every other artifact: what is about it is about nothing in particular.
                (EdgeKind::Layer, _)
                    if self.options.layer_artifacts && descriptor.media_type != MediaType::EMPTY_JSON =>
                {
                    self.depth.entry(edge.to).or_insert(depth + 1);
                    self.ask_attachments(edge.to);
                }
                _ => {}
            }
        }
        self.check_size()
    }

    /// Answers [`Ask::Referrers`] with the descriptors of everything listed as referring to `subject`.
    ///
    /// # Errors
    /// [`WalkError`] when an entry is no manifest, or the graph exceeds a limit.
    pub fn answer_referrers(&mut self, subject: NodeId, referrers: &[Descriptor]) -> Result<(), WalkError> {
        self.outstanding = self.outstanding.saturating_sub(1);
        self.expect_referrers(subject, referrers)
    }

    /// Answers [`Ask::Tag`] with the manifest the tag points to; `None` says that the tag is gone.
    ///
    /// # Errors
    /// [`WalkError`] when an entry of a fallback tag's list is no manifest, or the graph exceeds a limit.
    pub fn answer_tag(
        &mut self,
        tag: &Tag,
        subject: NodeId,
        suffix: Option<ConventionSuffix>,
        answer: Option<Manifest>,
    ) -> Result<(), WalkError> {
        self.outstanding = self.outstanding.saturating_sub(1);
        let Some(manifest) = answer else { return Ok(()) };
        let Some(suffix) = suffix else {
            return match manifest.kind() {
                // Some registries take the tag for the digest that it is made of.
                oci::ManifestKind::Index if *manifest.digest() == subject.digest => Ok(()),
                oci::ManifestKind::Index => self.expect_referrers(subject, manifest.children()),
                // Somebody has named an image in this way: that is a tag like any other and lists nothing.
                oci::ManifestKind::Image => Ok(()),
            };
        };
        self.convention_tags.insert(tag.clone(), *manifest.digest());
        let depth = self.depth.get(&subject).copied().unwrap_or(0) + 1;
        let descriptor = manifest.descriptor();
        let known = self.graph.manifest(&descriptor.digest).is_some();
        self.expect_manifest(&descriptor, Reason::Convention(suffix), subject, depth)?;
        if known {
            return Ok(());
        }
        // The bytes are here: answer the question that was just asked before it is put.
        self.asks.retain(|ask| !matches!(ask, Ask::Manifest(asked) if asked.digest == descriptor.digest));
        self.outstanding += 1;
        self.answer_manifest(&descriptor.digest, Some(manifest))
    }

    /// Ends the walk.
    ///
    /// # Errors
    /// [`WalkError::Unfinished`] when a question was not answered.
    pub fn finish(self) -> Result<Closure, WalkError> {
        if !self.is_done() || !self.expected.is_empty() {
            return Err(WalkError::Unfinished);
        }
        Ok(Closure {
            graph: self.graph,
            convention_tags: self.convention_tags,
            losses: self.losses.into_iter().collect(),
        })
    }

    /// Returns what has been found so far.
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Records why a manifest is wanted, and asks for it unless it is known or asked for already.
    fn expect_manifest(
        &mut self,
        descriptor: &Descriptor,
        reason: Reason,
        named_by: NodeId,
        depth: usize,
    ) -> Result<(), WalkError> {
        let id = NodeId::manifest(descriptor.digest);
        if depth > DEPTH_MAX {
            return Err(WalkError::TooDeep { digest: descriptor.digest });
        }
        self.depth.entry(id).or_insert(depth);
        if let Some(manifest) = self.graph.manifest(&descriptor.digest).cloned() {
            return self.confirm(&manifest, reason, named_by);
        }
        self.graph.add_node(id, descriptor);
        let reasons = self.expected.entry(descriptor.digest).or_default();
        let first = reasons.is_empty();
        reasons.insert((reason, named_by));
        // A manifest that was asked for and found missing is not asked for twice.
        let known_loss = self.losses.iter().any(|loss| loss.node == id);
        if known_loss {
            self.expected.remove(&descriptor.digest);
            self.losses.insert(Loss { node: id, named_by });
        } else if first {
            self.asks.push_back(Ask::Manifest(descriptor.clone()));
            self.ask_attachments(id);
        }
        Ok(())
    }

    fn expect_referrers(&mut self, subject: NodeId, referrers: &[Descriptor]) -> Result<(), WalkError> {
        let depth = self.depth.get(&subject).copied().unwrap_or(0) + 1;
        for descriptor in referrers {
            if descriptor.manifest_kind().is_none() {
                return Err(WalkError::NotAManifest {
                    digest: descriptor.digest,
                    media_type: descriptor.media_type.clone(),
                });
            }
            self.expect_manifest(descriptor, Reason::Referrer, subject, depth)?;
        }
        self.check_size()
    }

    /// Checks a manifest against the reason it was asked for: a list of referrers is a claim, the bytes are the truth.
    fn confirm(&mut self, manifest: &Manifest, reason: Reason, named_by: NodeId) -> Result<(), WalkError> {
        let from = NodeId::manifest(*manifest.digest());
        match reason {
            Reason::Root | Reason::Child => Ok(()),
            Reason::Convention(suffix) => {
                self.graph.add_edge(Edge { from, to: named_by, kind: EdgeKind::Convention(suffix) });
                Ok(())
            }
            Reason::Referrer => match manifest.subject() {
                // The edge is in the graph since the manifest is.
                Some(subject) if subject.digest == named_by.digest => Ok(()),
                subject => Err(WalkError::Stranger {
                    digest: from.digest,
                    listed_for: named_by.digest,
                    subject: subject.map(|subject| subject.digest),
                }),
            },
        }
    }

    /// Asks for what is attached to a node, once.
    fn ask_attachments(&mut self, id: NodeId) {
        if !self.options.artifacts || !self.attachments_asked.insert(id) {
            return;
        }
        self.asks.push_back(Ask::Referrers(id));
        if self.is_unlisted {
            let conventions = ConventionSuffix::ALL.map(|suffix| (Tag::convention(&id.digest, suffix), Some(suffix)));
            let all = conventions.into_iter().chain([(Tag::referrers_fallback(&id.digest), None)]);
            // What is too long for a tag is none.
            let all = all.filter(|(tag, _)| tag.as_str().len() <= TAG_MAX_BYTES);
            self.asks.extend(all.map(|(tag, suffix)| Ask::Tag { tag, subject: id, suffix }));
            return;
        }
        for (tag, suffix) in self.attachments.get(&id.digest).into_iter().flatten() {
            self.asks.push_back(Ask::Tag { tag: tag.clone(), subject: id, suffix: *suffix });
        }
        let fallback = Tag::referrers_fallback(&id.digest);
        if self.truncated_fallbacks.contains(&fallback) {
            self.asks.push_back(Ask::Tag { tag: fallback, subject: id, suffix: None });
        }
    }

    fn check_size(&self) -> Result<(), WalkError> {
        if self.graph.len() > NODES_MAX { Err(WalkError::TooManyNodes) } else { Ok(()) }
    }
}

/// What a walk found.
#[derive(Clone, Debug)]
pub struct Closure {
    /// The nodes and edges.
    pub graph: Graph,
    /// The convention tags that attach something in the graph, and what they point to.
    pub convention_tags: BTreeMap<Tag, Digest>,
    /// Manifests that something names and the source lacks.
    pub losses: Vec<Loss>,
}
