//! Keeps destinations in step with sources, by a list of rules (docs/formats/mirror.md).

mod deletion;
mod foreign;
mod list;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, StreamExt as _};
use oci::{Digest, Reference, Selector, Tag};
use store::Store;
use tokio::sync::OnceCell;
use transfer::{CopyOptions, Progress, RootRequest, Route, RouteReport};

pub use deletion::Deletion;
pub use list::{Choice, MirrorList, MirrorRule, read};

use crate::context::Context;
use crate::copy::narrow;
use crate::error::OpsError;
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
/// Cancelling leaves images without a tag, and tags that are not remembered as the mirror's own: those are never deleted.
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
                    // What the other group of rules has put is remembered all the same.
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
        .map(|(_, rule)| rule.destination.to_string())
        .collect();
    let mut wanted: BTreeMap<String, BTreeSet<Tag>> = BTreeMap::new();
    for (number, looked) in &found {
        let tags = looked.roots.iter().filter_map(|root| root.tag.clone());
        wanted.entry(list.rules[*number].destination.to_string()).or_default().extend(tags);
    }
    let deleted = deletion::unwanted(context, &mut state, &wanted, &failed, request).await;
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

/// The repositories, each opened once and asked once for its tags.
struct Places<'a> {
    context: &'a Context,
    dry_run: bool,
    opened: Mutex<BTreeMap<String, Arc<dyn Store>>>,
    listed: Mutex<BTreeMap<String, Listing>>,
}

/// The tags of a repository, once they are known.
type Listing = Arc<OnceCell<Arc<Vec<Tag>>>>;

impl<'a> Places<'a> {
    fn new(context: &'a Context, dry_run: bool) -> Self {
        Self { context, dry_run, opened: Mutex::default(), listed: Mutex::default() }
    }

    async fn open(&self, reference: &Reference, is_source: bool) -> Result<Arc<dyn Store>, OpsError> {
        let key = reference.to_string();
        let known = |opened: &Mutex<BTreeMap<String, Arc<dyn Store>>>| {
            opened.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
        };
        if let Some(store) = known(&self.opened) {
            return Ok(store);
        }
        let store: Arc<dyn Store> = match reference {
            Reference::Layout { path, .. } if self.dry_run && !path.exists() => {
                Arc::new(store::MemoryStore::new(key.clone()))
            }
            _ if is_source || self.dry_run => self.context.open_source(reference).await?,
            _ => self.context.open_destination(reference).await?,
        };
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(opened.entry(key).or_insert(store)))
    }

    /// Returns the tags of a repository, in the order of their text.
    async fn tags(&self, store: &Arc<dyn Store>) -> Result<Arc<Vec<Tag>>, OpsError> {
        let listing = {
            let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(listed.entry(store.location().to_owned()).or_default())
        };
        listing.get_or_try_init(|| sorted(&**store)).await.cloned()
    }

    /// Finds out what a rule wants.
    async fn look(&self, rule: &MirrorRule) -> Result<Looked, OpsError> {
        let source = self.open(&Reference::Registry(rule.source.clone()), true).await?;
        let destination = self.open(&rule.destination, false).await?;
        let source_tags = self.tags(&source).await?;
        if source_tags.is_empty() {
            return Err(OpsError::NotFound { location: source.location().to_owned(), name: "tags".to_owned() });
        }
        let before = self.tags(&destination).await?;
        let mut roots = Vec::new();
        for (selector, tag) in rule.choice.select(&source_tags) {
            let narrowed = narrow(self.context, &*source, &selector, &rule.platforms).await?;
            roots.push(RootRequest { selector, tag, narrowed });
        }
        Ok(Looked { source, source_tags, destination, before, roots })
    }
}

async fn sorted(store: &dyn Store) -> Result<Arc<Vec<Tag>>, OpsError> {
    let mut tags = store.tags().await?;
    tags.sort();
    tags.dedup();
    Ok(Arc::new(tags))
}

