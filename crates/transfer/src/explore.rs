//! The closure of the roots at the source, and what of it the destination already shows.
//!
//! When nothing changed a route costs a HEAD per root on each side, one tag listing on each side, one referrers call per
//! manifest and per distinct layer on each side, one HEAD per attachment tag found, and nothing else: the manifests come
//! from the cache. Independent requests are in flight at once.

mod ahead;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use futures_util::{TryFutureExt as _, try_join};
use graph::walk::Closure;
use graph::{Ask, Evidence, NodeId, Walk, WalkOptions};
use oci::name::ConventionSuffix;
use oci::{Descriptor, Digest, Manifest, Tag};
use store::{Identity, Referrers, Store, StoreError};

use ahead::Ahead;
pub(crate) use ahead::{Asked, Claims};

use crate::cache::ManifestCache;
use crate::error::TransferError;
use crate::route::{CopyOptions, RootRequest, Route};

/// What a route's source and destination have shown.
#[derive(Debug)]
pub struct Explored {
    /// The graph at the source.
    pub closure: Closure,
    /// The roots in the order of the route.
    pub roots: Vec<FoundRoot>,
    /// What the destination has shown, without anything assumed.
    pub evidence: Evidence,
    /// What the destination has said about single nodes.
    pub(crate) asked: Asked,
}

/// A root and where it stands at the destination.
#[derive(Clone, Debug)]
pub struct FoundRoot {
    /// Its descriptor at the source.
    pub descriptor: Descriptor,
    /// What it will be called.
    pub tag: Option<Tag>,
    /// Whether the destination has it under that name, or under its digest if it gets no name.
    pub unchanged: bool,
}

/// Walks a route's source. Where the destination has a root already, looks at what the destination lists for each node too;
/// where it has none, asks it for each manifest, and for the blobs of those it lacks, while the walk goes on.
///
/// # Errors
/// [`TransferError::NotFound`] for a root that is not there, [`TransferError::Walk`] for a graph that is not one, and what
/// the stores bring. A manifest that is named but missing is not an error here: it is in the closure's losses.
pub(crate) async fn explore(
    route: &Route,
    options: &CopyOptions,
    cache: &dyn ManifestCache,
    claims: &Claims,
) -> Result<Explored, TransferError> {
    let artifacts = options.walk.artifacts;
    let (found, source_tags, at_destination, destination_tags) = try_join!(
        find_roots(&*route.source, &route.roots),
        source_tags(route, artifacts),
        stand_at_destination(&*route.destination, &route.roots),
        list_tags(&*route.destination, artifacts),
    )?;
    let mut evidence = Evidence::default();
    let roots: Vec<FoundRoot> = found
        .into_iter()
        .zip(&route.roots)
        .zip(at_destination)
        .map(|((descriptor, request), there)| {
            let unchanged = there == Some(descriptor.digest);
            if let (Some(tag), Some(digest)) = (&request.tag, there) {
                evidence.tags.insert(tag.clone(), digest);
            }
            if unchanged {
                evidence.present.insert(NodeId::manifest(descriptor.digest));
            }
            FoundRoot { descriptor, tag: request.tag.clone(), unchanged }
        })
        .collect();

    let unchanged = roots.iter().any(|root| root.unchanged);
    let given = route.roots.iter().filter_map(|root| root.narrowed.as_ref()).flat_map(|narrowed| &narrowed.made);
    let explorer = Explorer {
        source: &*route.source,
        // A destination without any of the roots lists nothing that is worth asking for now; the proof asks afterwards.
        destination: unchanged.then_some(&*route.destination),
        destination_tags: &destination_tags,
        cache,
        given: given.map(|manifest| (*manifest.digest(), manifest.clone())).collect(),
    };
    let mut ahead = (!unchanged).then(|| Ahead::new(&*route.destination, claims));
    let mut asked = Asked::default();
    let walk = explorer.run(options.walk, source_tags.as_deref(), &roots, &mut evidence, ahead.as_mut(), &mut asked);
    let closure = walk.await?;
    Ok(Explored { closure, roots, evidence, asked })
}

