//! The digests that one tag has had.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{Digest, Reference, Selector, Tag};
use resolve::bisect::session::Candidate;
use resolve::observation::Seen;

use super::{QUESTIONS_AT_ONCE, absent, image, tagged, tags};
use crate::bisect::place::Workshop;
use crate::bisect::request::Asked;
use crate::context::Context;
use crate::error::OpsError;
use crate::project::read_text;

/// Most bytes of a file with digests.
const FILE_MAX_BYTES: usize = 16 << 20;

/// Returns the digests in the order in which the tag has had them; those that are gone are marked.
///
/// # Errors
/// [`OpsError::Usage`] when something is no digest or an end is none of them.
pub(super) async fn candidates(
    context: &Context,
    workshop: &Workshop,
    asked: &Asked,
) -> Result<Vec<Candidate>, OpsError> {
    let tag = asked.tag.as_ref().ok_or_else(|| {
        OpsError::usage(
            "a search over digests needs the tag that has had them",
            "supercargo bisect run --over digests --tag REF --digests FILE -- COMMAND".to_owned(),
        )
    })?;
    let (named, tag) = tagged(&image(workshop, tag)?);
    let digests = match given_digests(asked)? {
        given if given.is_empty() => seen_digests(context, &named, &tag)?,
        given => given,
    };
    let store = context.open_source(&named).await?;
    let questions = part(&digests, asked)?.into_iter().map(|digest| {
        let pinned = named.with_selector(Selector { tag: Some(tag.clone()), digest: Some(*digest) });
        let store = Arc::clone(&store);
        async move {
            let label = digest.to_string();
            Ok::<_, OpsError>(match tags::key(context, store, &pinned, asked.platform.as_ref()).await? {
                Some(key) => Candidate { label, key, reference: pinned.to_string(), absent: false },
                None => absent(label, &pinned),
            })
        }
    });
    stream::iter(questions).buffered(QUESTIONS_AT_ONCE).try_collect().await
}

/// Returns the digests that the tag was seen to name, the oldest first. What it named twice stands where it was seen first.
///
/// # Errors
/// [`OpsError::Usage`] when there is no history to search.
fn seen_digests(context: &Context, named: &Reference, tag: &Tag) -> Result<Vec<Digest>, OpsError> {
    let mut digests = Vec::new();
    if let Reference::Registry(place) = named {
        let seen = context.observer().read(place)?.log.periods(tag).into_iter();
        for period in seen {
            if let Seen::Names(digest) = period.seen
                && !digests.contains(&digest)
            {
                digests.push(digest);
            }
        }
    }
    if digests.is_empty() {
        return Err(OpsError::usage(
            format!("nobody has seen what the tag {tag} of {named} named before"),
            format!("supercargo bisect run --over digests --tag {named}:{tag} --digests FILE -- COMMAND"),
        ));
    }
    Ok(digests)
}

/// Returns the digests that are given, the oldest first: those of the command line and then those of the file.
fn given_digests(asked: &Asked) -> Result<Vec<Digest>, OpsError> {
    let mut digests = asked.digests.clone();
    let Some(path) = &asked.from else { return Ok(digests) };
    let text = read_text(path, FILE_MAX_BYTES)?
        .ok_or_else(|| OpsError::NotFound { location: "this place".to_owned(), name: path.display().to_string() })?;
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        digests.push(
            line.parse()
                .map_err(|error| OpsError::usage(format!("{}, line {number}: {error}", path.display()), None))?,
        );
    }
    Ok(digests)
}

/// Returns the digests from the good to the bad end, where ends are given. The bad one may be the older.
fn part<'a>(digests: &'a [Digest], asked: &Asked) -> Result<Vec<&'a Digest>, OpsError> {
    let place = |end: &Option<String>, otherwise: usize| {
        let Some(end) = end else { return Ok(otherwise) };
        let text = end.rsplit_once('@').map_or(end.as_str(), |(_, digest)| digest);
        let found = digests.iter().position(|digest| digest.to_string() == text);
        found.ok_or_else(|| {
            let shown = oci::text::printable(end);
            OpsError::usage(format!("`{shown}` is none of the {} digests of the tag", digests.len()), None)
        })
    };
    let (good, bad) = (place(&asked.good, 0)?, place(&asked.bad, digests.len().saturating_sub(1))?);
    let (low, high) = (good.min(bad), good.max(bad));
    let mut part: Vec<&Digest> = digests.iter().skip(low).take(high + 1 - low).collect();
    if good > bad {
        part.reverse();
    }
    Ok(part)
}
