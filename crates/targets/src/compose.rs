//! Compose files: the images that services run, mount, and are built from.
//!
//! What a build reads or writes as its cache is no image that is run, and is left out.

use crate::error::TargetError;
use crate::find::Drafts;
use crate::options::Options;
use crate::template;
use crate::tree::{Id, Tree};
use crate::walk::Walk;

/// What stands before a reference where a path or a URL could stand.
pub(crate) const IMAGE_SCHEME: &str = "docker-image://";

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Role {
    Services,
    Service,
    Volumes,
    Volume,
    Build,
    Contexts,
    Arguments,
}

pub(crate) fn find(source: &str, options: &Options, drafts: &mut Drafts) -> Result<(), TargetError> {
    let tree = match Tree::yaml(source) {
        Ok(tree) => tree,
        Err(_) if template::is_one(source) => return template::find(source, drafts),
        Err(error) => return Err(error),
    };
    let mut walk = Walk::new(&tree);
    for (key, value) in tree.roots().iter().flat_map(|root| tree.entries(*root)) {
        if tree.text(*key) == Some("services") {
            walk.visit(*value, Role::Services);
        }
    }
    while let Some((id, role)) = walk.next() {
        match role {
            Role::Services => tree.entries(id).iter().for_each(|(_, service)| walk.visit(*service, Role::Service)),
            Role::Service | Role::Build => {
                for (key, value) in tree.entries(id) {
                    match (role, tree.text(*key)) {
                        (Role::Service, Some("image")) => tree.whole(*value, 0, true, drafts)?,
                        (Role::Service, Some("volumes")) => walk.visit(*value, Role::Volumes),
                        (Role::Service, Some("build")) => walk.visit(*value, Role::Build),
                        (Role::Build, Some("additional_contexts")) => walk.visit(*value, Role::Contexts),
                        (Role::Build, Some("args")) => walk.visit(*value, Role::Arguments),
                        _ => {}
                    }
                }
            }
            Role::Volumes => tree.items(id).iter().for_each(|volume| walk.visit(*volume, Role::Volume)),
            Role::Volume => {
                let is_image = tree.get(id, "type").and_then(|kind| tree.text(kind)) == Some("image");
                if let Some(source) = tree.get(id, "source").filter(|_| is_image) {
                    tree.whole(source, 0, true, drafts)?;
                }
            }
            Role::Contexts => contexts(&tree, id, drafts)?,
            Role::Arguments => arguments(&tree, id, options, drafts)?,
        }
    }
    Ok(())
}

/// `base: docker-image://…` and `- base=docker-image://…`; other contexts are directories, URLs and services.
fn contexts(tree: &Tree<'_>, id: Id, drafts: &mut Drafts) -> Result<(), TargetError> {
    let values = tree.entries(id).iter().map(|(_, value)| (*value, 0));
    let items =
        tree.items(id).iter().map(|item| (*item, tree.text(*item).and_then(|text| text.find('=')).unwrap_or(0)));
    // One past the equals sign of an item.
    for (value, skip) in values.chain(items.filter(|(_, equals)| *equals > 0).map(|(item, equals)| (item, equals + 1)))
    {
        context(tree, value, skip, drafts)?;
    }
    Ok(())
}

/// Adds a build context if it is an image.
pub(crate) fn context(tree: &Tree<'_>, value: Id, skip: usize, drafts: &mut Drafts) -> Result<(), TargetError> {
    let is_image =
        tree.text(value).and_then(|text| text.get(skip..)).is_some_and(|text| text.starts_with(IMAGE_SCHEME));
    if is_image { tree.whole(value, skip + IMAGE_SCHEME.len(), true, drafts) } else { Ok(()) }
}

/// `NAME: value` and `- NAME=value`.
pub(crate) fn arguments(tree: &Tree<'_>, id: Id, options: &Options, drafts: &mut Drafts) -> Result<(), TargetError> {
    for (key, value) in tree.entries(id) {
        if tree.text(*key).is_some_and(|name| options.is_reference(name)) {
            tree.whole(*value, 0, true, drafts)?;
        }
    }
    for item in tree.items(id) {
        if let Some((name, _)) = tree.text(*item).and_then(|text| text.split_once('='))
            && options.is_reference(name)
        {
            tree.whole(*item, name.len() + 1, true, drafts)?;
        }
    }
    Ok(())
}