/// Walks the closure of one root of a store, for commands that only look.
///
/// # Errors
/// [`TransferError::NotFound`] for a root that is not there, [`TransferError::Walk`] for a graph that is not one, and what
/// the store brings.
pub async fn closure_of(
    source: &dyn Store,
    roots: &[RootRequest],
    options: WalkOptions,
    cache: &dyn ManifestCache,
) -> Result<Closure, TransferError> {
    let (found, tags) = try_join!(find_roots(source, roots), tags_if_listed(source, options.artifacts))?;
    closure(source, found, tags.as_deref(), options, cache).await
}

/// Walks the closure of manifests that are known by their descriptors, in a store with these tags.
///
/// # Errors
/// [`TransferError::Walk`] for a graph that is not one, and what the store brings.
pub async fn closure_from(
    source: &dyn Store,
    roots: Vec<Descriptor>,
    tags: &[Tag],
    options: WalkOptions,
    cache: &dyn ManifestCache,
) -> Result<Closure, TransferError> {
    closure(source, roots, Some(tags), options, cache).await
}

async fn closure(
    source: &dyn Store,
    roots: Vec<Descriptor>,
    tags: Option<&[Tag]>,
    options: WalkOptions,
    cache: &dyn ManifestCache,
) -> Result<Closure, TransferError> {
    let roots: Vec<FoundRoot> =
        roots.into_iter().map(|descriptor| FoundRoot { descriptor, tag: None, unchanged: false }).collect();
    let explorer = Explorer { source, destination: None, destination_tags: &[], cache, given: BTreeMap::new() };
    explorer.run(options, tags, &roots, &mut Evidence::default(), None, &mut Asked::default()).await
}

async fn source_tags(route: &Route, wanted: bool) -> Result<Option<Vec<Tag>>, TransferError> {
    match &route.source_tags {
        Some(tags) if wanted => Ok(Some(tags.clone())),
        _ => tags_if_listed(&*route.source, wanted).await,
    }
}

/// Returns the tags of a store from which something is to be taken; `None` where it does not list them: to list is a right of its own in
/// some registries, others cannot, and what has something and no tags at all may be one of those that answer as if there were nothing.
async fn tags_if_listed(store: &dyn Store, wanted: bool) -> Result<Option<Vec<Tag>>, TransferError> {
    match list_tags(store, wanted).await {
        Err(TransferError::Store(StoreError::Denied { .. } | StoreError::Refused { status: Some(405), .. })) => {
            Ok(None)
        }
        Ok(tags) if wanted && tags.is_empty() && matches!(store.identity(), Identity::Repository { .. }) => Ok(None),
        tags => tags.map(Some),
    }
}

async fn list_tags(store: &dyn Store, wanted: bool) -> Result<Vec<Tag>, TransferError> {
    if wanted { Ok(store.tags().await?) } else { Ok(Vec::new()) }
}

async fn find_roots(source: &dyn Store, roots: &[RootRequest]) -> Result<Vec<Descriptor>, TransferError> {
    futures_util::future::try_join_all(roots.iter().map(|root| find_root(source, root))).await
}

/// Returns the descriptor of a root at the source.
///
/// # Errors
/// [`TransferError::NotFound`] when it is not there.
pub async fn find_root(source: &dyn Store, root: &RootRequest) -> Result<Descriptor, TransferError> {
    if let Some(narrowed) = &root.narrowed {
        return Ok(narrowed.root.descriptor());
    }
    let found = match (&root.selector.digest, &root.selector.tag) {
        (Some(digest), _) => source.stat_manifest(digest).await?,
        (None, Some(tag)) => source.resolve(tag).await?,
        (None, None) => source.resolve(&Tag::latest()).await?,
    };
    found.ok_or_else(|| TransferError::NotFound {
        location: source.location().to_owned(),
        name: match (&root.selector.digest, &root.selector.tag) {
            (Some(digest), _) => format!("manifest {digest}"),
            (None, Some(tag)) => format!("tag {tag}"),
            (None, None) => "tag latest".to_owned(),
        },
    })
}

