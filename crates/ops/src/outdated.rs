//! What is newer than what is locked.

pub mod bases;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::date::SECONDS_A_DAY;
use oci::{Digest, Timestamp};
use resolve::lock::LockedImage;
use resolve::resolution::{Chosen, Facts, Question, ResolutionOptions, Update};
use resolve::solve::ReasonKind;

use crate::context::Context;
use crate::error::OpsError;
use crate::facts::marked;
use crate::history::{TagMove, gone_back};
use crate::past::Past;
use crate::project::OpenProject;
use crate::resolving::{Resolved, resolve_among, stores, tags};

/// How many images are looked at at once.
const IMAGES_AT_ONCE: usize = 32;

/// What is newer than what is locked.
#[derive(Clone, Debug, Default)]
pub struct OutdatedReport {
    /// The images of the project in the order of their names.
    pub images: Vec<Freshness>,
    /// What should be known.
    pub warnings: Vec<String>,
}

/// How fresh an image is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// Its name.
    pub name: String,
    /// The version that is locked.
    pub locked: Option<String>,
    /// The newest that an update would take.
    pub in_range: Option<String>,
    /// The newest release there is, whatever is wanted.
    pub latest: Option<String>,
    /// How many days ago the locked one was made.
    pub age_days: Option<i64>,
    /// What the locked tag names now, where that is something else.
    pub moved: Option<Digest>,
    /// Until when the tag was seen to name that before it named what is locked: it has gone back.
    pub went_back: Option<Timestamp>,
    /// Whether the locked tag is gone.
    pub vanished: bool,
    /// What there is to know beside that, each a few words.
    pub notes: Vec<String>,
    /// A word for each reason to act: `outdated`, `moved`, `vanished`, `yanked`, `end-of-life`, `superseded`; they do not change.
    pub reasons: Vec<&'static str>,
}

impl Freshness {
    /// Tells whether an update would change the image.
    pub fn is_outdated(&self) -> bool {
        self.in_range.is_some() && self.in_range != self.locked
    }
}

/// Compares what is locked of the wanted images with what there is. What an update would take is decided among all.
///
/// # Errors
/// [`OpsError::Unsolved`] when an update has no solution, and what the registries bring.
pub async fn outdated(
    context: &Context,
    open: &OpenProject,
    wanted: &BTreeSet<&str>,
    options: &ResolutionOptions,
) -> Result<OutdatedReport, OpsError> {
    let stores = stores(context, open).await?;
    let now = options.now;
    let options = ResolutionOptions { update: Update::All, ..options.clone() };
    let update = async {
        let tags = tags(open, &stores).await?;
        resolve_among(context, open, options, stores.clone(), &tags).await
    };
    let locked = stream::iter(open.lock.images.iter().filter(|(name, _)| wanted.contains(name.as_str())))
        .map(|(name, locked)| {
            // What is locked of another repository says nothing about this one.
            let is_same = open.project.images.get(name).is_some_and(|image| image.repository == locked.repository);
            let store = stores.get(name).filter(|_| is_same);
            async move {
                let Some(store) = store else { return Ok(None) };
                let (found, facts) = futures_util::future::join(
                    store.resolve(&locked.tag),
                    marked(context, &**store, &locked.digest, &Past::default()),
                )
                .await;
                let there = found?.map(|found| found.digest);
                // What the registry tells of its own past says more than what happened to be seen.
                let moves = match there {
                    Some(there) if there != locked.digest => store.tag_history(&locked.tag).await?,
                    _ => None,
                };
                let found = Found { there, facts: facts?, moves };
                Ok::<_, OpsError>(Some((name.as_str(), found)))
            }
        })
        .buffer_unordered(IMAGES_AT_ONCE)
        .try_filter_map(|found| std::future::ready(Ok(found)))
        .try_collect::<BTreeMap<&str, Found>>();
    let (update, locked) = futures_util::future::join(update, locked).await;
    let (update, mut found) = (update?, locked?);
    let images = open.project.images.keys().filter(|name| wanted.contains(name.as_str())).map(|name| {
        let now_there = found.remove(name.as_str());
        freshness(open, &update, name, now_there, now)
    });
    let images = images.collect();
    let warnings = update.warnings.iter().cloned().chain(update.outcome.warnings.iter().map(ToString::to_string));
    Ok(OutdatedReport { images, warnings: warnings.collect() })
}

