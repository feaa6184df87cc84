//! Kubernetes manifests: the containers of every pod, wherever an object keeps its template for them.
//!
//! A Deployment, a CronJob, a List and the custom resources that embed a pod's template differ in where the template is,
//! and agree in what it looks like. So it is found by its look: lists of containers, and volumes that are images.

use crate::error::TargetError;
use crate::find::Drafts;
use crate::options::Options;
use crate::tree::{Id, Tree};
use crate::walk::Walk;
use crate::{helm, template};

/// The keys that hold lists of containers.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Role {
    Containers,
    Container,
    Volumes,
    Volume,
    /// The source of a volume that is an image.
    VolumeImage,
}

pub(crate) fn find(source: &str, options: &Options, drafts: &mut Drafts) -> Result<(), TargetError> {
    let tree = match Tree::yaml(source) {
        Ok(tree) => tree,
        Err(_) if template::is_one(source) => return template::find(source, drafts),
        Err(error) => return Err(error),
    };
    let mut walk = Walk::new(&tree);
    for id in tree.ids() {
        for (key, value) in tree.entries(id) {
            match tree.text(*key) {
                Some(key) if CONTAINERS.contains(&key) => walk.visit(*value, Role::Containers),
                Some("volumes") => walk.visit(*value, Role::Volumes),
                _ => {}
            }
        }
    }
    while let Some((id, role)) = walk.next() {
        visit(&tree, &mut walk, id, role, drafts)?;
    }
    for id in options.paths.iter().flat_map(|pattern| tree.matches(pattern)) {
        helm::told(&tree, id, drafts)?;
    }
    Ok(())
}

fn visit<'t, 's>(
    tree: &'t Tree<'s>,
    walk: &mut Walk<'t, 's, Role>,
    id: Id,
    role: Role,
    drafts: &mut Drafts,
) -> Result<(), TargetError> {
    match role {
        Role::Containers => tree.items(id).iter().for_each(|item| walk.visit(*item, Role::Container)),
        Role::Volumes => tree.items(id).iter().for_each(|item| walk.visit(*item, Role::Volume)),
        Role::Container | Role::Volume | Role::VolumeImage => {
            for (key, value) in tree.entries(id) {
                match (role, tree.text(*key)) {
                    (Role::Container, Some("image")) | (Role::VolumeImage, Some("reference")) => {
                        tree.whole(*value, 0, true, drafts)?;
                    }
                    (Role::Volume, Some("image")) => walk.visit(*value, Role::VolumeImage),
                    _ => {}
                }
            }
        }
    }
    Ok(())
}
