//! The list of tags (distribution-spec, "Listing Tags").

use http::{Method, StatusCode};
use oci::Tag;
use oci::limits::TAGS_MAX;
use serde::Deserialize;
use store::StoreError;

use crate::auth::Access;
use crate::host::Call;
use crate::pages::Pages;
use crate::repository::Repository;

/// Tags asked for at once.
const PAGE_TAGS: usize = 1000;

/// Largest page that is read, in bytes. Registries that ignore the number asked for send everything at once.
const PAGE_MAX_BYTES: usize = 32 * 1024 * 1024;

/// Returns every tag. A registry that sends exactly as many as were asked for and no way to more is asked again without a
/// number: some cut the list there and do not say so.
pub(crate) async fn list(repository: &Repository) -> Result<Vec<Tag>, StoreError> {
    #[derive(Deserialize)]
    struct Page {
        tags: Option<Vec<String>>,
    }
    let context = repository.context("the list of tags", Access::Pull);
    let mut pages = Pages::default();
    let mut tags: Vec<Tag> = Vec::new();
    let mut url = repository.url(&format!("tags/list?n={PAGE_TAGS}")).await?;
    let mut first = true;
    loop {
        let answer = repository.registry().call_whole(Call::new(Method::GET, url, context), PAGE_MAX_BYTES).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND if first => {
                answer.discard().await;
                return Ok(tags);
            }
            _ => return Err(context.refused(answer).await),
        }
        first = false;
        let next = pages.after(&answer, &context)?;
        let body = answer.read(PAGE_MAX_BYTES).await.map_err(|failure| context.failed(failure))?;
        let body = body.ok_or_else(|| context.protocol(format!("a page has more than {PAGE_MAX_BYTES} bytes")))?;
        let page: Page = serde_json::from_slice(&body)
            .map_err(|error| context.protocol(format!("it is not a list of tags: {error}")))?;
        let page = page.tags.unwrap_or_default();
        let cut = next.is_none() && tags.is_empty() && page.len() == PAGE_TAGS;
        for tag in page {
            tags.push(tag.parse().map_err(|error| context.protocol(format!("{error}")))?);
        }
        if tags.len() > TAGS_MAX {
            return Err(context.protocol(format!("there are more than {TAGS_MAX} tags")));
        }
        url = match next {
            Some(next) => next,
            None if cut => repository.url("tags/list").await?,
            None => break,
        };
    }
    // Pages overlap when tags are set in between.
    tags.sort_unstable();
    tags.dedup();
    Ok(tags)
}