/// Refuses to give one name to images of two sources, or to one image in two forms.
fn claim(list: &MirrorList, found: &[(usize, Looked)]) -> Result<(), OpsError> {
    let mut claimed: BTreeMap<(String, &Tag), (&MirrorRule, &Selector, Option<Digest>)> = BTreeMap::new();
    for (number, looked) in found {
        let rule = &list.rules[*number];
        for root in &looked.roots {
            let Some(tag) = &root.tag else { continue };
            let narrowed = root.narrowed.as_ref().map(|narrowed| *narrowed.root.digest());
            let key = (rule.destination.to_string(), tag);
            let (other, selector, form) = *claimed.entry(key).or_insert((rule, &root.selector, narrowed));
            let is_same = other.source == rule.source && *selector == root.selector && form == narrowed;
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

/// The routes of some rules, and which rules each is for.
#[derive(Default)]
struct Planned {
    routes: Vec<Route>,
    /// Of each route the rules, as places in what was found.
    rules: Vec<Vec<usize>>,
}

impl Planned {
    fn new<'a>(list: &MirrorList, group: impl Iterator<Item = &'a (usize, Looked)>) -> Self {
        let mut planned = Self::default();
        let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (number, looked) in group.filter(|(_, looked)| !looked.roots.is_empty()) {
            let rule = &list.rules[*number];
            let place = *places.entry((rule.source.to_string(), rule.destination.to_string())).or_insert_with(|| {
                planned.rules.push(Vec::new());
                planned.routes.push(Route {
                    source: Arc::clone(&looked.source),
                    destination: Arc::clone(&looked.destination),
                    roots: Vec::new(),
                    source_tags: Some(looked.source_tags.to_vec()),
                    urls: None,
                });
                planned.routes.len() - 1
            });
            planned.rules[place].push(*number);
            let roots = &mut planned.routes[place].roots;
            for root in &looked.roots {
                let is_same = |known: &RootRequest| known.tag == root.tag && known.selector == root.selector;
                if root.tag.is_none() || !roots.iter().any(is_same) {
                    roots.push(root.clone());
                }
            }
        }
        planned
    }

    /// Says of every rule what became of it, and remembers the tags that were put.
    fn tell(
        &self,
        list: &MirrorList,
        found: &[(usize, Looked)],
        reports: Vec<Result<RouteReport, transfer::TransferError>>,
        state: &mut State,
        outcomes: &mut [Option<Result<RuleReport, OpsError>>],
        request: &MirrorRequest,
    ) -> Result<(), OpsError> {
        let by_number: BTreeMap<usize, &Looked> = found.iter().map(|(number, looked)| (*number, looked)).collect();
        for (rules, report) in self.rules.iter().zip(reports) {
            let mut report = match report {
                Ok(report) => Ok(Some(report)),
                Err(error) if request.options.keep_going => Err(Some(OpsError::from(error))),
                Err(error) => return Err(error.into()),
            };
            for number in rules {
                let (rule, Some(looked)) = (&list.rules[*number], by_number.get(number)) else { continue };
                if let Ok(Some(report)) = &report
                    && !request.dry_run
                {
                    state.remember(&rule.destination.to_string(), &report.roots, &looked.before);
                }
                outcomes[*number] = Some(match &mut report {
                    Ok(report) => Ok(looked.report(report.take())),
                    // The first rule of the route tells; of the others it is said that it did.
                    Err(error) => Err(error.take().unwrap_or_else(|| {
                        OpsError::usage(format!("`{}` failed with another rule", rule.source), None)
                    })),
                });
            }
        }
        let of_group = found.iter().filter(|(number, looked)| looked.roots.is_empty() && outcomes[*number].is_none());
        let idle: Vec<(usize, RuleReport)> = of_group.map(|(number, looked)| (*number, looked.report(None))).collect();
        for (number, report) in idle {
            outcomes[number] = Some(Ok(report));
        }
        Ok(())
    }
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
