//! How the tags of a repository have moved, as far as it was seen; and the observation log as an artifact that others read in.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use oci::{
    Annotations, Descriptor, Digest, Manifest, MediaType, Reference, RegistryReference, Selector, Tag, Timestamp, View,
    annotation,
};
use resolve::observation::{self, Header, LOG_MAX_BYTES, Observations, Period, SOURCE_MAX_BYTES, Sighting};
pub use store::history::TagMove;
use transfer::Progress;

use crate::artifact::{Content, assemble};
use crate::context::Context;
use crate::error::OpsError;
use crate::found::{find, read_blob};
use crate::observations::{ReadLog, name};

/// The type of an artifact that holds the log of a repository.
pub const ARTIFACT_TYPE: &str = "application/vnd.supercargo.observations.v1";
/// The type of its one layer.
const MEDIA_TYPE: &str = "application/vnd.supercargo.observations.v1+text";
/// How much later than now a sighting may be, in seconds: clocks differ.
const CLOCK_SKEW_SECONDS: i64 = 3600;

/// How the tags of a repository have moved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryReport {
    /// The repository.
    pub repository: String,
    /// The tags that were asked for, in the order of their text.
    pub tags: Vec<TagHistory>,
    /// The moves of the tag as the registry itself tells them, the oldest first; `None` where no tag is meant, the registry keeps no
    /// history, or it is not asked.
    pub moves: Option<Vec<TagMove>>,
    /// What of the log cannot be understood, and what the registry did not say.
    pub warnings: Vec<String>,
}

/// How a tag has moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagHistory {
    /// The tag.
    pub tag: Tag,
    /// What was seen of it, the oldest first. At least one.
    pub periods: Vec<Period>,
}

/// Returns how a tag has moved, or all of a repository that the reference names without one. A digest leaves those that have named it.
/// The registry is asked for the history of a tag, if it keeps one.
///
/// # Errors
/// [`OpsError::Usage`] when the reference names no registry, [`OpsError::NotFound`] when nothing is known, [`OpsError::Store`] when the
/// log cannot be read. What goes wrong with the registry is a warning.
pub async fn history(context: &Context, reference: &Reference) -> Result<HistoryReport, OpsError> {
    let place = registry(reference)?;
    let ReadLog { log, mut warnings } = context.observer().read(place)?;
    let Selector { tag, digest } = &place.selector;
    let is_wanted = |known: &&Tag| tag.as_ref().is_none_or(|wanted| wanted == *known);
    let histories = log.tags().filter(is_wanted).map(|tag| TagHistory { tag: tag.clone(), periods: log.periods(tag) });
    let has_named = |history: &TagHistory| {
        let names = |digest| history.periods.iter().any(|period| period.seen == observation::Seen::Names(digest));
        digest.is_none_or(names)
    };
    let tags: Vec<TagHistory> = histories.filter(has_named).collect();
    let told = match tag {
        Some(tag) => told(context, reference, tag).await.unwrap_or_else(|error| {
            warnings.push(format!("what the registry knows of the tag {tag} is not known: {error}"));
            None
        }),
        None => None,
    };
    let moves = told.filter(|moves| digest.is_none_or(|digest| moves.iter().any(|each| each.digest == digest)));
    if tags.is_empty() && moves.as_ref().is_none_or(Vec::is_empty) {
        let what = tag.as_ref().map_or_else(|| "history".to_owned(), |tag| format!("history of the tag {tag}"));
        return Err(OpsError::NotFound { location: name(place), name: what });
    }
    Ok(HistoryReport { repository: name(place), tags, moves, warnings })
}

async fn told(context: &Context, reference: &Reference, tag: &Tag) -> Result<Option<Vec<TagMove>>, OpsError> {
    if context.is_offline() {
        return Ok(None);
    }
    Ok(context.open_source(reference).await?.tag_history(tag).await?)
}

/// Returns until when a tag named `now` before it named `before`, by the registry's own history: then it has gone back.
pub(crate) fn gone_back(moves: &[TagMove], before: &Digest, now: &Digest) -> Option<Timestamp> {
    let last =
        |moves: &[TagMove], digest: &Digest| moves.iter().rposition(|each| !each.removed && each.digest == *digest);
    let left = last(moves, before)?;
    let earlier = last(moves.get(..left)?, now)?;
    moves.get(earlier + 1).map(|next| next.at)
}