/// What there is where an image was locked.
struct Found {
    /// What the locked tag names now.
    there: Option<Digest>,
    /// What is said of the locked image.
    facts: Facts,
    /// How the tag has moved, by the registry's own history.
    moves: Option<Vec<TagMove>>,
}

fn freshness(open: &OpenProject, update: &Resolved, name: &str, found: Option<Found>, now: i64) -> Freshness {
    let locked = open.lock.images.get(name);
    let chosen = update.outcome.chosen.get(name);
    let mut freshness = Freshness {
        name: name.to_owned(),
        locked: locked.map(|locked| locked.version.clone()),
        in_range: chosen.map(|chosen| chosen.candidate.version.to_string()),
        latest: latest(update, name),
        age_days: locked.and_then(|locked| age_days(locked, now)),
        ..Freshness::default()
    };
    let image = open.project.images.get(name);
    if let Some(followed) = image.and_then(|image| image.follows.as_ref()) {
        freshness.notes.push(format!("follows {followed}"));
    }
    if image.is_some_and(|image| image.hold) {
        freshness.notes.push("held".to_owned());
    }
    if let (Some(locked), Some(_)) = (locked, &found) {
        no_update_to_an_alias(&mut freshness, update, chosen, locked);
    }
    if freshness.is_outdated() {
        freshness.reasons.push("outdated");
    }
    let (Some(locked), Some(Found { there, facts, moves })) = (locked, found) else { return freshness };
    match there {
        Some(there) if there != locked.digest => {
            freshness.moved = Some(there);
            freshness.went_back = if let Some(moves) = moves {
                gone_back(&moves, &locked.digest, &there)
            } else {
                let past = update.pasts.get(name);
                past.and_then(|past| past.gone_back(&locked.tag, &locked.digest, &there))
            };
            freshness.reasons.push("moved");
        }
        Some(_) => {}
        None => {
            freshness.vanished = true;
            freshness.reasons.push("vanished");
        }
    }
    if let Some(why) = &facts.yanked {
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        freshness.notes.push(format!("withdrawn{why}"));
        freshness.reasons.push(ReasonKind::Yanked.code());
    }
    if let Some(end) = facts.end_of_life {
        if end <= now {
            freshness.reasons.push(ReasonKind::EndOfLife.code());
        }
        let day = Timestamp::from_seconds(end).map(|end| end.date().to_string()).unwrap_or_default();
        freshness.notes.push(if end <= now {
            format!("unsupported since {day}")
        } else {
            format!("supported until {day}")
        });
    }
    let successor = || update.outcome.successor(&open.project, name);
    if let Some(other) = facts.superseded_by.clone().or_else(successor) {
        freshness.notes.push(format!("superseded by {other}"));
        freshness.reasons.push(ReasonKind::Superseded.code());
    }
    freshness
}

/// Takes an update back that would bring what is locked, under another name.
fn no_update_to_an_alias(freshness: &mut Freshness, update: &Resolved, chosen: Option<&Chosen>, locked: &LockedImage) {
    let Some(chosen) = chosen.filter(|chosen| chosen.candidate.version.text() != locked.version) else { return };
    let question = Question { image: freshness.name.clone(), tag: chosen.candidate.tag.clone() };
    let manifest = update.examined.get(&question).and_then(|examined| examined.manifest.as_ref());
    if manifest.is_none_or(|manifest| *manifest.digest() != locked.digest) {
        return;
    }
    let version = chosen.candidate.version.to_string();
    freshness.in_range = Some(locked.version.clone());
    if freshness.latest.as_ref() == Some(&version) {
        freshness.latest = Some(locked.version.clone());
    }
    // That a tag which moves names an exact version is what was locked, and no news.
    if !chosen.candidate.is_floating {
        freshness.notes.push(format!("{version} is the same image"));
    }
}

/// Returns the newest release, whatever is wanted; the newest prerelease where there is nothing else.
fn latest(update: &Resolved, name: &str) -> Option<String> {
    let versions = &update.resolution.candidates(name)?.versions;
    let release = versions.iter().rev().find(|candidate| !candidate.version.is_prerelease());
    release.or_else(|| versions.last()).map(|candidate| candidate.version.to_string())
}

fn age_days(locked: &LockedImage, now: i64) -> Option<i64> {
    let created: Timestamp = locked.created.as_ref()?.parse().ok()?;
    Some(((now - created.seconds()) / SECONDS_A_DAY).max(0))
}
