//! Whether the images of a project were built on what their bases are now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use oci::{Digest, Manifest, Reference, Selector, Tag};
use resolve::Repository;
use resolve::lock::{LockedBase, LockedImage};
use store::Store;
use transfer::RootRequest;

use super::SECONDS_A_DAY;
use crate::context::Context;
use crate::error::{ErrorKind, OpsError};
use crate::facts;
use crate::found::{fetch, find_in};
use crate::inspect::lineage::{ImageLineage, LineageRequest, lineage_of};
use crate::inspect::{BaseReport, KnownImage};
use crate::past::Past;
use crate::project::OpenProject;
use crate::resolving::stores;
use crate::sources;

/// How many bases are looked at at once.
const BASES_AT_ONCE: usize = 16;
/// Most newer bases that are looked at for one that may be proposed.
const SUCCESSORS_MAX: usize = 16;

/// How fresh the base of an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseFreshness {
    /// The image of the project.
    pub image: String,
    /// The platforms for which it has this base.
    pub platforms: Vec<String>,
    /// The base.
    pub base: FoundBase,
    /// How many days ago the base was made that the image was built on.
    pub age_days: Option<i64>,
    /// What the tag of the base names now, where that is something else.
    pub moved: Option<Moved>,
    /// The newest base of the same kind, where it is newer.
    pub newer: Option<NewerBase>,
    /// Why it is not known whether there is something else.
    pub unchecked: Option<String>,
}

/// The base of an image, and what speaks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundBase {
    /// Where it is, in the form a user would type, without tag and digest.
    pub repository: String,
    /// Its tag, as the image names it or as it was seen.
    pub tag: Option<Tag>,
    /// Its manifest, or the index that it is in; a claim may say nothing of it.
    pub digest: Option<Digest>,
    /// How many of the image's layers are its own; `None` for a claim.
    pub layers: Option<usize>,
    /// The rung of the ladder of evidence; `None` for a claim.
    pub rung: Option<u8>,
}

/// What a tag names that named something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The digest.
    pub digest: Digest,
    /// How many days ago that was made.
    pub days: Option<i64>,
}

/// A newer base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewerBase {
    /// Its tag.
    pub tag: Tag,
    /// How many days ago it was made.
    pub days: Option<i64>,
}

/// How fresh bases are.
#[derive(Clone, Debug, Default)]
pub struct BasesReport {
    /// The bases, in the order of the images and platforms.
    pub bases: Vec<BaseFreshness>,
    /// Images of which no base is known.
    pub unknown: Vec<String>,
    /// What should be known.
    pub warnings: Vec<String>,
}

/// Compares the bases of what is locked with what there is. A base is what the lock says, or else what the image says and what is
/// remembered of other images. Only the registries of proven bases are asked; the answer to a base that is not to be had is a note.
///
/// # Errors
/// What the registries of the project bring.
pub async fn bases(context: &Context, open: &OpenProject, now: i64) -> Result<BasesReport, OpsError> {
    let mut report = BasesReport::default();
    let mut found: Vec<(&str, FoundBase, Option<String>, Vec<String>)> = Vec::new();
    let mut opened = None;
    for (name, locked) in &open.lock.images {
        let mut bases = of_lock(locked);
        if bases.is_empty() {
            if opened.is_none() {
                opened = Some(stores(context, open).await?);
            }
            if let Some(store) = opened.as_ref().and_then(|stores| stores.get(name)) {
                bases = of_layers(context, store, locked, &mut report.warnings).await?;
            }
        }
        if bases.is_empty() {
            report.unknown.push(name.clone());
        }
        found.extend(
            bases.into_iter().map(|((base, unchecked), platforms)| (name.as_str(), base, unchecked, platforms)),
        );
    }
    let asked: BTreeSet<&FoundBase> =
        found.iter().filter(|(_, _, unchecked, _)| unchecked.is_none()).map(|(_, base, ..)| base).collect();
    let answers = asked.into_iter().map(|base| async move {
        let answer = compare(context, open, base, now).await.unwrap_or_else(|error| Answer::not_had(&error));
        (base, answer)
    });
    let answers: BTreeMap<_, _> = stream::iter(answers).buffer_unordered(BASES_AT_ONCE).collect().await;
    report.bases = found
        .iter()
        .map(|(image, base, unchecked, platforms)| {
            let answer = answers.get(base).cloned().unwrap_or_default();
            BaseFreshness {
                image: (*image).to_owned(),
                platforms: platforms.clone(),
                base: base.clone(),
                age_days: answer.age_days,
                moved: answer.moved,
                newer: answer.newer,
                unchecked: unchecked.clone().or(answer.unchecked),
            }
        })
        .collect();
    Ok(report)
}

