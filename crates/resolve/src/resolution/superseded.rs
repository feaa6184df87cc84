//! What takes the place of an image by what another one says of itself.
//!
//! A mark about the image itself is a word of its own publisher, and comes first. A descriptor speaks of another repository; it counts
//! here only because the project has chosen the image that it belongs to, and nobody is asked for the sake of it.

use super::Outcome;
use crate::project::Project;

impl Outcome {
    /// Returns what takes the place of an image: what a mark about it names, or else the repository and version of the first chosen
    /// image whose publisher says that its repository does.
    pub fn superseded_by(&self, project: &Project, name: &str) -> Option<String> {
        let own = self.chosen.get(name).and_then(|chosen| chosen.facts.as_ref()?.superseded_by.clone());
        own.or_else(|| self.successor(project, name))
    }

    /// Returns the repository and version of the first chosen image whose publisher says that it takes the place of another image's
    /// repository.
    pub fn successor(&self, project: &Project, name: &str) -> Option<String> {
        let repository = &project.images.get(name)?.repository;
        self.chosen.iter().find_map(|(other, chosen)| {
            let successor = &project.images.get(other)?.repository;
            let supersedes = chosen.facts.as_ref()?.supersedes.as_ref()?;
            let is_it = supersedes == repository && successor != repository;
            is_it.then(|| format!("{successor} {}", chosen.candidate.version))
        })
    }
}
