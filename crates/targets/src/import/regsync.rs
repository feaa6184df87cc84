//! regclient's `regsync.yml`: the entries of `sync`.

use super::{Selection, Source, TagRule, items_at, reference, root, text_at};
use crate::error::TargetError;
use crate::find::text_of;
use crate::tree::{Id, Tree};

/// Returns what is mirrored, in the order of the file.
///
/// # Errors
///
/// [`TargetError`]: no YAML, a type that is not known, or a source that cannot be read, as one that is a template.
pub fn read(bytes: &[u8]) -> Result<Vec<Selection>, TargetError> {
    let tree = Tree::yaml(text_of(bytes)?)?;
    let steps = items_at(&tree, root(&tree)?, "sync").iter();
    steps.map(|step| selection(&tree, tree.resolve(*step).unwrap_or(*step))).collect()
}

fn selection(tree: &Tree<'_>, step: Id) -> Result<Selection, TargetError> {
    let source = tree.get(step, "source").ok_or_else(|| tree.error(step, "a step without a source"))?;
    let source = match text_at(tree, step, "type") {
        "registry" => {
            let host = tree.text(source).unwrap_or_default().parse();
            Source::Registry(host.map_err(|error: oci::NameError| tree.error(source, error.to_string()))?)
        }
        "repository" => {
            let repository = reference(tree, source)?;
            Source::Repository(repository.host, repository.repository)
        }
        "image" => Source::Image(reference(tree, source)?),
        other => return Err(tree.error(step, format!("`{other}` is not a type of step"))),
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
