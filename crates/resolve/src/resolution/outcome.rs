//! What a resolution has come to.

use std::collections::BTreeMap;
use std::fmt;

use super::problem::Built;
use super::{Facts, Question, Resolution};
use crate::candidates::Candidate;
use crate::project::Needed;
use crate::requirement::Requirement;
use crate::solve::{CandidateId, ChosenBecause, PackageId, Problem, Solution, Standing, candidates};

/// A version of every image.
#[derive(Debug)]
pub struct Outcome {
    /// What was chosen, by the names of the images. An optional image without a solution is not among them.
    pub chosen: BTreeMap<String, Chosen>,
    /// What should be known about it.
    pub warnings: Vec<Warning>,
    built: Built,
    solution: Solution,
}

/// What was chosen of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The candidate.
    pub candidate: Candidate,
    /// Whether it is the locked one, which stays as it is.
    pub is_kept: bool,
    /// Why it was chosen: `highest`, `lowest`, `locked`, `precise`, `follows:NAME`, `forced-by:NAME`.
    pub because: String,
    /// What it needs of other images, as `NAME REQUIREMENT`.
    pub requires: Vec<String>,
    /// What is known of it. Nothing was asked about one that is kept.
    pub facts: Option<Facts>,
}

/// Something that should be known about an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The image.
    pub image: String,
    /// What there is to know.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.image, self.text)
    }
}

impl Outcome {
    pub(super) fn of(resolution: &Resolution, built: Built, solution: Solution) -> Self {
        let mut chosen = BTreeMap::new();
        for choice in solution.choices() {
            let Some(name) = built.names.get(choice.package.0 as usize) else { continue };
            let Some(candidate) = resolution.candidates[name].versions.get(choice.candidate.0 as usize) else {
                continue;
            };
            let is_kept = built.is_kept(choice.package, choice.candidate);
            let question = Question { image: name.clone(), tag: candidate.tag.clone() };
            let entry = Chosen {
                candidate: candidate.clone(),
                is_kept,
                because: because(resolution, &built, name, choice.because, is_kept),
                requires: requires(resolution, name, candidate),
                facts: resolution.facts.get(&question).cloned(),
            };
            chosen.insert(name.clone(), entry);
        }
        let mut outcome = Self { chosen, warnings: Vec::new(), built, solution };
        outcome.warnings = outcome.warn(resolution);
        outcome
    }

    /// Returns the problem that was solved.
    pub const fn problem(&self) -> &Problem {
        &self.built.problem
    }

    /// Returns every candidate of an image and how it stands, the oldest first.
    pub fn standings(&self, name: &str) -> Vec<(CandidateId, Standing)> {
        let package = self.built.package(name);
        package.map(|package| candidates(&self.built.problem, &self.solution, package)).unwrap_or_default()
    }

    /// Returns the name of the image of a package.
    pub fn name(&self, package: PackageId) -> &str {
        self.built.names.get(package.0 as usize).map_or("", String::as_str)
    }

    fn warn(&self, resolution: &Resolution) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let mut warn = |image: &str, text: String| warnings.push(Warning { image: image.to_owned(), text });
        for name in resolution.project.images.keys().filter(|name| !self.chosen.contains_key(*name)) {
            warn(name, "has no solution, and the others are locked without it".to_owned());
        }
        for (name, chosen) in &self.chosen {
            let Some(facts) = &chosen.facts else { continue };
            let version = &chosen.candidate.version;
            if facts.yanked.is_some() {
                warn(name, format!("{version} was withdrawn"));
            }
            if facts.end_of_life.is_some_and(|end| end <= resolution.options.moment()) {
                warn(name, format!("{version} is no longer supported"));
            }
            if let Some(other) = &facts.superseded_by {
                warn(name, format!("{version} is superseded by {other}"));
            }
            for (repository, requirement) in &facts.requires {
                if !resolution.project.images.values().any(|image| image.repository == *repository) {
                    warn(name, format!("{version} needs {repository} {requirement}, which is not part of the project"));
                }
            }
        }
        warnings
    }
}

fn because(resolution: &Resolution, built: &Built, name: &str, because: ChosenBecause, is_kept: bool) -> String {
    if resolution.options.precise.contains_key(name) {
        return "precise".to_owned();
    }
    if is_kept {
        return "locked".to_owned();
    }
    if let Some(followed) = &resolution.project.images[name].follows {
        return format!("follows:{followed}");
    }
    match because {
        ChosenBecause::Preferred => "locked".to_owned(),
        ChosenBecause::Highest => "highest".to_owned(),
        ChosenBecause::Lowest => "lowest".to_owned(),
        ChosenBecause::Forced { by } => {
            format!("forced-by:{}", built.names.get(by.0 as usize).map_or("", String::as_str))
        }
    }
}

/// Returns what a candidate needs of other images of the project.
fn requires(resolution: &Resolution, name: &str, candidate: &Candidate) -> Vec<String> {
    let project = &resolution.project;
    let same = || Requirement::exactly(&candidate.version).to_string();
    let mut needs: Vec<String> = Vec::new();
    if let Some(followed) = &project.images[name].follows {
        needs.push(format!("{followed} {}", same()));
    }
    for edge in project.edges.iter().filter(|edge| edge.image == name && edge.version.matches(&candidate.version)) {
        for (other, needed) in &edge.requires {
            let needed = match needed {
                Needed::Same => same(),
                Needed::Version(requirement) => requirement.to_string(),
            };
            needs.push(format!("{other} {needed}"));
        }
    }
    let question = Question { image: name.to_owned(), tag: candidate.tag.clone() };
    for (repository, requirement) in resolution.facts.get(&question).into_iter().flat_map(|facts| &facts.requires) {
        let images = project.images.iter().filter(|(_, image)| image.repository == *repository);
        needs.extend(images.map(|(other, _)| format!("{other} {requirement}")));
    }
    needs.sort();
    needs.dedup();
    needs
}