/// Where a tag is put back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevertTo {
    /// What it named after the move of this number.
    Number(u64),
    /// What it named at the end of this second.
    Time(Timestamp),
}

/// What a tag was put back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevertReport {
    /// The repository.
    pub repository: String,
    /// The tag.
    pub tag: Tag,
    /// What it names now.
    pub manifest: Descriptor,
    /// What it named before.
    pub before: Option<Digest>,
}

/// Points a tag to what it named before, by the registry's own history. The tag is moved only if nobody has moved it meanwhile.
///
/// # Errors
/// [`OpsError::Usage`] when the reference names no tag of a registry, the registry keeps no history, or the tag has moved meanwhile;
/// [`OpsError::NotFound`] when it named nothing then, or the registry does not have that any more; what the store brings.
pub async fn revert(
    context: &Context,
    reference: &Reference,
    to: RevertTo,
    dry_run: bool,
) -> Result<RevertReport, OpsError> {
    let place = registry(reference)?;
    let Selector { tag: Some(tag), digest: None } = &place.selector else {
        return Err(OpsError::usage(
            format!("`{reference}` names no tag to put back"),
            "supercargo history registry.example/app:1.0 --revert 1".to_owned(),
        ));
    };
    let store = context.open_source(reference).await?;
    let Some(moves) = store.tag_history(tag).await? else {
        return Err(OpsError::usage(
            format!("{} keeps no history of tags", place.host),
            format!("supercargo tag {}@DIGEST {tag}", name(place)),
        ));
    };
    let then = match to {
        RevertTo::Number(number) => moves.iter().find(|each| each.number == Some(number)),
        RevertTo::Time(time) => moves.iter().rev().find(|each| each.at <= time),
    };
    let absent = |name: String| OpsError::NotFound { location: store.location().to_owned(), name };
    let then = then.filter(|each| !each.removed).ok_or_else(|| {
        absent(match to {
            RevertTo::Number(number) => format!("move {number} of the tag {tag} to a manifest"),
            RevertTo::Time(time) => format!("tag {tag} as of {time}"),
        })
    })?;
    let manifest = store.manifest(&then.digest).await?;
    let manifest = manifest.ok_or_else(|| absent(format!("{} any more, which its tag {tag} named", then.digest)))?;
    let before = store.resolve(tag).await?.map(|named| named.digest);
    if !dry_run && before != Some(then.digest) && !store.tag_in_place_of(tag, &manifest, before.as_ref()).await? {
        let help = format!("supercargo history {reference}");
        return Err(OpsError::usage(format!("somebody else has moved the tag {tag} meanwhile"), help));
    }
    Ok(RevertReport { repository: name(place), tag: tag.clone(), manifest: manifest.descriptor(), before })
}

/// What was given to others, or taken from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedReport {
    /// The repository that the log is about.
    pub repository: String,
    /// Where the artifact is.
    pub location: String,
    /// Its manifest.
    pub artifact: Descriptor,
    /// How many sightings it holds.
    pub sightings: usize,
    /// How many of them were not known here.
    pub new: usize,
    /// What was left out.
    pub warnings: Vec<String>,
}

/// Puts the log of a repository somewhere as an artifact. Who has seen what is not told. Equal logs make equal artifacts.
///
/// # Errors
/// [`OpsError::NotFound`] when nothing was seen, [`OpsError::Usage`] when the destination names a digest; what the store brings.
pub async fn export(
    context: &Context,
    reference: &Reference,
    destination: &Reference,
    progress: Arc<dyn Progress>,
) -> Result<SharedReport, OpsError> {
    let place = registry(reference)?;
    let Selector { tag, digest } = destination.selector();
    if digest.is_some() {
        return Err(OpsError::usage(format!("the destination `{destination}` names a digest"), None));
    }
    let ReadLog { log, warnings } = context.observer().read(place)?;
    if log.is_empty() {
        return Err(OpsError::NotFound { location: name(place), name: "history".to_owned() });
    }
    let log = from(&log, None);
    let text = Bytes::from(observation::header(place) + &log.lines());
    let media_type = MEDIA_TYPE.parse::<MediaType>().map_err(|error| OpsError::usage(error.to_string(), None))?;
    let mut layer = Descriptor::of(media_type, &text);
    layer.annotations.insert(annotation::TITLE.to_owned(), "observations.txt".to_owned());
    let artifact = assemble(ARTIFACT_TYPE, &Annotations::new(), vec![(Content::Memory(text), layer)], None)?;
    let store = context.open_destination(destination).await?;
    artifact.put_blobs(&*store, &*progress).await?;
    if let Some(tag) = &tag {
        store.tag(tag, &artifact.manifest).await?;
    } else {
        store.put_manifest(&artifact.manifest).await?;
        store.keep_root(&artifact.manifest).await?;
    }
    store.finish().await?;
    Ok(SharedReport {
        repository: name(place),
        location: store.location().to_owned(),
        artifact: artifact.manifest.descriptor(),
        sightings: log.len(),
        new: 0,
        warnings,
    })
}

