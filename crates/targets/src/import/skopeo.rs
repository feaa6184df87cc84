//! The source of `skopeo sync --src yaml`: registries, and what to take from each. Credentials in the file are passed over.

use oci::{Host, RegistryReference};

use super::listed::{self, ListEntry, Wrong};
use super::{Selection, Source, TagRule, root};
use crate::error::TargetError;
use crate::find::text_of;
use crate::tree::{Id, Tree};

/// Returns what is mirrored, in the order of the file. A registry, or a repository with its tags and digests, that cannot be read is one of
/// the entries.
///
/// # Errors
///
/// [`TargetError`]: no YAML, or no mapping.
pub fn read(bytes: &[u8]) -> Result<Vec<ListEntry>, TargetError> {
    let tree = Tree::yaml(text_of(bytes)?)?;
    let mut entries = Vec::new();
    for (registry, settings) in tree.entries(root(&tree)?) {
        let Some(settings) = tree.resolve(*settings) else { continue };
        let host: Host = match tree.text(*registry).unwrap_or_default().parse() {
            Ok(host) => host,
            Err(error) => {
                let error: oci::NameError = error;
                entries.push((*registry, Err(Wrong::new(*registry, error.to_string()))));
                continue;
            }
        };
        for (kind, repositories) in tree.entries(settings) {
            let Some(repositories) = tree.resolve(*repositories) else { continue };
            for (repository, wanted) in tree.entries(repositories) {
                let rules = match tree.text(*kind) {
                    Some("images") => images(&tree, *wanted),
                    Some("images-by-tag-regex") => {
                        text(&tree, *wanted).map(|expression| vec![TagRule::Matches { expression, is_anchored: false }])
                    }
                    Some("images-by-semver") => text(&tree, *wanted).map(|range| vec![TagRule::InRange(range)]),
                    _ => continue,
                };
                let selection = source(&tree, &host, *repository)
                    .and_then(|source| Ok(Selection { source, target: None, rules: rules? }));
                entries.push((*repository, selection));
            }
        }
    }
    Ok(listed::placed(&tree, entries))
}

/// Returns the repository, in full where the registry is Docker Hub.
fn source(tree: &Tree<'_>, host: &Host, repository: Id) -> Result<Source, Wrong> {
    let name = tree.text(repository).unwrap_or_default();
    let reference = format!("{host}/{name}").parse::<RegistryReference>();
    match reference.map_err(|error| Wrong::new(repository, error.to_string()))? {
        reference if reference.selector == oci::Selector::default() => {
            Ok(Source::Repository(reference.host, reference.repository))
        }
        reference => Err(Wrong::new(repository, format!("`{reference}` is not a repository"))),
    }
}

/// Tags and digests; none of them means all tags.
fn images(tree: &Tree<'_>, wanted: Id) -> Result<Vec<TagRule>, Wrong> {
    let wanted = tree.resolve(wanted).unwrap_or(wanted);
    let rule = |item: &Id| {
        let text = text(tree, *item)?;
        let rule = if text.contains(':') {
            text.parse().map(TagRule::Digest).map_err(|error: oci::DigestError| error.to_string())
        } else {
            text.parse().map(TagRule::Tag).map_err(|error: oci::NameError| error.to_string())
        };
        rule.map_err(|message| Wrong::new(*item, message))
    };
    tree.items(wanted).iter().map(rule).collect()
}

fn text(tree: &Tree<'_>, id: Id) -> Result<String, Wrong> {
    tree.text(id).map(str::to_owned).ok_or_else(|| Wrong::new(id, "a text is missing"))
}
