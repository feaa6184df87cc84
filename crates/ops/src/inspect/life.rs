//! Life cycle: the marks that are about an image.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use graph::{EdgeKind, Graph, NodeId};
use oci::limits::MARK_MAX_BYTES;
use oci::{Descriptor, Digest, Manifest, Mark, Platform, Timestamp, annotation, mark};
use store::{Referrers, Store};

use super::fact::{Evidence, Fact, Source, moment};
use super::image::ReadImage;
use crate::context::Context;
use crate::error::OpsError;
use crate::found::{Found, read_blob};

/// Most marks that are read for one report, the newest first.
pub const MARKS_READ_MAX: usize = 256;

/// Marks that are read at once, at most.
const MARKS_AT_ONCE: usize = 8;

/// The facts that marks state.
pub const YANKED: &str = "yanked";
/// As [`YANKED`].
pub const DEPRECATED: &str = "deprecated";
/// As [`YANKED`].
pub const END_OF_LIFE: &str = "end of life";
/// As [`YANKED`].
pub const SUPERSEDED_BY: &str = "superseded by";

/// Said of an end of life that is past.
pub const ENDED: &str = "reached";

/// A mark about an image.
#[derive(Clone, Debug)]
pub struct ReadMark {
    /// The artifact.
    pub artifact: Digest,
    /// Its type: ours, or that of others that are read.
    pub artifact_type: String,
    /// What it is about.
    pub subject: Digest,
    /// When it was made, as it says itself.
    pub created: Option<String>,
    /// For what the image is, where the mark is about one of several.
    pub platform: Option<Platform>,
    /// What it says, or why that cannot be read.
    pub mark: Result<Mark, String>,
}

/// What the marks about an image say.
#[derive(Clone, Debug, Default)]
pub struct LifeCycle {
    /// The marks, the newest first.
    pub marks: Vec<ReadMark>,
    /// What they say together: [`YANKED`], [`DEPRECATED`], [`END_OF_LIFE`], [`SUPERSEDED_BY`].
    pub facts: Vec<Fact>,
}

/// Reads the marks about the root, about the indexes it was chosen from, and about its images.
pub(super) async fn life_cycle(
    context: &Context,
    graph: &Graph,
    found: &Found,
    images: &[ReadImage],
    now: Option<Timestamp>,
    missing: &mut Vec<NodeId>,
) -> Result<LifeCycle, OpsError> {
    let mut marks: Vec<(Manifest, Option<Platform>)> = Vec::new();
    let root = *found.manifest.digest();
    let among_others = images.iter().filter(|image| *image.manifest.digest() != root);
    let subjects = among_others.map(|image| (*image.manifest.digest(), image.platform.clone()));
    for (subject, platform) in std::iter::once((root, None)).chain(subjects) {
        let edges = graph.edges_to(&NodeId::manifest(subject)).filter(|edge| edge.kind == EdgeKind::Subject);
        let artifacts = edges.filter_map(|edge| graph.manifest(&edge.from.digest)).filter(|artifact| is_mark(artifact));
        marks.extend(artifacts.map(|artifact| (artifact.clone(), platform.clone())));
    }
    for index in &found.indexes {
        let listed = marks_about(context, &*found.store, index.digest(), missing).await?;
        marks.extend(listed.into_iter().map(|mark| (mark, None)));
    }
    let created = |mark: &Manifest| mark.annotations().get(annotation::CREATED).and_then(|created| moment(created));
    marks.sort_by_key(|(mark, _)| (std::cmp::Reverse(created(mark)), *mark.digest()));
    marks.truncate(MARKS_READ_MAX);
    let reads = marks.iter().map(|(artifact, platform)| read(&*found.store, artifact, platform.clone()));
    let at_once = found.store.concurrency().clamp(1, MARKS_AT_ONCE);
    let marks: Vec<ReadMark> = stream::iter(reads)
        .buffered(at_once)
        .map_ok(|(report, lost)| {
            missing.extend(lost);
            report
        })
        .try_collect()
        .await?;
    Ok(LifeCycle { facts: facts(&marks, now), marks })
}

fn is_mark(artifact: &Manifest) -> bool {
    is_mark_type(artifact.artifact_type())
}

