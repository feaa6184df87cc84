//! Answers what a resolution asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{Tag, Timestamp};
use resolve::resolution::{Outcome, Question, Resolution, ResolutionOptions, Step};
use store::Store;
use store::history::TagsThen;

use crate::context::Context;
use crate::error::OpsError;
use crate::facts::{Examined, Wanted, examine};
use crate::observations::name as repository_name;
use crate::past::Past;
use crate::project::OpenProject;
use crate::rules::{self, Rule};
use crate::sources::Sources;
use crate::unsolved;

/// How many repositories and images are asked about at once.
const QUESTIONS_AT_ONCE: usize = 32;

/// A resolution and what was learned on the way.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) outcome: Outcome,
    pub(crate) resolution: Resolution,
    /// The repositories, by the names of the images.
    pub(crate) stores: BTreeMap<String, Arc<dyn Store>>,
    /// What was found of candidates.
    pub(crate) examined: BTreeMap<Question, Examined>,
    /// What is known of earlier times, by the names of the images.
    pub(crate) pasts: Pasts,
    /// What of that cannot be read.
    pub(crate) warnings: Vec<String>,
}

/// By what candidates may be refused, by the names of the images.
type Rules = BTreeMap<String, Vec<Arc<dyn Rule>>>;

/// What is known of earlier times, by the names of the images.
pub(crate) type Pasts = BTreeMap<String, Arc<Past>>;

/// Reads what is known of earlier times, and asks registries for their own history where an earlier time is looked at. A log that cannot
/// be read is told of; single lines are, where the log itself is shown.
///
/// # Errors
/// What the registries bring; one that keeps no history brings nothing.
async fn pasts(
    context: &Context,
    open: &OpenProject,
    options: &ResolutionOptions,
    stores: &BTreeMap<String, Arc<dyn Store>>,
) -> Result<(Pasts, Vec<String>), OpsError> {
    let as_of = options.as_of.and_then(Timestamp::from_seconds);
    let mut warnings = Vec::new();
    let mut of_repositories: BTreeMap<String, (Past, Option<Arc<dyn Store>>)> = BTreeMap::new();
    for (name, image) in &open.project.images {
        of_repositories.entry(repository_name(&image.repository)).or_insert_with(|| {
            let read = context.observer().read(&image.repository).unwrap_or_else(|error| {
                warnings.push(format!("what was seen of {} is not known: {error}", image.repository));
                crate::observations::ReadLog::default()
            });
            let past = Past { log: read.log, told: None, as_of, moment: options.moment() };
            (past, stores.get(name).cloned())
        });
    }
    let told = of_repositories.into_iter().map(|(repository, (past, store))| async move {
        let told = match (as_of, store) {
            (Some(at), Some(store)) => store.tags_then(at).await?.filter(|told| knows(told, at)),
            _ => None,
        };
        Ok::<_, OpsError>((repository, Arc::new(Past { told, ..past })))
    });
    let told: Pasts = stream::iter(told).buffer_unordered(QUESTIONS_AT_ONCE).try_collect().await?;
    let images = open.project.images.iter();
    let pasts = images.filter_map(|(name, image)| {
        let past = told.get(&repository_name(&image.repository))?;
        Some((name.clone(), Arc::clone(past)))
    });
    Ok((pasts.collect(), warnings))
}

/// Tells whether a registry's history goes back to a time. Before the first tag was set there, its images may have been elsewhere.
fn knows(told: &TagsThen, at: Timestamp) -> bool {
    told.begins.is_some_and(|begins| begins <= at)
}

/// The tags of the repositories of a project, by the names of the images.
pub(crate) type Tags = BTreeMap<String, Arc<Vec<Tag>>>;

/// Decides on a version of every image.
///
/// # Errors
/// [`OpsError::Unsolved`] when there is none, and what the registries bring.
pub(crate) async fn resolve(
    context: &Context,
    open: &OpenProject,
    options: ResolutionOptions,
) -> Result<Resolved, OpsError> {
    let stores = stores(context, open).await?;
    let tags = tags(open, &stores).await?;
    resolve_among(context, open, options, stores, &tags).await
}

