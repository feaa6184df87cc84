//! The tags that begin with a text, where the registry is known to list tags in the order of their bytes: they stand together then, and
//! the list is asked for from just before them. Whether what comes is in that order is seen in what comes.

use oci::Tag;
use oci::limits::{TAG_MAX_BYTES, TAGS_MAX};
use store::StoreError;

use super::order;
use super::page::{self, Way};
use super::runs::Ask;
use crate::auth::Access;
use crate::pages::PAGES_MAX;
use crate::profile::{Ability, Found, Quirk};
use crate::repository::Repository;

/// Characters of tags, in the order of their bytes (distribution-spec, "Pulling manifests").
const CHARACTERS: &[u8] = b"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// Returns the tags that begin with `prefix`, sorted; `None` where only the whole list can tell.
pub(crate) async fn list(repository: &Repository, prefix: &str) -> Result<Option<Vec<Tag>>, StoreError> {
    let registry = repository.registry();
    let is_ordered = [Quirk::TagsUnordered, Quirk::TagsFolded].iter().all(|&quirk| registry.has(quirk) == Some(false));
    let Some(cursor) = just_before(prefix).filter(|_| is_ordered && super::may_begin_anywhere(repository)) else {
        return Ok(None);
    };
    let context = repository.context("the list of tags", Access::Pull);
    let url = repository.url("tags/list").await?;
    let mut way = Way::after(&url, &cursor);
    let (mut found, mut last) = (Vec::new(), cursor);
    for _ in 0..PAGES_MAX {
        // A registry that does not take this is asked for the whole list.
        let ask = Ask { run: 0, way, is_needed: false };
        let (_, Ok(page)) = page::read(repository, context, &url, ask).await else { return Ok(None) };
        for tag in page.tags {
            if tag <= last {
                return Ok(None);
            }
            if tag.as_str().starts_with(prefix) {
                found.push(tag.clone());
            } else if tag.as_str() > prefix {
                // Where nothing has come, another order in this repository than in others would look the same.
                return Ok(Some(found).filter(|found| !found.is_empty()));
            }
            last = tag;
        }
        match page.next {
            Some(next) if found.len() <= TAGS_MAX => way = next.way,
            Some(_) => return Ok(None),
            // Nothing shows that the list has ended here and not with something that the registry did not understand.
            None if found.is_empty() => return Ok(None),
            None => return Ok(Some(found)),
        }
    }
    Ok(None)
}

/// Keeps in which order a registry has listed its tags, where a list shows that and nobody knows yet.
pub(super) fn note_order(repository: &Repository, tags: &[Tag]) {
    let registry = repository.registry();
    if registry.has(Quirk::TagsUnordered).is_some() {
        return;
    }
    let found = order::of(tags.iter().map(Tag::as_str));
    if found != Found::Unknown {
        registry.note(Ability::TagOrder, found, format!("{} tags of {}", tags.len(), repository.name()));
    }
}

/// Returns a tag that comes before every one that begins with `prefix`, and after nearly every other that does so; `None` where there
/// is none.
fn just_before(prefix: &str) -> Option<Tag> {
    let (&end, rest) = prefix.as_bytes().split_last()?;
    let at = CHARACTERS.iter().position(|&character| character == end)?;
    let mut text = rest.to_vec();
    if let Some(&before) = at.checked_sub(1).and_then(|before| CHARACTERS.get(before)) {
        text.push(before);
        text.resize(TAG_MAX_BYTES, b'z');
    }
    String::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_just_before() {
        let before = |prefix: &str| just_before(prefix).map(|tag| tag.as_str().trim_end_matches('z').to_owned());
        assert_eq!(before("1.27").as_deref(), Some("1.26"));
        assert_eq!(before("v").as_deref(), Some("u"));
        assert_eq!(before("1.0").as_deref(), Some("1.."));
        assert_eq!(before("1.").as_deref(), Some("1-"));
        assert_eq!(before("1-").as_deref(), Some("1"));
        // No tag begins with what would come before.
        assert_eq!((before("0"), before(""), before("a/b")), (None, None, None));
        for prefix in ["1.27", "v", "1.0", "1.", "1-", "A", "_x", "1z"] {
            let tag = just_before(prefix).unwrap();
            assert!(tag.as_str() < prefix && tag.as_str().len() <= TAG_MAX_BYTES, "{tag}");
        }
    }
}
