//! From references to the images of a project: which versions and variants are meant, by the tags of their repositories.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{Digest, Reference, RegistryReference, Selector, Tag};
use resolve::project::Addition;
use resolve::{Kind, Repository, Requirement, Scheme, Value};
use store::{Store, StoreError};

use super::SkippedReference;
use super::gather::Wanted;
use crate::context::Context;
use crate::edit;
use crate::error::OpsError;
use crate::rewrite::canonical_host;

/// How many repositories are asked at once.
const REPOSITORIES_AT_ONCE: usize = 16;
/// How many of the newest releases are asked for a digest that came without a tag.
const TAGS_TRIED_MAX: usize = 64;
/// How many of them are asked at once.
const TAGS_AT_ONCE: usize = 8;
/// Most bytes of the name of an image.
const NAME_MAX_BYTES: usize = 64;

/// An image that files want, as it is to be added to a project.
#[derive(Clone, Debug)]
pub struct ProposedImage {
    /// What is written of it.
    pub addition: Addition,
    /// The repository.
    pub repository: RegistryReference,
    /// The version to lock, where a file says it by a digest.
    pub precise: Option<String>,
    /// The tags that are pinned by digest, and where.
    pub pins: Vec<(Tag, Digest, String)>,
    /// The references that it was made of, as they stand in files.
    pub(crate) references: Vec<RegistryReference>,
    /// The version by which it was found; nothing where a range or a word says it.
    value: Option<Value>,
}

/// What becomes of references.
pub(super) struct Proposed {
    pub(super) images: Vec<ProposedImage>,
    pub(super) skipped: Vec<SkippedReference>,
}

/// Proposes an image for every repository and variant.
///
/// # Errors
/// When a registry cannot be reached. A repository that is not there, or that is not shown to us, is left out with the reason:
/// files name images that are only ever built.
pub(super) async fn propose(context: &Context, wanted: &[Wanted]) -> Result<Proposed, OpsError> {
    let mut repositories: BTreeMap<String, Vec<&Wanted>> = BTreeMap::new();
    for one in wanted {
        repositories.entry(repository_of(&one.reference).to_string()).or_default().push(one);
    }
    let answers = repositories.into_values().map(|wanted| of_repository(context, wanted));
    let answers: Vec<Proposed> = stream::iter(answers).buffered(REPOSITORIES_AT_ONCE).try_collect().await?;
    let mut all = Proposed { images: Vec::new(), skipped: Vec::new() };
    for answer in answers {
        all.images.extend(answer.images);
        all.skipped.extend(answer.skipped);
    }
    name(&mut all.images);
    Ok(all)
}

/// Returns the repository of a reference, under the name that its registry has in references.
fn repository_of(reference: &RegistryReference) -> RegistryReference {
    // What is canonical is a host.
    let host = canonical_host(&reference.host).parse().unwrap_or_else(|_| reference.host.clone());
    RegistryReference { host, repository: reference.repository.clone(), selector: Selector::default() }
}

async fn of_repository(context: &Context, wanted: Vec<&Wanted>) -> Result<Proposed, OpsError> {
    let mut proposed = Proposed { images: Vec::new(), skipped: Vec::new() };
    let Some(first) = wanted.first() else { return Ok(proposed) };
    let place = repository_of(&first.reference);
    let skip = |one: &Wanted, reason: String| SkippedReference {
        place: one.place.clone(),
        text: one.reference.to_string(),
        reason,
    };
    let store = context.open_source(&Reference::Registry(place.clone())).await?;
    let tags = match store.tags().await {
        Ok(tags) if tags.is_empty() => Err(format!("{place} has no tags")),
        Ok(tags) => Ok(tags),
        Err(error @ StoreError::Denied { .. }) => Err(error.to_string()),
        Err(error) => return Err(error.into()),
    };
    let tags = match tags {
        Ok(tags) => tags,
        Err(reason) => {
            proposed.skipped.extend(wanted.iter().map(|one| skip(one, reason.clone())));
            return Ok(proposed);
        }
    };
    let listed: BTreeSet<Tag> = tags.iter().cloned().collect();
    // A tag that is gone still shows what was meant.
    let named = wanted.iter().filter_map(|one| one.reference.selector.tag.clone());
    let repository = Repository::read(tags.into_iter().chain(named).collect::<BTreeSet<Tag>>());
    for one in wanted {
        let mut reference = one.reference.clone();
        if let Selector { tag: None, digest: Some(digest) } = &reference.selector {
            let Some(tag) = tag_of(&*store, &repository, digest).await? else {
                let reason = format!("none of the {TAGS_TRIED_MAX} newest releases has this digest");
                proposed.skipped.push(skip(one, reason));
                continue;
            };
            reference.selector.tag = Some(tag);
        }
        proposed.images.push(image(&place, one, &reference, &repository, &listed));
    }
    proposed.images = merged(proposed.images);
    Ok(proposed)
}