/// Bases and why each cannot be compared, with the platforms of which they are the base.
type Bases = Vec<((FoundBase, Option<String>), Vec<String>)>;

fn of_lock(locked: &LockedImage) -> Bases {
    let bases = crate::tree::bases(locked).into_iter().map(|(base, platforms)| {
        let LockedBase { repository, tag, digest, layers, .. } = base;
        let base = FoundBase {
            repository: repository.to_string(),
            tag: tag.clone(),
            digest: Some(*digest),
            layers: usize::try_from(*layers).ok(),
            rung: Some(1),
        };
        ((base, None), platforms.iter().map(|platform| platform.on.clone()).collect())
    });
    bases.collect()
}

/// Looks at a locked image for its bases.
async fn of_layers(
    context: &Context,
    store: &Arc<dyn Store>,
    locked: &LockedImage,
    warnings: &mut Vec<String>,
) -> Result<Bases, OpsError> {
    let selector = Selector { tag: None, digest: Some(locked.digest) };
    let reference = Reference::Registry(locked.repository.clone()).with_selector(selector);
    let found = find_in(context, Arc::clone(store), &reference, None).await?;
    let request = LineageRequest { reference, platform: None, bases: Vec::new(), steps: 1 };
    let report = lineage_of(context, &found, &request).await?;
    warnings.extend(report.notes);
    let mut bases: Bases = Vec::new();
    for image in &report.images {
        let Some(base) = nearest(image) else { continue };
        let platform = image.platform.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        match bases.iter_mut().find(|(known, _)| *known == base) {
            Some((_, platforms)) => platforms.push(platform),
            None => bases.push((base, vec![platform])),
        }
    }
    Ok(bases)
}

/// Returns the base of an image: what is proven, or else what is claimed.
fn nearest(image: &ImageLineage) -> Option<(FoundBase, Option<String>)> {
    let BaseReport { claim, proof, unchecked, .. } = &image.steps.first()?.base;
    if let Some(proof) = proof {
        // Of several with the same layers one that has a tag says most.
        let known: &KnownImage = proof.images.iter().find(|image| image.tag.is_some()).or(proof.images.first())?;
        let base = FoundBase {
            repository: known.repository.clone(),
            tag: known.tag.clone(),
            digest: Some(known.index.unwrap_or(known.manifest)),
            layers: Some(proof.layers),
            rung: Some(proof.rung),
        };
        return Some((base, None));
    }
    let claim = claim.as_ref()?;
    let named = claim.name.clone().unwrap_or_default();
    let why = unchecked.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let reference = named.parse::<Reference>().ok();
    let base = FoundBase {
        repository: reference.as_ref().map_or(named, |named| named.with_selector(Selector::default()).to_string()),
        tag: reference.and_then(|reference| reference.selector().tag),
        digest: claim.digest,
        layers: None,
        rung: None,
    };
    Some((base, Some(format!("not proven{why}"))))
}

/// What was found out about a base.
#[derive(Clone, Debug, Default)]
struct Answer {
    age_days: Option<i64>,
    moved: Option<Moved>,
    newer: Option<NewerBase>,
    unchecked: Option<String>,
}

impl Answer {
    fn not_had(error: &OpsError) -> Self {
        Self { unchecked: Some(error.to_string()), ..Self::default() }
    }
}

