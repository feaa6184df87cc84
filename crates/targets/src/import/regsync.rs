//! regclient's `regsync.yml`: the entries of `sync`.

use super::listed::{self, ListEntry, Wrong};
use super::{Selection, Source, TagRule, items_at, reference, root, text_at};
use crate::error::TargetError;
use crate::find::text_of;
use crate::tree::{Id, Tree};

/// Returns what is mirrored, in the order of the file. A step that cannot be read, as one of which the source is a template, is one of the
/// entries.
///
/// # Errors
///
/// [`TargetError`]: no YAML, or no mapping.
pub fn read(bytes: &[u8]) -> Result<Vec<ListEntry>, TargetError> {
    let tree = Tree::yaml(text_of(bytes)?)?;
    let steps = items_at(&tree, root(&tree)?, "sync").iter();
    let entries = steps.map(|step| (*step, selection(&tree, tree.resolve(*step).unwrap_or(*step)))).collect();
    Ok(listed::placed(&tree, entries))
}

fn selection(tree: &Tree<'_>, step: Id) -> Result<Selection, Wrong> {
    let source = tree.get(step, "source").ok_or_else(|| Wrong::new(step, "a step without a source"))?;
    let source = match text_at(tree, step, "type") {
        "registry" => {
            let host = tree.text(source).unwrap_or_default().parse();
            Source::Registry(host.map_err(|error: oci::NameError| Wrong::new(source, error.to_string()))?)
        }
        "repository" => {
            let repository = reference(tree, source)?;
            Source::Repository(repository.host, repository.repository)
        }
        "image" => Source::Image(reference(tree, source)?),
        other => return Err(Wrong::new(step, format!("`{other}` is not a type of step"))),
    };
    let mut rules = Vec::new();
    if let Some(tags) = tree.get(step, "tags").and_then(|tags| tree.resolve(tags)) {
        let texts = |key| items_at(tree, tags, key).iter().filter_map(|item| tree.text(*item)).map(str::to_owned);
        rules.extend(texts("allow").map(|expression| TagRule::Matches { expression, is_anchored: true }));
        rules.extend(texts("deny").map(TagRule::MatchesNot));
        rules.extend(texts("semverRange").map(TagRule::InRange));
    }
    let target = tree.get(step, "target").and_then(|target| tree.text(target)).map(str::to_owned);
    Ok(Selection { source, target, rules })
}
