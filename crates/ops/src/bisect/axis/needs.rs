//! Which changes of a lock make sense only together with others.

use std::collections::HashMap;

use resolve::bisect::changes::MAX_IMPLICATIONS;
use resolve::lock::{ImageChange, Lock, LockedImage};
use resolve::project::{Needed, Project};
use resolve::template::VERSION_AXIS;
use resolve::{Requirement, Scheme, Value};

/// Returns pairs of changes of which the first makes sense only together with the second: because the project says that one
/// image follows another or needs a version of it, or because a lock says so. What cannot be decided binds nothing.
pub(super) fn implications(
    project: Option<&Project>,
    good: &Lock,
    bad: &Lock,
    changes: &[ImageChange],
) -> Vec<(usize, usize)> {
    let numbers: HashMap<&str, usize> =
        changes.iter().enumerate().map(|(number, change)| (change.name.as_str(), number)).collect();
    let versions = Versions { project };
    let mut pairs = Vec::new();
    for (number, change) in changes.iter().enumerate() {
        for (lock, opposite, is_new) in [(good, bad, false), (bad, good, true)] {
            let Some(image) = lock.images.get(&change.name) else { continue };
            for (other, requirement) in versions.demands(&change.name, image) {
                let Some(&other_number) = numbers.get(other.as_str()) else { continue };
                let is_met = |lock: &Lock| versions.meets(&other, lock.images.get(&other), &requirement);
                // What is not met where both are as they were, or as they are, was never insisted on.
                if other_number == number || !is_met(lock) || is_met(opposite) {
                    continue;
                }
                // Who moved needs the other to move; who has not yet, keeps the other from moving.
                pairs.push(if is_new { (number, other_number) } else { (other_number, number) });
            }
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs.truncate(MAX_IMPLICATIONS);
    pairs
}

/// Reads versions as the project does, or as they are usually written.
struct Versions<'a> {
    project: Option<&'a Project>,
}

impl Versions<'_> {
    /// Returns what a locked image needs of others.
    fn demands(&self, name: &str, image: &LockedImage) -> Vec<(String, Requirement)> {
        let said = image.requires.iter().filter_map(|text| {
            let (other, requirement) = text.split_once(' ')?;
            Some((other.to_owned(), Requirement::parse(requirement, &self.scheme(other)).ok()?))
        });
        let mut demands: Vec<(String, Requirement)> = said.collect();
        let (Some(project), Some(version)) = (self.project, self.version(name, image)) else { return demands };
        let followed = project.images.get(name).and_then(|image| image.follows.clone());
        demands.extend(followed.map(|other| (other, Requirement::exactly(&version))));
        for edge in project.edges.iter().filter(|edge| edge.image == name && edge.version.matches(&version)) {
            demands.extend(edge.requires.iter().map(|(other, needed)| match needed {
                Needed::Same => (other.clone(), Requirement::exactly(&version)),
                Needed::Version(requirement) => (other.clone(), requirement.clone()),
            }));
        }
        demands
    }

    fn meets(&self, name: &str, image: Option<&LockedImage>, requirement: &Requirement) -> bool {
        let Some(image) = image else { return false };
        self.version(name, image).is_none_or(|version| requirement.matches(&version))
    }

    fn version(&self, name: &str, image: &LockedImage) -> Option<Value> {
        match self.project.and_then(|project| project.images.get(name)) {
            Some(wanted) => image.version_for(wanted),
            None => self.scheme(name).read(&image.version),
        }
    }

    fn scheme(&self, name: &str) -> Scheme {
        let image = self.project.and_then(|project| project.images.get(name));
        image.map(|image| image.scheme_of(VERSION_AXIS)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use oci::Digest;
    use resolve::lock::LockedKind;

    use super::*;

    /// Returns a lock of images with their versions and what they need.
    fn lock(images: &[(&str, &str, &[&str])]) -> Lock {
        let mut lock = Lock::default();
        for (name, version, requires) in images {
            let repository = format!("registry.example/{name}").parse().unwrap();
            let digest = Digest::sha256(format!("{name}{version}").as_bytes());
            let tag = version.parse().unwrap();
            let mut image = LockedImage::new(repository, (*version).to_owned(), tag, digest, LockedKind::Image);
            image.requires = requires.iter().map(|&text| text.to_owned()).collect();
            lock.images.insert((*name).to_owned(), image);
        }
        lock
    }

    fn found(project: Option<&str>, good: &Lock, bad: &Lock) -> Vec<(usize, usize)> {
        let project = project.map(|text| Project::parse(text).unwrap());
        implications(project.as_ref(), good, bad, &good.difference(bad).images)
    }

    #[test]
    fn a_change_needs_the_change_that_brings_what_it_needs() {
        // By the order of the names: api is 0, db is 1, web is 2.
        let good = lock(&[("api", "1.0.0", &["db ^1.0"]), ("db", "1.0.0", &[]), ("web", "1.0.0", &[])]);
        let bad = lock(&[("api", "2.0.0", &["db ^1.5"]), ("db", "1.6.0", &[]), ("web", "2.0.0", &[])]);
        assert_eq!(found(None, &good, &bad), [(0, 1)]);
        // The old one does not go with the new one either.
        let bad = lock(&[("api", "2.0.0", &["db ^2.0"]), ("db", "2.0.0", &[]), ("web", "2.0.0", &[])]);
        assert_eq!(found(None, &good, &bad), [(0, 1), (1, 0)]);
        // What comes anew needs what comes with it.
        let good = lock(&[("web", "1.0.0", &[])]);
        assert_eq!(found(None, &good, &bad), [(0, 1)]);
    }

    #[test]
    fn images_that_follow_move_together() {
        let project = "[images.api]\nrepo = \"registry.example/api\"\nversion = \"*\"\n\
                       [images.worker]\nrepo = \"registry.example/worker\"\nversion = \"*\"\nfollows = \"api\"\n";
        let good = lock(&[("api", "1.0.0", &[]), ("worker", "1.0.0", &[])]);
        let bad = lock(&[("api", "1.1.0", &[]), ("worker", "1.1.0", &[])]);
        assert_eq!(found(Some(project), &good, &bad), [(0, 1), (1, 0)]);
        assert_eq!(found(None, &good, &bad), []);
    }
}
