//! What a registry says of its own past: the history of tags (distribution-spec, `extensions/_oci.md`) and tags as of a time
//! (docs/formats/registry-extension.md). Both are extensions: a registry is asked once whether it has them, and nothing depends on it.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use oci::limits::TAGS_MAX;
use oci::{Digest, Tag, Timestamp};
use serde::Deserialize;
use store::StoreError;
use store::history::{TagMove, TagThen, TagsThen};

use crate::auth::Access;
use crate::exchange::Answer;
use crate::host::{Call, Context};
use crate::pages::Pages;
use crate::repository::Repository;

/// What is asked for the extensions that there are.
const DISCOVER: &str = "_oci/ext/discover";
/// What the path of a tag's history has in it.
const TAG_HISTORY: &str = "/_oci/tag-history/";
/// How the path of the tags as of a time ends.
const TAGS_THEN: &str = "/_supercargo/tags";

/// Largest list of extensions that is read, in bytes.
const EXTENSIONS_MAX_BYTES: usize = 1024 * 1024;
/// Largest page that is read, in bytes.
const PAGE_MAX_BYTES: usize = 32 * 1024 * 1024;
/// Moves and tags asked for at once.
const PAGE_ENTRIES: usize = 1000;
/// Most moves of a tag that are read; those before them are left out.
const MOVES_MAX: usize = 100_000;

const CREATED: &str = "org.opencontainers.distribution.tag.created";
const DELETED: &str = "org.opencontainers.distribution.tag.deleted";
const NUMBER: &str = "vnd.supercargo.tag.number";
const ACTOR: &str = "vnd.supercargo.tag.actor";

/// Which extensions a repository has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    /// The history of a tag.
    pub(crate) tag_history: bool,
    /// The tags as of a time.
    pub(crate) tags_then: bool,
}

/// Returns how a tag has moved, the oldest first, the last [`MOVES_MAX`] moves at most; `None` where the registry does not say.
pub(crate) async fn moves(repository: &Repository, tag: &Tag) -> Result<Option<Vec<TagMove>>, StoreError> {
    #[derive(Deserialize)]
    struct Entry {
        digest: Digest,
        #[serde(default)]
        annotations: BTreeMap<String, String>,
    }
    if !extensions(repository).await?.tag_history {
        return Ok(None);
    }
    let action = format!("the history of tag {tag}");
    let context = repository.context(&action, Access::Pull);
    let place = format!("_oci/tag-history/{tag}");
    let mut url = repository.url(&format!("{place}?n={PAGE_ENTRIES}")).await?;
    let mut pages = Pages::default();
    let mut moves: Vec<TagMove> = Vec::new();
    loop {
        let answer = repository.registry().call_whole(Call::new(Method::GET, url, context), PAGE_MAX_BYTES).await?;
        if answer.status == StatusCode::NOT_FOUND && moves.is_empty() {
            answer.discard().await;
            return Ok(None);
        }
        let linked = pages.after(&answer, &context)?;
        let page: Vec<Entry> = read(answer, &context).await?;
        let entries = page.len();
        let mut before = None;
        for Entry { digest, annotations } in page {
            let (text, removed) = match (annotations.get(CREATED), annotations.get(DELETED)) {
                (Some(text), None) => (text, false),
                (None, Some(text)) => (text, true),
                _ => return Err(context.protocol("an entry does not say whether the tag was set or removed")),
            };
            let at = text.parse().map_err(|error| context.protocol(format!("{error}")))?;
            let number = annotations.get(NUMBER).and_then(|text| text.parse().ok());
            before = Some(text.clone());
            moves.push(TagMove { at, digest, removed, number, actor: annotations.get(ACTOR).cloned() });
        }
        if moves.len() >= MOVES_MAX {
            break;
        }
        url = match (linked, before) {
            (Some(next), _) => next,
            // Pages need no link: a full one may be followed by another.
            (None, Some(before)) if entries >= PAGE_ENTRIES => {
                let mut next = repository.url(&format!("{place}?n={PAGE_ENTRIES}")).await?;
                next.query_pairs_mut().append_pair("before", &before);
                next
            }
            _ => break,
        };
    }
    moves.truncate(MOVES_MAX);
    moves.reverse();
    Ok(Some(moves))
}

