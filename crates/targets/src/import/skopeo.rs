//! The source of `skopeo sync --src yaml`: registries, and what to take from each. Credentials in the file are passed over.

use oci::{Host, RegistryReference};

use super::{Selection, Source, TagRule, root};
use crate::error::TargetError;
use crate::find::text_of;
use crate::tree::{Id, Tree};

/// Returns what is mirrored, in the order of the file.
///
/// # Errors
///
/// [`TargetError`]: no YAML, or a registry, repository, tag or digest that cannot be read.
pub fn read(bytes: &[u8]) -> Result<Vec<Selection>, TargetError> {
    let tree = Tree::yaml(text_of(bytes)?)?;
    let mut selections = Vec::new();
    for (registry, settings) in tree.entries(root(&tree)?) {
        let Some(settings) = tree.resolve(*settings) else { continue };
        let host = tree.text(*registry).unwrap_or_default().parse();
        let host: Host = host.map_err(|error: oci::NameError| tree.error(*registry, error.to_string()))?;
        for (kind, repositories) in tree.entries(settings) {
            let Some(repositories) = tree.resolve(*repositories) else { continue };
            for (repository, wanted) in tree.entries(repositories) {
                let rules = match tree.text(*kind) {
                    Some("images") => images(&tree, *wanted)?,
                    Some("images-by-tag-regex") => {
                        let expression = text(&tree, *wanted)?;
                        vec![TagRule::Matches { expression, is_anchored: false }]
                    }
                    Some("images-by-semver") => vec![TagRule::InRange(text(&tree, *wanted)?)],
                    _ => continue,
                };
                selections.push(Selection { source: source(&tree, &host, *repository)?, target: None, rules });
            }
        }
    }
    Ok(selections)
}

/// Returns the repository, in full where the registry is Docker Hub.
fn source(tree: &Tree<'_>, host: &Host, repository: Id) -> Result<Source, TargetError> {
    let name = tree.text(repository).unwrap_or_default();
    let reference = format!("{host}/{name}").parse::<RegistryReference>();
    match reference.map_err(|error| tree.error(repository, error.to_string()))? {
        reference if reference.selector == oci::Selector::default() => {
            Ok(Source::Repository(reference.host, reference.repository))
        }
        reference => Err(tree.error(repository, format!("`{reference}` is not a repository"))),
    }
}

/// Tags and digests; none of them means all tags.
fn images(tree: &Tree<'_>, wanted: Id) -> Result<Vec<TagRule>, TargetError> {
    let wanted = tree.resolve(wanted).unwrap_or(wanted);
    let rule = |item: &Id| {
        let text = text(tree, *item)?;
        let rule = if text.contains(':') {
            text.parse().map(TagRule::Digest).map_err(|error: oci::DigestError| error.to_string())
        } else {
            text.parse().map(TagRule::Tag).map_err(|error: oci::NameError| error.to_string())
        };
        rule.map_err(|message| tree.error(*item, message))
    };
    tree.items(wanted).iter().map(rule).collect()
}

fn text(tree: &Tree<'_>, id: Id) -> Result<String, TargetError> {
    tree.text(id).map(str::to_owned).ok_or_else(|| tree.error(id, "a text is missing"))
}
