//! What the publishers of images declare of others, as far as it is about images of the project.
//!
//! A publisher names repositories, because he does not know what a project calls its images. Where the project has an edge for the
//! same two images, the edge counts and the publisher does not: whoever puts an application together may know better.

use crate::lock::LockedImage;
use crate::project::Project;
use crate::requirement::Requirement;
use crate::value::Value;

use super::Facts;

/// What a version of an image needs of another one, or does not go with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    /// The other image, by its name in the project.
    pub(super) other: String,
    /// Its versions.
    pub(super) requirement: Requirement,
    /// Whether they are the ones that it does not go with.
    pub(super) is_conflict: bool,
}

impl Declared {
    /// Tells whether a version of the other image will do.
    pub(super) fn allows(&self, version: &Value) -> bool {
        self.requirement.matches(version) != self.is_conflict
    }

    /// Returns what is needed, in the words of a reason.
    pub(super) fn why(&self) -> String {
        if self.is_conflict { format!("other than {}", self.requirement) } else { self.requirement.to_string() }
    }

    /// Returns it as a lock holds it.
    pub(super) fn locked(&self) -> String {
        format!("{} {}", self.other, self.requirement)
    }
}

/// Returns what the publisher of a version of an image declares, in the order in which he does.
pub(super) fn declared(project: &Project, name: &str, version: &Value, facts: &Facts) -> Vec<Declared> {
    let edges = facts.requires.iter().map(|edge| (edge, false)).chain(facts.conflicts.iter().map(|edge| (edge, true)));
    let mut all = Vec::new();
    for ((repository, text), is_conflict) in edges {
        for (other, image) in &project.images {
            if image.repository != *repository || other == name || project.decides(name, version, other) {
                continue;
            }
            // What cannot be read is said in a warning and holds for no version.
            if let Ok(requirement) = Requirement::parse(text, &image.scheme) {
                all.push(Declared { other: other.clone(), requirement, is_conflict });
            }
        }
    }
    all
}

/// Returns what was declared of a locked version when it was locked.
pub(super) fn locked(project: &Project, name: &str, version: &Value, locked: &LockedImage) -> Vec<Declared> {
    locked
        .declarations()
        .filter_map(|(other, text, is_conflict)| {
            let image = project.images.get(other).filter(|_| !project.decides(name, version, other))?;
            let requirement = Requirement::parse(text, &image.scheme).ok()?;
            Some(Declared { other: other.to_owned(), requirement, is_conflict })
        })
        .collect()
}