/// Returns the tags that were there at the end of a second; `None` where the registry does not say.
pub(crate) async fn tags_then(repository: &Repository, at: Timestamp) -> Result<Option<TagsThen>, StoreError> {
    #[derive(Deserialize)]
    struct Page {
        begins: Option<String>,
        tags: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        tag: String,
        digest: Digest,
        since: String,
    }
    if !extensions(repository).await?.tags_then {
        return Ok(None);
    }
    let action = format!("the tags as of {at}");
    let context = repository.context(&action, Access::Pull);
    let text = at.to_string();
    let end_of_second = format!("{}.999Z", text.strip_suffix('Z').unwrap_or(&text));
    let mut url = repository.url(&format!("_supercargo/tags?at={end_of_second}&n={PAGE_ENTRIES}")).await?;
    let mut pages = Pages::default();
    let mut then = TagsThen::default();
    let moment = |text: &str| text.parse::<Timestamp>().map_err(|error| context.protocol(format!("{error}")));
    let mut is_first = true;
    loop {
        let answer = repository.registry().call_whole(Call::new(Method::GET, url, context), PAGE_MAX_BYTES).await?;
        if answer.status == StatusCode::NOT_FOUND && is_first {
            answer.discard().await;
            return Ok(None);
        }
        is_first = false;
        let next = pages.after(&answer, &context)?;
        let page: Page = read(answer, &context).await?;
        then.begins = page.begins.as_deref().map(moment).transpose()?;
        for Entry { tag, digest, since } in page.tags {
            let tag: Tag = tag.parse().map_err(|error| context.protocol(format!("{error}")))?;
            then.tags.insert(tag, TagThen { digest, since: moment(&since)? });
        }
        if then.tags.len() > TAGS_MAX {
            return Err(context.protocol(format!("there are more than {TAGS_MAX} tags")));
        }
        let Some(next) = next else { return Ok(Some(then)) };
        url = next;
    }
}

/// Returns which extensions a repository has. It is asked once; whatever it answers but a list says that it has none.
pub(crate) async fn extensions(repository: &Repository) -> Result<Extensions, StoreError> {
    #[derive(Deserialize)]
    struct Document {
        extensions: Vec<Extension>,
    }
    #[derive(Deserialize)]
    struct Extension {
        #[serde(default)]
        endpoints: Vec<String>,
    }
    let learned = &repository.registry().learned;
    if let Some(known) = learned.extensions(repository.name()) {
        return Ok(known);
    }
    let context = repository.context("the list of extensions", Access::Pull);
    let url = repository.url(DISCOVER).await?;
    let answer = repository.registry().call_whole(Call::new(Method::GET, url, context), EXTENSIONS_MAX_BYTES).await?;
    let found = if answer.status == StatusCode::OK {
        let body = answer.read(EXTENSIONS_MAX_BYTES).await.map_err(|failure| context.failed(failure))?;
        let document: Option<Document> = body.and_then(|body| serde_json::from_slice(&body).ok());
        let endpoints: BTreeSet<String> =
            document.into_iter().flat_map(|document| document.extensions).flat_map(|each| each.endpoints).collect();
        Extensions {
            tag_history: endpoints.iter().any(|endpoint| endpoint.contains(TAG_HISTORY)),
            tags_then: endpoints.iter().any(|endpoint| endpoint.ends_with(TAGS_THEN)),
        }
    } else {
        answer.discard().await;
        Extensions::default()
    };
    learned.learn_extensions(repository.name(), found);
    Ok(found)
}

async fn read<T: serde::de::DeserializeOwned>(answer: Answer, context: &Context<'_>) -> Result<T, StoreError> {
    if answer.status != StatusCode::OK {
        return Err(context.refused(answer).await);
    }
    let body = answer.read(PAGE_MAX_BYTES).await.map_err(|failure| context.failed(failure))?;
    let body = body.ok_or_else(|| context.protocol(format!("a page has more than {PAGE_MAX_BYTES} bytes")))?;
    serde_json::from_slice(&body).map_err(|error| context.protocol(format!("it cannot be read: {error}")))
}
