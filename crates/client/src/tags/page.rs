//! One page of a list of tags, as it is asked for and read.

use http::{Method, StatusCode};
use oci::{Digest, Tag};
use reqwest::Url;
use serde::Deserialize;
use store::StoreError;

use super::runs::{Ask, Next, Page};
use crate::exchange::Answer;
use crate::host::{Call, Context};
use crate::pages::Pages;
use crate::profile::{Ability, Found, Quirk};
use crate::repository::Repository;
use crate::syntax::location::same_origin;

/// Tags asked for at once.
const PAGE_TAGS: usize = 1000;

/// Largest page that is read, in bytes. Registries that ignore the number asked for send everything at once.
const PAGE_MAX_BYTES: usize = 32 * 1024 * 1024;

/// The same for pages without which the list can be had too: many of them may come at once.
const SPARE_PAGE_MAX_BYTES: usize = 1024 * 1024;

/// The way to a page.
#[derive(Debug)]
pub(super) struct Way {
    url: Url,
    /// The pages before it, of the same run.
    pages: Pages,
    is_first: bool,
}

impl Way {
    /// Returns the way to the first page of a list.
    pub(super) fn first(list: &Url) -> Self {
        Self { url: with_query(list, &format!("n={PAGE_TAGS}")), pages: Pages::default(), is_first: true }
    }

    /// Returns the way to the first page of a list where no number of tags may be asked for.
    pub(super) fn first_of_any_length(list: &Url) -> Self {
        Self { url: list.clone(), pages: Pages::default(), is_first: true }
    }

    /// Returns where else this page may be, after what was answered where it should be.
    fn otherwise(&self, list: &Url, outcome: &Result<Answer, StoreError>) -> Option<Url> {
        let status = match outcome {
            Ok(answer) => answer.status.as_u16(),
            Err(StoreError::Denied { .. }) => 401,
            Err(_) => return None,
        };
        match status {
            // Some do not give so many at once.
            400 | 405 | 416 | 422 if self.is_first && self.url.query().is_some() => Some(list.clone()),
            // Some name the next page by a path within themselves, and are reached by another.
            401 | 403 | 404 if !self.is_first && self.url.path() != list.path() => {
                self.url.query().map(|query| with_query(list, query))
            }
            _ => None,
        }
    }

    /// Returns the way to the page after a tag.
    pub(super) fn after(list: &Url, tag: &Tag) -> Self {
        // Tags consist of characters that need no escaping.
        let url = with_query(list, &format!("n={PAGE_TAGS}&last={tag}"));
        Self { url, pages: Pages::default(), is_first: false }
    }
}

/// Asks for a page of the list at the URL `list`.
pub(super) async fn read(
    repository: &Repository,
    context: Context<'_>,
    list: &Url,
    mut ask: Ask<Way>,
) -> (Ask<Way>, Result<Page<Way>, StoreError>) {
    let outcome = try_read(repository, context, list, &mut ask).await;
    (ask, outcome)
}

/// A registry that sends exactly as many tags as were asked for and no way to more is asked again without a number: some cut the list
/// there and do not say so.
async fn try_read(
    repository: &Repository,
    context: Context<'_>,
    list: &Url,
    ask: &mut Ask<Way>,
) -> Result<Page<Way>, StoreError> {
    let way = &mut ask.way;
    let limit = if ask.is_needed { PAGE_MAX_BYTES } else { SPARE_PAGE_MAX_BYTES };
    let registry = repository.registry();
    let asked = |url: &Url| registry.call_whole(Call::new(Method::GET, url.clone(), context), limit);
    let mut answer = asked(&way.url).await;
    if let Some(other) = way.otherwise(list, &answer) {
        answer = asked(&other).await;
        if way.is_first && answer.as_ref().is_ok_and(|answer| answer.status == StatusCode::OK) {
            let evidence = format!("GET tags/list?n={PAGE_TAGS} was refused");
            registry.note(Ability::TagNumber, Found::Quirk(Quirk::TagNumberRefused), evidence);
        }
        way.url = other;
    }
    let answer = answer?;
    match answer.status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND if way.is_first => {
            answer.discard().await;
            return Ok(Page { tags: Vec::new(), next: None });
        }
        _ => return Err(context.refused(answer).await),
    }
    let linked = way.pages.after(&answer, &context)?;
    let tags = tags(answer, limit, &context).await?;
    let (url, is_after_last) = match linked {
        Some(url) => {
            let is_after_last = tags.last().is_some_and(|last| asks_after(list, &url, last));
            (url, is_after_last)
        }
        None if way.is_first && tags.len() == PAGE_TAGS => (list.clone(), false),
        None => return Ok(Page { tags, next: None }),
    };
    let next = Way { url, pages: std::mem::take(&mut way.pages), is_first: false };
    Ok(Page { tags, next: Some(Next { way: next, is_after_last }) })
}

/// Returns the tags that an answer holds.
async fn tags(answer: Answer, limit: usize, context: &Context<'_>) -> Result<Vec<Tag>, StoreError> {
    #[derive(Deserialize)]
    struct Body {
        tags: Option<Vec<Option<String>>>,
    }
    let body = answer.read(limit).await.map_err(|failure| context.failed(failure))?;
    let body = body.ok_or_else(|| context.protocol(format!("a page has more than {limit} bytes")))?;
    let body: Body = serde_json::from_slice(&body)
        .map_err(|error| context.protocol(format!("it is not a list of tags: {error}")))?;
    let parse = |tag: String| tag.parse().map_err(|error| context.protocol(format!("{error}")));
    // Some list what has no tag as null, or by its digest.
    let named = body.tags.unwrap_or_default().into_iter().flatten();
    named.filter(|name| name.parse::<Digest>().is_err()).map(parse).collect()
}

/// Tells whether a link asks for what comes after a tag, and for nothing else.
fn asks_after(list: &Url, link: &Url, tag: &Tag) -> bool {
    let mut names_tag = false;
    for (name, value) in link.query_pairs() {
        match &*name {
            "n" => {}
            "last" if value == tag.as_str() => names_tag = true,
            _ => return false,
        }
    }
    names_tag && same_origin(list, link) && list.path() == link.path()
}

fn with_query(url: &Url, query: &str) -> Url {
    let mut url = url.clone();
    url.set_query(Some(query));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_asks_for_more_than_what_follows_a_tag_is_another_one() {
        let list: Url = "http://h/v2/app/tags/list".parse().unwrap();
        let asks = |link: &str| asks_after(&list, &list.join(link).unwrap(), &"1.0_b".parse().unwrap());
        for link in [
            "?last=1.0_b",
            "/v2/app/tags/list?n=100&last=1.0_b",
            "?last=1%2E0%5Fb&n=",
            "http://h:80/v2/app/tags/list?last=1.0_b",
        ] {
            assert!(asks(link), "{link}");
        }
        let others = [
            "?n=100",
            "?last=1.0_a",
            "?last=1.0_b&last=1.0_a",
            "?last=1.0_b&token=x",
            "?next_page=1.0_b",
            "/v2/other/tags/list?last=1.0_b",
            "https://h/v2/app/tags/list?last=1.0_b",
        ];
        for link in others {
            assert!(!asks(link), "{link}");
        }
    }
}
