//! The versions of an image between two tags.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{Platform, Reference, Selector, Tag};
use resolve::bisect::session::Candidate;
use resolve::{Kind, Reading, Repository, Version};
use store::Store;
use transfer::TransferError;

use super::{QUESTIONS_AT_ONCE, absent, tagged};
use crate::context::Context;
use crate::error::OpsError;
use crate::found::find_in;

/// Returns the versions from the good one to the bad one, both among them: of the good one's track, in the order of their
/// versions. The bad one may be the older.
///
/// # Errors
/// [`OpsError::Usage`] when the ends are not two versions of one track, [`OpsError::NotFound`] when an end is not there.
pub(super) async fn candidates(
    context: &Context,
    good: &Reference,
    bad: &Reference,
    platform: Option<&Platform>,
) -> Result<Vec<Candidate>, OpsError> {
    let place = good.with_selector(Selector::default());
    if place != bad.with_selector(Selector::default()) {
        return Err(OpsError::usage(
            format!("`{good}` and `{bad}` are not in one repository"),
            format!("supercargo bisect run --over layers --good {good} --bad {bad} -- COMMAND"),
        ));
    }
    let ((_, good), (_, bad)) = (tagged(good), tagged(bad));
    let store = context.open_source(&place).await?;
    let tags = between(&Repository::read(store.tags().await?), store.location(), &good, &bad)?;
    let questions = tags.into_iter().map(|tag| {
        let (store, place) = (Arc::clone(&store), &place);
        async move { candidate(context, store, place, &tag, platform).await }
    });
    let candidates: Vec<Candidate> = stream::iter(questions).buffered(QUESTIONS_AT_ONCE).try_collect().await?;
    let ends = [candidates.first(), candidates.last()];
    if let Some(end) = ends.into_iter().flatten().find(|end| end.absent) {
        let name = match platform {
            Some(platform) => format!("image for {platform} under the tag {}", end.label),
            None => format!("tag {}", end.label),
        };
        return Err(OpsError::NotFound { location: store.location().to_owned(), name });
    }
    Ok(candidates)
}

/// Returns the tags from the good one to the bad one.
fn between(repository: &Repository, location: &str, good: &Tag, bad: &Tag) -> Result<Vec<Tag>, OpsError> {
    let read = |tag: &Tag| {
        let missing = || OpsError::NotFound { location: location.to_owned(), name: format!("tag {tag}") };
        let reading = repository.reading(tag).ok_or_else(missing)?;
        version(reading).ok_or_else(|| {
            OpsError::usage(
                format!("{location}:{tag} is no exact version: it is read as `{}`", reading.kind),
                format!("supercargo tags {location} --explain"),
            )
        })
    };
    let ((from, track), (to, other)) = (read(good)?, read(bad)?);
    if track != other {
        return Err(OpsError::usage(
            format!("`{good}` and `{bad}` are not versions of the same: their tracks are `{track}` and `{other}`"),
            format!("supercargo tags {location} --explain"),
        ));
    }
    let (low, high) = if from <= to { (from, to) } else { (to, from) };
    let inner = repository.readings().filter_map(|(tag, reading)| Some((version(reading)?, tag)));
    let inner = inner.filter(|((found, of), _)| *of == track && low < *found && *found < high);
    let mut inner: Vec<(&Version, &Tag)> = inner.map(|((version, _), tag)| (version, tag)).collect();
    inner.sort();
    if from > to {
        inner.reverse();
    }
    let inner = inner.into_iter().map(|(_, tag)| tag);
    Ok(std::iter::once(good).chain(inner).chain([bad]).cloned().collect())
}

/// Returns the version that a tag names exactly, and its track.
fn version(reading: &Reading) -> Option<(&Version, &str)> {
    let exact = matches!(reading.kind, Kind::Release | Kind::Prerelease);
    Some((reading.version.as_ref().filter(|_| exact)?, &reading.track))
}

/// Returns what a tag names now.
pub(super) async fn candidate(
    context: &Context,
    store: Arc<dyn Store>,
    place: &Reference,
    tag: &Tag,
    platform: Option<&Platform>,
) -> Result<Candidate, OpsError> {
    let named = place.with_selector(Selector { tag: Some(tag.clone()), digest: None });
    let Some(root) = store.resolve(tag).await? else { return Ok(absent(tag.to_string(), &named)) };
    let pinned = place.with_selector(Selector { tag: Some(tag.clone()), digest: Some(root.digest) });
    let Some(key) = key(context, store, &pinned, platform).await? else {
        return Ok(absent(tag.to_string(), &pinned));
    };
    Ok(Candidate { label: tag.to_string(), key, reference: pinned.to_string(), absent: false })
}

/// Returns what an image is for a platform: the digest of its manifest. `None` when it is not there.
pub(super) async fn key(
    context: &Context,
    store: Arc<dyn Store>,
    pinned: &Reference,
    platform: Option<&Platform>,
) -> Result<Option<String>, OpsError> {
    let Some(digest) = pinned.selector().digest else { return Ok(None) };
    let Some(platform) = platform else {
        return Ok(store.stat_manifest(&digest).await?.map(|found| found.digest.to_string()));
    };
    match find_in(context, store, pinned, Some(platform)).await {
        Ok(found) => Ok(Some(found.manifest.digest().to_string())),
        Err(
            OpsError::NotFound { .. }
            | OpsError::Transfer(TransferError::NoPlatform { .. } | TransferError::NotFound { .. }),
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(tags: &[&str], good: &str, bad: &str) -> Result<Vec<String>, OpsError> {
        let repository = Repository::read(tags.iter().map(|tag| tag.parse().unwrap()));
        let tags = between(&repository, "registry.example/app", &good.parse().unwrap(), &bad.parse().unwrap())?;
        Ok(tags.iter().map(Tag::to_string).collect())
    }

    #[test]
    fn versions_are_in_order_and_of_one_track() {
        let tags = ["1.9.0", "1.10.0", "1.10", "latest", "1.10.0-alpine", "1.2.0", "1.2.1", "2.0.0", "1.11.0-rc.1"];
        assert_eq!(
            named(&tags, "1.2.0", "2.0.0").unwrap(),
            ["1.2.0", "1.2.1", "1.9.0", "1.10.0", "1.11.0-rc.1", "2.0.0"]
        );
        assert_eq!(named(&tags, "1.10.0", "1.2.1").unwrap(), ["1.10.0", "1.9.0", "1.2.1"]);
        for (good, bad) in [("1.2.0", "1.10.0-alpine"), ("latest", "1.2.0"), ("1.10", "2.0.0"), ("1.2.0", "3.0.0")] {
            assert!(named(&tags, good, bad).is_err(), "{good} {bad}");
        }
    }
}