/// Returns the newest release that is this digest.
async fn tag_of(store: &dyn Store, repository: &Repository, digest: &Digest) -> Result<Option<Tag>, OpsError> {
    let mut releases: Vec<_> = repository.readings().filter(|(_, reading)| reading.kind == Kind::Release).collect();
    releases.sort_by(|(_, one), (_, other)| other.version.cmp(&one.version));
    let asked = releases.into_iter().take(TAGS_TRIED_MAX).map(|(tag, _)| async move {
        let found = store.resolve(tag).await?;
        Ok::<_, OpsError>(found.filter(|found| found.digest == *digest).map(|_| tag.clone()))
    });
    let mut answers = stream::iter(asked).buffered(TAGS_AT_ONCE);
    while let Some(answer) = answers.try_next().await? {
        if answer.is_some() {
            return Ok(answer);
        }
    }
    Ok(None)
}

fn image(
    place: &RegistryReference,
    wanted: &Wanted,
    reference: &RegistryReference,
    repository: &Repository,
    listed: &BTreeSet<Tag>,
) -> ProposedImage {
    let mut addition = Addition { repository: place.to_string(), version: wanted.range.clone(), ..Addition::default() };
    let Selector { tag, digest } = &reference.selector;
    if wanted.range.is_none() {
        edit::propose(repository, tag.as_ref(), &mut addition);
    }
    let operand = addition.version.as_deref().filter(|_| wanted.range.is_none());
    let value = operand.and_then(|text| Scheme::default().read(text.trim_start_matches(['^', '~'])));
    let reading = tag.as_ref().and_then(|tag| repository.reading(tag));
    let is_exact = |kind: Kind| matches!(kind, Kind::Release | Kind::Prerelease);
    let exact = reading.filter(|reading| is_exact(reading.kind)).and_then(|reading| reading.version.as_ref());
    let is_there = tag.as_ref().is_some_and(|tag| listed.contains(tag));
    let pin = tag.clone().zip(*digest);
    ProposedImage {
        repository: place.clone(),
        precise: exact.filter(|_| digest.is_some() && is_there).map(ToString::to_string),
        pins: pin.map(|(tag, digest)| (tag, digest, wanted.place.clone())).into_iter().collect(),
        references: vec![wanted.reference.clone()],
        addition,
        value,
    }
}

/// Makes one image of those of one variant that one range admits, the lowest first.
fn merged(mut images: Vec<ProposedImage>) -> Vec<ProposedImage> {
    images.sort_by(|one, other| {
        let key = |image: &ProposedImage| {
            let addition = &image.addition;
            (addition.variant.clone(), addition.template.clone(), image.value.clone(), addition.version.clone())
        };
        let (one, other) = (key(one), key(other));
        (&one.0, &one.1).cmp(&(&other.0, &other.1)).then_with(|| one.2.cmp(&other.2)).then_with(|| one.3.cmp(&other.3))
    });
    let mut merged: Vec<ProposedImage> = Vec::new();
    for image in images {
        match merged.iter_mut().find(|into| admits(into, &image)) {
            Some(into) => {
                into.precise = image.precise.or_else(|| into.precise.take());
                into.pins.extend(image.pins);
                into.references.extend(image.references);
            }
            None => merged.push(image),
        }
    }
    merged
}

fn admits(into: &ProposedImage, image: &ProposedImage) -> bool {
    let (one, other) = (&into.addition, &image.addition);
    if (&one.variant, &one.template) != (&other.variant, &other.template) {
        return false;
    }
    let requirement = one.version.as_deref().and_then(|text| Requirement::parse(text, &Scheme::default()).ok());
    let is_within =
        requirement.zip(image.value.as_ref()).is_some_and(|(requirement, value)| requirement.matches(value));
    one.version == other.version || is_within
}

/// Gives each image a name of its own: the repository's, with the variant or the major version where others have it too.
fn name(images: &mut [ProposedImage]) {
    let mut taken = BTreeSet::new();
    for image in images {
        let base = allowed(image.repository.repository.last_component());
        let addition = &mut image.addition;
        let word = addition.variant.as_ref().or(addition.template.as_ref());
        let varied = word.map(|word| format!("{base}-{}", allowed(word)));
        let major = image.value.as_ref().and_then(|value| value.numbers().first().copied());
        let numbered = major.map(|major| format!("{}-{major}", varied.as_ref().unwrap_or(&base)));
        let counted = (2_usize..).map(|number| format!("{base}-{number}"));
        let names = [Some(base.clone()), varied, numbered].into_iter().flatten().chain(counted);
        // There are more numbers than images.
        if let Some(name) = names.filter(|name| name.len() <= NAME_MAX_BYTES).find(|name| !taken.contains(name)) {
            taken.insert(name.clone());
            addition.name = name;
        }
    }
}

/// Returns what of a text can stand in the name of an image, with room for a number.
fn allowed(text: &str) -> String {
    const ROOM: usize = 24;
    let is_allowed = |character: &char| character.is_ascii_alphanumeric() || "-_.".contains(*character);
    text.chars().filter(is_allowed).take(NAME_MAX_BYTES - ROOM).collect()
}
