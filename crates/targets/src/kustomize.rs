//! `kustomization.yaml`: the entries of `images`, which say what the images of the manifests are replaced with.
//!
//! `name` says which image is meant, and is never changed.

use crate::error::TargetError;
use crate::find::Drafts;
use crate::place::SkipReason;
use crate::slot::{Slots, Split};
use crate::text;
use crate::tree::{Id, Tree};
use crate::walk::{Walk, merges};

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Role {
    Images,
    Image,
}

pub(crate) fn find(source: &str, drafts: &mut Drafts) -> Result<(), TargetError> {
    let tree = Tree::yaml(source)?;
    let mut walk = Walk::new(&tree);
    for (key, value) in tree.roots().iter().flat_map(|root| tree.entries(*root)) {
        if tree.text(*key) == Some("images") {
            walk.visit(*value, Role::Images);
        }
    }
    while let Some((id, role)) = walk.next() {
        match role {
            Role::Images => tree.items(id).iter().for_each(|item| walk.visit(*item, Role::Image)),
            Role::Image => image(&tree, id, drafts)?,
        }
    }
    Ok(())
}

fn image(tree: &Tree<'_>, id: Id, drafts: &mut Drafts) -> Result<(), TargetError> {
    let part = |key: &str| tree.get(id, key).filter(|value| tree.text(*value).is_some());
    let text = |part: Option<Id>| part.and_then(|id| tree.text(id)).unwrap_or_default();
    let (new_name, tag, digest) = (part("newName"), part("newTag"), part("digest"));
    let Some(name) = new_name.filter(|name| !text(Some(*name)).is_empty()).or_else(|| part("name")) else {
        return Ok(());
    };
    if new_name.is_none() && tag.is_none() && digest.is_none() && !merges(tree, id) {
        return Ok(());
    }
    if tag.is_none() && digest.is_none() && new_name == Some(name) {
        // `newName: registry.example/app:1.2`
        return tree.whole(name, 0, true, drafts);
    }
    let content = text::split(text(Some(name)), text(tag), text(digest));
    let slot = |part: Option<Id>| part.map(|id| tree.slot(id, 0)).transpose();
    let split = || {
        let split = Split { name: slot(new_name)?, tag: slot(tag)?, digest: slot(digest)?, ..Split::default() };
        if !text(part("tagSuffix")).is_empty() {
            return Err(SkipReason::Suffix);
        }
        if merges(tree, id) { Err(SkipReason::Merged) } else { Ok(Slots::Split(Box::new(split))) }
    };
    drafts.add(&tree.path(id), tree.span(name), content, split())
}