/// Adds the log that an artifact holds to what is known of a repository. What it says is kept under its name, so that it can be told
/// from what was seen here.
///
/// # Errors
/// [`OpsError::Usage`] when the artifact is something else, or about another repository; what the store brings.
pub async fn import(context: &Context, reference: &Reference, source: &Reference) -> Result<SharedReport, OpsError> {
    let place = registry(reference)?;
    let found = find(context, source, None).await?;
    let text = body(&found.manifest, &*found.store).await?.ok_or_else(|| {
        OpsError::usage(format!("`{source}` holds no observation log"), format!("supercargo inspect {source}"))
    })?;
    let location = found.store.location().to_owned();
    let header = Header::parse(&text).map_err(|error| OpsError::usage(format!("`{source}`: {error}"), None))?;
    if name(&header.repository) != name(place) {
        let about = name(&header.repository);
        return Err(OpsError::usage(
            format!("`{source}` is about {about}, not about {}", name(place)),
            format!("supercargo history {about} --import {source}"),
        ));
    }
    let (log, skipped) = Observations::parse(&text);
    let mut warnings: Vec<String> = skipped.iter().map(|line| format!("{source} is left out: {line}")).collect();
    let latest = context.observer().now().map_or(i64::MAX, |now| now.seconds().saturating_add(CLOCK_SKEW_SECONDS));
    let shown = source.to_string();
    let shown = &shown[..shown.floor_char_boundary(SOURCE_MAX_BYTES)];
    let log = from(&log, Some((shown, latest)));
    let new = context.observer().add(place, &mut warnings, |known| unknown(&log, known))?;
    Ok(SharedReport {
        repository: name(place),
        location,
        artifact: found.manifest.descriptor(),
        sightings: log.len(),
        new,
        warnings,
    })
}

/// Returns a log as nobody's, or as that of a source, without what was seen later than a moment.
fn from(log: &Observations, source: Option<(&str, i64)>) -> Observations {
    let latest = source.map_or(i64::MAX, |(_, latest)| latest);
    let source = source.map(|(name, _)| name.to_owned());
    let told = log.sightings().filter(|sighting| sighting.moment().seconds() <= latest);
    told.map(|sighting| sighting.with_source(source.clone())).collect()
}

/// Returns what of a log is not known, whoever has said it.
fn unknown(log: &Observations, known: &Observations) -> Observations {
    let known: BTreeSet<Sighting> = known.sightings().map(|sighting| sighting.with_source(None)).collect();
    log.sightings().filter(|sighting| !known.contains(&sighting.clone().with_source(None))).collect()
}

async fn body(artifact: &Manifest, store: &dyn store::Store) -> Result<Option<Bytes>, OpsError> {
    let View::Image(view) = artifact.view() else { return Ok(None) };
    let is_log = view.artifact_type.as_deref() == Some(ARTIFACT_TYPE);
    let layer = view.layers.first().filter(|layer| is_log && layer.size <= LOG_MAX_BYTES as u64);
    match layer {
        Some(layer) => Ok(read_blob(store, layer, LOG_MAX_BYTES).await?),
        None => Ok(None),
    }
}

fn registry(reference: &Reference) -> Result<&RegistryReference, OpsError> {
    match reference {
        Reference::Registry(reference) => Ok(reference),
        other => Err(OpsError::usage(
            format!("`{other}` is not in a registry: nothing is written down about its tags"),
            "supercargo history registry.example/app".to_owned(),
        )),
    }
}
