//! The list of tags (distribution-spec, "Listing Tags").
//!
//! A list of many pages takes as many round trips where each page names the next. Who knows tags of it from before (cursors) asks for the
//! pages after all of them at once; [`runs`] says when they make one list, and links fill what is missing between them.

pub(crate) mod beginning;
mod cursors;
pub(crate) mod order;
mod page;
mod runs;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use oci::Tag;
use oci::limits::TAGS_MAX;
use store::tag_list::{CURSORS_MAX, TagList};
use store::{Store as _, StoreError};

use self::page::Way;
use self::runs::Runs;
use crate::auth::Access;
use crate::pages::PAGES_MAX;
use crate::profile::Quirk;
use crate::repository::Repository;

/// Returns every tag, and cursors for the next time. `known` are those of the last time; any others cost requests, and nothing else.
pub(crate) async fn list(repository: &Repository, known: &[Tag]) -> Result<TagList, StoreError> {
    let context = repository.context("the list of tags", Access::Pull);
    let known = if may_begin_anywhere(repository) { &known[..known.len().min(CURSORS_MAX)] } else { &[] };
    let list = repository.url("tags/list").await?;
    let others = known.iter().map(|cursor| (cursor.clone(), Way::after(&list, cursor)));
    let refuses_number = repository.registry().has(Quirk::TagNumberRefused) == Some(true);
    let first = if refuses_number { Way::first_of_any_length(&list) } else { Way::first(&list) };
    let mut runs = Runs::new(first, others);
    let mut under_way = FuturesUnordered::new();
    let mut asked = 0;
    while !runs.is_done() {
        if runs.is_idle() {
            under_way.clear();
        }
        while under_way.len() < repository.concurrency()
            && let Some(ask) = runs.next_ask()
        {
            asked += 1;
            if asked > PAGES_MAX + known.len() {
                return Err(context.protocol(format!("the list has more than {PAGES_MAX} pages")));
            }
            under_way.push(page::read(repository, context, &list, ask));
        }
        match under_way.next().await {
            Some((ask, Ok(page))) => runs.answered(ask.run, page),
            Some((ask, Err(error))) => {
                if runs.failed(ask) {
                    return Err(error);
                }
            }
            // Where nothing is under way a run can be asked for.
            None => return Err(context.protocol("the pages do not make a list")),
        }
        if runs.len() > TAGS_MAX {
            return Err(context.protocol(format!("there are more than {TAGS_MAX} tags")));
        }
    }
    drop(under_way);
    let page = runs.page();
    let mut tags = runs.into_tags();
    beginning::note_order(repository, &tags);
    let cursors = page.map(|page| cursors::choose(&tags, page, known)).unwrap_or_default();
    // Pages overlap when tags are set in between.
    tags.sort_unstable();
    tags.dedup();
    Ok(TagList { tags, cursors })
}

/// Tells whether pages after any tag may be asked for: whether the registry is not known to ignore or refuse that.
fn may_begin_anywhere(repository: &Repository) -> bool {
    let quirks = [Quirk::TagLastIgnored, Quirk::TagLastRefused, Quirk::TagNumberRefused];
    quirks.iter().all(|&quirk| repository.registry().has(quirk) != Some(true))
}
