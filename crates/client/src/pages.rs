//! Lists that come in pages (`Link: <…>; rel="next"`).

use std::collections::HashSet;

use http::header::LINK;
use reqwest::Url;
use store::StoreError;

use crate::exchange::Answer;
use crate::host::Context;
use crate::syntax::{link, location};

/// Most pages of one list. With a registry's usual page of 100 that is as many tags as are read at all.
pub(crate) const PAGES_MAX: usize = 10_000;

/// The way through the pages of one list.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    visited: HashSet<Url>,
}

impl Pages {
    /// Returns the page that follows the one an answer holds.
    ///
    /// # Errors
    /// [`StoreError::Protocol`] when the next page is at another host or has been read already, or there are too many.
    pub(crate) fn after(&mut self, answer: &Answer, context: &Context<'_>) -> Result<Option<Url>, StoreError> {
        let mut links = answer.headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
        let Some(target) = links.find_map(link::next) else { return Ok(None) };
        let next = location::resolve(&answer.url, target)
            .map_err(|error| context.protocol(format!("the link to the next page: {error}")))?;
        if !location::same_origin(&answer.url, &next) {
            return Err(context.protocol("the link to the next page leads to another host"));
        }
        self.visited.insert(answer.url.clone());
        if self.visited.contains(&next) {
            return Err(context.protocol("the links to the next pages lead in a circle"));
        }
        if self.visited.len() >= PAGES_MAX {
            return Err(context.protocol(format!("the list has more than {PAGES_MAX} pages")));
        }
        Ok(Some(next))
    }
}
