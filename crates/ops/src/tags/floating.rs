//! Which exact version a tag that moves names, shown by the digest. No manifest is read for that: a registry is asked what a tag names
//! with `HEAD`, which costs nothing where reads are counted.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{Digest, Tag};
use resolve::Repository;
use store::Store;

use crate::error::OpsError;

/// Most tags of a repository that are asked what they name.
pub const TAGS_ASKED_MAX: usize = 64;
/// Most exact versions that are looked at for one tag that moves.
const PRECISE_MAX: usize = 3;
/// Most tags that are asked at once.
const ASKED_AT_ONCE_MAX: usize = 16;

/// What tags that move name.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// The exact versions, by the tags that move.
    pub(super) same_as: BTreeMap<Tag, Tag>,
    /// How many tags were not asked about, because there are too many.
    pub(super) unasked: usize,
}

/// Finds the exact versions that the tags that move name.
///
/// # Errors
/// What the store brings.
pub(super) async fn named(store: &dyn Store, repository: &Repository) -> Result<Named, OpsError> {
    let mut asked: BTreeSet<&Tag> = BTreeSet::new();
    let mut likely: Vec<(&Tag, Vec<&Tag>)> = Vec::new();
    let floating = repository.floating();
    let mut looked_at = 0;
    for floating in &floating {
        // With as many as may be asked there is nothing to be gained from looking for more.
        if asked.len() + 2 > TAGS_ASKED_MAX {
            break;
        }
        looked_at += 1;
        let precise: Vec<&Tag> = repository.precise(floating, PRECISE_MAX).into_iter().map(|(tag, _)| tag).collect();
        let room = TAGS_ASKED_MAX - asked.len() - 1;
        let more: Vec<&Tag> = precise.into_iter().take(room).collect();
        if !more.is_empty() {
            asked.insert(*floating);
            asked.extend(more.iter().copied());
            likely.push((*floating, more));
        }
    }
    let at_once = store.concurrency().clamp(1, ASKED_AT_ONCE_MAX);
    let answers = asked.into_iter().map(|tag| async move {
        let found = store.resolve(tag).await?;
        Ok::<_, OpsError>(found.map(|found| (tag, found.digest)))
    });
    let found: Vec<Option<(&Tag, Digest)>> = stream::iter(answers).buffer_unordered(at_once).try_collect().await?;
    let digests: BTreeMap<&Tag, Digest> = found.into_iter().flatten().collect();
    let same = |(floating, precise): &(&Tag, Vec<&Tag>)| {
        let digest = digests.get(floating)?;
        let same = precise.iter().find(|tag| digests.get(*tag) == Some(digest))?;
        Some(((*floating).clone(), (*same).clone()))
    };
    Ok(Named { same_as: likely.iter().filter_map(same).collect(), unasked: floating.len() - looked_at })
}
