//! What a text in a file says: a reference, or the reason why it is none.

use oci::{ReferenceError, RegistryReference};

use crate::limits::{PATH_PART_MAX_BYTES, SHOWN_MAX_CHARACTERS};
use crate::place::{Content, Image, SkipReason};

/// The registry that tools mean by a name without one.
const DOCKER_HUB: &str = "docker.io";

/// Reads a reference that is written in one piece.
pub(crate) fn whole(text: &str) -> Content {
    match reason_to_skip(text).map_or_else(|| image(text).map_err(|error| SkipReason::Invalid(error.to_string())), Err)
    {
        Ok(image) => Content::Image(Box::new(image)),
        Err(reason) => skipped(text, reason),
    }
}

/// Reads a reference of which name, tag and digest are written apart. An empty part is one that is not there.
pub(crate) fn split(name: &str, tag: &str, digest: &str) -> Content {
    let mut joined = name.to_owned();
    for (separator, part) in [(':', tag), ('@', digest)] {
        if !part.is_empty() {
            joined.push(separator);
            joined.push_str(part);
        }
    }
    match whole(&joined) {
        // `repository: app@sha256`, `tag: "1f0c…"`: together a reference, but there is no saying what to write where.
        Content::Image(image) if image.name != name => skipped(&joined, SkipReason::TwoInOne),
        content => content,
    }
}

/// Returns what stands at a place that is left alone.
pub(crate) fn skipped(text: &str, reason: SkipReason) -> Content {
    Content::Skipped { text: text.chars().take(SHOWN_MAX_CHARACTERS).collect(), reason }
}

/// Returns the beginning of a name that is no longer than it may be in a path.
pub(crate) fn part_of_path(name: &str) -> &str {
    &name[..name.floor_char_boundary(PATH_PART_MAX_BYTES)]
}

/// Returns why a text is not even tried: something else decides what it becomes.
fn reason_to_skip(text: &str) -> Option<SkipReason> {
    if text.contains("{{") || text.contains("{%") || text.contains("<%") {
        Some(SkipReason::Template)
    } else if text.contains('$') {
        Some(SkipReason::Variable)
    } else {
        None
    }
}

fn image(text: &str) -> Result<Image, ReferenceError> {
    let reference = match text.parse::<RegistryReference>() {
        Err(ReferenceError::ShortName { .. }) => format!("{DOCKER_HUB}/{text}").parse()?,
        other => other?,
    };
    // What remains of a reference without `:TAG` and `@DIGEST`, exactly as it is written.
    let selector = reference.selector.to_string();
    let name = text.strip_suffix(selector.as_str()).unwrap_or(text);
    Ok(Image { name: name.to_owned(), reference })
}