/// Returns for each root what the destination has under its future name.
async fn stand_at_destination(
    destination: &dyn Store,
    roots: &[RootRequest],
) -> Result<Vec<Option<Digest>>, TransferError> {
    let stand = roots.iter().map(|root| async move {
        let found = match (&root.tag, &root.narrowed, &root.selector.digest) {
            (Some(tag), _, _) => destination.resolve(tag).await?,
            (None, Some(narrowed), _) => destination.stat_manifest(narrowed.root.digest()).await?,
            (None, None, Some(digest)) => destination.stat_manifest(digest).await?,
            // Neither name nor digest is known before the source has answered: it is asked for with every other node.
            (None, None, None) => None,
        };
        Ok::<_, TransferError>(found.map(|descriptor| descriptor.digest))
    });
    futures_util::future::try_join_all(stand).await
}

/// An answer on its way into the walk.
enum Answer {
    Manifest(Digest, Option<Manifest>),
    /// Whether the destination has a node; for a manifest also what it is.
    There {
        node: NodeId,
        there: bool,
        manifest: Option<Manifest>,
    },
    Referrers {
        subject: NodeId,
        listed: Vec<Descriptor>,
        at_destination: Option<AtDestination>,
    },
    Tag {
        tag: Tag,
        subject: NodeId,
        suffix: Option<ConventionSuffix>,
        manifest: Option<Manifest>,
    },
}

/// What a destination shows about one subject.
struct AtDestination {
    referrers: BTreeSet<Digest>,
    tags: Vec<(Tag, Digest)>,
}

struct Explorer<'a> {
    source: &'a dyn Store,
    /// The destination, where it has a root.
    destination: Option<&'a dyn Store>,
    destination_tags: &'a [Tag],
    cache: &'a dyn ManifestCache,
    given: BTreeMap<Digest, Manifest>,
}

impl<'a> Explorer<'a> {
    async fn run(
        &self,
        options: WalkOptions,
        source_tags: Option<&[Tag]>,
        roots: &[FoundRoot],
        evidence: &mut Evidence,
        mut ahead: Option<&mut Ahead<'a>>,
        asked: &mut Asked,
    ) -> Result<Closure, TransferError> {
        let broken = |source| TransferError::Walk { location: self.source.location().to_owned(), source };
        let about = attachments(self.destination_tags);
        let mut walk = match source_tags {
            Some(tags) => Walk::new(options, tags),
            None => Walk::without_list(options),
        };
        for root in roots {
            walk.add_root(&root.descriptor).map_err(broken)?;
        }
        let mut pending: FuturesUnordered<BoxFuture<'_, Result<Answer, TransferError>>> = FuturesUnordered::new();
        loop {
            while let Some(ask) = walk.next() {
                pending.push(self.ask(ask, &about).boxed());
            }
            let Some(answer) = pending.next().await else { break };
            let answer = answer?;
            if let Some(ahead) = &mut ahead {
                pending.extend(ahead.follow(&answer));
            }
            match answer {
                Answer::Manifest(digest, manifest) => walk.answer_manifest(&digest, manifest),
                Answer::There { node, there, .. } => {
                    asked.note(node, there);
                    continue;
                }
                Answer::Tag { tag, subject, suffix, manifest } => walk.answer_tag(&tag, subject, suffix, manifest),
                Answer::Referrers { subject, listed, at_destination } => {
                    if let Some(shown) = at_destination {
                        evidence.present.extend(shown.referrers.iter().map(|digest| NodeId::manifest(*digest)));
                        evidence.present.extend(shown.tags.iter().map(|(_, digest)| NodeId::manifest(*digest)));
                        evidence.referrers.insert(subject.digest, shown.referrers);
                        evidence.tags.extend(shown.tags);
                    }
                    walk.answer_referrers(subject, &listed)
                }
            }
            .map_err(broken)?;
        }
        walk.finish().map_err(broken)
    }

    async fn ask(&self, ask: Ask, about: &BTreeMap<Digest, Vec<Tag>>) -> Result<Answer, TransferError> {
        match ask {
            Ask::Manifest(descriptor) => {
                let manifest = self.manifest(self.source, &descriptor).await?;
                Ok(Answer::Manifest(descriptor.digest, manifest))
            }
            Ask::Referrers(subject) => {
                let listed = self.source.referrers(&subject.digest, None).map_ok(|referrers| match referrers {
                    Referrers::Listed(listed) => listed,
                    // Without lists there may be a fallback tag, for which the walk asks by itself.
                    Referrers::Unsupported => Vec::new(),
                });
                let shown = async {
                    match self.destination {
                        Some(destination) => self.at_destination(destination, subject, about).await.map(Some),
                        None => Ok(None),
                    }
                };
                let (listed, at_destination) = try_join!(listed.map_err(TransferError::from), shown)?;
                Ok(Answer::Referrers { subject, listed, at_destination })
            }
            Ask::Tag { tag, subject, suffix } => {
                let manifest = self.tagged(self.source, &tag).await?;
                Ok(Answer::Tag { tag, subject, suffix, manifest })
            }
        }
    }

