//! Which images of a project are wanted, by their groups.

use std::collections::BTreeSet;

use super::{Image, Member, Project};

/// Which groups are wanted beside the images that are in none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Groups {
    /// All.
    All,
    /// These.
    Named(BTreeSet<String>),
}

impl Project {
    /// Returns the names of the images that are wanted, of a member or of all: those without groups, those of the groups, and what any
    /// of them follows or needs by an edge of the project.
    ///
    /// # Errors
    /// The first group of which there is no image.
    pub fn images_of<'a>(&'a self, groups: &Groups, member: Option<&'a Member>) -> Result<BTreeSet<&'a str>, String> {
        let mut pending: Vec<&str> = match member {
            Some(member) => member.images().collect(),
            None => self.images.keys().map(String::as_str).collect(),
        };
        if let Groups::Named(named) = groups {
            let known: BTreeSet<&String> = self.images.values().flat_map(|image| &image.groups).collect();
            if let Some(unknown) = named.iter().find(|group| !known.contains(group)) {
                return Err(unknown.clone());
            }
            let is_wanted = |image: &Image| image.groups.is_empty() || !image.groups.is_disjoint(named);
            pending.retain(|name| self.images.get(*name).is_some_and(is_wanted));
        }
        let mut found = BTreeSet::new();
        while let Some(name) = pending.pop() {
            if !found.insert(name) {
                continue;
            }
            pending.extend(self.images.get(name).and_then(|image| image.follows.as_deref()));
            let edges = self.edges.iter().filter(|edge| edge.image == name);
            pending.extend(edges.flat_map(|edge| edge.requires.keys().map(String::as_str)));
        }
        Ok(found)
    }
}
