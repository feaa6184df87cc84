//! Images, indexes and applications with everything attached to them, from anywhere to anywhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use oci::{Platform, Reference, Selector, Tag};
use store::Store;
use transfer::{CopyOptions, CopyReport, Progress, RootRequest, Route, RouteOutcome, UrlSource};

use crate::context::Context;
use crate::destination::Destination;
use crate::error::OpsError;

/// What to copy, and how.
#[derive(Clone, Debug, Default)]
pub struct CopyRequest {
    /// Each source and where it goes.
    pub pairs: Vec<(Reference, Destination)>,
    /// Whether every tag of each source is copied; attachment tags go with what they are about.
    pub all_tags: bool,
    /// The platforms to which indexes are narrowed; none leaves them whole.
    pub platforms: Vec<Platform>,
    /// What belongs to a copy and how it is done.
    pub options: CopyOptions,
}

/// One line of a list of copies: a source and, if it has its own, its destination.
pub type Line = (Reference, Option<Destination>);

/// Reads a list of copies: one `SRC [DST]` a line, empty lines and lines that begin with `#` left out.
///
/// # Errors
/// [`OpsError::Usage`] with the number of the line that cannot be read.
pub fn read_list(text: &str) -> Result<Vec<Line>, OpsError> {
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, line)| {
            let broken = |reason: String| OpsError::usage(format!("line {number} of the list: {reason}"), None);
            let mut words = line.split_whitespace();
            let source = words.next().unwrap_or_default().parse::<Reference>();
            let destination = words.next().map(str::parse::<Destination>).transpose();
            if words.next().is_some() {
                return Err(broken("more than a source and a destination".to_owned()));
            }
            let source = source.map_err(|error| broken(error.to_string()))?;
            Ok((source, destination.map_err(|error| broken(error.to_string()))?))
        })
        .collect()
}

/// Says what [`copy`] would do, and changes nothing at any destination.
///
/// # Errors
/// As [`copy`].
pub async fn plan(context: &Context, request: &CopyRequest) -> Result<CopyReport, OpsError> {
    let routes = routes(context, request, Opening::ToLook).await?;
    plan_routes(context, routes, &request.options).await
}

/// Says what a copy of routes would do.
pub(crate) async fn plan_routes(
    context: &Context,
    routes: Vec<Route>,
    options: &CopyOptions,
) -> Result<CopyReport, OpsError> {
    let cache = context.manifest_cache();
    let mut outcomes: Vec<RouteOutcome> = Vec::new();
    for outcome in transfer::plan(routes, options, &*cache).await {
        match outcome {
            Err(error) if !options.keep_going => return Err(error.into()),
            outcome => outcomes.push(outcome),
        }
    }
    Ok(CopyReport { routes: outcomes })
}

/// Copies what the request names and proves that it arrived.
///
/// # Errors
/// [`OpsError::Usage`] when two images would get the same name; otherwise as [`transfer::copy`](fn@transfer::copy).
pub async fn copy(
    context: &Context,
    request: &CopyRequest,
    progress: Arc<dyn Progress>,
) -> Result<CopyReport, OpsError> {
    let routes = routes(context, request, Opening::ToWrite).await?;
    Ok(transfer::copy(routes, &request.options, context.manifest_cache(), progress).await?)
}

/// Whether a destination may be made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    ToLook,
    ToWrite,
}

/// Groups the pairs into routes, one for each source and destination repository.
async fn routes(context: &Context, request: &CopyRequest, opening: Opening) -> Result<Vec<Route>, OpsError> {
    let mut routes = Itinerary::new(context, &request.options)?;
    for (source, destination) in &request.pairs {
        let from = routes.source(context, source).await?;
        let tags = if request.all_tags { Some(from.tags().await?) } else { None };
        for selector in selectors(&*from, source, tags.as_deref()).await? {
            let named = source.with_selector(selector.clone());
            let place = match &selector.tag {
                // The tags of a whole repository keep their names, whatever the source was called.
                Some(tag) if request.all_tags => {
                    let place = destination.place_for(&named)?;
                    place.with_selector(Selector { tag: Some(tag.clone()), digest: None })
                }
                _ => destination.place_for(&named)?,
            };
            // A reference to a docker archive cannot carry the tag of the image that was found in it.
            let tag = place.selector().tag.or_else(|| selector.tag.clone());
            let place = place.with_selector(Selector { tag: tag.clone(), digest: None });
            routes.claim(&place, source)?;
            let to = routes.destination(context, &place, opening).await?;
            let narrowed = narrow(context, &*from, &selector, &request.platforms).await?;
            routes.add(
                Arc::clone(&from),
                to,
                RootRequest { selector, tag, narrowed, required: Vec::new() },
                tags.as_ref(),
            );
        }
    }
    Ok(routes.routes)
}

#[derive(Default)]
pub(crate) struct Itinerary {
    pub(crate) routes: Vec<Route>,
    sources: BTreeMap<String, Arc<dyn Store>>,
    destinations: BTreeMap<String, Arc<dyn Store>>,
    claimed: BTreeMap<String, String>,
    urls: Option<Arc<dyn UrlSource>>,
}

impl Itinerary {
    /// Returns an itinerary without routes.
    ///
    /// # Errors
    /// As [`Context::url_source`].
    pub(crate) fn new(context: &Context, options: &CopyOptions) -> Result<Self, OpsError> {
        Ok(Self { urls: context.url_source(options)?, ..Self::default() })
    }

