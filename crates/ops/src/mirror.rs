//! Keeps destinations in step with sources, by a list of rules (docs/formats/mirror.md).

mod deletion;
mod foreign;
mod list;
mod place;
mod planned;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use oci::{Digest, Selector, Tag};
use store::Store;
use transfer::{CopyOptions, Progress, RootRequest, RouteReport};

pub use deletion::Deletion;
pub use list::{Choice, MirrorList, MirrorRule, read};

use crate::context::Context;
use crate::error::OpsError;
use place::Places;
use planned::Planned;
use state::State;

/// How many repositories are asked at once.
const REPOSITORIES_AT_ONCE: usize = 32;

/// What to do about a list.
#[derive(Clone, Debug)]
pub struct MirrorRequest {
    /// The file that remembers which tags were put by the mirror.
    pub state: PathBuf,
    /// Whether tags are deleted that no rule wants any more; without it they are only named.
    pub delete: bool,
    /// Whether to change nothing.
    pub dry_run: bool,
    /// How content is copied. Which artifacts belong to it is said by the rules.
    pub options: CopyOptions,
}

/// What was done.
#[derive(Debug)]
pub struct MirrorReport {
    /// One outcome for each rule, in their order.
    pub rules: Vec<Result<RuleReport, OpsError>>,
    /// Tags that the mirror put at a destination and that no rule wants any more.
    pub deletions: Vec<Deletion>,
    /// What could not be deleted.
    pub failures: Vec<OpsError>,
}

/// What was done for one rule. Rules with the same source and destination share their route.
#[derive(Clone, Debug)]
pub struct RuleReport {
    /// The repository.
    pub source: String,
    /// Where to.
    pub destination: String,
    /// How many images are wanted.
    pub images: usize,
    /// What the copy did; `None` where another rule of the same two places tells, or nothing is wanted.
    pub route: Option<RouteReport>,
}

/// Brings every destination into step with its source, once, by one plan for all.
///
/// Cancelling leaves images without a tag. New tags are remembered as the mirror's own before they are put.
///
/// # Errors
/// [`OpsError::Usage`] when two sources would get one name; the first failure of a rule unless `keep_going`, and what the file of
/// the state brings. A destination of which a rule failed loses nothing.
pub async fn mirror(
    context: &Context,
    list: &MirrorList,
    request: &MirrorRequest,
    progress: Arc<dyn Progress>,
) -> Result<MirrorReport, OpsError> {
    let mut state = State::read(&request.state)?;
    let places = Places::new(context, request.dry_run);
    let looked = list.rules.iter().map(|rule| places.look(rule));
    let looked: Vec<Result<Looked, OpsError>> = stream::iter(looked).buffered(REPOSITORIES_AT_ONCE).collect().await;
    let mut outcomes: Vec<Option<Result<RuleReport, OpsError>>> = Vec::new();
    let mut found: Vec<(usize, Looked)> = Vec::new();
    for (number, looked) in looked.into_iter().enumerate() {
        match looked {
            Ok(looked) => {
                found.push((number, looked));
                outcomes.push(None);
            }
            Err(error) if request.options.keep_going => outcomes.push(Some(Err(error))),
            Err(error) => return Err(error),
        }
    }
    claim(list, &found)?;
    if !request.dry_run {
        // Whatever ends the run from here on, what it has put is remembered.
        intend(list, &found, &mut state).await;
        state.write(&request.state)?;
    }

    for artifacts in [true, false] {
        let group = found.iter().filter(|(number, _)| list.rules[*number].artifacts == artifacts);
        let planned = Planned::new(list, group);
        let options = CopyOptions { walk: walk(artifacts), ..request.options };
        let routes = planned.routes.clone();
        let reports = if request.dry_run {
            transfer::plan(routes, &options, &*context.manifest_cache()).await
        } else {
            match transfer::copy(routes, &options, context.manifest_cache(), Arc::clone(&progress)).await {
                Ok(report) => report.routes,
                Err(error) => {
                    // What the other group of rules has moved is remembered all the same.
                    state.write(&request.state)?;
                    return Err(error.into());
                }
            }
        };
        planned.tell(list, &found, reports, &mut state, &mut outcomes, request)?;
    }

    let failed: BTreeSet<String> = outcomes
        .iter()
        .zip(&list.rules)
        .filter(|(outcome, _)| matches!(outcome, Some(Err(_))))
        .map(|(_, rule)| place::key(&rule.destination))
        .collect();
    let mut wanted: BTreeMap<String, BTreeSet<Tag>> = BTreeMap::new();
    for (number, looked) in &found {
        let tags = looked.roots.iter().filter_map(|root| root.tag.clone());
        wanted.entry(place::key(&list.rules[*number].destination)).or_default().extend(tags);
    }
    let deleted = deletion::unwanted(context, list, &mut state, &wanted, &failed, request).await;
    if !request.dry_run {
        state.write(&request.state)?;
    }
    let (deletions, failures) = deleted?;
    Ok(MirrorReport { rules: outcomes.into_iter().flatten().collect(), deletions, failures })
}

