//! Which images of a project are wanted, by their groups.

use std::collections::{BTreeMap, BTreeSet};

use super::{Edge, Image, Member, Project};

/// Which images are wanted, by their groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// Whether those that are in no group are.
    pub ungrouped: bool,
    /// The groups whose images are.
    pub included: Included,
    /// Groups that do not count, whatever else is said: an image that is in no other one is not wanted.
    pub excluded: BTreeSet<String>,
}

/// Groups whose images are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Included {
    /// All.
    All,
    /// These.
    Named(BTreeSet<String>),
}

impl Default for Included {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

impl Groups {
    /// Returns those by which every image is wanted.
    pub const fn all() -> Self {
        Self { ungrouped: true, included: Included::All, excluded: BTreeSet::new() }
    }

    /// Returns those by which only images without a group are wanted.
    pub fn ungrouped() -> Self {
        Self { ungrouped: true, ..Self::default() }
    }

    fn want(&self, image: &Image) -> bool {
        if image.groups.is_empty() {
            return self.ungrouped;
        }
        let mut counting = image.groups.difference(&self.excluded);
        match &self.included {
            Included::All => counting.next().is_some(),
            Included::Named(named) => counting.any(|group| named.contains(group)),
        }
    }

    fn named(&self) -> impl Iterator<Item = &String> {
        let included = match &self.included {
            Included::All => None,
            Included::Named(named) => Some(named),
        };
        included.into_iter().flatten().chain(&self.excluded)
    }
}

impl Project {
    /// Returns the names of the images that are wanted by their groups, of a member or of all, and what any of them follows or needs by
    /// an edge of the project.
    ///
    /// # Errors
    /// The first group of which there is no image.
    pub fn images_of<'a>(&'a self, groups: &Groups, member: Option<&'a Member>) -> Result<BTreeSet<&'a str>, String> {
        let known: BTreeSet<&String> = self.images.values().flat_map(|image| &image.groups).collect();
        if let Some(unknown) = groups.named().find(|group| !known.contains(group)) {
            return Err(unknown.clone());
        }
        let mut pending: Vec<&str> = match member {
            Some(member) => member.images().collect(),
            None => self.images.keys().map(String::as_str).collect(),
        };
        pending.retain(|name| self.images.get(*name).is_some_and(|image| groups.want(image)));
        let mut edges: BTreeMap<&str, Vec<&Edge>> = BTreeMap::new();
        for edge in &self.edges {
            edges.entry(&edge.image).or_default().push(edge);
        }
        let mut found = BTreeSet::new();
        while let Some(name) = pending.pop() {
            if !found.insert(name) {
                continue;
            }
            pending.extend(self.images.get(name).and_then(|image| image.follows.as_deref()));
            let needs = edges.get(name).into_iter().flatten().flat_map(|edge| edge.requires.keys());
            pending.extend(needs.map(String::as_str));
        }
        Ok(found)
    }
}