async fn compare(context: &Context, open: &OpenProject, base: &FoundBase, now: i64) -> Result<Answer, OpsError> {
    let place: Reference = base.repository.parse()?;
    let store = match &place {
        Reference::Registry(repository) => sources::repository(context, open, repository).await?,
        _ => context.open_source(&place).await?,
    };
    let store = &*store;
    let mut answer = Answer::default();
    if let Some(digest) = base.digest {
        answer.age_days = match named(context, store, Selector { tag: None, digest: Some(digest) }).await {
            Ok(manifest) => days_since(context, store, &manifest, now).await?,
            // What the image was built on may be gone, and its successor there.
            Err(error) if error.is_lost() => None,
            Err(error) => return Err(error),
        };
    }
    let Some(tag) = &base.tag else {
        answer.unchecked = Some("nothing says by which tag it was chosen".to_owned());
        return Ok(answer);
    };
    let mut notes = Vec::new();
    match named(context, store, Selector { tag: Some(tag.clone()), digest: None }).await {
        // Some tools name the image, others the index that it is in.
        Ok(manifest) if !is_or_holds(&manifest, base.digest) => {
            let days = days_since(context, store, &manifest, now).await?;
            answer.moved = Some(Moved { digest: *manifest.digest(), days });
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => notes.push(format!("its tag {tag} is gone")),
        Err(error) if error.is_lost() => notes.push(error.to_string()),
        Err(error) => return Err(error),
    }
    // Whatever is wrong with another tag, what became of its own is known.
    match newer(context, store, tag, now, &mut notes).await {
        Ok(newer) => answer.newer = newer,
        Err(error) => notes.push(format!("whether there is a newer one is not known: {error}")),
    }
    answer.unchecked = (!notes.is_empty()).then(|| notes.join("; "));
    Ok(answer)
}

/// Returns the newest base that can be read and was not withdrawn, where it is newer than that of a tag. What is passed over because it
/// cannot be read is noted.
async fn newer(
    context: &Context,
    store: &dyn Store,
    tag: &Tag,
    now: i64,
    notes: &mut Vec<String>,
) -> Result<Option<NewerBase>, OpsError> {
    let mut tags: BTreeSet<Tag> = store.tags().await?.into_iter().collect();
    tags.insert(tag.clone());
    for _ in 0..SUCCESSORS_MAX {
        let repository = Repository::read(tags.iter().cloned());
        let Some((newer, _)) = repository.successor(tag) else { return Ok(None) };
        match named(context, store, Selector { tag: Some(newer.clone()), digest: None }).await {
            Ok(manifest) => {
                let said = facts::marked(context, store, manifest.digest(), &Past::default()).await?;
                if said.yanked.is_none() {
                    let days = days_since(context, store, &manifest, now).await?;
                    return Ok(Some(NewerBase { tag: newer.clone(), days }));
                }
            }
            Err(error) if error.is_lost() => notes.push(format!("{newer} cannot be read: {error}")),
            Err(error) => return Err(error),
        }
        tags.remove(newer);
    }
    notes.push(format!("the newest {SUCCESSORS_MAX} were withdrawn or cannot be read"));
    Ok(None)
}

async fn named(context: &Context, store: &dyn Store, selector: Selector) -> Result<Manifest, OpsError> {
    let request = RootRequest { selector, ..RootRequest::default() };
    let root = transfer::explore::find_root(store, &request).await?;
    fetch(context, store, &root).await
}

fn is_or_holds(manifest: &Manifest, digest: Option<Digest>) -> bool {
    let Some(digest) = digest else { return true };
    *manifest.digest() == digest || manifest.children().iter().any(|child| child.digest == digest)
}

async fn days_since(
    context: &Context,
    store: &dyn Store,
    manifest: &Manifest,
    now: i64,
) -> Result<Option<i64>, OpsError> {
    match facts::created(context, store, manifest).await {
        Ok(created) => Ok(created.map(|(created, _)| ((now - created) / SECONDS_A_DAY).max(0))),
        // It does not say when it was made, and what it is counts all the same.
        Err(error) if error.is_lost() => Ok(None),
        Err(error) => Err(error),
    }
}
