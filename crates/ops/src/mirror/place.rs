//! The places of a mirror: each opened once, and known by one key however it is spelled.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use oci::{Reference, ReferenceError, Selector, Tag};
use store::Store;
use tokio::sync::OnceCell;
use transfer::RootRequest;

use super::{Looked, MirrorRule};
use crate::context::Context;
use crate::copy::narrow;
use crate::error::OpsError;
use crate::inside::real_path;

/// How the key of a layout begins.
const LAYOUT: &str = "oci:";

/// Returns what all spellings of a place have in common: the real path of a layout from the root on, and the one name of a registry.
pub(super) fn key(place: &Reference) -> String {
    let place = place.with_selector(Selector::default());
    match &place {
        Reference::Registry(repository) => repository.canonical().to_string(),
        Reference::Layout { path, .. } => format!("{LAYOUT}{}", real_path(path).display()),
        _ => place.to_string(),
    }
}

/// Returns the place that a key stands for. A path in it may have any character that a reference gives a meaning.
///
/// # Errors
/// When it is no key.
pub(super) fn of_key(key: &str) -> Result<Reference, ReferenceError> {
    match key.strip_prefix(LAYOUT) {
        Some(path) => Ok(Reference::Layout { path: path.into(), selector: Selector::default() }),
        None => key.parse(),
    }
}

/// The repositories, each opened once and asked once for its tags.
pub(super) struct Places<'a> {
    context: &'a Context,
    dry_run: bool,
    opened: Mutex<BTreeMap<String, Arc<dyn Store>>>,
    listed: Mutex<BTreeMap<String, Listing>>,
}

/// The tags of a repository, once they are known.
type Listing = Arc<OnceCell<Arc<Vec<Tag>>>>;

impl<'a> Places<'a> {
    pub(super) fn new(context: &'a Context, dry_run: bool) -> Self {
        Self { context, dry_run, opened: Mutex::default(), listed: Mutex::default() }
    }

    async fn open(&self, reference: &Reference, is_source: bool) -> Result<Arc<dyn Store>, OpsError> {
        let key = key(reference);
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
            _ if is_source => self.context.open_source(reference).await?,
            _ if self.dry_run => self.context.open_itself(reference).await?,
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
    pub(super) async fn look(&self, rule: &MirrorRule) -> Result<Looked, OpsError> {
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
            roots.push(RootRequest { selector, tag, narrowed, required: Vec::new() });
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
