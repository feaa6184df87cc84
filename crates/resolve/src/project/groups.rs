//! Which images of a project are wanted, by their groups.

use std::collections::BTreeSet;

use super::Project;

/// Which groups are wanted beside the images that are in none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Groups {
    /// All.
    All,
    /// These.
    Named(BTreeSet<String>),
}

impl Project {
    /// Returns the names of the images that are wanted: those without groups, those of the groups, and what any of them follows or
    /// needs by an edge of the project.
    ///
    /// # Errors
    /// The first group of which there is no image.
    pub fn images_of(&self, groups: &Groups) -> Result<BTreeSet<&str>, String> {
        let Groups::Named(named) = groups else { return Ok(self.images.keys().map(String::as_str).collect()) };
        let known: BTreeSet<&String> = self.images.values().flat_map(|image| &image.groups).collect();
        if let Some(unknown) = named.iter().find(|group| !known.contains(group)) {
            return Err(unknown.clone());
        }
        let is_wanted = |groups: &BTreeSet<String>| groups.is_empty() || !groups.is_disjoint(named);
        let wanted = self.images.iter().filter(|(_, image)| is_wanted(&image.groups));
        let mut pending: Vec<&str> = wanted.map(|(name, _)| name.as_str()).collect();
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