    /// Looks at what the destination lists for a subject, and at the attachment tags it has for it.
    async fn at_destination(
        &self,
        destination: &dyn Store,
        subject: NodeId,
        about: &BTreeMap<Digest, Vec<Tag>>,
    ) -> Result<AtDestination, TransferError> {
        let listed = destination.referrers(&subject.digest, None).map_err(TransferError::from);
        let mut tags = about.get(&subject.digest).cloned().unwrap_or_default();
        let fallback = Tag::referrers_fallback(&subject.digest);
        // The name of a sha512 subject's fallback tag does not tell its subject, so it is not among those.
        if fallback.attached_to().is_none() && self.destination_tags.contains(&fallback) {
            tags.push(fallback);
        }
        let tagged = futures_util::future::try_join_all(tags.iter().map(|tag| async move {
            let found = destination.resolve(tag).await?;
            let is_fallback = *tag == Tag::referrers_fallback(&subject.digest);
            let listed = match &found {
                Some(descriptor) if is_fallback => self.manifest(destination, descriptor).await?,
                _ => None,
            };
            Ok::<_, TransferError>((tag.clone(), found.map(|descriptor| descriptor.digest), listed))
        }));
        let (listed, tagged) = try_join!(listed, tagged)?;
        let mut shown = AtDestination { referrers: BTreeSet::new(), tags: Vec::new() };
        if let Referrers::Listed(listed) = listed {
            shown.referrers.extend(listed.iter().map(|descriptor| descriptor.digest));
        }
        for (tag, digest, fallback) in tagged {
            shown.referrers.extend(fallback.iter().flat_map(Manifest::children).map(|child| child.digest));
            shown.tags.extend(digest.map(|digest| (tag, digest)));
        }
        Ok(shown)
    }

    async fn tagged(&self, store: &dyn Store, tag: &Tag) -> Result<Option<Manifest>, TransferError> {
        match store.resolve(tag).await? {
            Some(descriptor) => self.manifest(store, &descriptor).await,
            None => Ok(None),
        }
    }

    /// Returns a manifest from what was given, from the cache, or from the store.
    async fn manifest(&self, store: &dyn Store, descriptor: &Descriptor) -> Result<Option<Manifest>, TransferError> {
        if let Some(manifest) = self.given.get(&descriptor.digest) {
            return Ok(Some(manifest.clone()));
        }
        fetch_manifest(store, descriptor, self.cache).await
    }
}

/// Returns a manifest from the cache or from the store, and keeps it.
///
/// # Errors
/// [`StoreError::Size`] when the manifest does not have the size that its descriptor says.
pub async fn fetch_manifest(
    store: &dyn Store,
    descriptor: &Descriptor,
    cache: &dyn ManifestCache,
) -> Result<Option<Manifest>, TransferError> {
    let manifest = match cache.get(&descriptor.digest, &descriptor.media_type) {
        Some(manifest) => manifest,
        None => match store.manifest(&descriptor.digest).await? {
            Some(manifest) => {
                cache.keep(&manifest);
                manifest
            }
            None => return Ok(None),
        },
    };
    if manifest.bytes().len() as u64 != descriptor.size {
        return Err(TransferError::Store(StoreError::Size {
            location: store.location().to_owned(),
            digest: descriptor.digest,
            expected: descriptor.size,
            found: manifest.bytes().len() as u64,
        }));
    }
    Ok(Some(manifest))
}

/// Groups attachment tags by what they are about.
fn attachments(tags: &[Tag]) -> BTreeMap<Digest, Vec<Tag>> {
    let mut about: BTreeMap<Digest, Vec<Tag>> = BTreeMap::new();
    for tag in tags {
        if let Some((digest, _)) = tag.attached_to() {
            about.entry(digest).or_default().push(tag.clone());
        }
    }
    about
}
