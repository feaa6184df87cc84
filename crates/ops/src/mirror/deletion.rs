//! Tags that no rule wants any more. Only those that the mirror put are looked at, and of those only the ones that still name what
//! it let them name.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Digest, Reference, Tag};

use super::state::State;
use super::{MirrorList, MirrorRequest, place};
use crate::context::Context;
use crate::error::OpsError;
use crate::found::open_to_change;

/// A tag that no rule wants any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Where it is.
    pub destination: String,
    /// The tag.
    pub tag: Tag,
    /// What it names.
    pub digest: Digest,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// Finds what is not wanted, and deletes it if that was asked for. Destinations of which a rule `failed` are left alone, and all are where an
/// entry of the list cannot be read: nobody knows what it wants.
///
/// # Errors
/// What the destinations bring, unless the others are to go on: then the failures are returned.
pub(super) async fn unwanted(
    context: &Context,
    list: &MirrorList,
    state: &mut State,
    wanted: &BTreeMap<String, BTreeSet<Tag>>,
    failed: &BTreeSet<String>,
    request: &MirrorRequest,
) -> Result<(Vec<Deletion>, Vec<OpsError>), OpsError> {
    let (mut deletions, mut failures) = (Vec::new(), Vec::new());
    if !list.unread.is_empty() {
        return Ok((deletions, failures));
    }
    // A destination is called what the list calls it, where it still does.
    let listed: BTreeMap<String, &Reference> =
        list.rules.iter().map(|rule| (place::key(&rule.destination), &rule.destination)).collect();
    for (key, tags) in &mut state.tags {
        let none = BTreeSet::new();
        let wanted = wanted.get(key).unwrap_or(&none);
        let destination = match listed.get(key) {
            Some(destination) => (*destination).clone(),
            None => place::of_key(key)?,
        };
        let unwanted: Vec<(Tag, Digest)> =
            tags.iter().filter(|(tag, _)| !wanted.contains(tag)).map(|(tag, digest)| (tag.clone(), *digest)).collect();
        // Tags that were put in a directory are not those of what its path leads to since.
        if failed.contains(key) || place::key(&place::of_key(key)?) != *key {
            continue;
        }
        for (tag, digest) in unwanted {
            match one(context, &destination, &tag, &digest, request).await {
                Ok(Outcome::Strange) => {
                    tags.remove(&tag);
                }
                Ok(Outcome::Ours { deleted }) => {
                    if deleted {
                        tags.remove(&tag);
                    }
                    deletions.push(Deletion { destination: destination.to_string(), tag, digest, deleted });
                }
                Err(error) if request.options.keep_going => failures.push(error),
                Err(error) => return Err(error),
            }
        }
    }
    Ok((deletions, failures))
}

/// What became of a tag.
enum Outcome {
    /// It is gone, or names something that the mirror did not put there: it is nobody's but a stranger's.
    Strange,
    /// It is the mirror's.
    Ours { deleted: bool },
}

async fn one(
    context: &Context,
    reference: &Reference,
    tag: &Tag,
    digest: &Digest,
    request: &MirrorRequest,
) -> Result<Outcome, OpsError> {
    if let Reference::Layout { path, .. } = reference
        && !path.exists()
    {
        return Ok(Outcome::Strange);
    }
    let deletes = request.delete && !request.dry_run;
    let store =
        if deletes { open_to_change(context, reference).await? } else { context.open_itself(reference).await? };
    match store.resolve(tag).await? {
        Some(found) if found.digest == *digest => {}
        _ => return Ok(Outcome::Strange),
    }
    if deletes {
        store.delete_tag(tag).await?;
        store.finish().await?;
    }
    Ok(Outcome::Ours { deleted: deletes })
}
