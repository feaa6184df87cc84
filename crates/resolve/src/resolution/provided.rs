//! What chosen images stand in for.
//!
//! A need for a repository that the project has no image of is no part of a problem, so nothing is chosen for the sake of it. Another
//! chosen image may meet it all the same, as its publisher says, at its own version or at one that he states.

use std::collections::BTreeMap;

use oci::RegistryReference;

use super::Chosen;
use crate::project::{Image, Project};
use crate::requirement::Requirement;
use crate::value::Value;

/// The requirement in whose place an image's own version counts.
const OWN: &str = "*";

/// How a need is met by what other images stand in for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Provided {
    /// None says that it stands in for the repository.
    ByNone,
    /// One stands in for a version that is needed.
    AsNeeded,
    /// This image stands in for this other version.
    Otherwise(String, String),
}

/// Tells how the need of an image for a version of a repository is met by the other chosen images.
pub(super) fn provided(
    project: &Project,
    chosen: &BTreeMap<String, Chosen>,
    needing: &str,
    repository: &RegistryReference,
    needed: &str,
) -> Provided {
    let mut provided = Provided::ByNone;
    for (name, other) in chosen.iter().filter(|(name, _)| *name != needing) {
        let (Some(image), Some(facts)) = (project.images.get(name), &other.facts) else { continue };
        for (_, stated) in facts.provides.iter().filter(|(provided, _)| provided == repository) {
            let Some(version) = version(image, &other.candidate.version, stated) else { continue };
            if Requirement::parse(needed, &image.scheme).is_ok_and(|needed| needed.matches(&version)) {
                return Provided::AsNeeded;
            }
            provided = Provided::Otherwise(name.clone(), version.to_string());
        }
    }
    provided
}

/// Returns the version that an image stands in for; `None` for a range, which is no version.
fn version(image: &Image, own: &Value, stated: &str) -> Option<Value> {
    match stated.strip_prefix('=') {
        None => (stated == OWN).then(|| own.clone()),
        Some(version) => image.scheme.read(version.trim()),
    }
}