const fn walk(artifacts: bool) -> graph::WalkOptions {
    graph::WalkOptions { artifacts, layer_artifacts: artifacts }
}

/// A rule after its repositories were asked.
#[derive(Debug)]
struct Looked {
    source: Arc<dyn Store>,
    source_tags: Arc<Vec<Tag>>,
    destination: Arc<dyn Store>,
    /// What the destination had before.
    before: Arc<Vec<Tag>>,
    roots: Vec<RootRequest>,
}

/// Remembers what is about to be put under tags that are new. Only what a tag still names is ever deleted, so that nothing is lost where
/// it is not put after all. What cannot be found says so when it is copied.
async fn intend(list: &MirrorList, found: &[(usize, Looked)], state: &mut State) {
    let mut asked = Vec::new();
    for (number, looked) in found {
        let destination = place::key(&list.rules[*number].destination);
        for root in &looked.roots {
            let Some(tag) = root.tag.as_ref().filter(|tag| looked.before.binary_search(tag).is_err()) else { continue };
            let destination = destination.clone();
            asked.push(async move {
                let named = transfer::explore::find_root(&*looked.source, root).await.ok()?;
                Some((destination, tag.clone(), named.digest, &looked.before))
            });
        }
    }
    let named: Vec<_> =
        stream::iter(asked).buffered(REPOSITORIES_AT_ONCE).filter_map(async |named| named).collect().await;
    for (destination, tag, digest, before) in named {
        state.remember(destination, &[(Some(tag), digest)], before);
    }
}

/// Refuses to give one name to images of two sources, or to one image in two forms.
fn claim(list: &MirrorList, found: &[(usize, Looked)]) -> Result<(), OpsError> {
    let mut claimed: BTreeMap<(String, &Tag), (&MirrorRule, &Selector, Option<Digest>)> = BTreeMap::new();
    for (number, looked) in found {
        let rule = &list.rules[*number];
        let destination = place::key(&rule.destination);
        for root in &looked.roots {
            let Some(tag) = &root.tag else { continue };
            let narrowed = root.narrowed.as_ref().map(|narrowed| *narrowed.root.digest());
            let key = (destination.clone(), tag);
            let (other, selector, form) = *claimed.entry(key).or_insert((rule, &root.selector, narrowed));
            let is_same =
                other.source.canonical() == rule.source.canonical() && *selector == root.selector && form == narrowed;
            if !is_same || other.artifacts != rule.artifacts {
                let place = rule.destination.with_selector(Selector { tag: Some(tag.clone()), digest: None });
                return Err(OpsError::usage(
                    format!("`{}` and `{}` would both become `{place}`", other.source, rule.source),
                    "give each rule a destination of its own".to_owned(),
                ));
            }
        }
    }
    Ok(())
}

impl Looked {
    fn report(&self, route: Option<RouteReport>) -> RuleReport {
        RuleReport {
            source: self.source.location().to_owned(),
            destination: self.destination.location().to_owned(),
            images: self.roots.len(),
            route,
        }
    }
}