    async fn source(&mut self, context: &Context, reference: &Reference) -> Result<Arc<dyn Store>, OpsError> {
        let place = reference.with_selector(Selector::default()).to_string();
        if let Some(store) = self.sources.get(&place) {
            return Ok(Arc::clone(store));
        }
        let store = context.open_source(reference).await?;
        self.sources.insert(place, Arc::clone(&store));
        Ok(store)
    }

    pub(crate) async fn destination(
        &mut self,
        context: &Context,
        reference: &Reference,
        opening: Opening,
    ) -> Result<Arc<dyn Store>, OpsError> {
        let place = reference.with_selector(Selector::default()).to_string();
        if let Some(store) = self.destinations.get(&place) {
            return Ok(Arc::clone(store));
        }
        let store = match (opening, reference) {
            (Opening::ToWrite, _) => context.open_destination(reference).await?,
            // What would be made has nothing yet.
            (Opening::ToLook, Reference::Layout { path, .. }) if !path.exists() => {
                Arc::new(store::MemoryStore::new(place.clone()))
            }
            (Opening::ToLook, Reference::Archive { .. }) => Arc::new(store::MemoryStore::new(place.clone())),
            (Opening::ToLook, _) => context.open_itself(reference).await?,
        };
        self.destinations.insert(place, Arc::clone(&store));
        Ok(store)
    }

    /// Refuses to give one name to two images.
    fn claim(&mut self, place: &Reference, source: &Reference) -> Result<(), OpsError> {
        if place.selector().tag.is_none() {
            return Ok(());
        }
        match self.claimed.insert(place.to_string(), source.to_string()) {
            Some(other) if other != source.to_string() => Err(OpsError::usage(
                format!("`{other}` and `{source}` would both become `{place}`"),
                "end the destination with `/` to keep the images' names, or give each its own".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn add(
        &mut self,
        source: Arc<dyn Store>,
        destination: Arc<dyn Store>,
        root: RootRequest,
        source_tags: Option<&Vec<Tag>>,
    ) {
        let same =
            |route: &&mut Route| Arc::ptr_eq(&route.source, &source) && Arc::ptr_eq(&route.destination, &destination);
        if let Some(route) = self.routes.iter_mut().find(same) {
            return route.roots.push(root);
        }
        let (source_tags, urls) = (source_tags.cloned(), self.urls.clone());
        self.routes.push(Route { source, destination, roots: vec![root], source_tags, urls });
    }
}

/// Returns what of a source is meant: every tag, what the reference says, or the only image there is.
pub(crate) async fn selectors(
    source: &dyn Store,
    reference: &Reference,
    all_tags: Option<&[Tag]>,
) -> Result<Vec<Selector>, OpsError> {
    let named = |tag: Tag| Selector { tag: Some(tag), digest: None };
    if let Some(tags) = all_tags {
        let mut tags: Vec<Tag> = tags.iter().filter(|tag| !tag.is_attachment()).cloned().collect();
        tags.sort();
        if tags.is_empty() {
            return Err(OpsError::NotFound { location: source.location().to_owned(), name: "tags".to_owned() });
        }
        return Ok(tags.into_iter().map(named).collect());
    }
    if let Some(selector) = crate::docker_archive::named_image(reference).await? {
        return Ok(vec![selector]);
    }
    let selector = reference.selector();
    if selector != Selector::default() {
        return Ok(vec![selector]);
    }
    match source.roots().await? {
        None => Ok(vec![named(Tag::latest())]),
        Some(roots) => match &roots[..] {
            [(tag, descriptor)] => Ok(vec![Selector { tag: tag.clone(), digest: Some(descriptor.digest) }]),
            [] => Err(OpsError::NotFound { location: source.location().to_owned(), name: "images".to_owned() }),
            roots => Err(OpsError::usage(
                format!("{} has {} images: {}", source.location(), roots.len(), list(roots)),
                format!("name one, as in `{}`, or give --all-tags", reference.with_selector(example(roots))),
            )),
        },
    }
}

type ListedRoot = (Option<Tag>, oci::Descriptor);

fn example(roots: &[ListedRoot]) -> Selector {
    roots.iter().find_map(|(tag, _)| tag.clone()).map_or_else(
        || Selector { tag: None, digest: roots.first().map(|(_, descriptor)| descriptor.digest) },
        |tag| Selector { tag: Some(tag), digest: None },
    )
}

fn list(roots: &[ListedRoot]) -> String {
    let name = |(tag, descriptor): &ListedRoot| tag.as_ref().map_or_else(|| descriptor.digest.short(), Tag::to_string);
    let shown: Vec<String> = roots.iter().take(5).map(name).collect();
    let rest = if roots.len() > shown.len() { ", …" } else { "" };
    format!("{}{rest}", shown.join(", "))
}

/// Narrows what is named to some platforms; `None` where there is nothing to leave out.
///
/// # Errors
/// As [`transfer::narrow::narrow`].
pub(crate) async fn narrow(
    context: &Context,
    source: &dyn Store,
    selector: &Selector,
    platforms: &[Platform],
) -> Result<Option<transfer::narrow::Narrowed>, OpsError> {
    if platforms.is_empty() {
        return Ok(None);
    }
    let request = RootRequest { selector: selector.clone(), ..RootRequest::default() };
    let root = transfer::explore::find_root(source, &request).await?;
    let cache = context.manifest_cache();
    let narrowed = transfer::narrow::narrow(source, &*cache, &root, platforms).await?;
    Ok((!narrowed.made.is_empty()).then_some(narrowed))
}