/// As [`resolve`], with the tags known.
///
/// # Errors
/// As [`resolve`].
pub(crate) async fn resolve_among(
    context: &Context,
    open: &OpenProject,
    options: ResolutionOptions,
    stores: BTreeMap<String, Arc<dyn Store>>,
    tags: &Tags,
) -> Result<Resolved, OpsError> {
    let has_date = options.as_of.is_some();
    let (pasts, warnings) = pasts(context, open, &options, &stores).await?;
    let mut resolution = Resolution::new(Arc::clone(&open.project), Arc::clone(&open.lock), options);
    for (name, tags) in tags {
        let there = pasts.get(name).map_or_else(|| tags.to_vec(), |past| past.tags(tags));
        resolution.tags(name, &there).map_err(|error| unsolved::told(open, &error))?;
    }
    let images = open.project.images.iter();
    let rules: Rules = images.map(|(name, image)| (name.clone(), rules::of(&open.project, image))).collect();
    let mut examined = BTreeMap::new();
    loop {
        match resolution.step().map_err(|error| unsolved::told(open, &error))? {
            Step::Done(outcome) => {
                return Ok(Resolved { outcome: *outcome, resolution, stores, examined, pasts, warnings });
            }
            Step::Ask(questions) => {
                let answers = questions.into_iter().map(|question| {
                    let store = stores.get(&question.image).cloned();
                    let wanted = wanted(open, &rules, &question, has_date);
                    let past = pasts.get(&question.image).cloned().unwrap_or_default();
                    async move {
                        let store = store.ok_or_else(|| OpsError::usage("an image has no repository", None))?;
                        let examined = examine(context, &*store, &question.tag, wanted, &past).await?;
                        Ok::<_, OpsError>((question, examined))
                    }
                });
                let mut answers = stream::iter(answers).buffer_unordered(QUESTIONS_AT_ONCE);
                while let Some((question, answer)) = answers.try_next().await? {
                    resolution.answer(question.clone(), answer.facts.clone());
                    examined.insert(question, answer);
                }
            }
        }
    }
}

fn wanted<'a>(open: &'a OpenProject, rules: &'a Rules, question: &Question, has_date: bool) -> Wanted<'a> {
    let image = open.project.images.get(&question.image);
    let cooldown = image.and_then(|image| image.cooldown).unwrap_or(open.project.policy.cooldown);
    Wanted {
        platforms: image.map(|image| open.project.platforms_of(image)).unwrap_or_default(),
        created: has_date || cooldown > 0,
        rules: rules.get(&question.image).map(Vec::as_slice).unwrap_or_default(),
    }
}

/// Opens the repositories of a project; for an application that was installed, where they can be reached.
///
/// # Errors
/// As [`Sources::of_repository`].
pub(crate) async fn stores(
    context: &Context,
    open: &OpenProject,
) -> Result<BTreeMap<String, Arc<dyn Store>>, OpsError> {
    let (mut sources, mut stores) = (Sources::of_registries(context, open)?, BTreeMap::new());
    for (name, image) in &open.project.images {
        stores.insert(name.clone(), sources.of_repository(&image.repository).await?);
    }
    Ok(stores)
}

/// Returns the tags of every repository, each asked once.
///
/// # Errors
/// What the registries bring; [`OpsError::NotFound`] for a repository without tags, unless its image is optional.
pub(crate) async fn tags(open: &OpenProject, stores: &BTreeMap<String, Arc<dyn Store>>) -> Result<Tags, OpsError> {
    let mut repositories: BTreeMap<String, (Arc<dyn Store>, Vec<&str>)> = BTreeMap::new();
    for (name, image) in &open.project.images {
        let Some(store) = stores.get(name) else { continue };
        let asked = repositories.entry(image.repository.to_string()).or_insert_with(|| (Arc::clone(store), Vec::new()));
        asked.1.push(name);
    }
    let asked = repositories.into_values().map(|(store, names)| async move {
        let mut tags = store.tags().await?;
        tags.sort();
        tags.dedup();
        let is_needed = names.iter().any(|name| {
            let is_locked = open.lock.images.contains_key(*name);
            open.project.images.get(*name).is_some_and(|image| !image.optional) && !is_locked
        });
        if tags.is_empty() && is_needed {
            return Err(OpsError::NotFound { location: store.location().to_owned(), name: "tags".to_owned() });
        }
        Ok((names, Arc::new(tags)))
    });
    let answers: Vec<_> = stream::iter(asked).buffer_unordered(QUESTIONS_AT_ONCE).try_collect().await?;
    let pairs = answers
        .into_iter()
        .flat_map(|(names, tags)| names.into_iter().map(move |name| (name.to_owned(), Arc::clone(&tags))));
    Ok(pairs.collect())
}