fn is_mark_type(artifact_type: Option<&str>) -> bool {
    artifact_type.is_some_and(|kind| [mark::ARTIFACT_TYPE, mark::MICROSOFT_ARTIFACT_TYPE].contains(&kind))
}

/// Returns the marks that a store lists for a manifest. What is listed and names another subject is not about it.
async fn marks_about(
    context: &Context,
    store: &dyn Store,
    subject: &Digest,
    missing: &mut Vec<NodeId>,
) -> Result<Vec<Manifest>, OpsError> {
    let listed = match store.referrers(subject, None).await? {
        Referrers::Listed(listed) => listed,
        Referrers::Unsupported => transfer::fallback::read(store, subject).await?,
    };
    let cache = context.manifest_cache();
    let is_about = |artifact: &Manifest| artifact.subject().is_some_and(|about| about.digest == *subject);
    let is_listed_as_mark = |listed: &&Descriptor| is_mark_type(listed.artifact_type.as_deref());
    let mut marks = Vec::new();
    for descriptor in listed.iter().filter(is_listed_as_mark).take(MARKS_READ_MAX) {
        match transfer::explore::fetch_manifest(store, descriptor, &*cache).await? {
            Some(artifact) if is_mark(&artifact) && is_about(&artifact) => marks.push(artifact),
            Some(_) => {}
            None => missing.push(NodeId::manifest(descriptor.digest)),
        }
    }
    Ok(marks)
}

/// Reads one mark. Returns its body beside it when that is missing.
async fn read(
    store: &dyn Store,
    artifact: &Manifest,
    platform: Option<Platform>,
) -> Result<(ReadMark, Option<NodeId>), OpsError> {
    let mut lost = None;
    let mark = match artifact.layers().first() {
        _ if artifact.artifact_type() == Some(mark::MICROSOFT_ARTIFACT_TYPE) => {
            Mark::from_microsoft(artifact.annotations()).map_err(|error| error.to_string())
        }
        None => Err("it has no body".to_owned()),
        Some(body) => match read_blob(store, body, MARK_MAX_BYTES).await {
            Ok(Some(bytes)) => Mark::parse(&bytes).map_err(|error| error.to_string()),
            Ok(None) => {
                lost = Some(NodeId::blob(body.digest));
                Err("its body is missing".to_owned())
            }
            // What a stranger attaches must not keep anybody from looking at the image.
            Err(error) if error.is_integrity() => Err(error.to_string()),
            Err(error) => return Err(error.into()),
        },
    };
    let report = ReadMark {
        artifact: *artifact.digest(),
        artifact_type: artifact.artifact_type().unwrap_or_default().to_owned(),
        subject: artifact.subject().map_or(*artifact.digest(), |subject| subject.digest),
        created: artifact.annotations().get(annotation::CREATED).cloned(),
        platform,
        mark,
    };
    Ok((report, lost))
}

/// A statement of marks: its name, and what a mark says of it.
type StatementOfMark = (&'static str, fn(&Mark) -> Option<String>);

const STATEMENTS: [StatementOfMark; 4] = [
    (YANKED, |mark| mark.yanked.then(|| reason(mark))),
    (DEPRECATED, |mark| mark.deprecated.then(|| reason(mark))),
    (END_OF_LIFE, |mark| mark.end_of_life.map(|date| date.to_string())),
    (SUPERSEDED_BY, |mark| mark.superseded_by.as_ref().map(ToString::to_string)),
];

fn reason(mark: &Mark) -> String {
    mark.reason.clone().unwrap_or_else(|| "yes".to_owned())
}

fn facts(marks: &[ReadMark], now: Option<Timestamp>) -> Vec<Fact> {
    let said = |value: fn(&Mark) -> Option<String>| {
        marks.iter().filter_map(move |report| {
            let source = Source {
                evidence: Evidence::Artifact,
                key: None,
                platform: report.platform.clone(),
                artifact: Some(report.artifact),
            };
            Some((value(report.mark.as_ref().ok()?)?, source))
        })
    };
    let facts = STATEMENTS.into_iter().filter_map(|(name, value)| Fact::of(name, said(value), now));
    let note = |mut fact: Fact| {
        let is_past = moment(fact.value()).zip(now).is_some_and(|(end, now)| end <= now);
        fact.note = (fact.name == END_OF_LIFE && is_past).then_some(ENDED);
        fact
    };
    facts.map(note).collect()
}
