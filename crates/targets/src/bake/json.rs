//! Bake files in JSON.

use super::{Facts, Literal, Value};
use crate::error::TargetError;
use crate::tree::{Id, Tree};

/// Reads a file.
pub(super) fn facts(source: &str) -> Result<Facts, TargetError> {
    let tree = Tree::json(source)?;
    let mut facts = Facts::default();
    for (kind, blocks) in tree.roots().iter().flat_map(|root| tree.entries(*root)) {
        for (name, block) in tree.entries(*blocks) {
            match tree.text(*kind) {
                Some("target") => target(&tree, *block, &mut facts),
                Some("variable") => {
                    let default = tree.get(*block, "default").and_then(|value| literal(&tree, value));
                    if let (Some(name), Some(default)) = (tree.text(*name), default) {
                        facts.variables.insert(name.to_owned(), default);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(facts)
}

fn target(tree: &Tree<'_>, target: Id, facts: &mut Facts) {
    for (attribute, values) in tree.entries(target) {
        for (name, value) in tree.entries(*values) {
            let Some(literal) = literal(tree, *value).map(Value::Literal) else { continue };
            let path = tree.path(*value);
            match tree.text(*attribute) {
                Some("contexts") => facts.contexts.push((path, literal)),
                Some("args") => {
                    facts.arguments.push((path, tree.text(*name).unwrap_or_default().to_owned(), literal));
                }
                _ => {}
            }
        }
    }
}

fn literal(tree: &Tree<'_>, value: Id) -> Option<Literal> {
    let text = tree.text(value)?.to_owned();
    // What follows a scheme must be where it seems to be.
    let slot = tree.slot(value, 0).and_then(|slot| tree.slot(value, slot.text.len()).map(|_| slot));
    Some(Literal { text, span: tree.span(value), slot })
}
